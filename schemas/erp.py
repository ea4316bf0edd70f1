"""The canonical ERP event as JSON, key erp.json: the twin of xml/erp-event-1.xsd, with the same names and the same limits.

What a field means stands in the XSD. XML is read into the same model once the XSD has passed it, so that the rules across fields
hold for both. Two differences, because JSON has types: text of digits may be a number, and null counts as absent.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic.alias_generators import to_pascal

from schemas.base import Instant, Message, storable
from schemas.facts import FiscalKind, OrderKind, ShipmentKind

EventWord = Literal[
    "order.accepted", "order.rejected", "order.production_started", "order.ready_to_ship", "order.canceled",
    "fiscal.requested", "fiscal.issued", "fiscal.rejected", "fiscal.denied", "fiscal.canceled", "fiscal.corrected", "fiscal.returned",
    "shipment.label_created", "shipment.posted", "shipment.in_transit", "shipment.delayed", "shipment.out_for_delivery",
    "shipment.ready_for_pickup", "shipment.delivery_difficulty", "shipment.on_hold", "shipment.delivered", "shipment.returning",
    "shipment.returned", "shipment.lost_suspected", "shipment.lost", "shipment.damaged", "shipment.canceled",
    "order.cancelled", "order.shipped", "order.tracking_updated", "order.delivered", "order.delivery_failed",
    "invoice.authorized", "invoice.rejected", "invoice.denied", "invoice.cancelled", "invoice.corrected", "invoice.returned",
]  # fmt: skip
EVENT_WORDS: Final[tuple[str, ...]] = get_args(EventWord)

SYNONYMS: Final[Mapping[str, FiscalKind | OrderKind | ShipmentKind]] = {
    "order.cancelled": "order.canceled",
    "order.shipped": "shipment.posted",
    "order.tracking_updated": "shipment.label_created",
    "order.delivered": "shipment.delivered",
    "order.delivery_failed": "shipment.delivery_difficulty",
    "invoice.authorized": "fiscal.issued",
    "invoice.rejected": "fiscal.rejected",
    "invoice.denied": "fiscal.denied",
    "invoice.cancelled": "fiscal.canceled",
    "invoice.corrected": "fiscal.corrected",
    "invoice.returned": "fiscal.returned",
}
"""Words ERP integrations use, and the hub's own for the same thing."""

_AUTHORIZED: Final = frozenset({"100", "150"})

_BLANKS: Final = re.compile(r"[ \t\r\n]+", re.ASCII)
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _plain(value: object) -> object:
    """Return a value as XML would have it: text without blanks around it, and single ones inside."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    return _BLANKS.sub(" ", value).strip(" ") if isinstance(value, str) else value


def _expressible(value: str) -> str:
    if _NOT_XML.search(value):
        raise ValueError("must not hold control characters")
    return storable(value)


Plain = BeforeValidator(_plain)

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/#-]{1,64}$"), Plain]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_expressible), Plain]
TrackingCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,64}$"), Plain]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[!#-;=?-~]{1,490}$"), Plain]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_expressible), Plain]
TaxId = Annotated[str, StringConstraints(pattern=r"^([0-9]{11}|[0-9A-Z]{12}[0-9]{2})$"), Plain]
DocumentNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$"), Plain]
DocumentSeries = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}$"), Plain]
StatusCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,4}$"), Plain]
Protocol = Annotated[str, StringConstraints(pattern=r"^[0-9]{15}([0-9]{2})?$"), Plain]
Sequence = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$"), Plain]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/= ]+$"), Plain]

Reais = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,10}(\.[0-9]{1,2})?$"),
    Plain,
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^[0-9]{1,10}(\.[0-9]{1,2})?$"}, {"type": "number", "minimum": 0}]}),
]
"""An amount in reais, as decimal text: never a float."""

Units = Annotated[
    str,
    StringConstraints(pattern=r"^[1-9][0-9]{0,5}(\.0{1,4})?$"),
    Plain,
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 999_999}, {"type": "string", "pattern": r"^[1-9][0-9]{0,5}(\.0{1,4})?$"}]}
    ),
]
"""Whole units, as text; ERPs write 2.0000."""

_INSTANT: Final = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
)


def _instant(value: object) -> object:
    value = _plain(value)
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be a date and time with seconds and with Z or an offset, as 2026-10-06T08:30:00-03:00")
    return value


Moment = Annotated[Instant, BeforeValidator(_instant)]


def has_valid_check_digit(access_key: str) -> bool:
    """Say whether the last of the 44 characters fits the others: modulus 11 over `ord(c) - 48`, letters of a CNPJ included."""
    weights = (2 + index % 8 for index in range(43))
    remainder = sum((ord(character) - 48) * weight for character, weight in zip(reversed(access_key[:43]), weights, strict=True)) % 11
    return access_key[43:] == ("0" if remainder < 2 else str(11 - remainder))


def _checked(access_key: str) -> str:
    if not has_valid_check_digit(access_key):
        raise ValueError("is not an access key: its check digit is wrong")
    return access_key


AccessKey = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}[0-9A-Z]{12}[0-9]{26}$"), AfterValidator(_checked), Plain]
"""Chave de acesso of an NF-e: 44 characters."""


def _listed(value: object) -> object:
    """Accept one value in place of a list of one, as converters of XML write it."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


