"""API Pix of the Central Bank, spec 2.9.0, as every Brazilian bank and Efí speak it: payments.pix.

Source: https://bacen.github.io/pix-api/ (objects Pix, Devolucao, CobBase) and
https://dev.efipay.com.br/docs/api-pix/webhooks/, read 2026-11-20. Amounts: decimal text in reais. Times: RFC 3339, UTC.
The callback body is not signed: the bank's client certificate (mTLS) is checked at the edge. Efí without mTLS puts a secret
in the URL instead (`?hmac=...`), which is checked here. Efí tells of payments that the shop sends by the same webhook (`tipo` SOLICITACAO,
`gnExtras.idEnvio`): they are passed over.

Identity: one endToEndId is one money movement, so it is both payment key and event id of the capture; the bank sends the same
Pix again each time its `devolucoes` grow, and the capture is then the same fact. One devolução is `<endToEndId>:<id>`, where
`id` is the text we chose in PUT /pix/{e2e}/devolucao/{id}: whoever asks for a refund knows its refund_id beforehand, and
the bank's rtrId, which only exists later, is not needed to tell them apart. The rtrId serves only when there is no `id`.
"""

from typing import Final

from adapters.contract import Adapter, Idempotency
from adapters.payments.pix.outbound import OUTBOUND
from adapters.payments.pix.signature import verify
from adapters.payments.pix.translate import STATUSES, build_fetch, parse_response, translate

ADAPTER: Final = Adapter(
    name="payments.pix",
    translate=translate,
    verify=verify,
    docs="https://bacen.github.io/pix-api/",
    # The whole state is in the body; equal bytes say equal things.
    body_identifies_event=True,
    reference_kinds=("txid",),
    # A static QR code is paid by many: it names the order that declared it, and no order learns it from a payment.
    shared_kinds=("txid",),
    statuses=STATUSES,
    methods=("pix",),
    amount_format="decimal text in reais",
    time_zone="UTC; America/Sao_Paulo where a time has no offset",
    idempotency=Idempotency("by_id"),
    resources=("cob", "cobv"),
    build_fetch=build_fetch,
    parse_response=parse_response,
    outbound=OUTBOUND,
)
