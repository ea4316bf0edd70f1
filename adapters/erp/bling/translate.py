"""A webhook -> what must be read; an order or a note that was read, or a callback of v2 -> canonical facts."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from adapters.contract import Facts, Fetch, HttpResponse, Ignored, PayloadMalformed, RawDelivery, Translation
from adapters.erp.bling import legacy
from adapters.erp.bling.facts import (
    PROVIDER,
    Told,
    address,
    note_fact,
    references,
    situation_fact,
    track_facts,
    without_left_zeros,
)  # fmt: skip
from adapters.erp.bling.wire import LegacyOrder, Note, Order, Webhook
from adapters.erp.bling.words import BY_ID, BY_VALOR, NAMES, Situations
from adapters.parsing import Moment, load_json, read, read_moment, read_object
from schemas.facts import Fact, FiscalFact, OrderFact

ORDERS: Final = "order"
NOTES: Final = {"invoice": "nfe", "consumer_invoice": "nfce"}
"""Resource of a webhook, and the word of its Fetch."""

OTHERS: Final = ("product", "stock", "virtual_stock", "product_supplier", "contact")
_ACTIONS: Final = ("created", "updated", "deleted")

STATUSES: Final = (
    *(f"{resource}.{action}" for resource in (ORDERS, *NOTES) for action in _ACTIONS),
    *(f"{resource}.updated" for resource in OTHERS),
    *("Em aberto", "Atendido", "Cancelado", "Em andamento", "Venda agenciada", "Em digitação", "Verificado"),
    *("Pendente", "Autorizada", "Emitida DANFE", "Cancelada", "Rejeitada", "Denegada"),
)
"""Every documented word: events of webhooks, names of situations of orders and of notes in v2. Those of v3 are numbers."""

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,40}", re.ASCII)


def translate(delivery: RawDelivery, situations: Situations) -> Translation:
    """Translate a webhook or a callback of v2.

    A callback that came over HTTP is a hint as well, since it is not signed: its order is read back. From an authenticated publisher
    it is believed.
    Units: reais become cents, exactly; times become UTC.
    Raises: PayloadMalformed.
    Source: https://developer.bling.com.br/webhooks, read 2026-11-25.
    """
    content = legacy.content_of(delivery.body)
    if legacy.is_xml(content):
        return _callback(content, delivery, situations)
    charset = delivery.content_type if content[:1] == delivery.body[:1] else None
    document = read_object(load_json(content, charset), "body")
    if "retorno" in document:
        return _callback(content, delivery, situations)
    return _webhook(read(Webhook, document), delivery.received_at)


def _callback(content: bytes, delivery: RawDelivery, situations: Situations) -> Translation:
    rows = legacy.orders(content)
    if delivery.http_headers is None:
        return legacy.translate_orders(rows, Moment(delivery.received_at, assumed=True), situations)
    if len(rows) > 1:
        raise PayloadMalformed("retorno.pedidos: a callback is about one order")
    return Fetch("pedido", _checked_id(read(LegacyOrder, rows[0], "retorno.pedidos[0].pedido").numero, "numero"))


# --- Webhooks -----------------------------------------------------------------------------------------------------------------


def _webhook(hook: Webhook, received_at: datetime) -> Translation:
    resource, _, action = hook.event.partition(".")
    if resource == ORDERS and action == "deleted":
        return _deleted(hook, received_at)
    if resource == ORDERS:
        return _hint(ORDERS, hook)
    if resource in NOTES and action == "deleted":
        return Ignored("a note was deleted in Bling; what the tax authority knows of it is not said", hook.eventId)
    if resource in NOTES:
        return _hint(NOTES[resource], hook)
    what = "moves no order" if resource in OTHERS else "is not known"
    return Ignored(f"an event of {resource[:40]!a} {what}", hook.eventId)


def _hint(resource: str, hook: Webhook) -> Fetch:
    parameters = {"account": hook.companyId} if hook.companyId else {}
    if hook.date is not None:
        parameters["told_at"] = hook.date.at.isoformat()
    return Fetch(resource, _checked_id(hook.data.get("id"), "data.id"), parameters, hook.eventId)


def _checked_id(value: object, place: str) -> str:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _ID.fullmatch(text) or text == "0":
        raise PayloadMalformed(f"{place}: must be the id of a resource")
    return text


def _deleted(hook: Webhook, received_at: datetime) -> Facts:
    """An order that the ERP no longer has: nothing is canceled by that, and a person must look."""
    identity = _checked_id(hook.data.get("id"), "data.id")
    moment = hook.date or Moment(received_at, assumed=True)
    fact = OrderFact(
        kind="order.rejected",
        event_id=f"order:{identity}:deleted",
        provider=PROVIDER,
        account=hook.companyId,
        references=references(("erp_order_id", identity)),
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        raw_word=hook.event,
        reason="erp_deleted",
    )
    return Facts((fact,), delivery_id=hook.eventId)


# --- Answers ------------------------------------------------------------------------------------------------------------------


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime, situations: Situations) -> Translation:
    """Translate what was read. Raises: PayloadMalformed."""
    moment = _told_at(fetch, received_at)
    if fetch.resource == "pedido":
        return legacy.translate_orders(legacy.orders(legacy.content_of(response.body)), moment, situations)
    document = read_object(read_object(load_json(response.body), "body").get("data"), "data")
    account = fetch.parameters.get("account")
    if fetch.resource == ORDERS:
        return Facts(tuple(_order_facts(read(Order, document, "data"), moment, account, situations)))
    return _note(read(Note, document, "data"), moment, account)


def _told_at(fetch: Fetch, received_at: datetime) -> Moment:
    try:
        return read_moment(fetch.parameters.get("told_at"), UTC)
    except ValueError:
        return Moment(received_at, assumed=True)


def _order_facts(order: Order, moment: Moment, account: str | None, situations: Situations) -> Iterator[Fact]:
    names = references(("external_reference", order.numeroLoja), ("erp_order_id", order.id), ("erp_order_number", order.numero))
    told = Told(moment, account, names)
    prefix, native = f"order:{order.id}", order.situacao
    kind = situations.get(native.id) or BY_VALOR.get(native.valor or "") or (BY_ID.get(native.id) if native.valor is None else None)
    yield situation_fact(told, f"{prefix}:situacao:{native.id}", f"situacao {native.id}", kind, NAMES.get(native.id))
    volumes = order.transporte.volumes if order.transporte else ()
    yield from track_facts(told, prefix, ((volume.codigoRastreamento, volume.servico, None) for volume in volumes if volume))
    if order.notaFiscal is not None and order.notaFiscal.id is not None:
        identity = order.notaFiscal.id
        yield FiscalFact(kind="fiscal.requested", document_id=identity, raw_word="notaFiscal", **told.common(f"nfe:{identity}:requested"))


def _note(note: Note, moment: Moment, account: str | None) -> Facts | Ignored:
    told = Told(moment, account, references(("external_reference", note.numeroPedidoLoja)))
    original = note.documentoReferenciado.chaveAcesso if note.documentoReferenciado else None
    sale = note.finalidade in (None, "1") and note.tipo != "0"
    paper: dict[str, Any] = {
        "access_key": note.chaveAcesso,
        "document_id": note.id,
        "number": without_left_zeros(note.numero),
        "series": without_left_zeros(note.serie),
        "total_cents": note.valorNota,
        "issued_at": note.dataEmissao.at if note.dataEmissao else None,
        "original_access_key": None if sale else original,
        "url": address(note.linkDanfe),
    }
    fact = note_fact(told, f"nfe:{note.id}:{note.situacao}", note.situacao, f"nota {note.situacao}", (note.finalidade, note.tipo), paper)
    if fact is None:
        return Ignored("a note that is no sale, or that names neither an order nor an access key yet")
    return Facts((fact,))
