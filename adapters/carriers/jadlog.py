"""Answers of Jadlog's tracking API, POST /embarcador/api/tracking/consultar: carriers.jadlog.

Source: public integrations, read 2026-11-20; the vendor's manual is not public. No amounts. Times: `YYYY-MM-DD HH:MM:SS` without
offset, taken to be Brasília. Only five of its statuses have been seen; any other goes by the text rules, and stays unknown, for
HUB_MAP_JADLOG, where they know nothing.

An event has no id. Shipment, status, time as written and unit are its identity. Jadlog calls nobody: answers come from polling, or
from a publisher of one's own.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainValidator

from adapters.contract import (
    Adapter,
    Facts,
    FailedPart,
    Fetch,
    HttpRequest,
    HttpResponse,
    Idempotency,
    Ignored,
    PayloadMalformed,
    RawDelivery,
    Translation,
    none_legible,
    unsigned,
)  # fmt: skip
from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeText, dump_json, load_json, read, read_moment, read_object
from adapters.tracking_words import Meaning, meaning_of
from schemas.base import Lenient
from schemas.facts import ShipmentFact
from schemas.facts.shipments import Track
from schemas.references import Reference

PROVIDER: Final = "jadlog"
_DOCS: Final = "https://www.jadlog.com.br/embarcador/api/tracking/consultar"
_MAX_ITEMS: Final = 1000


def _number(value: object) -> object:
    return "".join(value.split()).upper() if isinstance(value, str) else value


class Event(Lenient):
    """One event. `unidade` is the branch."""

    data: Annotated[Moment, PlainValidator(lambda value: read_moment(value, SAO_PAULO))]
    status: NativeText = None
    unidade: NativeText = None


class Tracking(Lenient):
    """One shipment. `codigo` is what a customer tracks it by; both numbers may be absent, and then it is what was asked for."""

    codigo: Annotated[NativeId, BeforeValidator(_number)] = None
    shipment_id: Annotated[NativeId, BeforeValidator(_number)] = None
    eventos: Any = None


STATUSES: Final[Mapping[str, Meaning]] = {
    # The label and its papers; some receivers take it for a movement, which would tell the customer of a posting too early.
    "EMISSAO": Meaning("shipment.label_created"),
    "COLETADO": Meaning("shipment.in_transit"),
    "ENTRADA": Meaning("shipment.in_transit"),
    "TRANSFERENCIA": Meaning("shipment.in_transit"),
    "EM ROTA": Meaning("shipment.out_for_delivery"),
    "ENTREGUE": Meaning("shipment.delivered"),
}
"""By the status in capitals and without accents."""


def translate(delivery: RawDelivery) -> Translation:
    """Translate an answer. Units: times become UTC. Raises: PayloadMalformed."""
    return _translate(load_json(delivery.body, delivery.content_type))


def _translate(document: object) -> Facts | Ignored:
    entries = read_object(document, "body").get("consulta")
    if not isinstance(entries, list):
        raise PayloadMalformed("consulta: must be a list")
    if len(entries) > _MAX_ITEMS:
        raise PayloadMalformed(f"consulta: has {len(entries)} shipments, more than {_MAX_ITEMS}")
    facts: dict[str, ShipmentFact] = {}
    failed: list[FailedPart] = []
    for index, entry in enumerate(entries):
        place = f"consulta.{index}"
        try:
            found = read_object(entry, place)
            said = found.get("tracking")
            if said is None:  # `erro` or `error` in its place: no data
                continue
            tracking = read(Tracking, _with_id(said, f"{place}.tracking", found), f"{place}.tracking")
            events = [] if tracking.eventos is None else tracking.eventos
            if not isinstance(events, list) or len(events) > _MAX_ITEMS:
                raise PayloadMalformed(f"{place}.tracking.eventos: must be a list of at most {_MAX_ITEMS} events")
            references = _references(tracking)
            if events and not references:
                raise PayloadMalformed(f"{place}.tracking: names no shipment: codigo and shipmentId are missing")
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({"consulta": [entry]})))
            continue
        for number, event in enumerate(events):
            try:
                fact = _fact(references, read(Event, event, f"{place}.tracking.eventos.{number}"))
            except PayloadMalformed as error:
                names = {"codigo": tracking.codigo, "shipmentId": tracking.shipment_id, "eventos": [event]}
                failed.append(FailedPart(str(error), dump_json({"consulta": [{"tracking": names}]})))
            else:
                facts.setdefault(fact.event_id, fact)
    if facts:
        return Facts(tuple(sorted(facts.values(), key=lambda fact: (fact.occurred_at, fact.event_id))), tuple(failed))
    if failed:
        raise none_legible(failed)
    return Ignored("nothing is known of any shipment yet")


def _with_id(said: object, place: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Jadlog's spelling of shipmentId, inside of the tracking or beside it where the question is repeated."""
    tracking = read_object(said, place)
    return {
        **tracking,
        "shipment_id": tracking.get("shipmentId") or entry.get("shipmentId"),
        "codigo": tracking.get("codigo") or entry.get("codigo"),
    }


