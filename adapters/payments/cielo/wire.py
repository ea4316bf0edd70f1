"""Cielo's spelling: a notice, and a sale as GET /1/sales/{PaymentId} shows it. Only the fields we read."""

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
InformingMoment = Annotated[Moment | None, PlainValidator(optional(_moment)), WrapValidator(or_none)]
OptionalCents = Annotated[NativeCents | None, BeforeValidator(optional(lambda value: value))]
Items = Annotated[tuple[Any, ...], BeforeValidator(_as_tuple)]


class Notice(Lenient):
    """https://docs.cielo.com.br/ecommerce-cielo/reference/notificacao."""

    PaymentId: NativeId = None
    RecurrentPaymentId: NativeId = None
    ChangeType: NativeId = None


class Refund(Lenient):
    """One entry of Payment.Refunds."""

    Amount: NativeCents
    Status: NativeKey
    ReceivedDate: NativeText = None


class Chargeback(Lenient):
    """One entry of Payment.Chargebacks."""

    Amount: Annotated[NativeCents | None, WrapValidator(or_none)] = None
    CaseNumber: NativeId = None
    Date: Annotated[date | None, PlainValidator(optional(read_date)), WrapValidator(or_none)] = None
    Status: NativeId = None
    ReasonCode: NativeText = None


class Payment(Lenient):
    """Sale.Payment. `Status` and `Type` are open words; a status is a number."""

    PaymentId: NativeKey
    Type: NativeId = None
    Status: NativeKey
    Amount: OptionalCents = None
    CapturedAmount: OptionalCents = None
    VoidedAmount: OptionalCents = None
    Currency: NativeId = None
    Installments: Annotated[int | None, Field(ge=1, le=99), WrapValidator(or_none)] = None
    ReceivedDate: OptionalMoment = None
    CapturedDate: OptionalMoment = None
    VoidedDate: OptionalMoment = None
    ExpirationDate: Annotated[date | None, PlainValidator(optional(read_date)), WrapValidator(or_none)] = None
    ReturnCode: NativeText = None
    ReturnMessage: NativeText = None
    Refunds: Items = ()
    Chargebacks: Items = ()
    FraudAlert: Annotated[dict[str, Any] | None, WrapValidator(or_none)] = None


class Sale(Lenient):
    """https://docs.cielo.com.br/ecommerce-cielo/reference/consulta-paymentid."""

    MerchantOrderId: NativeText = None
    Payment: Payment
