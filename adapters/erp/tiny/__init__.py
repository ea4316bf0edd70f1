"""Tiny (Olist ERP): erp.tiny. Both families of webhooks and what API v2 answers when an order or a note is read.

Source: https://tiny.com.br/api-docs and public integrations, read 2026-11-25. Amounts: JSON numbers or decimal text in reais. Dates: day,
month, year without a zone (America/Sao_Paulo); a webhook says the order's date and never when its situation changed, so the time of receipt
stands in, marked as assumed.

There is no event id and no signature. A fact is named by what it says (`pedido:<id>:<situacao>`), so that the ten attempts of one webhook
are one fact. Who may speak: HUB_SECRETS_TINY_WEBHOOK are the values of `token` in the webhook's address, HUB_SECRETS_TINY_CNPJ (a list) the
companies a body may name.

Account webhooks (`inclusao_pedido`, `atualizacao_pedido`) say the situation. Integrator webhooks (with `idEcommerce`) are
`situacao_pedido`, `rastreio` and `nota_fiscal`; the last comes for return notes too, so the note is read before anything is believed.
`faturado` is a hint that a note may exist: where it names one, that is read. `rastreio` makes a parcel known and ships nothing.

A webhook that came over HTTP is a hint: the order is read. From an authenticated publisher it is believed.

Not verified, from single sources: `descricaoSituacao` of situacao_pedido; which of the shop's and Tiny's own number `idPedidoEcommerce`
holds (it is looked up as the shop's, Tiny's own stands beside it); fields of answers beyond those of erp.md 3; situations of notes other
than 6 (authorized); that `tipo_nota` begins with E for an incoming note; limits per plan. `dados_incompletos` and `nao_aprovado` are
unknown words: HUB_MAP_TINY maps `situacao <word>`.
API v3 (OAuth, numeric situations) is not read.
"""

from typing import Final

from adapters.contract import Adapter
from adapters.erp.tiny.answers import parse_response
from adapters.erp.tiny.requests import build_fetch
from adapters.erp.tiny.signature import verify
from adapters.erp.tiny.translate import STATUSES, translate

ADAPTER: Final = Adapter(
    name="erp.tiny",
    translate=translate,
    verify=verify,
    docs="https://tiny.com.br/api-docs/api2-webhooks",
    # A situation may come back, and then its webhook is byte for byte the same.
    body_identifies_event=False,
    statuses=STATUSES,
    amount_format="reais as JSON numbers or decimal text",
    time_zone="America/Sao_Paulo",
    resources=("pedido", "nota"),
    build_fetch=build_fetch,
    parse_response=parse_response,
)
