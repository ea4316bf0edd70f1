"""Numbers of orders that stand in another's stead: 100, 100-1, 100-2 (order-lifecycle 2.7)."""

from typing import Final

EDITED: Final = "edited"
"""Why an order is canceled that another replaces."""


def child_number(number: str, parent: str | None) -> str:
    """Number the order that replaces this one. One that has a parent is itself a replacement, and its last part is the count.

    Only the parent tells the two apart: a shop may well number its own orders with a dash.
    """
    if parent is None:
        return f"{number}-1"
    root, _, count = number.rpartition("-")
    return f"{root}-{int(count) + 1}"
