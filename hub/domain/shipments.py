"""Where the parcels of an order are, what is inside, and what the order shows of it (carriers.md 6).

Computed anew from the whole ledger each time: steps in the order of their times, ties by rank and event id, never by arrival.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hub.domain.instants import DAY
from hub.domain.joining import joined
from hub.domain.ledger import Ledger, Placement
from hub.domain.parcels import CODES, CORRECTION, MANUAL, ParcelRecord, Step, Units, same_number
from hub.domain.references import own_id

_WORDS: Final[Mapping[str, str]] = {code: word for word, code in CODES.items()}

_TIE_RANKS: Final[Mapping[str, int]] = {
    word: rank
    for rank, word in enumerate(
        (
            "unknown", "label_created", "canceled", "posted", "delayed", "in_transit", "ready_for_pickup", "out_for_delivery", "on_hold",
            "delivery_difficulty", "damaged", "lost_suspected", "lost", "returning", "delivered", "returned", "correction",
        )
    )
}  # fmt: skip
"""Which of two events of one instant was the later."""

_RANKS: Final = {_code: _TIE_RANKS[_word] for _code, _word in _WORDS.items()}

_FUTURE: Final = 400 * DAY
_PAST: Final = 30 * DAY

MOVING: Final = frozenset({"in_transit", "out_for_delivery", "ready_for_pickup", "delivery_difficulty", "damaged", "lost_suspected"})
"""Where a parcel may go back and forth between its posting and its end."""

_SCANS: Final = MOVING | {"posted", "delivered", "returning", "returned", "lost"}
"""Events that cannot be unless the carrier has had the parcel: they ship it, even when its posting was never told."""

ENDED: Final = frozenset({"delivered", "returned", "lost"})
"""States of a parcel that is on its way no longer."""

_TROUBLE: Final[Mapping[str, str]] = {
    "delivery_difficulty": "delivery_difficulty",
    "on_hold": "delivery_difficulty",
    "damaged": "damaged",
    "lost_suspected": "lost_suspected",
    "returning": "returning",
    "delayed": "delayed",
}
"""What staff must look at (`attention`), by event."""


class Mark(NamedTuple):
    """A step as it is sorted: its time clamped, ties by rank and event id. `source` and not the parcel's other sources it corrects."""

    micros: int
    rank: int
    event_id: str
    source: str
    step: Step


_Member = tuple[str, ParcelRecord]
"""A record by its key."""


@dataclass(slots=True)
class Parcel:
    """One parcel while the view is computed. `own_items`: what it says it carries; else it carries what is left."""

    id: str
    records: list[_Member]
    first: int = 0
    state: str = "label_created"
    carrier: str | None = None
    tracks: tuple[tuple[str, str | None], ...] = ()
    items: dict[str, int] = field(default_factory=dict)
    own_items: Units | None = None
    shipped_micros: int | None = None
    posted_micros: int | None = None
    updated: int = 0
    attention: frozenset[str] = frozenset()
    flags: tuple[str, ...] = ()

    @property
    def shipped(self) -> bool:
        """Whether the carrier has had it; a posting that was corrected never was."""
        return self.shipped_micros is not None

    @property
    def canceled(self) -> bool:
        """Whether its label was canceled before anything was posted."""
        return self.state == "canceled"

    @property
    def underway(self) -> bool:
        """Whether it has been shipped and has not arrived, here or there. What is lost may turn up."""
        return self.shipped and self.state not in ("delivered", "returned")


@dataclass(slots=True)
class Fulfilment:
    """What the parcels of an order amount to. Quantities are per item and count units that somebody ships.

    `unshipped`: how many units are still to be shipped.
    """

    parcels: Sequence[Parcel] = ()
    ordered: Mapping[str, int] = field(default_factory=dict)
    shipped: Mapping[str, int] = field(default_factory=dict)
    to_ship: Mapping[str, int] = field(default_factory=dict)
    state: str = "none"
    unshipped: int = 0
    any_shipped: bool = False
    attention: tuple[str, ...] = ()


