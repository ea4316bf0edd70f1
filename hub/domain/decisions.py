"""Decisions: what an accepted command put into the ledgers. The body of its log row, folded again without guards.

`entry` has no default, because log rows leave defaults out and the kind of an entry must stand there.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from schemas.base import Cents, Flag, Identifier, Instant, Message, PaymentMethod, Quantity, Text
from schemas.facts.shipments import SkuQuantity
from schemas.vocabulary import DocumentKind, ExceptionKind

Ordinal = Annotated[int, Field(strict=True, ge=0)]
"""Counts repeats of one thing by hand, so that the later one is told by more than its time."""


class NewAttempt(Message):
    """A payment attempt that no provider knows of (yet). `known` are the payments that were there: none of them confirms it."""

    entry: Literal["new_attempt"]
    id: Identifier
    method: PaymentMethod
    known: tuple[Text, ...] = ()


class ManualCapture(Message):
    """Money that a person says has come on an attempt: one more payment of the source `manual`.

    Sources are compared, not added up. Money that comes on top of what a provider has told of the attempt already says so.
    """

    entry: Literal["manual_capture"]
    attempt: Identifier
    method: PaymentMethod
    amount_cents: Cents
    on_top_of_cents: Cents = 0
    by_review: Flag = False


class CancelRecord(Message):
    """The order is canceled; `reason` is a code (operator, expired, edited, ...)."""

    entry: Literal["cancel"]
    reason: Identifier


class Superseded(Message):
    """Another order stands in this one's stead: money that still comes here is meant for it."""

    entry: Literal["superseded"]
    child: Identifier


class Originated(Message):
    """Which order this one was made from, and how. It stands in the log of the new order; that of a reordered one stays untouched."""

    entry: Literal["originated"]
    how: Literal["edit", "reorder"]
    order: Identifier


class HoldSet(Message):
    """The order is held for this reason, until a release names this hold."""

    entry: Literal["hold"]
    reason: Identifier


class HoldReleased(Message):
    """These holds are over."""

    entry: Literal["release"]
    holds: tuple[Text, ...]


class LabelChosen(Message):
    """A person chose the status that is shown, while the order stands as it did then."""

    entry: Literal["label"]
    slot: Literal["base", "held"]
    status: Identifier
    base_state: Identifier
    fulfilment_state: Identifier
    fiscal_state: Identifier
    ordinal: Ordinal


class ProductionStarted(Message):
    """The order is being made."""

    entry: Literal["production"]


class NumberGiven(Message):
    """A tracking number; titles and addresses have a table of their own."""

    number: Identifier
    carrier: Identifier | None = None


class ParcelShipped(Message):
    """A parcel left the shop. `shipment` may be that of a parcel of which a label is known already."""

    entry: Literal["parcel"]
    shipment: Identifier
    carrier: Identifier
    tracks: tuple[NumberGiven, ...] = ()
    items: tuple[SkuQuantity, ...] = ()


class TrackAdded(Message):
    """A further tracking number of a parcel."""

    entry: Literal["track_added"]
    shipment: Identifier
    number: Identifier
    carrier: Identifier | None = None
    ordinal: Ordinal = 1


class TrackRemoved(Message):
    """The number is not, or no longer, the parcel's. `ordinal`: as often as it had been added."""

    entry: Literal["track_removed"]
    shipment: Identifier
    number: Identifier
    carrier: Identifier | None = None
    ordinal: Ordinal = 1


class ParcelMarked(Message):
    """A person says where a parcel is, and since when."""

    entry: Literal["marked"]
    shipment: Identifier
    mark: Literal["in_transit", "delivery_difficulty", "delivered"]
    at: Instant


class PaperIssued(Message):
    """A person says that the tax paper exists."""

    entry: Literal["paper"]
    access_key: Identifier | None = None
    number: Identifier | None = None
    series: Identifier | None = None
    url: Text | None = None


class RefundPart(Message):
    """So much goes back on one payment, on top of what was known of it by then.

    `told_cents`: what had gone back already; `known`: the refunds that sources had told of. None of those is this one, however
    equal its amount: a source that tells of this one does so later.
    """

    payment: Identifier
    amount_cents: Cents
    told_cents: Cents = 0
    known: tuple[Text, ...] = ()


class RefundedUnits(Message):
    """So many units of one item are given back."""

    sku: Identifier
    quantity: Quantity
    back_to_stock: Flag = False


class RefundRequested(Message):
    """Money is to go back; the parts add up to lines + shipping + extra - fee. Pending until an outcome names the refund."""

    entry: Literal["refund_requested"]
    refund: Identifier
    mode: Literal["online", "offline"]
    method: Identifier | None = None
    parts: tuple[RefundPart, ...]
    lines: tuple[RefundedUnits, ...] = ()
    shipping_cents: Cents = 0
    extra_cents: Cents = 0
    fee_cents: Cents = 0


class RefundDone(Message):
    """The money went back, on one payment or on all parts."""

    entry: Literal["refund_done"]
    refund: Identifier
    payment: Identifier | None = None


class RefundFailed(Message):
    """The money could not go back; it is free again."""

    entry: Literal["refund_failed"]
    refund: Identifier
    payment: Identifier | None = None


class Acknowledged(Message):
    """A person has settled an exception as it stood: `mark` is what it was about then, and more of the same opens it again."""

    entry: Literal["acknowledged"]
    kind: ExceptionKind
    key: Text
    mark: Text = ""
    resolution: Text


class Commented(Message):
    """A comment, whose text is kept elsewhere: it may name a person. No document = on the order."""

    entry: Literal["comment"]
    kind: DocumentKind | None = None
    document: Identifier | None = None


class NoticeResent(Message):
    """A notice is sent once more. No document = the order's."""

    entry: Literal["resent"]
    kind: Literal["order", "invoice", "shipment", "refund"]
    document: Identifier | None = None


class AddressChanged(Message):
    """The address is another one now; the log holds only which, its version, and the names of what differs."""

    entry: Literal["address"]
    type: Literal["billing", "shipping"]
    version: Ordinal
    fields: tuple[Identifier, ...] = ()


Entry = (
    NewAttempt
    | ManualCapture
    | CancelRecord
    | Superseded
    | Originated
    | HoldSet
    | HoldReleased
    | LabelChosen
    | ProductionStarted
    | ParcelShipped
    | TrackAdded
    | TrackRemoved
    | ParcelMarked
    | PaperIssued
    | RefundRequested
    | RefundDone
    | RefundFailed
    | Acknowledged
    | Commented
    | NoticeResent
    | AddressChanged
)


class Decision(Message):
    """An accepted command as the log keeps it: its ledger entries, who and when, but never its request."""

    kind: Identifier = Field(description="the command's name")
    command_id: Identifier
    at: Instant
    actor: Identifier | None = None
    reason: Text | None = None
    notify: bool | None = Field(default=None, description="whether the form asked for a customer notice; null = as the notice table says")
    visible: bool | None = Field(default=None, description="whether the customer may see the timeline entry")
    entries: tuple[Annotated[Entry, Field(discriminator="entry")], ...] = ()


_DECISION: Final[TypeAdapter[Decision]] = TypeAdapter(Decision)


def parse_decision(document: object) -> Decision:
    """Read a decision back from its JSON document. Raises: pydantic.ValidationError."""
    return _DECISION.validate_python(document)
