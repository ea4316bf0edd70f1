"""Commands by state: the table of order-lifecycle 3.3 as data. One source for what is refused and for what is offered."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from schemas.vocabulary import RejectionCode

Column = Literal["N", "PP", "PR", "PG", "PS", "CP", "CL", "CA", "H"]
"""new, pending_payment, payment_review, processing with nothing shipped, processing part shipped, complete, closed, canceled, held."""

OK: Final = ""
"""The command may go on; what it asks for is looked at next."""

NO_OP: Final = "="
"""Accepted, and nothing changes."""

Answer = RejectionCode | Literal["", "="]
"""A rejection code, OK or NO_OP."""

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


class Standing(NamedTuple):
    """Where an order stands, as far as any guard looks. All but the column are conditions that a cell may name."""

    column: Column
    captured: bool
    """Some money has come."""
    nothing_captured: bool
    refundable: bool
    """Some of it is left that no refund has been asked for."""
    has_money: bool
    """What came has not all gone again, or the order costs nothing."""
    shippable: bool
    """Units are left to ship that no refund has been asked for."""
    refund_waits: bool
    """Units are left to ship, but they are on their way back to stock."""
    shipped: bool
    """A parcel has been shipped."""
    numbered: bool
    """A shipped parcel has a tracking number."""
    underway: bool
    """A shipped parcel has not arrived."""
    prepared: bool
    """It is in production, or ready, and nothing has been shipped."""
    held_by_command: bool
    disputed: bool
    expires: bool
    """It waits for its first money, and the shop gives such orders up."""
    has_documents: bool
    """A notice of a shipment or refund could be sent again."""


class Unless(NamedTuple):
    """A cell that depends: what it says while the condition fails, and while it holds (OK, if nothing else is given)."""

    condition: str
    otherwise: "Cell"
    then: "Cell" = OK


Cell = Answer | Unless
"""What the table says."""


def _row(*cells: Cell) -> Mapping[Column, Cell]:
    return dict(zip(COLUMNS, cells, strict=True))


def _all(cell: Cell) -> Mapping[Column, Cell]:
    return dict.fromkeys(COLUMNS, cell)


_CLOSED: Final = "order_closed"
_CANCELED: Final = "order_canceled"
_HELD: Final = "order_held"
_REVIEW: Final = "in_payment_review"
_PAID: Final = "already_paid"
_UNPAID: Final = "not_paid"
_REFUND_FIRST: Final = "cancel_requires_refund"
_NO_REVIEW: Final = "not_in_review"
_COMPLETE: Final = "order_complete"

# Part of the money is here: it must go back by a refund, not by forgetting the order.
_CANCEL: Final = Unless("nothing_captured", _REFUND_FIRST)
_EXPIRE: Final = Unless("nothing_captured", _REFUND_FIRST, Unless("expires", "not_due_yet"))
_DROPPED: Final = Unless("nothing_captured", _REFUND_FIRST, NO_OP)
_PRODUCE: Final = Unless("has_money", _UNPAID, Unless("shippable", "nothing_to_produce", Unless("prepared", OK, NO_OP)))
_SHIP: Final = Unless("has_money", _UNPAID, Unless("shippable", Unless("refund_waits", "nothing_to_ship", "refund_pending")))
_TRACK: Final = Unless("shipped", "not_shipped")
_UNTRACK: Final = Unless("shipped", "not_shipped", Unless("numbered", "document_not_found"))
_MARK: Final = Unless("shipped", "not_shipped", Unless("underway", NO_OP))
# Money may lie on an order that is not paid in full, and come to one that is over.
_REFUND_UNPAID: Final = Unless("captured", _UNPAID, Unless("refundable", "nothing_to_refund"))
_REFUND: Final = Unless("refundable", "nothing_to_refund")
_REFUND_CANCELED: Final = Unless("captured", _CANCELED, Unless("refundable", "nothing_to_refund"))
_EDIT: Final = Unless("nothing_captured", "edit_requires_refund")
_RELEASE: Final = Unless("held_by_command", "dispute_open")

GUARDS: Final[Mapping[str, Mapping[Column, Cell]]] = {
    "order.get": _all(OK),
    "order.approve": _row(OK, OK, _REVIEW, _PAID, _PAID, _PAID, _CLOSED, _CANCELED, _HELD),
    "review.accept": _row(_NO_REVIEW, _NO_REVIEW, OK, _NO_REVIEW, _NO_REVIEW, _NO_REVIEW, _NO_REVIEW, _NO_REVIEW, _HELD),
    "review.deny": _row(_NO_REVIEW, _NO_REVIEW, OK, _NO_REVIEW, _NO_REVIEW, _NO_REVIEW, _NO_REVIEW, _NO_REVIEW, _HELD),
    "order.cancel": _row(_CANCEL, _CANCEL, _REVIEW, _REFUND_FIRST, _REFUND_FIRST, _REFUND_FIRST, _CLOSED, NO_OP, _HELD),
    "order.expire": _row(_EXPIRE, _EXPIRE, _REVIEW, _DROPPED, _DROPPED, _DROPPED, _DROPPED, NO_OP, _EXPIRE),
    "order.hold": _row(OK, OK, _REVIEW, OK, OK, _COMPLETE, _CLOSED, _CANCELED, OK),
    "order.release": {**_all("not_held"), "H": _RELEASE},
    "order.start_production": _row(_UNPAID, _UNPAID, _UNPAID, _PRODUCE, _PRODUCE, "nothing_to_produce", _CLOSED, _CANCELED, _HELD),
    "fiscal.mark_issued": _row(_UNPAID, _UNPAID, _UNPAID, OK, OK, OK, _CLOSED, _CANCELED, _HELD),
    "shipment.create": _row(_UNPAID, _UNPAID, _REVIEW, _SHIP, _SHIP, "nothing_to_ship", _CLOSED, _CANCELED, _HELD),
    "shipment.add_track": _all(_TRACK),
    "shipment.remove_track": _all(_UNTRACK),
    **{
        f"shipment.mark_{mark}": _row(_MARK, _MARK, _MARK, _MARK, _MARK, _MARK, _MARK, _CANCELED, _HELD)
        for mark in ("in_transit", "difficulty", "delivered")
    },
    "refund.create": _row(_REFUND_UNPAID, _REFUND_UNPAID, _REVIEW, _REFUND, _REFUND, _REFUND, _REFUND, _REFUND_CANCELED, _HELD),
    "order.edit": _row(_EDIT, _EDIT, _REVIEW, "edit_requires_refund", "edit_requires_refund", _COMPLETE, _CLOSED, _CANCELED, _HELD),
    "order.reorder": _row(OK, OK, _REVIEW, OK, OK, OK, OK, OK, _HELD),
    "order.set_address": _row(OK, OK, OK, OK, OK, OK, _CLOSED, _CANCELED, OK),
    "order.set_status": _all(OK),
    "order.comment": _all(OK),
    "notify.resend": _row(OK, OK, OK, OK, OK, OK, OK, Unless("has_documents", _CANCELED), OK),
}
"""Rows in the order in which the actions are shown."""


def column_of(state: str, *, part_shipped: bool) -> Column:
    """Return the column of an order as it is shown."""
    column = _COLUMN_OF_STATE[state]
    return "PS" if column == "PG" and part_shipped else column


def guard(command: str, standing: Standing) -> Answer:
    """Return OK, NO_OP or the rejection code of a command, looking at nothing but where the order stands."""
    cell = GUARDS[command][standing.column]
    while isinstance(cell, Unless):
        cell = cell.then if getattr(standing, cell.condition) else cell.otherwise
    return cell


TIMED: Final = frozenset({"order.expire"})
"""Commands that wait for a time, which no view knows."""


@lru_cache(maxsize=4096)
def allowed_actions(standing: Standing) -> tuple[str, ...]:
    """List the commands that would be accepted with a valid payload, whatever the time."""
    return tuple(command for command in GUARDS if command not in TIMED and guard(command, standing) == OK)