class _Named(Message):
    """Names as in the XSD."""

    model_config = ConfigDict(alias_generator=to_pascal)


class ErpItem(Message):
    """So many units of one item."""

    sku: Name
    quantity: Units


class ErpSource(_Named):
    """The system that tells it."""

    system: Key
    account: Name | None = None
    issuer_document: TaxId | None = None


class ErpOrderRef(_Named):
    """The names of the order."""

    shop_order_number: Name | None = None
    erp_order_id: Name | None = None
    erp_order_number: Name | None = None


class ErpInvoice(_Named):
    """A tax paper (NF-e)."""

    chave: AccessKey | None = None
    document_id: Name | None = None
    number: DocumentNumber | None = None
    series: DocumentSeries | None = None
    environment: Annotated[Literal["production", "homologation"] | None, Plain] = None
    status_code: StatusCode | None = None
    protocol: Protocol | None = None
    issued_at: Moment | None = None
    total: Reais | None = None
    referenced_chave: Annotated[tuple[AccessKey, ...], Field(max_length=50), BeforeValidator(_listed)] = ()
    item: Annotated[tuple[ErpItem, ...], Field(max_length=990), BeforeValidator(_listed)] = ()
    danfe_url: Address | None = None
    xml_base64: Base64 | None = None


class ErpShipment(_Named):
    """One parcel."""

    shipment_id: Name | None = None
    carrier: Name | None = None
    service: Name | None = None
    tracking_code: TrackingCode | None = None
    tracking_url: Address | None = None
    item: Annotated[tuple[ErpItem, ...], Field(max_length=990), BeforeValidator(_listed)] = ()


class ErpEvent(_Named):
    """One thing that happened to one order, says an ERP."""

    version: Annotated[Literal["1"], Plain] = Field(default="1", alias="version")
    event_id: Key
    event_type: Annotated[EventWord, Plain]
    occurred_at: Moment
    sequence: Sequence | None = None
    source: ErpSource
    order_ref: ErpOrderRef | None = None
    invoice: ErpInvoice | None = None
    shipment: Annotated[tuple[ErpShipment, ...], Field(max_length=50), BeforeValidator(_listed)] = ()
    reason: Reason | None = None

    @property
    def kind(self) -> str:
        """The fact kind that EventType means."""
        return SYNONYMS.get(self.event_type, self.event_type)

    @model_validator(mode="after")
    def _holds_what_its_type_needs(self) -> Self:
        kind = self.kind
        if kind.startswith("fiscal."):
            _check_invoice(kind, self.invoice)
        if kind.startswith("shipment.") and not self.shipment:
            raise ValueError("Shipment is required in this EventType")
        if kind == "shipment.label_created" and not all(parcel.tracking_code for parcel in self.shipment):
            raise ValueError("Shipment.TrackingCode is required in this EventType")
        if not self._names_an_order:
            raise ValueError("nothing in it names an order: OrderRef is missing or empty, and there is no Chave and no TrackingCode")
        return self

    @property
    def _names_an_order(self) -> bool:
        if self.order_ref is not None and any(value is not None for _, value in self.order_ref):
            return True
        if self.invoice is not None and (self.invoice.chave or self.invoice.referenced_chave):
            return True
        return bool(self.shipment) and all(parcel.shipment_id or parcel.tracking_code for parcel in self.shipment)


def _check_invoice(kind: str, invoice: ErpInvoice | None) -> None:
    if invoice is None or not (invoice.chave or invoice.document_id or invoice.number):
        raise ValueError("Invoice with Chave, DocumentId or Number is required in this EventType")
    if kind != "fiscal.issued":
        # Only success is guarded: after a cancellation, for example, many ERPs go on showing the 100 of the authorization.
        return
    if invoice.chave is None:
        raise ValueError("Invoice.Chave is required in this EventType")
    if invoice.status_code is not None and invoice.status_code not in _AUTHORIZED:
        raise ValueError("Invoice.StatusCode is neither 100 nor 150, so the note is not issued")
