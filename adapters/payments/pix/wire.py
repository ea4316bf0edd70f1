"""The bank's spelling: objects of the API Pix, only the fields we read. Source: https://bacen.github.io/pix-api/, spec 2.9.0."""

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, WrapValidator

from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeText, Reais, ShortIdentifier, optional, or_none, read_date, read_moment
from schemas.base import Lenient


def _moment(value: object) -> Moment:
    # The spec says Z or an offset. A bank that leaves it out means its own wall clock.
    return read_moment(value, SAO_PAULO)


OptionalMoment = Annotated[Moment | None, PlainValidator(optional(_moment))]


class Component(Lenient):
    """One part of componentesValor."""

    valor: Reais


class Components(Lenient):
    """https://bacen.github.io/pix-api/#/Pix componentesValor: what `valor` is made of."""

    juros: Component | None = None
    multa: Component | None = None
    abatimento: Component | None = None
    desconto: Component | None = None
    saque: Component | None = None
    troco: Component | None = None


class RefundTimes(Lenient):
    """Devolucao.horario."""

    solicitacao: OptionalMoment = None
    liquidacao: OptionalMoment = None


class Devolucao(Lenient):
    """One refund of a Pix. `status` and `natureza` are open words."""

    id: NativeId = None
    rtrId: NativeId = None
    valor: Reais
    natureza: NativeId = None  # absent = ORIGINAL
    status: ShortIdentifier
    motivo: NativeText = None
    horario: Annotated[RefundTimes | None, WrapValidator(or_none)] = None


def as_list(value: object) -> object:
    """Accept one object in place of a list: the spec's own example shows devolucoes so."""
    if value is None:
        return []
    return [value] if isinstance(value, dict) else value


class Pix(Lenient):
    """One Pix received. Ids are not checked for their length: the spec's own examples have 31 to 34 characters."""

    endToEndId: ShortIdentifier
    txid: NativeId = None
    valor: Reais
    componentesValor: Components | None = None
    horario: OptionalMoment = None
    # Read one by one, so that a bad one costs neither the capture nor the others.
    devolucoes: Annotated[list[Any], BeforeValidator(as_list)] = Field(default_factory=list)

    @property
    def interest_cents(self) -> int:
        """Juros and multa."""
        return self._sum("juros", "multa")

    @property
    def discount_cents(self) -> int:
        """Abatimento and desconto."""
        return self._sum("abatimento", "desconto")

    @property
    def change_cents(self) -> int:
        """Saque and troco: cash handed over the counter."""
        return self._sum("saque", "troco")

    @property
    def settled_cents(self) -> int:
        """The part of the debt this Pix settles (rules.md, Payments)."""
        return self.valor - self.interest_cents - self.change_cents + self.discount_cents

    def _sum(self, *names: str) -> int:
        parts = [getattr(self.componentesValor, name, None) for name in names]
        return sum(part.valor for part in parts if part is not None)


class Calendar(Lenient):
    """Cob.calendario and CobV.calendario."""

    criacao: OptionalMoment = None
    expiracao: Annotated[int | None, WrapValidator(or_none)] = None
    dataDeVencimento: Annotated[date | None, PlainValidator(optional(read_date)), WrapValidator(or_none)] = None
    validadeAposVencimento: Annotated[int | None, WrapValidator(or_none)] = None


class ChargeValue(Lenient):
    """Cob.valor."""

    original: Annotated[Reais | None, WrapValidator(or_none)] = None


def _or_empty(value: object) -> object:
    return {} if value is None else value


class Charge(Lenient):
    """A cob or cobv: what was asked for, not what was paid. `status` is an open word."""

    txid: ShortIdentifier
    status: ShortIdentifier
    revisao: NativeId = None
    calendario: Annotated[Calendar, BeforeValidator(_or_empty)] = Calendar()
    valor: Annotated[ChargeValue, BeforeValidator(_or_empty)] = ChargeValue()
    pix: Annotated[list[Any], BeforeValidator(as_list)] = Field(default_factory=list)
