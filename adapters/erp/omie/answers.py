"""What ConsultarPedido and ConsultarNF answer -> facts."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from adapters.contract import AskAgain, Facts, Fetch, HttpResponse, Ignored, PayloadMalformed, Translation
from adapters.erp.omie.facts import Told, bare, canceled_fact, references, said_yes, stage_fact
from adapters.erp.omie.wire import Note, Order
from adapters.parsing import Moment, load_json, read, read_object
from schemas.facts import Fact, FiscalFact, FiscalKind, ShipmentFact
from schemas.facts.shipments import Track
from schemas.references import Reference

REDUNDANCY_S: Final = 60
"""One id is answered once in this time."""

BLOCKED_S: Final = 1800
"""Who asks too often is shut out for about half an hour."""

_REDUNDANT: Final = re.compile(r"redundan|consumo redundante|client-8020|client-6\b", re.IGNORECASE)
_BLOCKED: Final = re.compile(r"bloquead|misuse|consumo indevido", re.IGNORECASE)
_NOT_FOUND: Final = re.compile(r"n[aã]o cadastrad|n[aã]o encontrad|client-107\b", re.IGNORECASE)


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime, stages: Mapping[str, object]) -> Translation:
    """Translate what was read.

    Raises: AskAgain where Omie was asked too soon; PayloadMalformed, also for every other fault.
    Source: https://app.omie.com.br/api/v1/produtos/pedido/, read 2026-11-25.
    """
    document = read_object(load_json(response.body), "body")
    if "faultcode" in document or "faultstring" in document:
        return _fault(document, fetch)
    told_by = fetch.parameters.get("account") or None
    moment = Moment(received_at, assumed=True)
    if fetch.resource == "nota":
        return _note(read(Note, document), moment, told_by)
    return _order(read(Order, document.get("pedido_venda_produto"), "pedido_venda_produto"), moment, told_by, stages)


def _fault(document: Mapping[str, Any], fetch: Fetch) -> Ignored:
    words = " ".join(str(document.get(name) or "")[:500] for name in ("faultcode", "faultstring"))
    if _BLOCKED.search(words):
        raise AskAgain("Omie has shut this app out for a while", BLOCKED_S)
    if _REDUNDANT.search(words):
        raise AskAgain(f"Omie answers for one id once in {REDUNDANCY_S} s", REDUNDANCY_S)
    if _NOT_FOUND.search(words):
        return Ignored(f"Omie knows no {fetch.resource} of this id")
    code = re.search(r"Client-\d{1,6}|Server-\d{1,6}", words)
    raise PayloadMalformed(f"faultcode: Omie answered a fault, code {code[0] if code else 'unknown'}")


def _order(order: Order, moment: Moment, account: str | None, stages: Mapping[str, object]) -> Facts | Ignored:
    head = order.cabecalho
    own = head.codigo_pedido
    names = references(
        ("external_reference", head.codigo_pedido_integracao), ("erp_order_id", own), ("erp_order_number", head.numero_pedido)
    )
    told = Told(moment, account, names)
    facts: list[Fact] = []
    if order.infoCadastro is not None and said_yes(order.infoCadastro.cancelado):
        facts.append(canceled_fact(told, own, "infoCadastro.cancelado"))
    elif head.etapa is not None:
        facts.append(stage_fact(told, own, head.etapa, None, stages))
    code = order.frete.codigo_rastreio if order.frete else None
    if code is not None:
        facts.append(_track(told, own, code.upper() if code.isascii() else code))
    return Facts(tuple(facts)) if facts else Ignored("the order has neither a stage nor a tracking code")


def _track(told: Told, order: str, number: str) -> ShipmentFact:
    """Return that a parcel is known; it ships nothing."""
    key = Reference(kind="tracking", value=number)
    return ShipmentFact(
        kind="shipment.label_created",
        shipment_key=key,
        tracks=(Track(number=number),),
        raw_word="codigo_rastreio",
        **told.common(f"pedido:{order}:rastreio:{number}", key),
    )


def _note(note: Note, moment: Moment, account: str | None) -> Facts | Ignored:
    kind, day = _kind(note)
    own = references(("access_key", note.compl.cChaveNFe))
    names = (*own, *references(("erp_order_id", note.compl.nIdPedido)))
    if kind is None or not names:
        return Ignored("a note that is no sale, or that names neither an order nor an access key yet")
    told = Told(day or moment, account, names)
    identity = note.compl.cChaveNFe or note.compl.nIdNF or note.ide.nNF or ""
    fact = FiscalFact(
        kind=kind,
        raw_word="ConsultarNF",
        access_key=note.compl.cChaveNFe,
        document_id=note.compl.nIdNF,
        number=bare(note.ide.nNF),
        series=bare(note.ide.serie),
        total_cents=note.total.ICMSTot.vNF if note.total and note.total.ICMSTot else None,
        issued_at=note.ide.dEmi.at if note.ide.dEmi else None,
        environment="homologation" if note.ide.tpAmb == "2" else "production",
        evidence="erp_notice",
        **told.common(f"nota:{identity}:{kind.partition('.')[2]}"),
    )
    return Facts((fact,))


def _kind(note: Note) -> tuple[FiscalKind | None, Moment | None]:
    """Say how the note stands, and since when. Only an outgoing note of purpose 1 is a sale (erp.md R8)."""
    sale = note.ide.finNFe in (None, "1") and note.ide.tpNF != "0"
    issued = note.compl.cChaveNFe is not None and not said_yes(note.ide.cDeneg)
    if not sale:
        return ("fiscal.returned" if note.ide.finNFe == "4" and issued and note.ide.dCan is None else None), None
    if note.ide.dCan is not None:
        return "fiscal.canceled", note.ide.dCan
    if said_yes(note.ide.cDeneg):
        return "fiscal.denied", None
    return ("fiscal.issued" if issued else "fiscal.requested"), None
