"""Tax papers in the ledger: what each source says of one note, merged by access key or by the ERP's own id.

Which records are one paper, and what the papers of an order amount to, is computed: see `hub.domain.fiscal`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from hub.domain.instants import to_micros
from hub.domain.parcels import Units, units_of
from schemas.facts import FiscalFact

MANUAL: Final = "manual"
"""The source of what a person says of a paper."""

REQUESTED, REJECTED, DENIED, ISSUED, CANCELED = "a", "b", "c", "d", "e"
"""States of a sale note by rank: the letters sort as the ranks do."""

RETURNED: Final = "r"
"""The paper itself is a return note: it takes a sale note back, and never counts as one."""

CORRECTED: Final = "k"
"""A letter of correction (CC-e): history only. The last one counts, all other marks keep their earliest time."""

MARKS: Final[Mapping[str, str]] = {
    "fiscal.requested": REQUESTED,
    "fiscal.rejected": REJECTED,
    "fiscal.denied": DENIED,
    "fiscal.issued": ISSUED,
    "fiscal.canceled": CANCELED,
    "fiscal.returned": RETURNED,
    "fiscal.corrected": CORRECTED,
}

EVIDENCE: Final = ("", "manual", "erp_notice", "nfe_proc")
"""What a word on a paper rests on, weakest first; the XML upgrades the notice."""


class Told(NamedTuple):
    """What was said of a paper on one kind of evidence."""

    total_cents: int | None = None
    number: str | None = None
    series: str | None = None
    issued_micros: int | None = None
    items: Units | None = None


@dataclass(slots=True)
class PaperRecord:
    """All that is said of one paper. `marks`: state letter -> when. `told`: by evidence, the strongest that says a thing counts."""

    marks: dict[str, int] = field(default_factory=dict)
    told: dict[int, Told] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()
    homologation: bool = False
    evidence: int = 0


def paper_key(fact: FiscalFact) -> str:
    """Name the record a fiscal fact belongs to: access key, else the source's id or number of the paper."""
    if fact.access_key is not None:
        return f"ak:{fact.access_key}"
    provider = fact.provider.replace("|", "/")
    if fact.document_id is not None:
        return f"{provider}|id:{fact.document_id}"
    if fact.number is not None:
        return f"{provider}|no:{fact.series or ''}/{fact.number}"
    return f"{provider}|"


def merge_fact(papers: dict[str, PaperRecord], fact: FiscalFact) -> None:
    """Merge one fact of a known kind."""
    key = paper_key(fact)
    record = papers.setdefault(key, PaperRecord())
    add_mark(record, MARKS[fact.kind], to_micros(fact.occurred_at))
    if fact.access_key is not None and fact.document_id is not None:
        add_name(record, f"{fact.provider.replace('|', '/')}|id:{fact.document_id}")
    evidence = 0 if fact.evidence is None else EVIDENCE.index(fact.evidence)
    if fact.kind == "fiscal.issued":
        record.evidence = max(record.evidence, evidence)
    issued_at = None if fact.issued_at is None else to_micros(fact.issued_at)
    add_told(record, evidence, Told(fact.total_cents, fact.number, fact.series, issued_at, units_of(fact.items) or None))
    if fact.original_access_key is not None and fact.original_access_key not in record.originals:
        record.originals = tuple(sorted((*record.originals, fact.original_access_key)))
    if fact.environment == "homologation":
        record.homologation = True


def add_mark(record: PaperRecord, mark: str, micros: int) -> None:
    """Mark a state: a rank once reached is kept, with the time at which it was reached first."""
    known = record.marks.get(mark)
    if known is None or (micros > known if mark == CORRECTED else micros < known):
        record.marks[mark] = micros


def add_name(record: PaperRecord, name: str) -> None:
    """Learn another name of the paper."""
    if name not in record.names:
        record.names = tuple(sorted({*record.names, name}))


def add_told(record: PaperRecord, evidence: int, told: Told) -> None:
    """Merge field by field; two readings on equal evidence are a source's slip, and the larger is kept."""
    if all(value is None for value in told):
        return
    known = record.told.get(evidence)
    if known is not None:
        told = Told(*[_larger(old, new) for old, new in zip(known, told, strict=True)])
    record.told[evidence] = told


def _larger(old: Any, new: Any) -> Any:
    if old is None or new is None:
        return new if old is None else old
    return max(old, new)


def record_out(record: PaperRecord) -> dict[str, Any]:
    """Write a record for the ledger's JSON."""
    document: dict[str, Any] = {"m": record.marks}
    if record.told:
        document["t"] = {str(evidence): _trimmed(told) for evidence, told in record.told.items()}
    if record.names:
        document["n"] = record.names
    if record.originals:
        document["o"] = record.originals
    if record.homologation:
        document["h"] = 1
    if record.evidence:
        document["e"] = record.evidence
    return document


def _trimmed(told: Told) -> tuple[Any, ...]:
    values = tuple(told)
    while values and values[-1] is None:
        values = values[:-1]
    return values


def record_in(document: dict[str, Any]) -> PaperRecord:
    """Read a record that `record_out` wrote."""
    return PaperRecord(
        dict(document["m"]),
        {int(evidence): _told(*values) for evidence, values in document.get("t", {}).items()},
        tuple(document.get("n", ())),
        tuple(document.get("o", ())),
        "h" in document,
        document.get("e", 0),
    )


def _told(
    total: int | None = None,
    number: str | None = None,
    series: str | None = None,
    issued: int | None = None,
    items: list[list[Any]] | None = None,
) -> Told:
    return Told(total, number, series, issued, None if items is None else tuple([(sku, quantity) for sku, quantity in items]))
