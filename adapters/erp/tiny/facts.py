"""What Tiny says of one order -> canonical facts, whether a webhook or an answer said it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from adapters.erp.tiny.words import SITUATIONS, code_of
from schemas.facts import Fact, FiscalFact, OrderFact, ShipmentFact, parse_fact
from schemas.facts.shipments import Track
from schemas.references import Reference, ReferenceKind

PROVIDER: Final = "tiny"


@dataclass(frozen=True, slots=True)
class Told:
    """When it was received, of which company, and what the order is called."""

    received_at: datetime
    account: str | None
    references: tuple[Reference, ...]

    def common(self, event_id: str, *more: Reference) -> dict[str, Any]:
        """Return the fields of every fact."""
        return {
            "event_id": event_id,
            "provider": PROVIDER,
            "account": self.account,
            "references": tuple(dict.fromkeys((*more, *self.references))),
            "occurred_at": self.received_at,
            "occurred_at_assumed": True,
        }


def references(*names: tuple[ReferenceKind, str | None]) -> tuple[Reference, ...]:
    """Return the names that are there."""
    return tuple(Reference(kind=kind, value=value) for kind, value in dict.fromkeys(names) if value)


def situation_fact(told: Told, order: str, situation: str) -> Fact:
    """Return what a situation says. An unknown one carries only what every fact has: it may be mapped to one of any family."""
    code = code_of(situation)
    common = told.common(f"pedido:{order}:{code}")
    kind, word = SITUATIONS.get(code), f"situacao {situation}"
    if kind is None:
        return FiscalFact(kind="fiscal.unknown", raw_word=word, **common)
    if kind == "order.canceled":
        return OrderFact(kind="order.canceled", raw_word=word, reason="erp_canceled", **common)
    return parse_fact({"kind": kind, "raw_word": word, **common})


def track_fact(told: Told, order: str, code: str, *, title: str | None, url: str | None) -> ShipmentFact:
    """Return that a parcel is known; it ships nothing (rules.md, Shipments)."""
    number = code.upper() if code.isascii() else code
    key = Reference(kind="tracking", value=number)
    safe = url if url and url.startswith(("https://", "http://")) and url.isprintable() and " " not in url else None
    return ShipmentFact(
        kind="shipment.label_created",
        shipment_key=key,
        tracks=(Track(number=number, title=title, url=safe),),
        raw_word="rastreio",
        **told.common(f"pedido:{order}:rastreio:{number}", key),
    )


def requested_fact(told: Told, note: str) -> FiscalFact:
    """Return that there is a note, and nobody has said yet how it stands."""
    return FiscalFact(kind="fiscal.requested", document_id=note, raw_word="idNotaFiscal", **told.common(f"nota:{note}:requested"))
