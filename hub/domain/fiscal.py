"""The tax papers of an order: which records are one paper, what state each has, and what they amount to (erp.md R4-R10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub.domain.joining import joined
from hub.domain.papers import (
    CANCELED,
    DENIED,
    EVIDENCE,
    ISSUED,
    MANUAL,
    REJECTED,
    REQUESTED,
    RETURNED,
    PaperRecord,
    Told,
)
from hub.domain.parcels import Units
from hub.domain.references import own_id

_STATES: Final[Mapping[str, str]] = {
    REQUESTED: "requested",
    REJECTED: "rejected",
    DENIED: "denied",
    ISSUED: "issued",
    CANCELED: "canceled",
    RETURNED: "returned",
}

_FIRST_OF_ALL: Final = ("issued", "returned", "canceled", "denied", "rejected", "requested")
"""What an order shows when its sale notes stand differently."""

_FAR_ABOVE: Final = 105
"""Per cent of what is due from which notes are so much too high that a person must look before anything is shipped."""


@dataclass(slots=True)
class Paper:
    """One paper while the view is computed. `sale`: it counts as a sale note, unless it is `ignored`."""

    id: str
    access_key: str | None
    state: str
    sale: bool
    evidence: str | None
    marks: Mapping[str, int]
    total_cents: int | None = None
    number: str | None = None
    series: str | None = None
    issued_micros: int | None = None
    items: Units | None = None
    originals: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    taken_back: bool = False

    @property
    def first(self) -> int:
        """When it was first heard of."""
        return min(self.marks.values())

    @property
    def counts(self) -> bool:
        """Whether it is an authorized sale note that nothing has taken back."""
        return self.sale and self.state == "issued" and not self.taken_back


@dataclass(frozen=True, slots=True)
class Fiscal:
    """What the papers of an order amount to. `value` compares the sale notes with what is due: far_above, above, below or empty."""

    papers: Sequence[Paper] = ()
    state: str = "none"
    notes_cents: int = 0
    value: str = ""
    duplicates: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


NOTHING: Final = Fiscal()


def fiscal_of(
    records: Mapping[str, PaperRecord], ordered: Mapping[str, int], due_cents: int, *, tolerance_cents: int, homologation: bool
) -> Fiscal:
    """Compute the papers and what they amount to. `ordered` are the units per item, virtual ones too."""
    papers = [_paper(members, homologation=homologation) for members in _same_paper(records)]
    papers.sort(key=lambda paper: (paper.first, paper.id))
    _take_back(papers, ordered)
    sales = [paper for paper in papers if paper.sale and paper.state != "ignored"]
    counting = [paper for paper in sales if paper.counts]
    states = {"returned" if paper.taken_back and paper.state == "issued" else paper.state for paper in sales}
    state = next((state for state in _FIRST_OF_ALL if state in states), "none")
    notes = sum(paper.total_cents or 0 for paper in counting)
    value = _value(counting, ordered, notes, due_cents, tolerance_cents)
    flags = []
    if value == "above":
        flags.append("value_above")
    if state == "issued" and any(paper.state == "returned" for paper in papers):
        flags.append("partial_return")
    return Fiscal(papers, state, notes, value, _duplicates(counting, due_cents, tolerance_cents), tuple(flags))


def _same_paper(records: Mapping[str, PaperRecord]) -> list[list[tuple[str, PaperRecord]]]:
    """Put together the records that name one another, and a paper that a person only said to exist with the one that proves it."""
    groups = joined(({key, *record.names}, (key, record)) for key, record in sorted(records.items()))
    if len(groups) < 2:
        return groups
    said = [members for members in groups if all(key.startswith(f"{MANUAL}|") for key, _ in members)]
    proven = [members for members in groups if members not in said]
    proven.sort(key=lambda members: (min(min(record.marks.values()) for _, record in members), members[0][0]))
    for members in said:
        numbers = {told.number for _, record in members for told in record.told.values() if told.number is not None}
        match = next((other for other in proven if ISSUED in _marks(other) and _fits(numbers, other)), None)
        if match is None:
            proven.append(members)
        else:
            match.extend(members)
    return proven


def _fits(numbers: set[str], members: Sequence[tuple[str, PaperRecord]]) -> bool:
    known = {told.number for _, record in members for told in record.told.values() if told.number is not None}
    return not numbers or not known or bool(numbers & known)


def _marks(members: Sequence[tuple[str, PaperRecord]]) -> dict[str, int]:
    marks: dict[str, int] = {}
    for _, record in members:
        for mark, micros in record.marks.items():
            marks[mark] = min(micros, marks.get(mark, micros))
    return marks


def _paper(members: Sequence[tuple[str, PaperRecord]], *, homologation: bool) -> Paper:
    marks = _marks(members)
    keys = sorted(key[3:] for key, _ in members if key.startswith("ak:"))
    access_key = keys[0] if keys else None
    first = min(members, key=lambda member: (member[0].startswith(f"{MANUAL}|"), member[0]))[0]
    provider, _, word = first.partition("|")
    originals = tuple(sorted({original for _, record in members for original in record.originals}))
    if any(record.homologation for _, record in members) != homologation:
        state = "ignored"
    elif RETURNED in marks:
        state = "returned"
    else:
        # A letter of correction is written for a note that stands, and says no more of it than that.
        state = _STATES[max((mark for mark in marks if mark in _STATES), default=ISSUED)]
    evidence = max(record.evidence for _, record in members)
    told = _told(members)
    return Paper(
        access_key or own_id(provider, word),
        access_key,
        state,
        RETURNED not in marks and not originals and not marks.keys().isdisjoint(_STATES),
        EVIDENCE[evidence] or None,
        marks,
        *told,
        originals=originals,
        keys=tuple([key for key, _ in members]),
    )


def _told(members: Sequence[tuple[str, PaperRecord]]) -> Told:
    """Take each figure from the strongest evidence that gives it."""
    best: list[tuple[int, object]] = [(-1, None)] * len(Told._fields)
    for _, record in members:
        for evidence, told in record.told.items():
            for index, value in enumerate(told):
                if value is not None and (best[index][0] < evidence or (best[index][0] == evidence and str(value) > str(best[index][1]))):
                    best[index] = (evidence, value)
    return Told(*[value for _, value in best])  # type: ignore[arg-type]


def _take_back(papers: Sequence[Paper], ordered: Mapping[str, int]) -> None:
    """Mark the sale notes that return notes take back as a whole; a part of one takes back nothing."""
    for sale in papers:
        notes = [paper for paper in papers if paper.state == "returned" and sale.access_key in paper.originals]
        if sale.sale and notes:
            sale.taken_back = _covers(notes, dict(sale.items) if sale.items else ordered, sale.total_cents)


def _covers(notes: Sequence[Paper], units: Mapping[str, int], total_cents: int | None) -> bool:
    listed = [note for note in notes if note.items is not None]
    if listed and _all_units(listed, units):
        return True
    totals = [note.total_cents for note in notes]
    return total_cents is not None and None not in totals and sum(total or 0 for total in totals) >= total_cents


def _all_units(papers: Sequence[Paper], units: Mapping[str, int]) -> bool:
    """Say whether the papers list all units: item by item, or, as an ERP may have item codes of its own, in number."""
    listed: dict[str, int] = {}
    for paper in papers:
        for sku, quantity in paper.items or ():
            listed[sku] = listed.get(sku, 0) + quantity
    if all(listed.get(sku, 0) >= quantity for sku, quantity in units.items()):
        return True
    return not listed.keys() & units.keys() and sum(listed.values()) >= sum(units.values())


def _value(counting: Sequence[Paper], ordered: Mapping[str, int], notes: int, due: int, tolerance: int) -> str:
    """Compare the authorized sale notes with what is due (rules.md, Fiscal)."""
    if not counting:
        return ""
    if notes > due + tolerance:
        return "far_above" if notes * 100 > due * _FAR_ABOVE else "above"
    if notes < due - tolerance and all(paper.total_cents is not None for paper in counting):
        # A note that does not list its items is taken to be of all of them.
        whole = any(paper.items is None for paper in counting) or _all_units(counting, ordered)
        return "below" if whole else ""
    return ""


def _duplicates(counting: Sequence[Paper], due: int, tolerance: int) -> tuple[str, ...]:
    """Name the notes beyond the first when any of them is of the whole order: then they are no parts of it."""
    if len(counting) < 2 or all(paper.total_cents is not None and paper.total_cents < due - tolerance for paper in counting):
        return ()
    return tuple(paper.id for paper in counting[1:])
