"""Commands by state: the table of order-lifecycle 3.3 as data. One source for what is refused and for what is offered."""

from collections.abc import Mapping
from typing import Final, Literal

from schemas.vocabulary import RejectionCode

Column = Literal["N", "PP", "PR", "PG", "PS", "CP", "CL", "CA", "H"]
"""new, pending_payment, payment_review, processing with nothing shipped, processing part shipped, complete, closed, canceled, held."""

Cell = RejectionCode | Literal["", "="]
"""What the table says: a rejection code, OK or NO_OP."""

OK: Final = ""
"""The command may go on; what it asks for is looked at next."""

NO_OP: Final = "="
"""Accepted, and nothing changes."""

COLUMNS: Final[tuple[Column, ...]] = ("N", "PP", "PR", "PG", "PS", "CP", "CL", "CA", "H")

_COLUMN_OF_STATE: Final[Mapping[str, Column]] = {
    "new": "N",
    "pending_payment": "PP",
    "payment_review": "PR",
    "processing": "PG",
    "complete": "CP",
    "closed": "CL",
    "canceled": "CA",
    "holded": "H",
}


def _row(*cells: Cell) -> Mapping[Column, Cell]:
    return dict(zip(COLUMNS, cells, strict=True))


_REFUND: Final = "cancel_requires_refund"
_PAID: Final = "already_paid"
_REVIEW: Final = "in_payment_review"

GUARDS: Final[Mapping[str, Mapping[Column, Cell]]] = {
    "order.get": _row(OK, OK, OK, OK, OK, OK, OK, OK, OK),
    "order.approve": _row(OK, OK, _REVIEW, _PAID, _PAID, _PAID, "order_closed", "order_canceled", "order_held"),
    "order.cancel": _row(OK, OK, _REVIEW, _REFUND, _REFUND, _REFUND, "order_closed", NO_OP, "order_held"),
}
"""Rows in the order in which the actions are shown."""


def column_of(state: str, fulfilment_state: str) -> Column:
    """Return the column of an order as it is shown."""
    column = _COLUMN_OF_STATE[state]
    return "PS" if column == "PG" and fulfilment_state == "partially_shipped" else column


def guard(command: str, column: Column, captured_cents: int) -> Cell:
    """Return OK, NO_OP or the rejection code of a command, looking at nothing but where the order stands."""
    cell = GUARDS[command][column]
    if cell == OK and command == "order.cancel" and captured_cents:
        # Part of the money is here: it must go back by a refund, not by forgetting the order.
        return _REFUND
    return cell


def allowed_actions(column: Column, captured_cents: int) -> tuple[str, ...]:
    """List the commands that would be accepted with a valid payload (invariant I20)."""
    return _ALLOWED[column, captured_cents > 0]


_ALLOWED: Final[Mapping[tuple[Column, bool], tuple[str, ...]]] = {
    (column, captured): tuple(command for command in GUARDS if guard(command, column, int(captured)) == OK)
    for column in COLUMNS
    for captured in (False, True)
}
