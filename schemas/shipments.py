"""Canonical shipment facts as anybody may publish them, key carriers.generic: a fleet of the shop's own, a carrier without an adapter."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.base import Identifier, Instant, Message, OrderNumber, Text
from schemas.facts.shipments import ShipmentKind, SkuQuantity, Track
from schemas.references import Reference


class GenericShipment(Message):
    """What the fact says of one parcel.

    The order is found by `order`, by `references` or by what names the parcel. The parcel is named by `key`, else by the first of
    `tracks`; facts of one name are one parcel, and one that names none speaks of whatever parcels the order has. `items` absent = all
    that remains unshipped. `text` is the carrier's sentence and is read only where the kind is shipment.unknown.
    """

    order: OrderNumber | None = None
    references: tuple[Reference, ...] = Field(default=(), max_length=20)
    key: Reference | None = None
    carrier: Identifier | None = None
    tracks: tuple[Track, ...] = Field(default=(), max_length=20)
    items: tuple[SkuQuantity, ...] = Field(default=(), max_length=1000)
    code: Annotated[Text, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="the carrier's own status, what HUB_MAP_GENERIC maps; must name nobody"
    )
    text: Text | None = Field(default=None, description="read and not kept: carriers write names into it")
    location: Text | None = None
    precision: Literal["second", "minute", "day"] = "second"
    corrects: Identifier | None = Field(default=None, description="kind shipment.correction: the id taken back; absent = the one before")

    @model_validator(mode="after")
    def _names_an_order(self) -> Self:
        if self.order is None and not self.references and self.key is None and not self.tracks:
            raise ValueError("order is missing, and references, key and tracks too: one of them must say whose parcel it is")
        if self.key is not None and self.key.kind not in ("label_id", "tracking"):
            raise ValueError("key.kind must be label_id or tracking: nothing else names a parcel")
        return self


class GenericShipmentFact(Message):
    """One canonical shipment fact. `id` names it at its source: the same each time it is told, another for another fact."""

    kind: ShipmentKind
    id: Annotated[Identifier, StringConstraints(max_length=150)]
    occurred_at: Instant
    source: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = Field(
        default="manual", description="where it is known from, as fleet or manual"
    )
    account: Identifier | None = None
    reason: Text | None = Field(default=None, description="must name nobody: it is kept for good")
    shipment: GenericShipment

    @model_validator(mode="after")
    def _corrects_by_a_correction(self) -> Self:
        if self.shipment.corrects is not None and self.kind != "shipment.correction":
            raise ValueError("shipment.corrects belongs to shipment.correction alone")
        return self


class GenericShipmentFacts(Message):
    """The body: at least one fact. Facts are read one by one, a bad one costs none of the others."""

    facts: tuple[GenericShipmentFact, ...] = Field(min_length=1, max_length=10_000)
