"""What API v2 answers -> facts. HTTP says 200 whatever happened; `retorno.status` and `codigo_erro` say it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from adapters.contract import AskAgain, Facts, Fetch, HttpResponse, Ignored, PayloadMalformed, Translation
from adapters.erp.tiny.facts import Told, references, requested_fact, situation_fact, track_fact
from adapters.erp.tiny.wire import Note, Order
from adapters.erp.tiny.words import INVOICED, NOTE_KINDS, NOTHING_FOUND, RETRIED, code_of, folded
from adapters.parsing import load_json, read, read_object, start_of_day
from schemas.facts import Fact, FiscalFact, FiscalKind

_SALE: Final = "1"
_RETURN: Final = "4"


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate what was read.

    Raises: AskAgain for the codes that say later (6, 11, 35, 99); PayloadMalformed, also for every other error.
    Source: https://tiny.com.br/api-docs/api2-tabelas-processamento, read 2026-11-25.
    """
    answer = read_object(read_object(load_json(response.body), "body").get("retorno"), "retorno")
    if answer.get("status") != "OK":
        return _refused(answer, fetch)
    if fetch.resource == "nota":
        return _note(read(Note, answer.get("nota_fiscal"), "retorno.nota_fiscal"), received_at)
    return _order(read(Order, answer.get("pedido"), "retorno.pedido"), received_at)


def _refused(answer: Mapping[str, Any], fetch: Fetch) -> Ignored:
    given = answer.get("codigo_erro")
    code = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    if code in RETRIED:
        what, after_s = RETRIED[code]
        raise AskAgain(f"Tiny answered code {code}: {what}", after_s)
    if code in NOTHING_FOUND:
        return Ignored(f"Tiny knows no {fetch.resource} of this id")
    known = code if code.isascii() and code.isdigit() and len(code) <= 5 else "unknown"
    raise PayloadMalformed(f"retorno.codigo_erro: Tiny answered an error, code {known}")


def _order(order: Order, received_at: datetime) -> Facts | Fetch:
    if code_of(order.situacao) == INVOICED and order.id_nota_fiscal is not None:
        return Fetch("nota", order.id_nota_fiscal)
    shop = order.numero_ecommerce or (order.ecommerce.numeroPedidoEcommerce if order.ecommerce else None)
    names = references(("external_reference", shop), ("erp_order_id", order.id), ("erp_order_number", order.numero))
    told = Told(received_at, None, names)
    facts: list[Fact] = [situation_fact(told, order.id, order.situacao)]
    if order.codigo_rastreamento is not None:
        facts.append(track_fact(told, order.id, order.codigo_rastreamento, title=None, url=order.url_rastreamento))
    if order.id_nota_fiscal is not None:
        facts.append(requested_fact(told, order.id_nota_fiscal))
    return Facts(tuple(facts))


# --- Notes --------------------------------------------------------------------------------------------------------------------


def _note(note: Note, received_at: datetime) -> Facts | Ignored:
    kind = _kind(note)
    own = references(("access_key", note.chave_acesso))
    orders = references(("external_reference", note.numero_ecommerce), ("erp_order_id", note.id_venda))
    # A return note that was canceled speaks of itself alone: the sale's order has lost no note by it.
    told = Told(received_at, None, own if kind == "fiscal.canceled" and not _is_sale(note) else (*own, *orders))
    if kind is None or not told.references:
        return Ignored("a note that is no sale, or that names neither an order nor an access key yet")
    fact = FiscalFact(
        kind=kind,
        raw_word=f"nota {note.situacao}",
        access_key=note.chave_acesso,
        document_id=note.id,
        number=_bare(note.numero),
        series=_bare(note.serie),
        total_cents=note.valor_nota,
        # The day is all that is said.
        issued_at=start_of_day(note.data_emissao) if note.data_emissao else None,
        evidence="erp_notice",
        **told.common(f"nota:{note.id}:{note.situacao}"),
    )
    return Facts((fact,))


def _kind(note: Note) -> FiscalKind | None:
    """Choose by purpose and direction: only an outgoing note of purpose 1 is a sale (erp.md R8)."""
    kind = NOTE_KINDS.get(note.situacao, "fiscal.unknown")
    if _is_sale(note) or kind == "fiscal.canceled":
        return kind
    return "fiscal.returned" if kind == "fiscal.issued" and note.finalidade == _RETURN else None


def _is_sale(note: Note) -> bool:
    return note.finalidade in (None, _SALE) and not folded(note.tipo_nota or "").startswith("e")


def _bare(digits: str | None) -> str | None:
    return None if digits is None else digits.lstrip("0") or "0"
