"""Mercado Pago: payments.mercadopago. Webhooks and IPN notices, which are hints, and what is read because of them.

Source: https://www.mercadopago.com.br/developers/pt/docs/your-integrations/notifications, the reference of payments, orders,
merchant orders and chargebacks, and the official SDKs, read 2026-11-20. Amounts: JSON numbers in reais, texts in the Orders API.
Times: ISO 8601 with offset. A notice says which resource changed and not how, and is byte-equal for a capture and a refund; the state
is in the answer of the authenticated GET. The notification's `id` names no state and is not used.

Identity: a payment is its id. `transaction_amount_refunded` is cumulative; each entry of `refunds` has an id of its own. A payment that
belongs to an order of the Orders API (`order.id` begins with ORD) has another id there, so it is told by that order alone: counted
under both ids it would be counted twice.

`external_reference` is the shop's own text. It is tried as an order number as it stands; with a prefix before the number the shop
declares it among the payment's references of order.placed.

Not verified, from general knowledge and public integrations only: the details of cancelled, refunded, in_mediation and charged_back; the
words failed, canceled, expired, refunded and charged_back of the Orders API and the statuses of its refunds; `order.id` of a payment
that the Orders API made; the claims resource; that `documentation_status` alone decides nothing; `e2e_id`. The status decides before its
detail, a status that is not known is kind `unknown`, and HUB_MAP_MERCADOPAGO maps words without a release.

`live_mode` is not looked at: a GET with the shop's own token only finds payments of that token's mode.
"""

from typing import Final

from adapters.contract import Adapter, Idempotency
from adapters.payments.mercadopago.outbound import OUTBOUND
from adapters.payments.mercadopago.requests import build_fetch
from adapters.payments.mercadopago.signature import verify
from adapters.payments.mercadopago.translate import STATUSES, parse_response, translate
from adapters.payments.mercadopago.words import METHODS

ADAPTER: Final = Adapter(
    name="payments.mercadopago",
    translate=translate,
    verify=verify,
    docs="https://www.mercadopago.com.br/developers/pt/docs/your-integrations/notifications",
    # The notice of a refund is byte for byte that of the capture.
    body_identifies_event=False,
    reference_kinds=("payment_id", "gateway_order_id", "external_reference"),
    # The shop's own text: given again to the order that follows after a refusal.
    shared_kinds=("external_reference",),
    statuses=STATUSES,
    methods=tuple(dict.fromkeys((*METHODS.values(), "pix"))),
    amount_format="reais as JSON numbers or decimal text",
    time_zone="offset in every time",
    idempotency=Idempotency("key", ttl_hours=24),
    resources=("payment", "order", "chargeback", "merchant_order", "claim"),
    build_fetch=build_fetch,
    parse_response=parse_response,
    outbound=OUTBOUND,
)
