"""The spelling of layout 4.00: elements of the NF-e -> frozen models, only the fields we read.

Source: Manual de Orientação do Contribuinte 7.0 and the official XSD of NF-e 4.00 (leiauteNFe_v4.00, leiauteEvento_v1.00), read
2026-11-20. Amounts: decimal text in reais. Times: ISO 8601 with offset.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, PlainValidator, StringConstraints

from adapters.contract import PayloadMalformed
from adapters.erp.nfe.access_key import AccessKey, read_access_key
from adapters.erp.nfe.unpack import NFE
from adapters.parsing import SAO_PAULO, Moment, NativeText, Reais, optional, read, read_moment
from schemas.base import Identifier, Lenient

_BLANKS: Final = " \t\r\n"
_SIGNS: Final = str.maketrans("", "", "./- ")

# --- Elements -----------------------------------------------------------------------------------------------------------------


def only(parent: Any, name: str, place: str) -> Any | None:
    """Return the child of that name in the NF-e namespace, or None. Two of them are refused: another reader might take the other one."""
    found = parent.findall(f"{{{NFE}}}{name}")
    if len(found) > 1:
        raise PayloadMalformed(f"{place}.{name}: stands {len(found)} times")
    return found[0] if found else None


def required(parent: Any, name: str, place: str) -> Any:
    """Return the child of that name. Raises: PayloadMalformed when there is not exactly one."""
    found = only(parent, name, place)
    if found is None:
        raise PayloadMalformed(f"{place}.{name}: missing")
    return found


def texts(element: Any, names: Collection[str], place: str) -> dict[str, str]:
    """Return the texts of an element's children of these names, blanks around them dropped."""
    tags = _tags(frozenset(names))
    found: dict[str, str] = {}
    for child in element:
        name = tags.get(child.tag)
        if name is None:
            continue
        if name in found:
            raise PayloadMalformed(f"{place}.{name}: stands twice")
        if len(child):
            raise PayloadMalformed(f"{place}.{name}: must be a text")
        found[name] = (child.text or "").strip(_BLANKS)
    return found


@lru_cache(maxsize=64)
def _tags(names: frozenset[str]) -> dict[str, str]:
    return {f"{{{NFE}}}{name}": name for name in names}


# --- Field types --------------------------------------------------------------------------------------------------------------


def _moment(value: object) -> Moment:
    # The XSD asks for an offset. A system that leaves it out means its own wall clock (erp.md R12).
    return read_moment(value, SAO_PAULO)


def _quantity(value: object) -> Decimal:
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ValueError("must be a quantity with at most four decimals")
    return Decimal(value)


_QUANTITY: Final = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,4})?", re.ASCII)

Key = Annotated[AccessKey, PlainValidator(read_access_key)]
Time = Annotated[Moment, PlainValidator(_moment)]
OptionalTime = Annotated[Moment | None, PlainValidator(optional(_moment))]
Quantity = Annotated[Decimal, PlainValidator(_quantity)]
Digit = Annotated[str, StringConstraints(pattern=r"^[0-9]$")]
Status = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,4}$")]  # an open word: four digits since the tax reform
EventType = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Protocol = Annotated[str, StringConstraints(pattern=r"^(?:[0-9]{15}|[0-9]{17})$")]
OptionalProtocol = Annotated[Protocol | None, BeforeValidator(lambda value: value or None)]
Environment = Literal["1", "2"]
Sequence = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,2}$")]

# --- Models -------------------------------------------------------------------------------------------------------------------


class Ide(Lenient):
    """infNFe/ide. `finNFe` is an open word: 5 and 6 came with the tax reform."""

    cUF: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")]
    cNF: Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
    mod: Literal["55", "65"]
    serie: Annotated[str, StringConstraints(pattern=r"^(?:0|[1-9][0-9]{0,2})$")]
    nNF: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")]
    dhEmi: Time
    tpNF: Literal["0", "1"]
    tpEmis: Digit
    cDV: Digit
    tpAmb: Environment
    finNFe: Digit
    year_month: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]  # AAMM as dhEmi writes them, whatever the offset


class Total(Lenient):
    """total/ICMSTot. vNF, not vNFTot: the latter holds taxes that the buyer does not owe to the shop (erp.md R9)."""

    vNF: Reais


class Product(Lenient):
    """det/prod."""

    cProd: Annotated[Identifier, StringConstraints(max_length=60)]
    qCom: Quantity
    xPed: str = ""


class Protocolled(Lenient):
    """protNFe/infProt: what the authority answered about one note."""

    tpAmb: Environment
    chNFe: Key
    dhRecbto: Time
    nProt: OptionalProtocol = None
    digVal: str | None = None
    cStat: Status
    xMotivo: NativeText = None


class Situation(Lenient):
    """retConsSitNFe and retCancNFe/infCanc: how a note stands at the authority."""

    tpAmb: Environment
    cStat: Status
    xMotivo: NativeText = None
    chNFe: Key
    dhRecbto: OptionalTime = None
    nProt: OptionalProtocol = None


