"""PagBank's spelling: orders and charges, only the fields we read. Source: https://developer.pagbank.com.br/reference/objeto-charge."""

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, WrapValidator

from adapters.parsing import (
    SAO_PAULO,
    Moment,
    NativeCents,
    NativeId,
    NativeKey,
    NativeText,
    optional,
    or_none,
    read_date,
    read_moment,
)  # fmt: skip
from schemas.base import Lenient


def _moment(value: object) -> Moment:
    return read_moment(value, SAO_PAULO)


def _as_tuple(value: object) -> object:
    return () if value is None else tuple(value) if isinstance(value, list) else value


OptionalMoment = Annotated[Moment | None, PlainValidator(optional(_moment))]
OptionalCents = Annotated[NativeCents | None, BeforeValidator(optional(lambda value: value))]


class Summary(Lenient):
    """charge.amount.summary: all figures cumulative."""

    paid: OptionalCents = None
    refunded: OptionalCents = None


class Amount(Lenient):
    """charge.amount."""

    value: OptionalCents = None
    currency: NativeId = None
    summary: Summary | None = None


class PaymentResponse(Lenient):
    """charge.payment_response: why a charge was refused."""

    code: NativeText = None
    message: NativeText = None


class Boleto(Lenient):
    """charge.payment_method.boleto."""

    due_date: Annotated[date | None, PlainValidator(optional(read_date)), WrapValidator(or_none)] = None


class PixOfCharge(Lenient):
    """charge.payment_method.pix."""

    end_to_end_id: NativeId = None


class Means(Lenient):
    """charge.payment_method."""

    type: NativeId = None
    installments: Annotated[int | None, Field(ge=1, le=99), WrapValidator(or_none)] = None
    boleto: Annotated[Boleto | None, WrapValidator(or_none)] = None
    pix: Annotated[PixOfCharge | None, WrapValidator(or_none)] = None


class OrderNames(Lenient):
    """What an order is called."""

    id: NativeId = None
    reference_id: NativeText = None


class Charge(Lenient):
    """https://developer.pagbank.com.br/reference/objeto-charge. `status` and `payment_method.type` are open words."""

    id: NativeKey
    status: NativeKey
    reference_id: NativeText = None
    created_at: OptionalMoment = None
    paid_at: OptionalMoment = None
    amount: Amount
    payment_response: Annotated[PaymentResponse | None, WrapValidator(or_none)] = None
    payment_method: Annotated[Means | None, WrapValidator(or_none)] = None

    @property
    def paid_cents(self) -> int:
        """What was paid; 0 = nothing."""
        return (self.amount.summary and self.amount.summary.paid) or 0

    @property
    def refunded_cents(self) -> int:
        """What went back so far."""
        return (self.amount.summary and self.amount.summary.refunded) or 0


class Order(OrderNames):
    """https://developer.pagbank.com.br/reference/objeto-order. Charges are read one by one."""

    charges: Annotated[tuple[Any, ...], BeforeValidator(_as_tuple)] = ()


class ChargeOfChargeback(Lenient):
    """The charge a chargeback is about, as far as its answer names it."""

    id: NativeId = None


class Chargeback(Lenient):
    """A chargeback. Not verified: field names of the charge are tried in several spellings."""

    id: NativeKey
    status: NativeId = None
    charge_id: NativeId = None
    charge: Annotated[ChargeOfChargeback | None, WrapValidator(or_none)] = None
    charges: Annotated[tuple[ChargeOfChargeback, ...] | None, BeforeValidator(_as_tuple), WrapValidator(or_none)] = None
    amount: Annotated[Amount | None, WrapValidator(or_none)] = None
    created_at: Annotated[Moment | None, PlainValidator(optional(_moment)), WrapValidator(or_none)] = None
