"""PagBank (PagSeguro): payments.pagbank. Orders and charges as the API shows them, and the old notification codes.

Source: https://developer.pagbank.com.br/reference/webhooks and /reference/objeto-charge, read 2026-11-25. Amounts: integer centavos; of
old transactions decimal text in reais. Times: ISO 8601 with offset. A webhook is the API's own answer: the whole state, no event id.

Identity: a charge, CHAR_ and its UUID. `summary.refunded` is cumulative. CANCELED is a void or a refund, which only the figures tell; a
refund of a part leaves the charge PAID.

What happens to a transaction later (dispute, debit) still comes as an old form `notificationCode=...&notificationType=transaction` and
is read as XML. It names the transaction by the UUID of its charge: both are taken to be one payment, since under two names the money
would count twice.

Not verified, from public integrations and general knowledge only: the joiner between token and body (both with and without the hyphen
are accepted); that the UUID of a transaction is that of its charge; the statuses of old transactions beyond 3; where a chargeback
(CBKS_) is read and what its answer holds, whose status is therefore kind `unknown` until HUB_MAP_PAGBANK maps `chargeback/<status>`.
"""

from typing import Final

from adapters.contract import Adapter, Idempotency, Outbound, StaticAuth
from adapters.payments.pagbank.signature import verify
from adapters.payments.pagbank.translate import METHODS, STATUSES, build_fetch, parse_response, translate

ADAPTER: Final = Adapter(
    name="payments.pagbank",
    translate=translate,
    verify=verify,
    docs="https://developer.pagbank.com.br/reference/webhooks",
    # The whole state is in the body; what is not, is read.
    body_identifies_event=True,
    reference_kinds=("charge_id", "gateway_order_id", "external_reference"),
    # The shop's own text: given again to the order that follows after a refusal.
    shared_kinds=("external_reference",),
    statuses=STATUSES,
    methods=tuple(dict.fromkeys(METHODS.values())),
    amount_format="integer cents; decimal text in reais of old transactions",
    time_zone="offset in every time",
    idempotency=Idempotency("key", ttl_hours=24),
    resources=("order", "charge", "transaction", "chargeback"),
    build_fetch=build_fetch,
    parse_response=parse_response,
    outbound=Outbound(StaticAuth({"Authorization": "Bearer {token}"}), "https://api.pagseguro.com"),
)