def fulfilment_of(ledger: Ledger, gone: Mapping[str, Sequence[tuple[int, int]]], prepared: str) -> Fulfilment:
    """Compute the parcels and what they amount to.

    `gone`: units given back by refund documents, per item (micros, quantity). `prepared`: what the order shows before anything is shipped.
    """
    placement = ledger.placement
    ordered: dict[str, int] = {}
    if placement is not None:
        for line in placement.lines:
            if not line.virtual:
                ordered[line.sku] = ordered.get(line.sku, 0) + line.quantity
    if not ledger.parcels:
        to_ship = _to_ship(ordered, {}, gone) if gone else ordered
        return Fulfilment((), ordered, {}, to_ship, prepared, sum(to_ship.values()))
    parcels = _parcels(ledger.parcels, placement)
    _share_out(parcels, ordered, gone)
    shipped: dict[str, int] = {}
    for parcel in parcels:
        if parcel.shipped:
            for sku, quantity in parcel.items.items():
                shipped[sku] = shipped.get(sku, 0) + quantity
    to_ship = _to_ship(ordered, shipped, gone)
    unshipped = sum(to_ship.values())
    any_shipped = any(parcel.shipped for parcel in parcels)
    state = (_state(parcels, open_units=unshipped > 0, ordered=ordered) if any_shipped else "") or prepared
    attention = tuple(sorted(frozenset().union(*[parcel.attention for parcel in parcels])))
    return Fulfilment(parcels, ordered, shipped, to_ship, state, unshipped, any_shipped, attention)


def _to_ship(ordered: Mapping[str, int], shipped: Mapping[str, int], gone: Mapping[str, Sequence[tuple[int, int]]]) -> dict[str, int]:
    """What is given back counts as unshipped first (order-lifecycle 2.3)."""
    return {sku: max(0, quantity - shipped.get(sku, 0) - sum(units for _, units in gone.get(sku, ()))) for sku, quantity in ordered.items()}


# -- which records are one parcel --------------------------------------------------------------------------------------------------


def _parcels(records: Mapping[str, ParcelRecord], placement: Placement | None) -> list[Parcel]:
    """Put together the records that share a label, a tracking number or a parcel's id; fold each."""
    removed = _removed(records)
    named: list[tuple[set[str], _Member]] = []
    nameless: list[_Member] = []
    noted: list[_Member] = []
    for member in sorted(records.items()):
        key, record = member
        word = key.partition("|")[2]
        # One that a person has called by its id has a name from then on.
        called = record.items is not None or f"{MANUAL}|{own_id_of(key)}" in records
        if not word and not called:
            nameless.append(member)
        elif word.startswith("ak:") and not called:
            noted.append(member)
        else:
            named.append((_names(key, record, removed), member))
    groups = [group for group in joined(named) if not removed or not _stray(group, removed)]
    if not groups:
        groups = [[member] for member in noted]
    elif len(groups) == 1:
        # Of several parcels nobody can tell which of them the paper is about.
        groups[0].extend(noted)
    parcels = [_parcel(sorted(group, key=lambda member: member[0]), removed) for group in groups]
    parcels = [parcel for parcel in parcels if any(record.steps for _, record in parcel.records)]
    for parcel in parcels:
        _fold(parcel, placement)
    if nameless:
        _tell_all(parcels, nameless, placement, removed)
    parcels.sort(key=lambda parcel: (parcel.first, parcel.id))
    return parcels


def _tell_all(parcels: list[Parcel], nameless: Sequence[_Member], placement: Placement | None, removed: Collection[str]) -> None:
    """Give what names no parcel to all there were by then, else to the first; when there is none, it is one itself."""
    known = sorted([parcel for parcel in parcels if not parcel.canceled], key=lambda parcel: (parcel.first, parcel.id))
    if not known:
        parcels.append(_parcel(list(nameless), removed))
        _fold(parcels[-1], placement)
        return
    for index, parcel in enumerate(known):
        # What is told before anything was known can only be meant of the first.
        since = parcel.first if index else -_NEVER
        for key, record in nameless:
            steps = {name: step for name, step in record.steps.items() if since <= step.micros}
            if steps:
                parcel.records.append((key, ParcelRecord(steps, carrier=record.carrier)))
        _fold(parcel, placement)


def _removed(records: Mapping[str, ParcelRecord]) -> frozenset[str]:
    """List the numbers that were taken off more lately than added."""
    counts: dict[str, tuple[int, int]] = {}
    for record in records.values():
        for number, track in record.tracks.items():
            added, removed = counts.get(same_number(number), (0, 0))
            counts[same_number(number)] = (max(added, track.added), max(removed, track.removed))
    return frozenset([number for number, (added, removed) in counts.items() if removed >= added])


def _names(key: str, record: ParcelRecord, removed: Collection[str]) -> set[str]:
    """Collect the words by which a record is known to speak of a parcel."""
    provider, _, word = key.partition("|")
    names = {f"tk:{number}" for number in map(same_number, record.tracks) if number not in removed}
    names.update(record.names)
    if provider == MANUAL:
        names.add(f"id:{word}")
        return names
    if not word.startswith("tk:"):
        names.add(word or key)
    elif word[3:] not in removed:
        names.add(word)
    names.add(f"id:{own_id(provider, word)}")
    return names


