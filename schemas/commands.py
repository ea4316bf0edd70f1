"""Commands on hub.commands: the envelope, one data model per command, and the reply."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError, create_model, model_validator

from schemas.base import MAX_CENTS, Cents, Flag, Identifier, Instant, Message, OrderNumber, PaymentMethod, Quantity, Text, Word, storable
from schemas.facts.shipments import SkuQuantity
from schemas.orders import Address, OrderContent, PlacedOrder
from schemas.references import ReferenceKind
from schemas.vocabulary import DeadLetterKind, DeadLetterStatus, DocumentKind, OrderState, RejectionCode

CommandId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$", to_lower=True),
    Field(json_schema_extra={"format": "uuid"}),
]
"""A UUID as text, held in lower case."""

Blank = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), AfterValidator(storable)]
"""A field of a form that may come empty; the rule that needs it answers with a code of its own."""

PositiveCents = Annotated[int, Field(strict=True, gt=0, le=MAX_CENTS)]

RowId = Annotated[int, Field(strict=True, ge=1, lt=2**63)]
"""The id of an exception or a dead letter."""

Sentence = Annotated[str, StringConstraints(min_length=1, max_length=4096, strip_whitespace=True), AfterValidator(storable)]
"""Text that must say something."""

Link = Annotated[str, StringConstraints(max_length=4096, pattern=r"^https?://"), AfterValidator(storable)]
"""An address that ends in customers' e-mails: never another scheme."""

RefundMethod = Literal[PaymentMethod, "deposit"]


class CommandData(Message):
    """What stands under `data`. Unknown fields are refused: a misspelt one would be silently without effect."""


class Nothing(CommandData):
    """A command that takes no data."""


class Remark(CommandData):
    """The three fields of every status change by hand. `notify`, `visible` unset = what the notice table says."""

    comment: Text | None = None
    notify: Flag | None = None
    visible: Flag | None = None


class GetOrder(Nothing):
    """order.get: the reply's result is the JSON of the order."""


class ApproveOrder(Remark):
    """order.approve: money received by hand. `payment` is an attempt's id; nothing given = the rest, on the live attempt."""

    payment: Identifier | None = None
    method: PaymentMethod | None = None
    amount_cents: PositiveCents | None = None


class CancelOrder(Remark):
    """order.cancel: only while nothing is captured."""


class ExpireOrder(Remark):
    """order.expire: cancel for lack of payment, once that is due."""


class StartProduction(Remark):
    """order.start_production."""


class HoldOrder(CommandData):
    """order.hold. The reason `dispute` is computed and cannot be set."""

    hold_reason: Word = "operator"

    @model_validator(mode="after")
    def _dispute_is_computed(self) -> Self:
        if self.hold_reason == "dispute":
            raise ValueError("hold_reason dispute follows from an open dispute and cannot be set by hand")
        return self


class ReleaseOrder(CommandData):
    """order.release. No reason = all that were set by command."""

    hold_reason: Word | None = None


class SetStatus(Remark):
    """order.set_status. A linked status runs the command it is linked to."""

    status: Identifier


class CommentedDocument(Message):
    """A document of the order that a comment belongs to."""

    kind: DocumentKind
    id: Identifier


class CommentOrder(CommandData):
    """order.comment. `text` may be empty on an order; on a document the rules answer comment_required."""

    text: Text
    document: CommentedDocument | None = None
    notify: Flag | None = None
    visible: Flag | None = None


