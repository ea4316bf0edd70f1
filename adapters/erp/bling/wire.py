"""Bling's spelling: webhooks, orders and notes of v3, orders of v2; only the fields we read."""

from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WrapValidator

from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeKey, NativeText, Reais, optional, or_none, read_moment
from schemas.base import Lenient
from schemas.erp import AccessKey


def _moment(value: object) -> Moment:
    return read_moment(value, SAO_PAULO)


def _access_key(value: object) -> object:
    if not isinstance(value, str):
        return value
    # Letters have stood in access keys since July 2026: signs are taken off, letters never.
    return "".join(value.split()).upper().removeprefix("NFE") or None


def _zero_is_none(value: object) -> object:
    return None if value in (0, "0") and not isinstance(value, bool) else value


def as_list(value: object) -> object:
    """Return a list: converters of XML write a list of one as its only element."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


OptionalMoment = Annotated[Moment | None, PlainValidator(optional(_moment)), WrapValidator(or_none)]
OptionalAccessKey = Annotated[AccessKey | None, BeforeValidator(_access_key)]
OptionalReais = Annotated[Reais | None, BeforeValidator(optional(lambda value: value)), WrapValidator(or_none)]
LinkedId = Annotated[NativeId, BeforeValidator(_zero_is_none)]
Informing = Annotated[NativeId, WrapValidator(or_none)]


class Webhook(Lenient):
    """https://developer.bling.com.br/webhooks: the envelope. `event` is an open word."""

    eventId: NativeId = None
    date: OptionalMoment = None
    event: NativeKey
    companyId: NativeId = None
    data: dict[str, Any]


class Named(Lenient):
    """Something that has an id; 0 = there is none."""

    id: LinkedId = None


class Situation(Lenient):
    """situacao of an order: `id` is the account's, `valor` is everybody's."""

    id: NativeKey
    valor: NativeId = None


class Volume(Lenient):
    """transporte.volumes[]."""

    servico: NativeText = None
    codigoRastreamento: Informing = None


class Transport(Lenient):
    """transporte."""

    volumes: Annotated[tuple[Annotated[Volume | None, WrapValidator(or_none)], ...], BeforeValidator(as_list)] = ()


class Order(Lenient):
    """GET /pedidos/vendas/{id}."""

    id: NativeKey
    numero: NativeId = None
    numeroLoja: NativeId = None
    situacao: Situation
    notaFiscal: Annotated[Named | None, WrapValidator(or_none)] = None
    transporte: Annotated[Transport | None, WrapValidator(or_none)] = None


class Referenced(Lenient):
    """documentoReferenciado: the note that a return takes back."""

    chaveAcesso: OptionalAccessKey = None


class Note(Lenient):
    """GET /nfe/{id}. `situacao` is an open set of numbers."""

    id: NativeKey
    situacao: NativeKey
    tipo: NativeId = None
    finalidade: NativeId = None
    numero: NativeId = None
    serie: NativeId = None
    dataEmissao: OptionalMoment = None
    chaveAcesso: OptionalAccessKey = None
    numeroPedidoLoja: NativeId = None
    valorNota: OptionalReais = None
    linkDanfe: NativeText = None
    documentoReferenciado: Annotated[Referenced | None, WrapValidator(or_none)] = None


class LegacyVolume(Lenient):
    """volumes[].volume of v2."""

    servico: NativeText = None
    codigoRastreamento: Informing = None
    urlRastreamento: NativeText = None


class LegacyCode(Lenient):
    """codigosRastreamento of v2."""

    codigoRastreamento: Informing = None


class LegacyNote(Lenient):
    """nota of v2. `situacao` is a name."""

    serie: NativeId = None
    numero: NativeId = None
    dataEmissao: OptionalMoment = None
    situacao: NativeId = None
    valorNota: OptionalReais = None
    chaveAcesso: OptionalAccessKey = None


class LegacyOrder(Lenient):
    """One order of v2. `situacao` is a name."""

    numero: NativeKey
    numeroPedidoLoja: NativeId = None
    situacao: NativeKey
    nota: LegacyNote | None = None
    transporte: dict[str, Any] | None = None
    codigosRastreamento: Annotated[tuple[LegacyCode, ...], BeforeValidator(as_list), WrapValidator(or_none)] | None = None
