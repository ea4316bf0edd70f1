"""Parcels by hand: shipment.create, its tracking numbers, and where a person says that a parcel is."""

from collections.abc import Iterator, Mapping
from typing import Final

from hub.domain.decisions import NumberGiven, ParcelMarked, ParcelShipped, TrackAdded, TrackRemoved
from hub.domain.judgement import CUSTOM, By, Judgement, NoOp, Rejected, Shop, TrackText
from hub.domain.ledger import Ledger
from hub.domain.parcels import MANUAL, Track, same_number, units_of
from hub.domain.view import ShipmentView, View
from schemas.commands import AddTrack, CreateShipment, MarkShipment, RemoveTrack
from schemas.facts.shipments import SkuQuantity

_MARKS: Final = {
    "shipment.mark_in_transit": "in_transit",
    "shipment.mark_difficulty": "delivery_difficulty",
    "shipment.mark_delivered": "delivered",
}


def create_shipment(ledger: Ledger, view: View, form: CreateShipment, by: By, shop: Shop) -> Judgement:
    """Ship a parcel. One whose number a label bears already is that label's, so that both ways end in one shipment."""
    refusal = _check_carriers(form.carrier, [track.carrier for track in form.tracks], shop)
    if refusal is not None:
        return refusal
    if any(not track.number for track in form.tracks):
        return Rejected("tracking_number_required", "a track has no number")
    known = {bearing.id: bearing for track in form.tracks if (bearing := _bearing(view, track.number)) is not None}
    if len(known) > 1:
        return Rejected("invalid_payload", f"these numbers are of different shipments: {', '.join(sorted(known))}")
    label = next(iter(known.values()), None)
    if label is not None and label.shipped_at is not None:
        return NoOp(f"shipment {label.id} has this number and is shipped already", {"shipment": label.id})
    if view.rules.require_nf_before_shipping and view.fiscal_state != "issued":
        return Rejected("nf_required", "this shop ships nothing before its tax paper is issued")
    items = _items(view, form, label)
    if isinstance(items, Rejected):
        return items
    shipment = _next_id(ledger) if label is None else label.id
    entry = ParcelShipped(
        entry="parcel",
        shipment=shipment,
        carrier=form.carrier,
        tracks=tuple(NumberGiven(number=track.number, carrier=track.carrier or form.carrier) for track in form.tracks),
        items=tuple(SkuQuantity(sku=sku, quantity=quantity) for sku, quantity in sorted(items.items())),
    )
    texts = tuple(
        TrackText(shipment, track.number, track.carrier or form.carrier, track.title or form.title, track.url) for track in form.tracks
    )
    result = {"shipment": shipment, "items": [{"sku": sku, "quantity": quantity} for sku, quantity in sorted(items.items())]}
    return by.accept(entry, result=result, message=f"shipment {shipment} created", tracks=texts)


def _check_carriers(carrier: str | None, others: list[str | None], shop: Shop) -> Rejected | None:
    if not carrier:
        return Rejected("carrier_required", "a shipment needs a carrier")
    for code in (carrier, *filter(None, others)):
        if code != CUSTOM and code not in shop.carriers:
            return Rejected("carrier_unknown", f"no carrier has the code {code}: use one of the shop's, or {CUSTOM}")
    return None


def _bearing(view: View, number: str) -> ShipmentView | None:
    """Find the parcel that bears a number."""
    same = same_number(number)
    return next((shipment for shipment in view.shipments if any(same_number(track.number) == same for track in shipment.tracks)), None)


def _items(view: View, form: CreateShipment, label: ShipmentView | None) -> dict[str, int] | Rejected:
    """Say what is inside: what the form lists, else what the label's parcel carries, else all that is left."""
    coming_back: dict[str, int] = {}
    for line in view.lines:
        coming_back[line.sku] = coming_back.get(line.sku, 0) + line.refund_pending
    left = dict(view.to_ship)
    free = {sku: max(0, quantity - coming_back.get(sku, 0)) for sku, quantity in left.items()}
    if form.items is not None:
        for sku, quantity in units_of(form.items):
            if quantity > left.get(sku, 0):
                return Rejected("qty_exceeds", f"{quantity} of {sku} are more than the {left.get(sku, 0)} that are left to ship")
            if quantity > free[sku]:
                return Rejected("refund_pending", f"a refund is on its way for {quantity - free[sku]} of {sku}")
        return dict(units_of(form.items))
    inside = {} if label is None else dict(label.items)
    items = _at_most(inside, free) or {sku: quantity for sku, quantity in free.items() if quantity}
    if items:
        return items
    return Rejected("refund_pending", "a refund is on its way for all that is left") if any(left.values()) else _NOTHING_LEFT