def own_id_of(key: str) -> str:
    """Return what a parcel is called that has this record alone."""
    provider, _, word = key.partition("|")
    return word if provider == MANUAL else own_id(provider, word)


def _stray(members: Sequence[_Member], removed: Collection[str]) -> bool:
    """Say whether nothing is told but of numbers that were taken off by hand: it concerns somebody else's parcel."""
    return all(
        key.partition("|")[2].startswith("tk:")
        and key.partition("|")[2][3:] in removed
        and not record.names
        and all(same_number(number) in removed for number in record.tracks)
        for key, record in members
    )


def _parcel(members: list[_Member], removed: Collection[str]) -> Parcel:
    """Name a parcel by the record that a person began, else by the earliest one, so that what comes later does not rename it."""
    by_hand = [member for member in members if member[0].startswith(f"{MANUAL}|")]
    key, _ = min(by_hand or members, key=lambda member: (_first(member[1]), member[0]))
    parcel = Parcel(own_id_of(key), members)
    parcel.first = min(_first(record) for _, record in members)
    tracks: dict[str, tuple[str, str | None]] = {}
    for _, record in sorted(members, key=lambda member: (not member[0].startswith(f"{MANUAL}|"), _first(member[1]), member[0])):
        if parcel.carrier is None:
            parcel.carrier = record.carrier
        if record.items is not None and parcel.own_items is None:
            parcel.own_items = record.items[1]
        for number, track in sorted(record.tracks.items()):
            same = same_number(number)
            if same not in removed:
                known = tracks.get(same)
                tracks[same] = (number, track.carrier) if known is None else (known[0], known[1] or track.carrier)
    parcel.tracks = tuple(tracks.values())
    return parcel


_NEVER: Final = 1 << 62
"""Later than any instant."""


def _first(record: ParcelRecord) -> int:
    return min((step.micros for step in record.steps.values()), default=_NEVER)


# -- one parcel --------------------------------------------------------------------------------------------------------------------


def _fold(parcel: Parcel, placement: Placement | None) -> None:
    """Go through the steps in the order of their times (carriers.md 6, rules 2-5)."""
    flags: set[str] = set()
    marks = sorted(_marks(parcel, placement, flags))
    if not marks:
        return
    parcel.first = parcel.updated = marks[0].micros
    parcel.shipped_micros = parcel.posted_micros = None
    state: str | None = None
    attention: set[str] = set()
    for mark in _standing(marks):
        word = _WORDS[mark.step.code]
        if word in _SCANS and parcel.shipped_micros is None:
            parcel.shipped_micros = mark.micros
        if word == "posted" and parcel.posted_micros is None:
            parcel.posted_micros = mark.micros
        after = _after(state, word)
        if after != state:
            state, parcel.updated = after, mark.micros
            # Damage stays damage until the parcel has ended; all else is over with the next scan.
            attention = set() if after in ENDED else attention & {"damaged"}
        elif word in _SCANS and word not in _TROUBLE and state == word:
            attention.discard("delayed")
        elif word in _SCANS and state in ENDED and word != state:
            flags.add("late")
        if word in _TROUBLE and state not in (*ENDED, "canceled"):
            attention.add(_TROUBLE[word])
    parcel.state = state or "label_created"
    parcel.attention = frozenset(attention)
    parcel.flags = tuple(sorted(flags))


def _marks(parcel: Parcel, placement: Placement | None, flags: set[str]) -> Iterator[Mark]:
    """Sort the steps by clamped times: a clock that is years off must not hide what came after."""
    placed = None if placement is None else placement.placed_micros
    for key, record in parcel.records:
        source = key.partition("|")[0]
        for event_id, step in record.steps.items():
            micros = step.micros
            if placed is not None:
                if micros > placed + _FUTURE:
                    micros = placed + _FUTURE
                    flags.add("future_time")
                elif micros < placed - _PAST:
                    micros = placed
                    flags.add("past_time")
            yield Mark(micros, _RANKS[step.code], event_id, source, step)


def _standing(marks: Sequence[Mark]) -> Iterator[Mark]:
    """Leave out what corrections take back: the event they name, else the one before of the same source."""
    if all(mark.step.code != CORRECTION for mark in marks):
        yield from marks
        return
    void: set[tuple[str, str]] = set()
    for index, mark in enumerate(marks):
        if mark.step.code != CORRECTION:
            continue
        if mark.step.corrects:
            void.add((mark.source, mark.step.corrects))
            continue
        for earlier in reversed(marks[:index]):
            identity = (earlier.source, earlier.event_id)
            if earlier.source == mark.source and earlier.step.code != CORRECTION and identity not in void:
                void.add(identity)
                break
    for mark in marks:
        if mark.step.code != CORRECTION and (mark.source, mark.event_id) not in void:
            yield mark


