"""Cielo E-commerce 3.0 and Braspag: payments.cielo. A notice names a payment, and the sale is read.

Source: https://docs.cielo.com.br/ecommerce-cielo/reference, read 2026-11-20.
Amounts: integer centavos. Times: `YYYY-MM-DD HH:MM:SS` without offset, which is Brasília.

Identity: PaymentId. Status 1 is an authorization of a card, and of a boleto or a Pix only that it was issued. `CapturedAmount` and
`VoidedAmount` are cumulative. `MerchantOrderId` is the shop's own order number.

Not verified, from general knowledge only: ChangeType 7 and 8; the lists Refunds (statuses 1 sent, 2 approved, 3 denied, 4 rejected)
and Chargebacks (Received, AcceptedByMerchant, ContestedByMerchant) and the object FraudAlert of a sale. What is unknown of them is
kind `unknown`; HUB_MAP_CIELO maps words without a release.
"""

from typing import Final

from adapters.contract import Adapter, Idempotency, Outbound, StaticAuth
from adapters.payments.cielo.signature import verify
from adapters.payments.cielo.translate import METHODS, STATUSES, build_fetch, parse_response, translate

ADAPTER: Final = Adapter(
    name="payments.cielo",
    translate=translate,
    verify=verify,
    docs="https://docs.cielo.com.br/ecommerce-cielo/reference/notificacao",
    # The notice of a refund may be byte for byte that of the capture.
    body_identifies_event=False,
    reference_kinds=("payment_id", "external_reference"),
    # The shop's own order number: a second attempt may bear it again.
    shared_kinds=("external_reference",),
    statuses=STATUSES,
    methods=tuple(dict.fromkeys(METHODS.values())),
    amount_format="integer cents",
    time_zone="America/Sao_Paulo",
    idempotency=Idempotency("query"),
    resources=("sale",),
    build_fetch=build_fetch,
    parse_response=parse_response,
    # Sales are read at another host than they are made.
    outbound=Outbound(
        StaticAuth({"MerchantId": "{merchant_id}", "MerchantKey": "{merchant_key}"}), "https://apiquery.cieloecommerce.cielo.com.br"
    ),
)
