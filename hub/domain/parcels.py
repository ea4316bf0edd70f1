"""Parcels in the ledger: what each source says of one, as dated steps by event, and how facts merge into them.

Which records speak of one and the same parcel, and where it is, is computed from all of them: see `hub.domain.shipments`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from hub.domain.instants import short_id, to_micros
from hub.domain.references import coded
from schemas.facts import ShipmentFact
from schemas.facts.shipments import SkuQuantity

MANUAL: Final = "manual"
"""The source of what a person says of a parcel. Its records are named by the parcel's id, not by a number."""

CODES: Final[Mapping[str, str]] = {
    "label_created": "lc",
    "posted": "po",
    "in_transit": "it",
    "delayed": "dl",
    "out_for_delivery": "od",
    "ready_for_pickup": "rp",
    "delivery_difficulty": "dd",
    "on_hold": "oh",
    "delivered": "de",
    "returning": "rg",
    "returned": "rd",
    "lost_suspected": "ls",
    "lost": "lo",
    "damaged": "da",
    "canceled": "ca",
    "correction": "xx",
    "unknown": "??",
}
"""Kinds of shipment facts, two letters each: a parcel may have dozens of them."""

UNKNOWN: Final = CODES["unknown"]
CORRECTION: Final = CODES["correction"]

Units = tuple[tuple[str, int], ...]
"""(sku, quantity), sorted, each sku once."""


class Step(NamedTuple):
    """One event of a parcel. `corrects` names the event that a correction takes back; empty = the one before."""

    micros: int
    code: str
    corrects: str = ""


class Track(NamedTuple):
    """A tracking number. It stands while it was added more often than taken off."""

    carrier: str | None
    added: int = 1
    removed: int = 0


@dataclass(slots=True)
class ParcelRecord:
    """All that one source says of one parcel. `names` are further labels of it; the earliest word on the items counts."""

    steps: dict[str, Step] = field(default_factory=dict)
    tracks: dict[str, Track] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    carrier: str | None = None
    items: tuple[int, Units] | None = None


def same_number(number: str) -> str:
    """Return what two spellings of one tracking number have in common."""
    return "".join(number.split()).upper()


def units_of(items: Iterable[SkuQuantity]) -> Units:
    """Add up the quantities per item."""
    units: dict[str, int] = {}
    for item in items:
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    return tuple(sorted(units.items()))


def parcel_key(fact: ShipmentFact) -> str:
    """Name the record a shipment fact belongs to: provider and label, else tracking number.

    A fact that names no parcel has the empty word: it speaks of whatever parcels the order has. One that names a tax paper speaks
    of what it was written for, which may be in any number of parcels.
    """
    provider = fact.provider.replace("|", "/")
    key = fact.shipment_key
    if key is not None and key.kind == "access_key":
        return f"{provider}|{coded(key)}"
    if key is None or key.kind not in ("label_id", "tracking"):
        known = [reference for reference in fact.references if reference.kind in ("label_id", "tracking")]
        key = min(known, key=lambda reference: (reference.kind, reference.value), default=None)
    if key is not None:
        return f"{provider}|{coded(key)}" if key.kind != "tracking" else f"{provider}|tk:{same_number(key.value)}"
    if fact.tracks:
        return f"{provider}|tk:{same_number(fact.tracks[0].number)}"
    return f"{provider}|"


def merge_fact(parcels: dict[str, ParcelRecord], fact: ShipmentFact) -> None:
    """Merge one fact: a step by its event id, and what it teaches of numbers, carrier and items."""
    key = parcel_key(fact)
    record = parcels.setdefault(key, ParcelRecord())
    micros = to_micros(fact.occurred_at)
    code = CODES[fact.kind.removeprefix("shipment.")]
    add_step(record, fact.event_id, Step(micros, code, short_id(fact.corrects) if fact.corrects else ""))
    names = {coded(reference) for reference in fact.references if reference.kind == "label_id"}
    names.discard(key.partition("|")[2])
    learn(record, fact.carrier, names)
    for reference in fact.references:
        if reference.kind == "tracking":
            add_track(record, reference.value, Track(None))
    if fact.shipment_key is not None and fact.shipment_key.kind == "tracking":
        add_track(record, fact.shipment_key.value, Track(None))
    for track in fact.tracks:
        add_track(record, track.number, Track(track.carrier))
    if fact.items:
        add_items(record, micros, units_of(fact.items))


def add_step(record: ParcelRecord, event_id: str, step: Step) -> None:
    """Keep one step per event; of two readings of it the known one, else the earlier."""
    name = short_id(event_id)
    known = record.steps.get(name)
    if known is None or (step.code == UNKNOWN, step) < (known.code == UNKNOWN, known):
        record.steps[name] = step


def add_track(record: ParcelRecord, number: str, track: Track) -> None:
    """Add a number, or take it off; numbers are merged, never replaced."""
    number = number.strip()
    known = record.tracks.get(number)
    if known is not None:
        carriers = [carrier for carrier in (known.carrier, track.carrier) if carrier is not None]
        track = Track(min(carriers, default=None), max(known.added, track.added), max(known.removed, track.removed))
    record.tracks[number] = track


def add_items(record: ParcelRecord, micros: int, units: Units) -> None:
    """Keep the earliest word on what the parcel carries."""
    if record.items is None or (micros, units) < record.items:
        record.items = (micros, units)


def learn(record: ParcelRecord, carrier: str | None, names: Iterable[str]) -> None:
    """Learn the carrier and further labels. Two carriers in one source's word of one parcel are a slip; any rule will do."""
    if carrier is not None and (record.carrier is None or carrier < record.carrier):
        record.carrier = carrier
    if not set(names).issubset(record.names):
        record.names = tuple(sorted({*record.names, *names}))


def record_out(record: ParcelRecord) -> dict[str, Any]:
    """Write a record for the ledger's JSON."""
    document: dict[str, Any] = {"s": {name: tuple(step) if step.corrects else step[:2] for name, step in record.steps.items()}}
    if record.tracks:
        document["t"] = {number: _track_out(track) for number, track in record.tracks.items()}
    if record.names:
        document["n"] = record.names
    if record.carrier is not None:
        document["c"] = record.carrier
    if record.items is not None:
        document["i"] = record.items
    return document


def _track_out(track: Track) -> tuple[Any, ...]:
    return (track.carrier,) if track[1:] == (1, 0) else tuple(track)


def record_in(document: dict[str, Any]) -> ParcelRecord:
    """Read a record that `record_out` wrote."""
    items = document.get("i")
    return ParcelRecord(
        {name: Step(*step) for name, step in document["s"].items()},
        {number: Track(*track) for number, track in document.get("t", {}).items()},
        tuple(document.get("n", ())),
        document.get("c"),
        None if items is None else (items[0], tuple([(sku, quantity) for sku, quantity in items[1]])),
    )
