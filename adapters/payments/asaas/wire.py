"""Asaas' spelling: an event and its charge, only the fields we read."""

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WrapValidator

from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeKey, NativeText, Reais, optional, or_none, read_date, read_moment
from schemas.base import Lenient


def _moment(value: object) -> Moment:
    return read_moment(value, SAO_PAULO)


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


OptionalMoment = Annotated[Moment | None, PlainValidator(optional(_moment)), WrapValidator(or_none)]
OptionalDay = Annotated[date | None, PlainValidator(optional(read_date)), WrapValidator(or_none)]
OptionalReais = Annotated[Reais | None, BeforeValidator(optional(lambda value: value))]
InformingReais = Annotated[Reais | None, WrapValidator(or_none)]


class Refund(Lenient):
    """One entry of payment.refunds. It has no id. `status` is an open word."""

    value: Reais
    status: NativeId = "DONE"
    dateCreated: NativeText = None


class Payment(Lenient):
    """A charge. `status` and `billingType` are open words."""

    id: NativeKey
    status: NativeId = None
    value: OptionalReais = None
    originalValue: OptionalReais = None
    netValue: InformingReais = None
    billingType: NativeId = None
    externalReference: NativeText = None
    dueDate: OptionalDay = None
    creditDate: OptionalDay = None
    refunds: Annotated[tuple[Any, ...] | None, BeforeValidator(_as_tuple)] = None

    @property
    def debt_cents(self) -> int | None:
        """The part of the debt that the charge settles: without the interest of a late payer, with the discount of an early one."""
        return self.originalValue or self.value


class Event(Lenient):
    """https://docs.asaas.com/docs/webhook-para-cobrancas: the envelope."""

    id: NativeKey
    event: NativeKey
    dateCreated: OptionalMoment = None
    payment: dict[str, Any] | None = None
