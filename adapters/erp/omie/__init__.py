"""Omie: erp.omie. Webhooks (Omie Connect 2.0), and the orders and notes read where they say too little.

Source: https://developer.omie.com.br/webhooks and the API reference, public integrations, read 2026-11-25. Amounts: JSON numbers in reais.
Times: dates as day, month, year without a zone (America/Sao_Paulo); most messages have none, and then the time of receipt stands in, marked
as assumed. `messageId` names the delivery; a fact is named by what it says (`pedido:<id>:etapa:<etapa>`).

Omie delivers in order for an app and stops at a message that is not answered 2xx: the edge answers as soon as it has stored it, and what
cannot be read is a dead letter here and holds up nothing there. A registration sends a `ping` without topic. Topics are compared without
case: documents and real messages differ.

Who may speak: HUB_SECRETS_OMIE_WEBHOOK are the values of `token` in the webhook's address, HUB_SECRETS_OMIE_APP_KEYS (a list) the apps a
body may name.

Stages (`etapa`) are the account's own. 10 says that the ERP has the order; 60, like VendaProduto.Faturada, is a hint at a note that
NFe.NotaAutorizada must confirm, since authorization comes later. Every other is kind `fiscal.unknown` with the word `etapa <n>` until the
shop says what it means: HUB_MAP_OMIE='{"etapa 20": "order.production_started", "etapa 70": "shipment.posted"}'; order.accepted is how a
shop says that a stage means nothing. The function `adapter` takes a map too.

Omie refuses to be asked for one id twice within 60 seconds: such a fault becomes AskAgain, never an immediate repeat. An order is asked for
only where a message says too little (VendaProduto.Alterada, which is also how a tracking code becomes known).

Not verified, from single sources: NotaRejeitada, NotaDenegada and their fields; `ambiente`; spellings of the fields of NFe.*, read under
several names; dataFaturado in two formats; fault codes; `frete.codigo_rastreio`; all of ConsultarNF's answer.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from adapters.contract import Adapter
from adapters.erp.omie.answers import parse_response
from adapters.erp.omie.requests import build_fetch
from adapters.erp.omie.signature import verify
from adapters.erp.omie.translate import STATUSES, translate


def adapter(stages: Mapping[str, object] | None = None) -> Adapter:
    """Return the adapter for a shop with stages of its own: etapa -> kind of an order or shipment fact."""
    known: Mapping[str, object] = stages or {}
    return Adapter(
        name="erp.omie",
        translate=partial(translate, stages=known),
        verify=verify,
        docs="https://developer.omie.com.br/webhooks",
        # messageId is in the body.
        body_identifies_event=True,
        statuses=STATUSES,
        amount_format="reais as JSON numbers",
        time_zone="America/Sao_Paulo",
        resources=("pedido", "nota"),
        build_fetch=build_fetch,
        parse_response=partial(parse_response, stages=known),
    )


ADAPTER: Final = adapter()
