"""Pagar.me Core API v5 webhooks: payments.pagarme.

Source: https://docs.pagar.me/docs/webhooks, https://docs.pagar.me/reference and the official Magento 2 and WooCommerce modules,
read 2026-11-20. Amounts: integer centavos, sometimes as a text of digits. Times: ISO 8601 UTC with seven fractional digits, or
naive, which is taken to be UTC. Delivery id: the hook's `id`, kept when a hook is sent again.

There is no charge status `refunded`: a charge that was given back whole is `canceled`, and only its figures tell a refund from
a void. All figures are the charge's cumulative ones. A hook is an event of one charge or one order; whose order it is, is found
by charge, order and code. Hooks of another shop on the same account find no order and are parked.
"""

from typing import Final

from adapters.contract import Adapter, Idempotency
from adapters.payments.pagarme.charges import METHODS
from adapters.payments.pagarme.outbound import OUTBOUND
from adapters.payments.pagarme.signature import verify
from adapters.payments.pagarme.translate import STATUSES, build_fetch, parse_response, translate

ADAPTER: Final = Adapter(
    name="payments.pagarme",
    translate=translate,
    verify=verify,
    docs="https://docs.pagar.me/docs/webhooks",
    body_identifies_event=True,
    reference_kinds=("charge_id", "gateway_order_id", "gateway_order_code"),
    # The merchant's own order number: given again to a second order of the gateway after a refusal.
    shared_kinds=("gateway_order_code",),
    statuses=STATUSES,
    methods=tuple(dict.fromkeys(METHODS.values())),
    amount_format="integer cents, as a number or a text of digits",
    time_zone="UTC",
    idempotency=Idempotency("key", ttl_hours=24),
    resources=("order", "charge"),
    jwks_url="https://hubapi.pagar.me/.well-known/jwks.json",
    build_fetch=build_fetch,
    parse_response=parse_response,
    outbound=OUTBOUND,
)
