"""A tracking answer about up to fifty objects -> canonical shipment facts."""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from pydantic import BeforeValidator, PlainValidator, WrapValidator

from adapters.carriers.correios.numbers import is_valid, normalized
from adapters.carriers.correios.statuses import meaning_of_code
from adapters.contract import (
    Facts,
    FailedPart,
    Fetch,
    HttpRequest,
    HttpResponse,
    Ignored,
    PayloadMalformed,
    RawDelivery,
    Translation,
    none_legible,
)  # fmt: skip
from adapters.parsing import (
    SAO_PAULO,
    Moment,
    NativeId,
    NativeText,
    ShortIdentifier,
    dump_json,
    load_json,
    or_none,
    read,
    read_moment,
    read_object,
)
from adapters.tracking_words import Meaning, meaning_of
from schemas.base import Lenient
from schemas.facts import ShipmentFact
from schemas.facts.shipments import Track
from schemas.references import Reference

PROVIDER: Final = "correios"

MAX_NUMBERS: Final = 50
"""How many objects one call may ask for."""

_MAX_EVENTS: Final = 1000


def _number(value: object) -> object:
    return normalized(value) if isinstance(value, str) else value


class Place(Lenient):
    """endereco of a unit; empty abroad."""

    cidade: NativeText = None
    uf: NativeText = None


class Unit(Lenient):
    """The unit that wrote the event; abroad it has a name and no address."""

    nome: NativeText = None
    endereco: Annotated[Place | None, WrapValidator(or_none)] = None


class Event(Lenient):
    """One event. `codigo` is the family (the XML service calls it tipo) and `tipo` the status, as text of two digits."""

    codigo: ShortIdentifier
    tipo: NativeId = None
    dtHrCriado: Annotated[Moment, PlainValidator(lambda value: read_moment(value, SAO_PAULO))]
    descricao: NativeText = None
    detalhe: NativeText = None
    unidade: Annotated[Unit | None, WrapValidator(or_none)] = None


class Tracked(Lenient):
    """One object. Without `eventos` nothing is known of it yet, `mensagem` then says SRO-020."""

    codObjeto: Annotated[ShortIdentifier, BeforeValidator(_number)]
    eventos: Any = None


def translate(delivery: RawDelivery) -> Translation:
    """Translate an answer of GET /srorastro/v1/objetos.

    Units: times become UTC.
    Raises: PayloadMalformed.
    """
    return _translate(load_json(delivery.body, delivery.content_type))


def _translate(document: object) -> Facts | Ignored:
    objects = read_object(document, "body").get("objetos")
    if not isinstance(objects, list):
        raise PayloadMalformed("objetos: must be a list")
    if len(objects) > MAX_NUMBERS:
        raise PayloadMalformed(f"objetos: has {len(objects)} objects, more than {MAX_NUMBERS}")
    facts: dict[str, ShipmentFact] = {}
    failed: list[FailedPart] = []
    for index, entry in enumerate(objects):
        place = f"objetos.{index}"
        try:
            tracked = read(Tracked, entry, place)
            events = [] if tracked.eventos is None else tracked.eventos
            if not isinstance(events, list) or len(events) > _MAX_EVENTS:
                raise PayloadMalformed(f"{place}.eventos: must be a list of at most {_MAX_EVENTS} events")
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({"objetos": [entry]})))
            continue
        for number, said in enumerate(events):
            try:
                fact = _fact(tracked.codObjeto, read(Event, said, f"{place}.eventos.{number}"))
            except PayloadMalformed as error:
                part = {"objetos": [{"codObjeto": tracked.codObjeto, "eventos": [said]}]}
                failed.append(FailedPart(str(error), dump_json(part)))
            else:
                facts.setdefault(fact.event_id, fact)
    if facts:
        # Newest first as it comes.
        return Facts(tuple(sorted(facts.values(), key=lambda fact: (fact.occurred_at, fact.event_id))), tuple(failed))
    if failed:
        raise none_legible(failed)
    return Ignored("nothing is known of any object yet")


def _fact(number: str, event: Event) -> ShipmentFact:
    family = event.codigo.strip().upper()
    tipo = event.tipo or ""
    status = int(tipo) if tipo.isascii() and tipo.isdigit() and len(tipo) <= 4 else None
    by_code = meaning_of_code(family, status) if status is not None else None
    meaning = by_code or meaning_of(event.descricao, event.detalhe) or Meaning("shipment.unknown")
    code = f"{family} {tipo if status is None else f'{status:02}'}".strip()
    location = _location(event.unidade)
    moment = event.dtHrCriado
    reference = Reference(kind="tracking", value=number)
    said = json.dumps([number, code, moment.at.isoformat(), location]).encode()
    return ShipmentFact(
        kind=meaning.kind,
        event_id=hashlib.sha256(said).hexdigest(),
        provider=PROVIDER,
        references=(reference,),
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        raw_word=code,
        raw_code=code,
        reason=meaning.reason,
        shipment_key=reference,
        carrier=PROVIDER,
        tracks=(Track(number=number, carrier=PROVIDER),),
        location=location,
    )


def _location(unit: Unit | None) -> str | None:
    if unit is None:
        return None
    place = unit.endereco
    town = "-".join(part for part in (place.cidade, place.uf) if part) if place else ""
    return town or unit.nome


# --- Asking Correios ----------------------------------------------------------------------------------------------------------


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe GET /srorastro/v1/objetos for the numbers in `resource_id`, separated by commas, at most fifty.

    The gateway adds the bearer token of the posting card. Numbers that are not of S10 are left out: they are other carriers'.
    Raises: ValueError when none is left or they are too many.
    """
    numbers = [number for number in dict.fromkeys(map(normalized, fetch.resource_id.split(","))) if is_valid(number)]
    if not 1 <= len(numbers) <= MAX_NUMBERS:
        raise ValueError(f"between 1 and {MAX_NUMBERS} valid numbers can be asked for, not {len(numbers)}")
    query = urlencode([*(("codigosObjetos", number) for number in numbers), ("resultado", "T")])
    # Any other language is answered with an error, or with texts that the rules cannot read.
    return HttpRequest("GET", f"/srorastro/v1/objetos?{query}", {"Accept": "application/json", "Accept-Language": "pt-BR"})


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate the answer. Raises: PayloadMalformed."""
    return _translate(load_json(response.body))
