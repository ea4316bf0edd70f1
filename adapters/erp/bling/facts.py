"""What Bling says of one order -> canonical facts, whichever of its two interfaces said it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.erp.bling.words import NOTE_KINDS
from adapters.parsing import Moment
from schemas.facts import Fact, FiscalFact, FiscalKind, OrderFact, ShipmentFact, parse_fact
from schemas.facts.shipments import Track
from schemas.references import Reference, ReferenceKind

PROVIDER: Final = "bling"

_SALE: Final = "1"
_RETURN: Final = "4"


@dataclass(frozen=True, slots=True)
class Told:
    """When it was told, of which account, and what the order is called."""

    moment: Moment
    account: str | None
    references: tuple[Reference, ...]

    def common(self, event_id: str, *more: Reference) -> dict[str, Any]:
        """Return the fields of every fact."""
        return {
            "event_id": event_id,
            "provider": PROVIDER,
            "account": self.account,
            "references": tuple(dict.fromkeys((*more, *self.references))),
            "occurred_at": self.moment.at,
            # Neither interface says when the situation changed.
            "occurred_at_assumed": True,
        }


def references(*names: tuple[ReferenceKind, str | None]) -> tuple[Reference, ...]:
    """Return the names that are there."""
    return tuple(Reference(kind=kind, value=value) for kind, value in dict.fromkeys(names) if value)


def situation_fact(told: Told, event_id: str, word: str, kind: object, name: str | None) -> Fact:
    """Return what a situation says; `kind` None = only the shop knows.

    An unknown one carries nothing but what every kind of fact has: it may be mapped to one of an order, a parcel or a paper.
    """
    common = told.common(event_id)
    if kind is None:
        return FiscalFact(kind="fiscal.unknown", raw_word=word, reason=name, **common)
    if kind == "order.canceled":
        return OrderFact(kind="order.canceled", raw_word=word, reason="erp_canceled", **common)
    return parse_fact({"kind": kind, "raw_word": word, "reason": name, **common})


def track_facts(told: Told, prefix: str, tracks: Iterable[tuple[str | None, str | None, str | None]]) -> Iterator[ShipmentFact]:
    """Return a fact for each tracking code: (code, service, address)."""
    seen = set()
    for code, title, url in tracks:
        number = (code or "").upper() if (code or "").isascii() else str(code)
        if not number or number in seen:
            continue
        seen.add(number)
        key = Reference(kind="tracking", value=number)
        yield ShipmentFact(
            kind="shipment.label_created",
            shipment_key=key,
            tracks=(Track(number=number, title=title, url=address(url)),),
            raw_word="codigoRastreamento",
            **told.common(f"{prefix}:track:{number}", key),
        )


def address(url: str | None) -> str | None:
    """Return an address of the web, or nothing: what else is typed there is not for a link."""
    return url if url and url.startswith(("https://", "http://")) and url.isprintable() and " " not in url else None


def without_left_zeros(digits: str | None) -> str | None:
    """Return a number as an access key's fields have it."""
    return None if digits is None else digits.lstrip("0") or "0"


def note_fact(
    told: Told, event_id: str, situation: str, word: str, purpose: tuple[str | None, str | None], paper: Mapping[str, Any]
) -> FiscalFact | None:
    """Return what the situation of a note says; None = nothing about a sale. `purpose`: finalidade and tipo."""
    key, original = paper.get("access_key"), paper.get("original_access_key")
    kind = _note_kind(NOTE_KINDS.get(situation, "fiscal.unknown"), *purpose, taken_back=original is not None)
    if kind is None:
        return None
    keys = references(("access_key", key), ("access_key", original))
    if kind == "fiscal.canceled" and not _is_sale(*purpose):
        # It speaks of itself alone: the sale's order has lost no note by it.
        told, keys = Told(told.moment, told.account, ()), keys[:1]
    common = told.common(event_id, *keys)
    if not common["references"]:
        return None
    return FiscalFact(kind=kind, raw_word=word, evidence="erp_notice", **paper, **common)


def _note_kind(kind: FiscalKind, purpose: str | None, direction: str | None, *, taken_back: bool) -> FiscalKind | None:
    """Choose by purpose (finalidade) and direction (tipo): only an outgoing note of purpose 1 is a sale (erp.md R8)."""
    if _is_sale(purpose, direction) or kind == "fiscal.canceled":
        return kind
    if kind != "fiscal.issued":
        return None
    if purpose == _RETURN or (purpose in (None, _SALE) and taken_back):
        return "fiscal.returned"
    return "fiscal.corrected" if taken_back else None


def _is_sale(purpose: str | None, direction: str | None) -> bool:
    return purpose in (None, _SALE) and direction != "0"