def _after(state: str | None, word: str) -> str | None:
    """Say where a parcel is after an event. Its rank falls by a return, and by a scan after it was lost; by nothing else."""
    if word in ("unknown", "delayed"):
        return state
    if state in (None, "label_created", "canceled"):
        # A canceled label is used after all when the carrier scans it. A hold before the posting moves nothing.
        if word in _SCANS or word == "canceled":
            return word
        return "label_created" if state is None and word == "label_created" else state
    if word in ("label_created", "canceled"):
        return state
    match state:
        case "returned":
            return state
        case "delivered":
            return word if word in ("returning", "returned") else state
        case "returning":
            return word if word in ("returned", "delivered", "lost") else state
        case "lost":
            return word if word not in ("lost_suspected", "damaged", "on_hold") else state
        case _:
            return state if word == "posted" else word


# -- units -------------------------------------------------------------------------------------------------------------------------


def _share_out(parcels: Sequence[Parcel], ordered: Mapping[str, int], gone: Mapping[str, Sequence[tuple[int, int]]]) -> None:
    """Give each parcel its units: first those that say what they carry, then all that is left to the first that does not.

    A mere label gives way to a parcel that is on its way: what that one carries was unshipped till then.
    """
    left = dict(ordered)
    for parcel in parcels:
        if parcel.own_items is not None and not parcel.canceled:
            for sku, quantity in parcel.own_items:
                taken = min(quantity, left.get(sku, 0))
                if taken:
                    parcel.items[sku] = taken
                    left[sku] -= taken
    for parcel in sorted(parcels, key=lambda parcel: parcel.first if parcel.shipped_micros is None else parcel.shipped_micros - _NEVER):
        if parcel.own_items is None and not parcel.canceled:
            # What was given back before is not inside; what is given back later has been.
            since = parcel.first if parcel.shipped_micros is None else parcel.shipped_micros
            for sku, quantity in left.items():
                taken = quantity - sum(units for micros, units in gone.get(sku, ()) if micros < since)
                if taken > 0:
                    parcel.items[sku] = taken
                    left[sku] -= taken


# -- the order ---------------------------------------------------------------------------------------------------------------------

_PROGRESS: Final = ("shipped", "in_transit", "ready_for_pickup", "out_for_delivery")
"""How far a parcel is that nothing ails, by what the order shows; the parcel that lags behind counts."""


def _state(parcels: Sequence[Parcel], *, open_units: bool, ordered: Mapping[str, int]) -> str:
    """Say what the order shows; empty while nothing is shipped."""
    covered = _all_told(parcels, ordered)
    counted = [parcel for parcel in parcels if not parcel.canceled and not (covered and _left_over(parcel))]
    states = [parcel.state for parcel in counted]
    if not any(parcel.shipped for parcel in counted):
        return ""
    delivered, returned, lost = states.count("delivered"), states.count("returned"), states.count("lost")
    if not open_units and delivered + returned + lost == len(states):
        if delivered == len(states):
            return "delivered"
        if delivered == 0:
            return "returned" if returned else "lost"
        return "partially_returned" if returned else "partially_delivered"
    if delivered:
        return "partially_delivered"
    if open_units:
        return "partially_shipped"
    moving = [state for state in states if state not in ENDED]
    # One parcel in trouble does not hide that the others get on: attention tells of it.
    well = [_progress(state) for state in moving if state not in _TROUBLE]
    if well:
        return _PROGRESS[min(well)]
    return "returning" if all(state == "returning" for state in moving) else "difficulty"


def _progress(state: str) -> int:
    return _PROGRESS.index(state) if state in _PROGRESS else 0


def _all_told(parcels: Iterable[Parcel], ordered: Mapping[str, int]) -> bool:
    """Say whether all units are in parcels that say what they carry."""
    told: dict[str, int] = {}
    for parcel in parcels:
        if parcel.own_items is not None:
            for sku, quantity in parcel.items.items():
                told[sku] = told.get(sku, 0) + quantity
    return bool(told) and all(told.get(sku, 0) >= quantity for sku, quantity in ordered.items())


def _left_over(parcel: Parcel) -> bool:
    """A mere label is left over when all units are in other parcels that say so: nobody will ever post it."""
    return not parcel.shipped and not parcel.items and parcel.own_items is None
