"""Asaas: payments.asaas. Webhooks of charges (cobranças).

Source: https://docs.asaas.com/docs/webhook-para-cobrancas, its list of events read 2026-11-25. Amounts: JSON numbers in reais. Times:
`YYYY-MM-DD HH:MM:SS` without offset, which is Brasília, or dates alone. Delivery id: the event's `id`, kept when it is sent again.

Identity: the charge's id, pay_. CONFIRMED is money that has come and cannot be drawn yet, RECEIVED the same money later: one capture.
Each instalment of a card is a charge of its own. A charge that is overdue can still be paid, so OVERDUE leaves it pending with its due
date; when an order expires, the hub's own rules say. `value` of a charge paid late holds interest, `originalValue` is the debt.

A refund of a part is told with the charge's list `refunds`; where the webhook leaves it out, the charge is read.

Not verified, from general knowledge only: `originalValue` as the debt; GET /v3/payments/{id} and its list `refunds`; the statuses in that
list (PENDING, DONE, CANCELLED); PAYMENT_REFUND_DENIED; that DUNNING_RECEIVED is money for the shop. HUB_MAP_ASAAS maps words without a
release.
"""

from typing import Final

from adapters.contract import Adapter, Idempotency, Outbound, StaticAuth
from adapters.payments.asaas.translate import METHODS, STATUSES, build_fetch, parse_response, translate, verify

ADAPTER: Final = Adapter(
    name="payments.asaas",
    translate=translate,
    verify=verify,
    docs="https://docs.asaas.com/docs/webhook-para-cobrancas",
    body_identifies_event=True,
    reference_kinds=("payment_id", "external_reference"),
    # The shop's own text, the same for all instalments and attempts.
    shared_kinds=("external_reference",),
    statuses=STATUSES,
    methods=tuple(dict.fromkeys(METHODS.values())),
    amount_format="reais as JSON numbers",
    time_zone="America/Sao_Paulo",
    idempotency=Idempotency("query"),
    resources=("payment",),
    build_fetch=build_fetch,
    parse_response=parse_response,
    outbound=Outbound(StaticAuth({"access_token": "{access_token}"}), "https://api.asaas.com"),
)
