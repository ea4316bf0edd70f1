"""Canonical facts: what adapters say happened. One model per family, closed kinds (contract.md)."""

from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from schemas.facts.fiscal import FISCAL_KINDS, FiscalFact, FiscalKind
from schemas.facts.orders import ORDER_KINDS, OrderFact, OrderKind
from schemas.facts.payments import PAYMENT_KINDS, PaymentFact, PaymentKind
from schemas.facts.shipments import SHIPMENT_KINDS, ShipmentFact, ShipmentKind

Fact = PaymentFact | ShipmentFact | FiscalFact | OrderFact
FactKind = PaymentKind | ShipmentKind | FiscalKind | OrderKind

FACT_KINDS: Final[tuple[str, ...]] = PAYMENT_KINDS + SHIPMENT_KINDS + FISCAL_KINDS + ORDER_KINDS

_FACT: Final[TypeAdapter[Fact]] = TypeAdapter(Annotated[Fact, Field(discriminator="kind")])


def parse_fact(document: object) -> Fact:
    """Read a fact back from its canonical JSON document. Raises: pydantic.ValidationError."""
    return _FACT.validate_python(document)


__all__ = [
    "FACT_KINDS",
    "FISCAL_KINDS",
    "ORDER_KINDS",
    "PAYMENT_KINDS",
    "SHIPMENT_KINDS",
    "Fact",
    "FactKind",
    "FiscalFact",
    "FiscalKind",
    "OrderFact",
    "OrderKind",
    "PaymentFact",
    "PaymentKind",
    "ShipmentFact",
    "ShipmentKind",
    "parse_fact",
]  # fmt: skip
