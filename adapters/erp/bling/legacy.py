"""The callback of v2: a form whose one field `data` holds orders as JSON or XML; also as the GET of v2 shows them.

Source: https://ajuda.bling.com.br, callback de alteração de situação, as excerpts and public integrations have it, read 2026-11-25.
Numbers are text with a point; a list of one may be an object; situations are names whose case and accents vary.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from adapters.contract import Facts, FailedPart, PayloadMalformed, none_legible
from adapters.erp.bling.facts import Told, note_fact, references, situation_fact, track_facts, without_left_zeros
from adapters.erp.bling.wire import LegacyNote, LegacyOrder, LegacyVolume, as_list
from adapters.erp.bling.words import BY_NAME, NOTE_NAMES, Situations, folded
from adapters.parsing import Moment, dump_json, load_json, parse_xml, read, read_object
from schemas.facts import Fact

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r\n"
_MAX_ORDERS: Final = 1000


def content_of(body: bytes) -> bytes:
    """Return what a form's field `data` holds; any other body as it is, without a byte order mark. Raises: PayloadMalformed."""
    bare = body.lstrip(_BLANK).removeprefix(_BOM).lstrip(_BLANK)
    if bare[:1] in (b"{", b"[", b"<", b'"') or b"=" not in bare[:200]:
        return bare
    found = [value for name, _, value in (field.partition(b"=") for field in bare.split(b"&")) if name == b"data"]
    if len(found) != 1:
        raise PayloadMalformed("data: the form must hold this field, once")
    return unquote_to_bytes(found[0].replace(b"+", b" ")).lstrip(_BLANK)


def is_xml(content: bytes) -> bool:
    """Say whether it is XML."""
    return content[:1] == b"<"


def orders(content: bytes) -> list[Any]:
    """Return the orders inside, plain. Raises: PayloadMalformed, also for the answer that is an error."""
    if is_xml(content):
        root = parse_xml(content)
        if root.tag != "retorno":
            raise PayloadMalformed("retorno: is not the root of the callback")
        answer = _plain(root)
    else:
        answer = read_object(load_json(content), "body").get("retorno")
    answer = read_object(answer, "retorno")
    if answer.get("erros"):
        raise PayloadMalformed(f"retorno.erros: Bling answered an error{_code(answer['erros'])}")
    rows = [row for group in as_tuple(answer.get("pedidos")) for row in _unwrapped(group)]
    if not rows or len(rows) > _MAX_ORDERS:
        raise PayloadMalformed(f"retorno.pedidos: must hold 1 to {_MAX_ORDERS} orders")
    return rows


def as_tuple(value: object) -> tuple[Any, ...]:
    """Return a list, or the only element in place of one, as a tuple."""
    found = as_list(value)
    assert isinstance(found, tuple)
    return found


def _unwrapped(group: Any) -> tuple[Any, ...]:
    return as_tuple(group["pedido"]) if isinstance(group, dict) and "pedido" in group else (group,)


def _plain(element: Any) -> Any:
    """Return an element as a converter of XML would write it: a repeated child is a list, a leaf is its text."""
    children = [child for child in element if isinstance(child.tag, str)]
    if not children:
        return element.text or ""
    values: dict[str, Any] = {}
    for child in children:
        value = _plain(child)
        if child.tag in values:
            before = values[child.tag]
            values[child.tag] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            values[child.tag] = value
    return values


def _code(errors: object) -> str:
    """Return the number of an error; its words may name a person."""
    rows = errors.values() if isinstance(errors, dict) else errors if isinstance(errors, list) else ()
    for row in rows:
        inner = row.get("erro", row) if isinstance(row, dict) else row
        code = inner.get("cod") if isinstance(inner, dict) else None
        if isinstance(code, int | str) and str(code).isascii() and str(code).isalnum() and len(str(code)) <= 10:
            return f", code {code}"
    return ""


def translate_orders(rows: list[Any], moment: Moment, situations: Situations) -> Facts:
    """Translate orders; one that is bad is a failed part. Raises: PayloadMalformed."""
    facts: dict[str, Fact] = {}
    failed: list[FailedPart] = []
    for index, row in enumerate(rows):
        try:
            for fact in _order_facts(read(LegacyOrder, row, f"retorno.pedidos[{index}].pedido"), moment, situations, index):
                facts.setdefault(fact.event_id, fact)
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({"retorno": {"pedidos": [{"pedido": row}]}})))
    if failed and not facts:
        raise none_legible(failed)
    return Facts(tuple(facts.values()), tuple(failed))


def _order_facts(order: LegacyOrder, moment: Moment, situations: Situations, index: int) -> Iterator[Fact]:
    told = Told(moment, None, references(("external_reference", order.numeroPedidoLoja), ("erp_order_number", order.numero)))
    name = folded(order.situacao)
    kind = situations.get(name) or BY_NAME.get(name)
    yield situation_fact(told, f"pedido:{order.numero}:situacao:{name}", f"situacao {order.situacao}", kind, None)
    yield from track_facts(told, f"pedido:{order.numero}", _tracks(order, index))
    if order.nota is not None and order.nota.situacao is not None:
        fact = _note_fact(order.nota, order.nota.situacao, told, f"pedido:{order.numero}")
        if fact is not None:
            yield fact


def _tracks(order: LegacyOrder, index: int) -> Iterator[tuple[str | None, str | None, str | None]]:
    for group in as_tuple((order.transporte or {}).get("volumes")):
        for row in as_tuple(group["volume"]) if isinstance(group, dict) and "volume" in group else (group,):
            if isinstance(row, dict):
                volume = read(LegacyVolume, row, f"retorno.pedidos[{index}].pedido.transporte.volumes")
                yield volume.codigoRastreamento, volume.servico, volume.urlRastreamento
    for code in order.codigosRastreamento or ():
        yield code.codigoRastreamento, None, None


def _note_fact(note: LegacyNote, native: str, told: Told, prefix: str) -> Fact | None:
    # Numbers of v2 are others than those of v3, so that a number is an unknown word.
    situation = NOTE_NAMES.get(folded(native), "")
    paper = {
        "access_key": note.chaveAcesso,
        "number": without_left_zeros(note.numero),
        "series": without_left_zeros(note.serie),
        "total_cents": note.valorNota,
        "issued_at": note.dataEmissao.at if note.dataEmissao else None,
    }
    # Without its key a notice proves nothing (rules.md, Fiscal).
    if situation in ("5", "6") and note.chaveAcesso is None:
        situation = "8"
    named = note.chaveAcesso or f"{note.serie or ''}/{note.numero or ''}"
    return note_fact(told, f"{prefix}:nota:{named}:{folded(native)}", situation, f"nota {native}", (None, None), paper)