class Answer(Lenient):
    """Root of an answer that speaks of a lot, not of a note."""

    cStat: Status
    xMotivo: NativeText = None


class EventRequest(Lenient):
    """evento/infEvento: what was asked for."""

    tpAmb: Environment
    chNFe: Key
    tpEvento: EventType
    nSeqEvento: Sequence


class EventAnswer(Lenient):
    """retEvento/infEvento: what the authority made of it. Only this decides."""

    tpAmb: Environment
    cStat: Status
    xMotivo: NativeText = None
    chNFe: Key
    tpEvento: EventType
    nSeqEvento: Sequence
    dhRegEvento: Time
    nProt: OptionalProtocol = None


class EventDetail(Lenient):
    """evento/infEvento/detEvento, what we read of any of them."""

    nProtEvento: OptionalProtocol = None
    dhEntrega: OptionalTime = None
    dhTentativaEntrega: OptionalTime = None
    tpMotivo: Annotated[Digit | None, BeforeValidator(lambda value: value or None)] = None


class Voided(Lenient):
    """retInutNFe/infInut: a range of numbers that will never be used."""

    cStat: Status
    xMotivo: NativeText = None
    serie: NativeText = None
    nNFIni: NativeText = None
    nNFFin: NativeText = None


@dataclass(frozen=True, slots=True)
class Note:
    """One infNFe."""

    key: AccessKey
    ide: Ide
    issuer: str
    total: Total
    products: tuple[Product, ...]
    originals: tuple[AccessKey, ...]
    digest: str | None
    element: Any


# --- Readers ------------------------------------------------------------------------------------------------------------------

_IDE: Final = frozenset(Ide.model_fields) - {"year_month"}
_SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}"

Model = TypeVar("Model", bound=Lenient)


def read_model(model: type[Model], element: Any, place: str) -> Model:
    """Read the children of an element as a model. Raises: PayloadMalformed."""
    return read(model, texts(element, model.model_fields.keys(), place), place)


def read_note(nfe: Any, place: str) -> Note:
    """Read an NFe element. Raises: PayloadMalformed."""
    info = required(nfe, "infNFe", place)
    # A second one further down is how a signature is made to cover something else than what is read.
    if sum(1 for _ in nfe.iter(f"{{{NFE}}}infNFe")) != 1:
        raise PayloadMalformed(f"{place}: holds more than one infNFe")
    place = f"{place}.infNFe"
    ide_texts = texts(required(info, "ide", place), _IDE, f"{place}.ide")
    ide = read(Ide, {**ide_texts, "year_month": ide_texts.get("dhEmi", "")[2:4] + ide_texts.get("dhEmi", "")[5:7]}, f"{place}.ide")
    total = read_model(Total, required(required(info, "total", place), "ICMSTot", f"{place}.total"), f"{place}.total.ICMSTot")
    return Note(
        _id_key(info, place), ide, _issuer(info, place), total, tuple(_products(info, place)), _originals(info, place),
        _digest(nfe, place), info,
    )  # fmt: skip


def _id_key(info: Any, place: str) -> AccessKey:
    identity = info.get("Id", "")
    try:
        if not identity.startswith("NFe"):
            raise ValueError("must be NFe and the access key")
        return read_access_key(identity[3:])
    except ValueError as error:
        raise PayloadMalformed(f"{place}.Id: {error}") from error


def _issuer(info: Any, place: str) -> str:
    found = texts(required(info, "emit", place), {"CNPJ", "CPF"}, f"{place}.emit")
    if len(found) != 1:
        raise PayloadMalformed(f"{place}.emit: must have either CNPJ or CPF")
    # Signs between the groups are how people write it; letters belong to it.
    return next(iter(found.values())).translate(_SIGNS).upper().zfill(14)


def _products(info: Any, place: str) -> Iterator[Product]:
    details = info.findall(f"{{{NFE}}}det")
    if not details:
        raise PayloadMalformed(f"{place}.det: missing")
    for index, detail in enumerate(details):
        where = f"{place}.det[{index}]"
        yield read_model(Product, required(detail, "prod", where), f"{where}.prod")


def _originals(info: Any, place: str) -> tuple[AccessKey, ...]:
    """Return the notes that this one refers to, each once."""
    keys: dict[AccessKey, None] = {}
    for index, reference in enumerate(info.iterfind(f"{{{NFE}}}ide/{{{NFE}}}NFref")):
        where = f"{place}.ide.NFref[{index}]"
        key = texts(reference, {"refNFe"}, where).get("refNFe")
        if key is None:
            continue  # a note on paper, or of another model
        try:
            keys[read_access_key(key)] = None
        except ValueError as error:
            raise PayloadMalformed(f"{where}.refNFe: {error}") from error
    return tuple(keys)


def _digest(nfe: Any, place: str) -> str | None:
    found = nfe.findall(f"{_SIGNATURE}Signature/{_SIGNATURE}SignedInfo/{_SIGNATURE}Reference/{_SIGNATURE}DigestValue")
    if len(found) > 1:
        raise PayloadMalformed(f"{place}.Signature: signs more than one thing")
    return "".join((found[0].text or "").split()) if found else None