class StrictAddress(Address):
    """An address as a person typed it: a misspelt field would lose a line of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in self.__dict__.values()):
            raise ValueError("an empty address would wipe out the one that is there")
        return self


class SetAddress(CommandData):
    """order.set_address: replaces the whole address."""

    type: Literal["billing", "shipping"]
    address: StrictAddress


class EditedOrder(OrderContent):
    """The whole new order of order.edit: as in order.placed, but the hub gives the number. `placed_at` unset = now."""

    placed_at: Instant | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_no_number(cls, document: object) -> object:
        if isinstance(document, Mapping) and "number" in document:
            raise ValueError("must not carry a number: the hub gives one")
        return document


class EditOrder(CommandData):
    """order.edit: cancels the order and places this one in its stead."""

    order: EditedOrder
    notify: Flag | None = None


class ReorderOrder(CommandData):
    """order.reorder: a further, independent order with its own number."""

    order: PlacedOrder


class AcceptReview(CommandData):
    """review.accept."""

    payment: Identifier | None = None
    comment: Text | None = None


class DenyReview(CommandData):
    """review.deny."""

    payment: Identifier | None = None
    comment: Text | None = None


class VoidPayment(CommandData):
    """payment.void: release an authorized or pending payment at its provider."""

    payment: Identifier | None = None
    comment: Text | None = None


class MarkFiscalIssued(CommandData):
    """fiscal.mark_issued: the tax paper exists, says a person. `access_key` is the chave de acesso, 44 characters."""

    number: Identifier | None = None
    series: Identifier | None = None
    access_key: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{44}$")] | None = None
    url: Link | None = None
    notify: Flag | None = None
    visible: Flag | None = None


class TrackForm(Message):
    """A tracking number as typed. `carrier` is a code of `hub carriers list`; `title` is free text."""

    number: Blank = ""
    carrier: Blank | None = None
    title: Text | None = None
    url: Link | None = None


class CreateShipment(Remark):
    """shipment.create. No items = all that remains. An empty carrier or track number has its own rejection code."""

    carrier: Blank = ""
    title: Text | None = None
    tracks: Annotated[tuple[TrackForm, ...], Field(max_length=100)] = ()
    items: Annotated[tuple[SkuQuantity, ...], Field(min_length=1, max_length=10_000)] | None = None
    force: Flag = Field(default=False, description="ship although unpaid (supervisor)")


class AddTrack(CommandData):
    """shipment.add_track. No shipment = the only one."""

    shipment: Identifier | None = None
    number: Blank = ""
    carrier: Blank | None = None
    title: Text | None = None


class RemoveTrack(CommandData):
    """shipment.remove_track. No shipment = the only one."""

    shipment: Identifier | None = None
    number: Blank = ""
    carrier: Blank | None = None
    title: Text | None = None


class MarkShipment(Remark):
    """What the three marks share. No shipment = all open ones; no `at` = now."""

    shipment: Identifier | None = None
    at: Instant | None = None


class MarkInTransit(MarkShipment):
    """shipment.mark_in_transit."""


class MarkDifficulty(MarkShipment):
    """shipment.mark_difficulty."""


class MarkDelivered(MarkShipment):
    """shipment.mark_delivered."""


class RefundLine(Message):
    """So many units of one line are given back."""

    sku: Identifier
    quantity: Quantity
    back_to_stock: Flag = False


class CreateRefund(Remark):
    """refund.create. Amount = lines + shipping + extra - fee; none of the four given = all that is left."""

    model_config = ConfigDict(
        json_schema_extra={"if": {"properties": {"mode": {"const": "offline"}}}, "then": {"required": ["method"]}},
    )

    mode: Literal["online", "offline"]
    lines: Annotated[tuple[RefundLine, ...], Field(max_length=10_000)] | None = None
    shipping_cents: Cents | None = None
    extra_cents: Cents | None = None
    fee_cents: Cents | None = None
    method: RefundMethod | None = Field(default=None, description="means by which the money went back; required offline")
    payment: Identifier | None = None
    preview: Flag = Field(default=False, description="only say what it would give back; nothing changes")

    @property
    def everything(self) -> bool:
        """Whether all that is left is refunded."""
        return self.lines is None and self.shipping_cents is None and self.extra_cents is None and self.fee_cents is None

    @model_validator(mode="after")
    def _offline_names_the_means(self) -> Self:
        if self.mode == "offline" and self.method is None:
            raise ValueError("method is required when mode is offline")
        return self


class ResendNotice(CommandData):
    """notify.resend. No document = the latest of its kind."""

    kind: Literal["order", "invoice", "shipment", "refund"]
    document: Identifier | None = None

    @model_validator(mode="after")
    def _order_has_no_document(self) -> Self:
        if self.kind == "order" and self.document is not None:
            raise ValueError("document goes with kind invoice, shipment or refund")
        return self


class CreateCustomerLink(Nothing):
    """customer.impersonate_link: a short-lived link into the account of this order's customer."""


class AddReference(CommandData):
    """reference.add: this word names that order. No scope = every scope in which the value is parked or ambiguous."""

    order: OrderNumber
    kind: ReferenceKind
    value: Identifier
    scope: Identifier | None = None


class ResolveException(CommandData):
    """exception.resolve. `resolution` says what was done about it, a word or a sentence."""

    exception: RowId
    resolution: Sentence
    note: Text | None = None


