"""Omie's spelling: webhooks, and answers of ConsultarPedido and ConsultarNF; only the fields we read."""

import re
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AliasChoices, BeforeValidator, Field, PlainValidator, WrapValidator

from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeKey, NativeText, Reais, optional, or_none, read_moment, start_of_day
from schemas.base import Lenient
from schemas.erp import AccessKey

_DAY: Final = re.compile(r"(\d{2})/(\d{2})/(20\d{2})", re.ASCII)
_CLOCK: Final = re.compile(r"\d{2}:\d{2}(?::\d{2})?", re.ASCII)


def moment_of(day: str | None, clock: str | None) -> Moment | None:
    """Read a day as 31/12/2026 or ISO 8601, and a time of day beside it; None = not there, or not legible."""
    found = _DAY.fullmatch(day or "")
    iso = f"{found[3]}-{found[2]}-{found[1]}" if found else day or ""
    try:
        if len(iso) > 10:
            return read_moment(iso, SAO_PAULO)
        if clock and _CLOCK.fullmatch(clock):
            return read_moment(f"{iso} {clock}", SAO_PAULO)
        return Moment(start_of_day(date.fromisoformat(iso)), assumed=True) if iso[:2] == "20" else None
    except ValueError:
        return None


def _access_key(value: object) -> object:
    # Letters have stood in access keys since July 2026: signs are taken off, letters never.
    return "".join(value.split()).upper().removeprefix("NFE") or None if isinstance(value, str) else value


def _zero_is_none(value: object) -> object:
    return None if value in (0, "0") and not isinstance(value, bool) else value


OptionalAccessKey = Annotated[AccessKey | None, BeforeValidator(_access_key)]
LinkedId = Annotated[NativeId, BeforeValidator(_zero_is_none)]
InformingId = Annotated[NativeId, BeforeValidator(_zero_is_none), WrapValidator(or_none)]
OptionalReais = Annotated[Reais | None, WrapValidator(or_none)]


def _moment(value: object) -> Moment:
    found = moment_of(value, None) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a date")
    return found


OptionalDay = Annotated[Moment | None, PlainValidator(optional(_moment)), WrapValidator(or_none)]


class Webhook(Lenient):
    """The envelope. `topic` is an open word; a ping has none."""

    ping: Any = None
    messageId: NativeId = None
    topic: NativeId = None
    appKey: NativeId = None
    event: dict[str, Any] | None = None


class OrderEvent(Lenient):
    """event of VendaProduto.*. `codIntPedido` is the shop's own number, empty where the order was typed by hand."""

    idPedido: LinkedId = None
    codIntPedido: NativeId = None
    numeroPedido: NativeId = None
    etapa: NativeId = None
    etapaDescr: NativeText = None
    cancelada: NativeText = None
    dataFaturado: NativeText = None
    horaFaturado: NativeText = None


class NoteEvent(Lenient):
    """event of NFe.*; field spelling differs between sources."""

    id_pedido: Annotated[LinkedId, Field(validation_alias=AliasChoices("id_pedido", "idPedido"))] = None
    id_nf: Annotated[LinkedId, Field(validation_alias=AliasChoices("id_nf", "idNf", "nIdNF"))] = None
    numero_nf: Annotated[InformingId, Field(validation_alias=AliasChoices("numero_nf", "numeroNf", "nNF"))] = None
    serie: InformingId = None
    chave: Annotated[OptionalAccessKey, Field(validation_alias=AliasChoices("nfe_chave", "chave_nfe", "chave", "chNFe"))] = None
    danfe: Annotated[NativeText, Field(validation_alias=AliasChoices("nfe_danfe", "danfe_url"))] = None
    ambiente: NativeText = None
    cStat: NativeText = None
    xMotivo: NativeText = None


class Header(Lenient):
    """pedido_venda_produto.cabecalho."""

    codigo_pedido: NativeKey
    codigo_pedido_integracao: NativeId = None
    numero_pedido: NativeId = None
    etapa: NativeId = None


class Registration(Lenient):
    """pedido_venda_produto.infoCadastro."""

    cancelado: NativeText = None


class Freight(Lenient):
    """pedido_venda_produto.frete."""

    codigo_rastreio: InformingId = None


class Order(Lenient):
    """pedido_venda_produto of ConsultarPedido."""

    cabecalho: Header
    infoCadastro: Annotated[Registration | None, WrapValidator(or_none)] = None
    frete: Annotated[Freight | None, WrapValidator(or_none)] = None


class NoteNames(Lenient):
    """compl of ConsultarNF."""

    cChaveNFe: OptionalAccessKey = None
    nIdNF: LinkedId = None
    nIdPedido: LinkedId = None


class NoteHead(Lenient):
    """ide of ConsultarNF. `dCan`: the day of its cancellation; `cDeneg`: S = denied; `dReg` and others are not read."""

    nNF: InformingId = None
    serie: InformingId = None
    dEmi: OptionalDay = None
    dCan: OptionalDay = None
    cDeneg: NativeText = None
    finNFe: NativeId = None
    tpNF: NativeId = None
    tpAmb: NativeId = None


class Sums(Lenient):
    """total.ICMSTot."""

    vNF: OptionalReais = None


class Total(Lenient):
    """total of ConsultarNF."""

    ICMSTot: Annotated[Sums | None, WrapValidator(or_none)] = None


class Note(Lenient):
    """The answer of ConsultarNF."""

    compl: NoteNames
    ide: NoteHead
    total: Annotated[Total | None, WrapValidator(or_none)] = None
