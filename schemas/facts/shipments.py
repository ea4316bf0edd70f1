"""Shipment facts: what a carrier, a label platform or a person says about one parcel."""

from typing import Final, Literal, get_args

from pydantic import Field

from schemas.base import Identifier, Message, Quantity, Text
from schemas.facts.base import FactBase
from schemas.references import Reference

ShipmentKind = Literal[
    "shipment.label_created", "shipment.posted", "shipment.in_transit", "shipment.delayed", "shipment.out_for_delivery",
    "shipment.ready_for_pickup", "shipment.delivery_difficulty", "shipment.on_hold", "shipment.delivered", "shipment.returning",
    "shipment.returned", "shipment.lost_suspected", "shipment.lost", "shipment.damaged", "shipment.canceled",
    "shipment.correction", "shipment.unknown",
]  # fmt: skip
SHIPMENT_KINDS: Final[tuple[str, ...]] = get_args(ShipmentKind)


class Track(Message):
    """One tracking number; the carrier's own, or the label platform's."""

    number: Identifier
    carrier: Identifier | None = None
    title: Text | None = None
    url: Text | None = None


class SkuQuantity(Message):
    """So many units of one item."""

    sku: Identifier
    quantity: Quantity


class ShipmentFact(FactBase):
    """One dated tracking event of one parcel.

    `shipment_key` is the parcel's identity (label_id, else tracking). `items` absent = all that remains unshipped.
    """

    kind: ShipmentKind
    shipment_key: Reference | None = None
    carrier: Identifier | None = None
    tracks: tuple[Track, ...] = ()
    items: tuple[SkuQuantity, ...] = ()
    raw_code: Text | None = Field(default=None, description="the carrier's status code, family first (`BDE 01`)")
    location: Text | None = None
    precision: Literal["second", "minute", "day"] = "second"
    corrects: Identifier | None = Field(default=None, description="kind correction: event_id taken back; absent = the one before")