class DeadLetterFilter(Message):
    """Which dead letters; all given fields must fit. `status` unset = open ones."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    kind: DeadLetterKind | None = None
    cause: Text | None = Field(default=None, description="part of the cause")
    origin: Identifier | None = None
    routing_key: Identifier | None = None
    adapter: Identifier | None = None
    order: OrderNumber | None = None
    status: DeadLetterStatus | None = None
    failed_from: Instant | None = Field(default=None, description="last failure at or after")
    failed_to: Instant | None = Field(default=None, description="last failure before")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in self.__dict__.values()):
            raise ValueError("an empty filter would mean every dead letter: name at least one field")
        return self


class DeadLetterChoice(CommandData):
    """Dead letters by their ids or by a filter."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["ids"]}, {"required": ["filter"]}]})

    ids: Annotated[tuple[RowId, ...], Field(min_length=1, max_length=10_000)] | None = None
    filter: DeadLetterFilter | None = None

    @model_validator(mode="after")
    def _by_one_way(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or filter")
        return self


class RedriveDeadLetters(DeadLetterChoice):
    """dead.redrive. `isolate` runs each alone; `dry_run` says what would happen."""

    isolate: Flag = False
    dry_run: Flag = False


class DiscardDeadLetters(DeadLetterChoice):
    """dead.discard. The note says why."""

    note: Sentence


class CreateStatus(CommandData):
    """status.create. No label = the code; `state` assigns it at once."""

    code: Word
    label: Sentence | None = None
    state: OrderState | None = None


class AssignStatus(CommandData):
    """status.assign."""

    code: Word
    state: OrderState


class UnassignStatus(CommandData):
    """status.unassign. No state = from every state."""

    code: Word
    state: OrderState | None = None


class SetDefaultStatus(CommandData):
    """status.set_default."""

    code: Word
    state: OrderState


class DeleteStatus(CommandData):
    """status.delete."""

    code: Word


COMMANDS: Final[Mapping[str, type[CommandData]]] = {
    "order.get": GetOrder,
    "order.approve": ApproveOrder,
    "order.cancel": CancelOrder,
    "order.expire": ExpireOrder,
    "order.start_production": StartProduction,
    "order.hold": HoldOrder,
    "order.release": ReleaseOrder,
    "order.set_status": SetStatus,
    "order.comment": CommentOrder,
    "order.set_address": SetAddress,
    "order.edit": EditOrder,
    "order.reorder": ReorderOrder,
    "review.accept": AcceptReview,
    "review.deny": DenyReview,
    "payment.void": VoidPayment,
    "fiscal.mark_issued": MarkFiscalIssued,
    "shipment.create": CreateShipment,
    "shipment.add_track": AddTrack,
    "shipment.remove_track": RemoveTrack,
    "shipment.mark_in_transit": MarkInTransit,
    "shipment.mark_difficulty": MarkDifficulty,
    "shipment.mark_delivered": MarkDelivered,
    "refund.create": CreateRefund,
    "notify.resend": ResendNotice,
    "customer.impersonate_link": CreateCustomerLink,
    "reference.add": AddReference,
    "exception.resolve": ResolveException,
    "dead.redrive": RedriveDeadLetters,
    "dead.discard": DiscardDeadLetters,
    "status.create": CreateStatus,
    "status.assign": AssignStatus,
    "status.unassign": UnassignStatus,
    "status.set_default": SetDefaultStatus,
    "status.delete": DeleteStatus,
}

_OF_ONE_ORDER: Final = frozenset({"order", "review", "fiscal", "shipment", "refund", "payment", "notify", "customer"})


def needs_order(command: str) -> bool:
    """Say whether the envelope of this command must name an order."""
    return command.partition(".")[0] in _OF_ONE_ORDER


class CommandEnvelope(Message):
    """What every command carries. `idempotency_key` unset = `id`; `expected_version` unset = whatever it is."""

    id: CommandId
    command: Identifier
    order: OrderNumber | None = None
    actor: Identifier | None = None
    reason: Text | None = None
    idempotency_key: Identifier | None = None
    expected_version: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    data: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """A command that can be read: its envelope and its typed data. Whether it may be done is not said yet."""

    envelope: CommandEnvelope
    data: CommandData

    @property
    def name(self) -> str:
        """The command's name, which is its routing key."""
        return self.envelope.command

    @property
    def target(self) -> str | None:
        """The order it is about; reference.add names it in its data."""
        return self.data.order if isinstance(self.data, AddReference) else self.envelope.order

    @property
    def key(self) -> str:
        """The key of idempotency."""
        return self.envelope.idempotency_key or self.envelope.id


class CommandInvalid(ValueError):
    """The command cannot be read. The message names each field at fault and what is wrong, never its value.

    `places` are the fields, dotted (`data.tracks.0.url`).
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        shown = "; ".join(f"{place}: {problem}" if place else problem for place, problem in problems[:5])
        if len(problems) > 5:
            shown += f"; and {len(problems) - 5} more"
        super().__init__(shown)
        self.places = tuple(place for place, _ in problems)


def parse_command(document: object) -> Command:
    """Read a command from parsed JSON. Raises: CommandInvalid."""
    if not isinstance(document, dict):
        raise CommandInvalid([("", "a command is a JSON object")])
    try:
        envelope = CommandEnvelope.model_validate(document)
    except ValidationError as error:
        raise CommandInvalid(_problems(error, "")) from None
    model = COMMANDS.get(envelope.command)
    if model is None:
        raise CommandInvalid([("command", "no such command")])
    if envelope.order is None and needs_order(envelope.command):
        raise CommandInvalid([("order", f"is required for {envelope.command}")])
    try:
        data = model.model_validate(envelope.data)
    except ValidationError as error:
        raise CommandInvalid(_problems(error, "data")) from None
    if isinstance(data, AddReference) and envelope.order not in (None, data.order):
        raise CommandInvalid([("data.order", "is not the order of the envelope")])
    return Command(envelope, data)


def _problems(error: ValidationError, root: str) -> list[tuple[str, str]]:
    return [
        (".".join(filter(None, (root, *(_printable(part) for part in problem["loc"])))), problem["msg"].removeprefix("Value error, "))
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _printable(part: int | str) -> str:
    # The name of an unknown field is the sender's text: it may be huge, or hold what no database takes.
    return str(part)[:60].encode("utf-8", "replace").decode().replace("\x00", "?")


@dataclass(frozen=True, slots=True)
class LegibleEnvelope:
    """What of a broken command can still be told, for the reply `invalid_payload`."""

    id: str | None = None
    command: str | None = None
    order: str | None = None


def legible_envelope(document: object) -> LegibleEnvelope:
    """Read id, command and order out of anything; what is not short, storable text is left out."""
    if not isinstance(document, Mapping):
        return LegibleEnvelope()
    return LegibleEnvelope(*(_legible(document.get(name), limit) for name, limit in (("id", 200), ("command", 200), ("order", 64))))


def _legible(value: object, limit: int) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        return None
    try:
        return storable(value)
    except ValueError:
        return None


def payload_hash(command: Command) -> str:
    """Return the SHA-256 that tells whether an idempotency key is used again for something else.

    It covers what is asked: command, order and data, as read. It leaves out who asks and how (id, actor, reason,
    expected_version): a client that repeats a command after a lost reply may send these anew. Defaults count like absent
    fields, so that a field added in a later release does not change the hash of a command repeated across the upgrade.
    """
    asked = {
        "command": command.name,
        "order": command.envelope.order,
        "data": command.data.model_dump(mode="json", exclude_defaults=True),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@cache
def message_model(command: str) -> type[CommandEnvelope]:
    """Build the model of one command's whole message, envelope and data. For schemas and documents; parsing goes by parse_command."""
    data = COMMANDS[command]
    try:
        unset: Any = data()
    except ValidationError:  # Something under data is compulsory, so data itself is.
        unset = ...
    fields: dict[str, Any] = {"command": (Literal[command], ...), "data": (data, unset)}
    if needs_order(command):
        fields["order"] = (OrderNumber, ...)
    return create_model(f"{data.__name__}Command", __base__=CommandEnvelope, __doc__=data.__doc__, **fields)


class CommandReply(Message):
    """The answer to one command. `code` is there when it was rejected; state and version are those after it."""

    id: str | None
    command: str | None
    order: str | None = None
    outcome: Literal["accepted", "rejected", "no_op"]
    code: RejectionCode | None = None
    message: str = ""
    state: OrderState | None = None
    status: str | None = None
    version: int | None = None
    allowed_actions: tuple[str, ...] = ()
    result: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _only_a_rejection_has_a_code(self) -> Self:
        if (self.outcome == "rejected") != (self.code is not None):
            raise ValueError("code belongs to outcome rejected, and must be there")
        return self
