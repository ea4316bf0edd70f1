"""Tiny's spelling: both families of webhooks, and answers of API v2; only the fields we read."""

import re
from datetime import date
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainValidator, WrapValidator

from adapters.parsing import NativeId, NativeKey, NativeText, Reais, optional, or_none
from schemas.base import Lenient
from schemas.erp import AccessKey

_DAY: Final = re.compile(r"(\d{2})/(\d{2})/(20\d{2})(?: .*)?", re.ASCII)


def _day(value: object) -> date:
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a date as 31/12/2026")
    return date(int(found[3]), int(found[2]), int(found[1]))


def _zero_is_none(value: object) -> object:
    return None if value in (0, "0") and not isinstance(value, bool) else value


def _access_key(value: object) -> object:
    # Letters have stood in access keys since July 2026: signs are taken off, letters never.
    return "".join(value.split()).upper().removeprefix("NFE") or None if isinstance(value, str) else value


def _with_point(value: object) -> object:
    """Amounts come as 134.80 and, from older accounts, as 1.134,80."""
    return value.replace(".", "").replace(",", ".") if isinstance(value, str) and "," in value else value


LinkedId = Annotated[NativeId, BeforeValidator(_zero_is_none), WrapValidator(or_none)]
OptionalAccessKey = Annotated[AccessKey | None, BeforeValidator(_access_key)]
OptionalDay = Annotated[date | None, PlainValidator(optional(_day)), WrapValidator(or_none)]
OptionalReais = Annotated[Reais | None, BeforeValidator(_with_point), WrapValidator(or_none)]


class Webhook(Lenient):
    """The envelope of both families. `tipo` is an open word."""

    tipo: NativeKey
    cnpj: NativeId = None
    dados: dict[str, Any]


class OrderTold(Lenient):
    """dados of inclusao_pedido, atualizacao_pedido (`id`, `codigoSituacao`) and situacao_pedido (`idVendaTiny`, `situacao`)."""

    id: NativeId = None
    idVendaTiny: NativeId = None
    numero: NativeId = None
    idPedidoEcommerce: NativeId = None
    codigoSituacao: NativeId = None
    situacao: NativeId = None
    idNotaFiscal: LinkedId = None


class TrackingTold(Lenient):
    """dados of rastreio."""

    idVendaTiny: NativeId = None
    idPedidoEcommerce: NativeId = None
    codigoRastreio: NativeKey
    urlRastreio: NativeText = None
    formaEnvio: NativeText = None


class NoteTold(Lenient):
    """dados of nota_fiscal."""

    idNotaFiscalTiny: NativeKey


class Ecommerce(Lenient):
    """pedido.ecommerce."""

    numeroPedidoEcommerce: NativeId = None


class Order(Lenient):
    """retorno.pedido of pedido.obter.php. `situacao` is a label."""

    id: NativeKey
    numero: NativeId = None
    numero_ecommerce: NativeId = None
    ecommerce: Annotated[Ecommerce | None, WrapValidator(or_none)] = None
    situacao: NativeKey
    codigo_rastreamento: Annotated[NativeId, WrapValidator(or_none)] = None
    url_rastreamento: NativeText = None
    id_nota_fiscal: LinkedId = None


class Note(Lenient):
    """retorno.nota_fiscal of nota.fiscal.obter.php. `situacao` is an open set of numbers."""

    id: NativeKey
    tipo_nota: NativeText = None
    finalidade: NativeId = None
    numero: NativeId = None
    serie: NativeId = None
    numero_ecommerce: NativeId = None
    id_venda: LinkedId = None
    chave_acesso: OptionalAccessKey = None
    situacao: NativeKey
    valor_nota: OptionalReais = None
    data_emissao: OptionalDay = None
