"""A webhook of Tiny -> facts, or what must be read first."""

import re
from typing import Final

from adapters.contract import Facts, Fetch, Ignored, PayloadMalformed, RawDelivery, Translation
from adapters.erp.tiny.facts import Told, references, requested_fact, situation_fact, track_fact
from adapters.erp.tiny.signature import normal
from adapters.erp.tiny.wire import NoteTold, OrderTold, TrackingTold, Webhook
from adapters.erp.tiny.words import (
    INVOICED,
    NOTE_TYPE,
    ORDER_TYPES,
    OTHER_TYPES,
    SITUATIONS,
    TRACKING_TYPE,
    UNKNOWN_SITUATIONS,
    code_of,
)  # fmt: skip
from adapters.parsing import parse_json, read

STATUSES: Final = (*ORDER_TYPES, NOTE_TYPE, TRACKING_TYPE, *OTHER_TYPES, *SITUATIONS, *UNKNOWN_SITUATIONS)
"""Every documented word: types of webhooks and codes of situations."""

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,40}", re.ASCII)


def translate(delivery: RawDelivery) -> Translation:
    """Translate a webhook. One about an order that came over HTTP is only a hint: nothing signs it.

    Units: none; times are those of receipt.
    Raises: PayloadMalformed.
    Source: https://tiny.com.br/api-docs/api2-webhooks, read 2026-11-25.
    """
    hook = parse_json(Webhook, delivery.body, delivery.content_type)
    if hook.tipo in ORDER_TYPES:
        return _order(hook, delivery)
    if hook.tipo == NOTE_TYPE:
        # It comes for return notes too, and says nothing of what kind it is.
        return Fetch("nota", _checked_id(read(NoteTold, hook.dados, "dados").idNotaFiscalTiny, "dados.idNotaFiscalTiny"))
    if hook.tipo == TRACKING_TYPE:
        return _tracking(hook, delivery)
    what = "moves no order" if hook.tipo in OTHER_TYPES else "is not known"
    return Ignored(f"a webhook of {hook.tipo[:40]!a} {what}")


def _order(hook: Webhook, delivery: RawDelivery) -> Facts | Fetch:
    order = read(OrderTold, hook.dados, "dados")
    own = order.id or order.idVendaTiny
    situation = order.codigoSituacao or order.situacao
    if own is None and order.idPedidoEcommerce is None:
        raise PayloadMalformed("dados.id: missing, and idVendaTiny and idPedidoEcommerce too; the order has no name")
    if own is not None and (delivery.http_headers is not None or situation is None):
        return Fetch("pedido", _checked_id(own, "dados.id"))
    if situation is None:
        raise PayloadMalformed("dados.codigoSituacao: missing, and situacao too")
    if code_of(situation) == INVOICED and order.idNotaFiscal is not None:
        return Fetch("nota", _checked_id(order.idNotaFiscal, "dados.idNotaFiscal"))
    names = references(("external_reference", order.idPedidoEcommerce), ("erp_order_id", own), ("erp_order_number", order.numero))
    told = Told(delivery.received_at, normal(hook.cnpj) or None, names)
    facts = [situation_fact(told, own or order.idPedidoEcommerce or "", situation)]
    if order.idNotaFiscal is not None:
        facts.append(requested_fact(told, order.idNotaFiscal))
    return Facts(tuple(facts))


def _tracking(hook: Webhook, delivery: RawDelivery) -> Facts:
    found = read(TrackingTold, hook.dados, "dados")
    order = found.idVendaTiny or found.idPedidoEcommerce
    if order is None:
        raise PayloadMalformed("dados.idPedidoEcommerce: missing, and idVendaTiny too; the order has no name")
    names = references(("external_reference", found.idPedidoEcommerce), ("erp_order_id", found.idVendaTiny))
    told = Told(delivery.received_at, normal(hook.cnpj) or None, names)
    return Facts((track_fact(told, order, found.codigoRastreio, title=found.formaEnvio, url=found.urlRastreio),))


def _checked_id(value: str, place: str) -> str:
    if not _ID.fullmatch(value) or value == "0":
        raise PayloadMalformed(f"{place}: must be the id of a resource")
    return value
