"""What Omie says of one order -> canonical facts, whether a webhook or an answer said it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.parsing import Moment
from schemas.facts import Fact, FiscalFact, OrderFact, parse_fact
from schemas.references import Reference, ReferenceKind

PROVIDER: Final = "omie"

STAGES: Final[Mapping[str, str]] = {"10": "order.accepted", "60": "order.accepted"}
"""All others mean what the account makes of them; 60 is a hint at a note, and no more."""


@dataclass(frozen=True, slots=True)
class Told:
    """When it was told, by which app, and what the order is called."""

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
            "occurred_at_assumed": self.moment.assumed,
        }


def references(*names: tuple[ReferenceKind, str | None]) -> tuple[Reference, ...]:
    """Return the names that are there."""
    return tuple(Reference(kind=kind, value=value) for kind, value in dict.fromkeys(names) if value)


def canceled_fact(told: Told, order: str, word: str) -> OrderFact:
    """Return that the ERP has canceled the order; what it means for money and goods the hub decides."""
    return OrderFact(kind="order.canceled", raw_word=word, reason="erp_canceled", **told.common(f"pedido:{order}:cancelada"))


def stage_fact(told: Told, order: str, stage: str, name: str | None, stages: Mapping[str, object]) -> Fact:
    """Return what a stage says. An unknown one carries only what every fact has: it may be mapped to one of any family."""
    kind, word = stages.get(stage) or STAGES.get(stage), f"etapa {stage}"
    common = told.common(f"pedido:{order}:etapa:{stage}")
    if kind is None:
        return FiscalFact(kind="fiscal.unknown", raw_word=word, reason=name, **common)
    return parse_fact({"kind": kind, "raw_word": word, "reason": name, **common})


def said_yes(flag: str | None) -> bool:
    """Say whether a flag is S."""
    return flag is not None and flag.casefold() == "s"


def bare(digits: str | None) -> str | None:
    """Return a number without the zeros that fill it."""
    return None if digits is None else digits.lstrip("0") or "0"