_NOTHING_LEFT: Final = Rejected("nothing_to_ship", "nothing is left to ship")


def _at_most(units: Mapping[str, int], most: Mapping[str, int]) -> dict[str, int]:
    taken = {sku: min(quantity, most.get(sku, 0)) for sku, quantity in units.items()}
    return {sku: quantity for sku, quantity in taken.items() if quantity}


def _next_id(ledger: Ledger) -> str:
    """Number the shipments made by hand."""
    number = 1
    while f"{MANUAL}|S{number}" in ledger.parcels:
        number += 1
    return f"S{number}"


# -- tracking numbers --------------------------------------------------------------------------------------------------------------


def add_track(ledger: Ledger, view: View, form: AddTrack, by: By, shop: Shop) -> Judgement:
    """Give a shipment a further number."""
    if not form.number:
        return Rejected("tracking_number_required", "the number is missing")
    refusal = _check_carriers(form.carrier, [], shop) if form.carrier else None
    if refusal is not None:
        return refusal
    shipment = _the_shipment(view, form.shipment)
    if isinstance(shipment, Rejected):
        return shipment
    carrier = form.carrier or shipment.carrier
    if not carrier:
        return Rejected("carrier_required", "neither the number nor the shipment has a carrier")
    bearing = _bearing(view, form.number)
    if bearing is not None:
        if bearing.id == shipment.id:
            return NoOp("the shipment has this number already", {"shipment": shipment.id})
        return Rejected("invalid_payload", f"shipment {bearing.id} has this number")
    ordinal = max((track.removed for track in _tracks(ledger, form.number)), default=0) + 1
    entry = TrackAdded(entry="track_added", shipment=shipment.id, number=form.number, carrier=carrier, ordinal=ordinal)
    text = TrackText(shipment.id, form.number, carrier, form.title, None)
    return by.accept(entry, result={"shipment": shipment.id}, message=f"{form.number} added to shipment {shipment.id}", tracks=(text,))


def remove_track(ledger: Ledger, view: View, form: RemoveTrack, by: By) -> Judgement:
    """Take a number off a shipment; what was told of it stays in the history."""
    if not form.number:
        return Rejected("tracking_number_required", "the number is missing")
    shipment = _the_shipment(view, form.shipment)
    if isinstance(shipment, Rejected):
        return shipment
    same = same_number(form.number)
    found = next((track for track in shipment.tracks if same_number(track.number) == same), None)
    if found is None:
        return Rejected("document_not_found", f"shipment {shipment.id} has no such number")
    number, carrier = found.number, found.carrier or shipment.carrier
    ordinal = max(track.added for track in _tracks(ledger, number))
    entry = TrackRemoved(entry="track_removed", shipment=shipment.id, number=number, carrier=carrier, ordinal=ordinal)
    return by.accept(entry, result={"shipment": shipment.id}, message=f"{number} taken off shipment {shipment.id}")


def _tracks(ledger: Ledger, number: str) -> Iterator[Track]:
    for record in ledger.parcels.values():
        for known, track in record.tracks.items():
            if same_number(known) == same_number(number):
                yield track


def _the_shipment(view: View, shipment_id: str | None) -> ShipmentView | Rejected:
    """Find the shipment that is named, else the only one."""
    if shipment_id is not None:
        found = view.shipment(shipment_id)
        return found if found is not None else Rejected("document_not_found", "the order has no such shipment")
    shipped = [shipment for shipment in view.shipments if shipment.shipped_at is not None]
    if len(shipped) == 1:
        return shipped[0]
    return Rejected("invalid_payload", f"name the shipment: {', '.join(shipment.id for shipment in shipped)}")


# -- where it is -------------------------------------------------------------------------------------------------------------------


def mark(view: View, command: str, form: MarkShipment, by: By) -> Judgement:
    """Take a person's word for where parcels are: the one that is named, else all that are on their way."""
    at = by.at if form.at is None else form.at
    if at > by.at:
        return Rejected("invalid_payload", "at is in the future")
    chosen = [shipment for shipment in view.shipments if shipment.open]
    if form.shipment is not None:
        found = view.shipment(form.shipment)
        if found is None:
            return Rejected("document_not_found", "the order has no such shipment")
        if found.shipped_at is None:
            return Rejected("not_shipped", f"shipment {found.id} has not been shipped")
        if not found.open:
            return NoOp(f"shipment {found.id} is {found.state}", {"shipments": [found.id]})
        chosen = [found]
    word = _MARKS[command]
    entries = [ParcelMarked.model_validate({"entry": "marked", "shipment": one.id, "mark": word, "at": at}) for one in chosen]
    return by.accept(*entries, result={"shipments": [one.id for one in chosen]}, message=f"{len(chosen)} marked {word}")
