"""A webhook of Omie -> facts, or what must be read first."""

import re
from collections.abc import Mapping
from typing import Final

from adapters.contract import Facts, Fetch, Ignored, PayloadMalformed, RawDelivery, Translation
from adapters.erp.omie.facts import Told, bare, canceled_fact, references, said_yes, stage_fact
from adapters.erp.omie.wire import NoteEvent, OrderEvent, Webhook, moment_of
from adapters.parsing import Moment, parse_json, read
from schemas.facts import Fact, FiscalFact, FiscalKind, OrderFact

ORDERS: Final = "vendaproduto"
NOTES: Final = "nfe"
OTHERS: Final = frozenset({"nfse", "remessaproduto", "produto", "financas"})

ORDER_ACTIONS: Final = ("incluida", "alterada", "etapaalterada", "faturada", "cancelada", "excluida", "devolvida")

NOTE_KINDS: Final[Mapping[str, FiscalKind]] = {
    "notaautorizada": "fiscal.issued",
    "notacancelada": "fiscal.canceled",
    "notadevolucaoautorizada": "fiscal.returned",
    "notarejeitada": "fiscal.rejected",
    "notadenegada": "fiscal.denied",
}

STATUSES: Final = (
    *(f"VendaProduto.{action}" for action in ("Incluida", "Alterada", "EtapaAlterada", "Faturada", "Cancelada", "Excluida", "Devolvida")),
    *(f"NFe.Nota{action}" for action in ("Autorizada", "Cancelada", "DevolucaoAutorizada", "Rejeitada", "Denegada")),
)
"""Every documented topic; they are compared without case."""

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,40}", re.ASCII)


def translate(delivery: RawDelivery, stages: Mapping[str, object]) -> Translation:
    """Translate a webhook.

    Units: none; times become UTC.
    Raises: PayloadMalformed.
    Source: https://developer.omie.com.br/webhooks, read 2026-11-25.
    """
    hook = parse_json(Webhook, delivery.body, delivery.content_type)
    if hook.topic is None:
        if hook.ping is None:
            raise PayloadMalformed("topic: missing, and it is no ping")
        return Ignored("a ping", hook.messageId)
    # Cut, because one character may fold into three, and it becomes part of an event id.
    family, _, action = hook.topic.casefold()[:64].partition(".")
    if family == ORDERS:
        return _order(hook, action, delivery, stages)
    if family == NOTES:
        return _note(hook, action, delivery)
    what = "moves no order" if family in OTHERS else "is not known"
    return Ignored(f"a message of {hook.topic.partition('.')[0][:40]!a} {what}", hook.messageId)


# --- Orders -------------------------------------------------------------------------------------------------------------------


def _order(hook: Webhook, action: str, delivery: RawDelivery, stages: Mapping[str, object]) -> Facts | Fetch:
    event = read(OrderEvent, hook.event, "event")
    own = event.idPedido or event.codIntPedido
    if own is None:
        raise PayloadMalformed("event.idPedido: missing, and codIntPedido too; the order has no name")
    if event.idPedido is not None and (action == "alterada" or (action == "etapaalterada" and event.etapa is None)):
        # It says that something changed, and not what.
        return Fetch("pedido", _checked_id(event.idPedido, "event.idPedido"), {"account": hook.appKey or ""}, hook.messageId)
    told = Told(
        (moment_of(event.dataFaturado, event.horaFaturado) if action == "faturada" else None) or Moment(delivery.received_at, assumed=True),
        hook.appKey,
        references(("external_reference", event.codIntPedido), ("erp_order_id", event.idPedido), ("erp_order_number", event.numeroPedido)),
    )
    return Facts((_order_fact(hook.topic or "", action, event, own, told, stages),), delivery_id=hook.messageId)


def _order_fact(topic: str, action: str, event: OrderEvent, own: str, told: Told, stages: Mapping[str, object]) -> Fact:
    if action in ("cancelada", "excluida") or (action in ORDER_ACTIONS and action != "devolvida" and said_yes(event.cancelada)):
        return canceled_fact(told, own, topic)
    if action == "devolvida":
        return FiscalFact(kind="fiscal.returned", raw_word=topic, evidence="erp_notice", **told.common(f"pedido:{own}:devolvida"))
    if action in ("etapaalterada", "alterada") and event.etapa is not None:
        return stage_fact(told, own, event.etapa, event.etapaDescr, stages)
    if action in ORDER_ACTIONS:
        return OrderFact(kind="order.accepted", raw_word=topic, **told.common(f"pedido:{own}:{action}"))
    return FiscalFact(kind="fiscal.unknown", raw_word=topic, **told.common(f"pedido:{own}:{action}"))


def _checked_id(value: str, place: str) -> str:
    if not _ID.fullmatch(value):
        raise PayloadMalformed(f"{place}: must be the id of a resource")
    return value


# --- Notes --------------------------------------------------------------------------------------------------------------------


def _note(hook: Webhook, action: str, delivery: RawDelivery) -> Facts | Fetch:
    event = read(NoteEvent, hook.event, "event")
    kind = NOTE_KINDS.get(action, "fiscal.unknown")
    if kind == "fiscal.issued" and event.chave is None:
        if event.id_nf is None:
            raise PayloadMalformed("event.nfe_chave: missing, and id_nf too; the note cannot be read")
        return Fetch("nota", _checked_id(event.id_nf, "event.id_nf"), {"account": hook.appKey or ""}, hook.messageId)
    names = references(("access_key", event.chave), ("erp_order_id", event.id_pedido))
    if not names:
        raise PayloadMalformed("event.nfe_chave: missing, and id_pedido too; the note has no name")
    told = Told(Moment(delivery.received_at, assumed=True), hook.appKey, names)
    identity = event.chave or event.id_nf or f"{event.serie or ''}/{event.numero_nf or ''}"
    fact = FiscalFact(
        kind=kind,
        raw_word=hook.topic,
        reason=" ".join(filter(None, (event.cStat, event.xMotivo))) or None,
        access_key=event.chave,
        document_id=event.id_nf,
        number=bare(event.numero_nf),
        series=bare(event.serie),
        environment="homologation" if (event.ambiente or "").casefold() in ("h", "2") else "production",
        evidence="erp_notice",
        url=_address(event.danfe),
        **told.common(f"nota:{identity}:{action}"),
    )
    return Facts((fact,), delivery_id=hook.messageId)


def _address(url: str | None) -> str | None:
    return url if url and url.startswith(("https://", "http://")) and url.isprintable() and " " not in url else None
