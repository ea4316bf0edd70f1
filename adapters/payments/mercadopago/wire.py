"""Mercado Pago's spelling: what is read from notices and answers, only the fields we need.

Source: https://www.mercadopago.com.br/developers/pt/reference, read 2026-11-20.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, WrapValidator

from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeKey, NativeText, Reais, optional, or_none, read_moment
from schemas.base import Lenient


def _moment(value: object) -> Moment:
    # An offset is always there; should it go missing, it is Mercado Pago's own wall clock in Brazil.
    return read_moment(value, SAO_PAULO)


def _empty(value: object) -> object:
    return {} if value is None else value


def _as_tuple(value: object) -> object:
    # A null is an empty list. Only lists are read: pydantic would take a text apart, or an object for its names.
    return () if value is None else tuple(value) if isinstance(value, list) else value


def _number_is_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


OptionalMoment = Annotated[Moment | None, PlainValidator(optional(_moment))]
InformingMoment = Annotated[Moment | None, PlainValidator(optional(_moment)), WrapValidator(or_none)]
OptionalReais = Annotated[Reais | None, BeforeValidator(optional(lambda value: value))]
InformingReais = Annotated[Reais | None, WrapValidator(or_none)]
Items = Annotated[tuple[Any, ...], BeforeValidator(_as_tuple)]


class NoticeData(Lenient):
    """data of a webhook. `payment_id` and `merchant_order` ride along in a few topics."""

    id: NativeId = None
    payment_id: Annotated[NativeId, WrapValidator(or_none)] = None
    merchant_order: Annotated[NativeId, WrapValidator(or_none)] = None


class Notice(Lenient):
    """A webhook (`type`, `action`, `data`) or an IPN notice (`topic`, `resource`)."""

    type: NativeId = None
    topic: NativeId = None
    action: NativeId = None
    resource: Annotated[str | None, BeforeValidator(_number_is_text)] = None
    date_created: InformingMoment = None
    user_id: Annotated[NativeId, WrapValidator(or_none)] = None
    data: Annotated[NoticeData, BeforeValidator(_empty)] = NoticeData()


class Refund(Lenient):
    """One entry of payment.refunds. `status` is an open word; an old entry has none and is done."""

    id: NativeKey
    amount: Reais
    status: NativeId = "approved"
    date_created: InformingMoment = None


class OrderOfPayment(Lenient):
    """payment.order: the merchant order, or the order of the Orders API."""

    id: NativeId = None


class Details(Lenient):
    """payment.transaction_details."""

    total_paid_amount: InformingReais = None


class Fee(Lenient):
    """payment.fee_details[]."""

    amount: Annotated[Decimal | int | None, WrapValidator(or_none)] = None
    fee_payer: NativeText = None


class TransactionData(Lenient):
    """payment.point_of_interaction.transaction_data."""

    e2e_id: NativeId = None


class PointOfInteraction(Lenient):
    """payment.point_of_interaction."""

    transaction_data: Annotated[TransactionData | None, WrapValidator(or_none)] = None


class Payment(Lenient):
    """https://www.mercadopago.com.br/developers/pt/reference/payments/_payments_id/get. `status` and `status_detail` are open words."""

    id: NativeKey
    status: NativeKey
    status_detail: NativeId = None
    transaction_amount: OptionalReais = None
    transaction_amount_refunded: OptionalReais = None
    currency_id: NativeId = None
    payment_method_id: NativeId = None
    payment_type_id: NativeId = None
    installments: Annotated[int | None, Field(ge=1, le=99), WrapValidator(or_none)] = None
    external_reference: NativeText = None
    collector_id: Annotated[NativeId, WrapValidator(or_none)] = None
    order: Annotated[OrderOfPayment | None, WrapValidator(or_none)] = None
    transaction_details: Annotated[Details | None, WrapValidator(or_none)] = None
    fee_details: Annotated[list[Fee] | None, WrapValidator(or_none)] = None
    refunds: Items = ()
    point_of_interaction: Annotated[PointOfInteraction | None, WrapValidator(or_none)] = None
    date_created: OptionalMoment = None
    date_approved: OptionalMoment = None
    date_last_updated: OptionalMoment = None
    date_of_expiration: InformingMoment = None
    money_release_date: InformingMoment = None


class MerchantOrder(Lenient):
    """https://www.mercadopago.com.br/developers/pt/reference/merchant_orders/_merchant_orders_id/get. Its payments are read one by one."""

    id: NativeKey
    external_reference: NativeText = None
    payments: Items = ()


class OrderPaymentMethod(Lenient):
    """order.transactions.payments[].payment_method."""

    id: NativeId = None
    type: NativeId = None
    installments: Annotated[int | None, Field(ge=1, le=99), WrapValidator(or_none)] = None


class OrderPayment(Lenient):
    """order.transactions.payments[]. Amounts are texts in reais."""

    id: NativeKey
    status: NativeKey
    status_detail: NativeId = None
    amount: OptionalReais = None
    paid_amount: OptionalReais = None
    refunded_amount: OptionalReais = None
    date_of_expiration: InformingMoment = None
    payment_method: Annotated[OrderPaymentMethod | None, WrapValidator(or_none)] = None


class OrderRefund(Lenient):
    """order.transactions.refunds[]: `transaction_id` is the payment it gives back."""

    id: NativeKey
    transaction_id: NativeId = None
    amount: Reais
    status: NativeId = None


class Transactions(Lenient):
    """order.transactions."""

    payments: Items = ()
    refunds: Items = ()


class Order(Lenient):
    """https://www.mercadopago.com.br/developers/pt/reference/order/online-payments/get-order/get: an order of the Orders API."""

    id: NativeKey
    status: NativeKey
    status_detail: NativeId = None
    external_reference: NativeText = None
    total_amount: OptionalReais = None
    currency: NativeId = None
    user_id: Annotated[NativeId, WrapValidator(or_none)] = None
    created_date: OptionalMoment = None
    last_updated_date: OptionalMoment = None
    transactions: Annotated[Transactions, BeforeValidator(_empty)] = Transactions()


class Chargeback(Lenient):
    """https://www.mercadopago.com.br/developers/pt/reference/chargebacks/_chargebacks_id/get."""

    id: NativeKey
    payments: Items
    amount: InformingReais = None
    currency: NativeId = None
    coverage_applied: Annotated[bool | None, WrapValidator(or_none)] = None
    documentation_status: NativeText = None
    date_created: OptionalMoment = None
    date_last_updated: OptionalMoment = None


class Resolution(Lenient):
    """claim.resolution: who the decision was for."""

    benefited: Annotated[tuple[NativeId, ...] | None, BeforeValidator(_as_tuple), WrapValidator(or_none)] = ()
    reason: NativeText = None
    date_created: InformingMoment = None


class Claim(Lenient):
    """https://www.mercadopago.com.br/developers/pt/reference (reclamações). Not verified: known from public integrations only."""

    id: NativeKey
    resource: NativeId = None
    resource_id: NativeId = None
    status: NativeId = None
    resolution: Annotated[Resolution | None, WrapValidator(or_none)] = None
    date_created: InformingMoment = None
    last_updated: InformingMoment = None