def _references(tracking: Tracking) -> tuple[Reference, ...]:
    named = [Reference(kind="tracking", value=tracking.codigo)] if tracking.codigo else []
    # The platform that made the label, and whoever typed the number by hand, may know the shipment by either.
    named += [Reference(kind="tracking", value=tracking.shipment_id)] if tracking.shipment_id else []
    return tuple(dict.fromkeys(named))


def _plain(status: str) -> str:
    return " ".join("".join(ch for ch in unicodedata.normalize("NFKD", status) if not unicodedata.combining(ch)).upper().split())


def _fact(references: tuple[Reference, ...], event: Event) -> ShipmentFact:
    word = _plain(event.status or "")
    meaning = STATUSES.get(word) or meaning_of(event.status) or Meaning("shipment.unknown")
    said = [references[0].value, word, event.data.at.isoformat(), event.unidade]
    return ShipmentFact(
        kind=meaning.kind,
        event_id=hashlib.sha256(json.dumps(said).encode()).hexdigest(),
        provider=PROVIDER,
        references=references,
        occurred_at=event.data.at,
        occurred_at_assumed=event.data.assumed,
        raw_word=word or "no status",
        raw_code=word or None,
        reason=meaning.reason,
        shipment_key=references[0],
        carrier=PROVIDER,
        tracks=tuple(Track(number=reference.value, carrier=PROVIDER) for reference in references),
        location=event.unidade,
    )


# --- Asking Jadlog ------------------------------------------------------------------------------------------------------------


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe the question for the numbers in `resource_id`, separated by commas: codes of digits alone, else shipment ids.

    The gateway adds the bearer token. Raises: ValueError when there is no number.
    """
    numbers = [number for number in dict.fromkeys(part.strip() for part in fetch.resource_id.split(",")) if number]
    if not 1 <= len(numbers) <= _MAX_ITEMS:
        raise ValueError(f"between 1 and {_MAX_ITEMS} numbers can be asked for, not {len(numbers)}")
    question = {"consulta": [{"codigo" if number.isdigit() else "shipmentId": number} for number in numbers]}
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    return HttpRequest("POST", "/embarcador/api/tracking/consultar", headers, json.dumps(question).encode())


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate the answer. Raises: PayloadMalformed."""
    return _translate(load_json(response.body))


ADAPTER: Final = Adapter(
    name="carriers.jadlog",
    translate=translate,
    verify=unsigned,
    docs=_DOCS,
    body_identifies_event=True,
    statuses=tuple(STATUSES),
    amount_format="no amounts",
    time_zone="America/Sao_Paulo",
    idempotency=Idempotency("safe"),
    resources=("tracking",),
    build_fetch=build_fetch,
    parse_response=parse_response,
)
