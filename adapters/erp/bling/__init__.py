"""Bling: erp.bling. Webhooks of API v3, which are hints, the orders and notes read because of them, and the old callback of v2.

Source: https://developer.bling.com.br/webhooks and the API reference (orders, NF-e), public integrations, read 2026-11-25. Amounts: JSON
numbers or decimal text in reais. Times: UTC in webhooks; `dataEmissao` has no zone and is taken to be in America/Sao_Paulo.

A webhook names the order or note that changed; state is in the answer of the authenticated GET. What is read there has no time of its own,
so the time of the webhook stands in, marked as assumed. `eventId` names the notification. A fact is named by what it says
(`order:<id>:situacao:<id>`), so that the same state read twice is one fact.

Situations of orders are numbers, and shops make their own. Only two mean the same everywhere: `valor` 0 (in the ERP: order.accepted) and
`valor` 2 (canceled). Every other is kind `fiscal.unknown` with the word `situacao <id>` (v2: `situacao <name>`) until the shop says what it
means: HUB_MAP_BLING='{"situacao 15": "order.production_started", "situacao 9": "order.accepted"}'. order.accepted changes no state: it is
how a shop says that a situation means nothing. `Atendido` (9) is neither shipped nor invoiced by itself. The function `adapter` takes a map
that also decides before `valor`.

Tracking codes make a parcel known and ship nothing (shipment.label_created). A note counts as issued in situation 5 or 6; its XML, when it
comes by erp.nfe, upgrades it. Notes of purpose 2, 3, 5, 6 and incoming ones are no sales.

Not verified, from single sources: the exact set of fields in `data` of order.*; that `notaFiscal.id` 0 means none; retries and order of
webhooks; `documentoReferenciado.chaveAcesso` and `valorNota` of a note; whether a note is of homologação, which Bling does not say; the
tree of v2 beyond the vendor's example; valores 5, 6, 7 and the situation 126724. The meanings of note situations 7 and 11 are not known
well enough: kind unknown, word `nota <n>`.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from adapters.contract import Adapter
from adapters.erp.bling.requests import build_fetch
from adapters.erp.bling.signature import verify
from adapters.erp.bling.translate import STATUSES, parse_response, translate
from adapters.erp.bling.words import Situations


def adapter(situations: Situations | None = None) -> Adapter:
    """Return the adapter for a shop with situations of its own: id (v2: folded name) -> kind of an order or shipment fact."""
    known: Mapping[str, object] = situations or {}
    return Adapter(
        name="erp.bling",
        translate=partial(translate, situations=known),
        verify=verify,
        docs="https://developer.bling.com.br/webhooks",
        # A callback of v2 holds no event id, and a situation may come back.
        body_identifies_event=False,
        statuses=STATUSES,
        amount_format="reais as JSON numbers or decimal text",
        time_zone="America/Sao_Paulo",
        resources=("order", "nfe", "nfce", "pedido"),
        build_fetch=build_fetch,
        parse_response=partial(parse_response, situations=known),
    )


ADAPTER: Final = adapter()
