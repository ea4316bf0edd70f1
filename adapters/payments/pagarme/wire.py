"""Pagar.me's spelling: objects of the Core API v5, only the fields we read. Source: https://docs.pagar.me/reference."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainValidator, WrapValidator

from adapters.parsing import (
    SAO_PAULO,
    Moment,
    NativeCents,
    NativeId,
    NativeText,
    ShortIdentifier,
    end_of_day,
    optional,
    or_none,
    read_date,
    read_moment,
)  # fmt: skip
from schemas.base import Lenient

CARD_METHODS: Final = frozenset({"credit_card", "debit_card", "private_label", "voucher"})
"""Methods that are authorized first and captured later, in part or whole."""

_NEVER: Final = ("0000", "0001", "1900")
"""Years by which the server's platform says that there is no date."""


def _moment(value: object) -> Moment | None:
    # Both `...Z` with seven fractional digits and naive times are sent; naive ones are taken to be UTC.
    if isinstance(value, str) and value.startswith(_NEVER):
        return None
    return read_moment(value, UTC)


def _due_at(value: object) -> datetime:
    """Read a due date: it is a day, and the payer has all of it, in São Paulo.

    It comes naive or as midnight UTC when the merchant gave a date, else as an instant, whose day in São Paulo counts.
    """
    moment = read_moment(value, SAO_PAULO)
    midnight = moment.at.astimezone(UTC).time().isoformat() == "00:00:00"
    return end_of_day(read_date(value) if moment.assumed or midnight else moment.at.astimezone(SAO_PAULO).date())


OptionalMoment = Annotated[Moment | None, PlainValidator(optional(_moment))]
OptionalCents = Annotated[NativeCents | None, BeforeValidator(optional(lambda value: value))]
OptionalDay = Annotated[date | None, PlainValidator(optional(read_date)), WrapValidator(or_none)]


class GatewayError(Lenient):
    """last_transaction.gateway_response.errors[]."""

    message: NativeText = None


class GatewayResponse(Lenient):
    """last_transaction.gateway_response."""

    code: NativeText = None
    errors: tuple[GatewayError, ...] | None = None


class AntifraudResponse(Lenient):
    """last_transaction.antifraud_response."""

    status: NativeText = None
    return_code: NativeText = None
    return_message: NativeText = None


class Transaction(Lenient):
    """charge.last_transaction: the latest operation on the charge. `status` is an open word."""

    id: NativeId = None
    status: NativeId = None
    amount: OptionalCents = None
    paid_amount: OptionalCents = None  # a text of digits for boleto
    paid_at: OptionalMoment = None
    installments: Annotated[int | None, Field(ge=1, le=99), WrapValidator(or_none)] = None
    end_to_end_id: NativeId = None
    expires_at: Annotated[Moment | None, PlainValidator(optional(_moment)), WrapValidator(or_none)] = None
    credit_at: OptionalDay = None
    qr_code: NativeText = None  # Pix: copia e cola; https://docs.pagar.me/reference/pix-2
    qr_code_url: NativeText = None
    line: NativeText = None  # boleto: linha digitável; https://docs.pagar.me/reference/boleto-2
    pdf: NativeText = None
    acquirer_return_code: NativeText = None
    acquirer_message: NativeText = None
    gateway_response: Annotated[GatewayResponse | None, WrapValidator(or_none)] = None
    antifraud_response: Annotated[AntifraudResponse | None, WrapValidator(or_none)] = None

    @property
    def reason(self) -> str | None:
        """The refusal, code first."""
        said = [self.acquirer_return_code, self.acquirer_message]
        if not any(said) and self.gateway_response is not None:
            said = [self.gateway_response.code, *(error.message for error in self.gateway_response.errors or ())]
        return _joined(said)

    @property
    def risk_reason(self) -> str | None:
        """What antifraud said, code first."""
        risk = self.antifraud_response
        return _joined([risk.return_code, risk.return_message or risk.status]) if risk else None


def _joined(said: list[str | None]) -> str | None:
    return ": ".join(part for part in said if part)[:500] or None


class OrderNames(Lenient):
    """The order as it rides in a charge."""

    id: NativeId = None
    code: NativeId = None


class Charge(Lenient):
    """https://docs.pagar.me/reference/cobran%C3%A7as-1. `status` and `payment_method` are open words."""

    id: ShortIdentifier
    code: NativeId = None
    amount: OptionalCents = None
    paid_amount: OptionalCents = None
    canceled_amount: OptionalCents = None
    refunded_amount: OptionalCents = None
    interest_and_fine_paid: OptionalCents = None
    status: NativeId = None
    currency: NativeId = None
    payment_method: NativeId = None
    due_at: Annotated[datetime | None, PlainValidator(optional(_due_at)), WrapValidator(or_none)] = None
    paid_at: OptionalMoment = None
    canceled_at: OptionalMoment = None
    pending_cancellation: Annotated[bool | None, WrapValidator(or_none)] = None
    last_transaction: Transaction = Transaction()
    order: OrderNames = OrderNames()

    @property
    def pay_until(self) -> datetime | None:
        """Last instant at which the payer may pay: of a boleto, else of a Pix QR code."""
        expires_at = self.last_transaction.expires_at
        return self.due_at or (expires_at.at if expires_at else None)


class Order(OrderNames):
    """https://docs.pagar.me/reference/pedidos-1. Charges are read one by one."""

    charges: list[Any] | None = None


class Account(Lenient):
    """The merchant's account at Pagar.me."""

    id: NativeId = None


class Hook(Lenient):
    """https://docs.pagar.me/docs/webhooks: the envelope."""

    id: ShortIdentifier
    account: Annotated[Account | None, WrapValidator(or_none)] = None
    type: ShortIdentifier
    created_at: OptionalMoment = None
    data: dict[str, Any]
