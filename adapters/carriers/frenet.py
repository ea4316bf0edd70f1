"""Frenet callbacks and answers of /tracking/trackinginfo: carriers.frenet.

Source: https://docs.frenet.com.br and the vendor's SDK, read 2026-11-20. No amounts. Times: `dd/MM/yyyy HH:mm` in Brasília, so two
events of one minute are told apart by rank. Several carriers stand behind Frenet; which one a number is of stands in TrackingUrl alone,
`.../COR/<number>`, and a code that is not in CARRIERS names none.

An event has no id: number, type, text, minute and place are its identity, the same in a callback and in an answer. How often a
callback is repeated is not documented.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AliasChoices, BeforeValidator, Field, PlainValidator, WrapValidator

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
    Secrets,
    SignatureInvalid,
    Translation,
    none_legible,
)  # fmt: skip
from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeText, dump_json, load_json, or_none, read, read_moment
from adapters.signing import equals_any, must_check
from adapters.tracking_words import Meaning, meaning_of
from schemas.base import Lenient
from schemas.facts import ShipmentFact
from schemas.facts.shipments import Track
from schemas.references import Reference

PROVIDER: Final = "frenet"
_DOCS: Final = "https://docs.frenet.com.br"
_MAX_ITEMS: Final = 1000
_WEB_ADDRESS: Final = re.compile(r"https?://[^\s\"<>]{1,480}", re.ASCII)
_KNOWN: Final = frozenset(
    {"TrackingNumber", "TrackingEvents", "TrackingUrl", "ServiceDescrition", "ServiceDescription"}
    | {"ErrorMessage", "OrderId", "ShipmentId", "ShipmentStatus"}
)
_MINUTE: Final = re.compile(r"(\d{2})/(\d{2})/(\d{4}) (\d{2}:\d{2}(?::\d{2})?)", re.ASCII)


def _moment(value: object) -> Moment:
    found = _MINUTE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a time like 31/12/2026 23:59")
    return read_moment(f"{found[3]}-{found[2]}-{found[1]} {found[4]}", SAO_PAULO)


def _number(value: object) -> object:
    return "".join(value.split()).upper() if isinstance(value, str) else value


def _address(value: object) -> object:
    return value if isinstance(value, str) and _WEB_ADDRESS.fullmatch(value) else None


class Event(Lenient):
    """One event of one parcel. `EventType` is a text of digits, or absent."""

    at: Annotated[Moment, PlainValidator(_moment)] = Field(alias="EventDateTime")
    type: NativeId = Field(default=None, alias="EventType")
    description: NativeText = Field(default=None, alias="EventDescription")
    location: NativeText = Field(default=None, alias="EventLocation")


class Tracking(Lenient):
    """A callback, or an answer."""

    number: Annotated[NativeId, BeforeValidator(_number)] = Field(default=None, alias="TrackingNumber")
    shipment_id: Annotated[NativeId, WrapValidator(or_none)] = Field(default=None, alias="ShipmentId")
    order_id: Annotated[NativeId, WrapValidator(or_none)] = Field(default=None, alias="OrderId")
    url: Annotated[NativeText, BeforeValidator(_address)] = Field(default=None, alias="TrackingUrl")
    # The first is Frenet's spelling.
    service: NativeText = Field(default=None, validation_alias=AliasChoices("ServiceDescrition", "ServiceDescription"))
    events: Any = Field(default=None, alias="TrackingEvents")


TYPES: Final[Mapping[str, Meaning]] = {
    "18": Meaning("shipment.posted"),  # at the posting point, waits to be fetched
    "0": Meaning("shipment.posted"),
    "1": Meaning("shipment.in_transit"),
    "2": Meaning("shipment.delayed"),
    "3": Meaning("shipment.returning"),
    "4": Meaning("shipment.lost"),
    "5": Meaning("shipment.out_for_delivery"),
    "9": Meaning("shipment.delivered"),
}

CARRIERS: Final[Mapping[str, str]] = {"COR": "correios", "JAD": "jadlog", "LOG": "loggi"}
"""The codes of carriers in addresses of Frenet's tracking page, as public integrations show them (read 2026-11-25)."""

_TEXT_FIRST: Final = frozenset({"1", "2"})
"""A failed attempt has no type of its own: it comes as one of these with the carrier's text."""

_MAY_BE_THE_SENDER: Final = frozenset({"3", "9"})


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Compare the header agreed with Frenet: its name is `token_name`, its value one of the webhook secrets. Raises: SignatureInvalid."""
    if not must_check(delivery, secrets, configured=bool(secrets.webhook)):
        return
    name = secrets.extra.get("token_name", "").strip().lower()
    given = (delivery.http_headers or {}).get(name) if name else None
    if given is None or not equals_any(given, secrets.webhook):
        raise SignatureInvalid("the header agreed with Frenet is missing, is not configured or has another value")


def translate(delivery: RawDelivery) -> Translation:
    """Translate a callback, a list of them, or an answer. Units: times become UTC. Raises: PayloadMalformed."""
    return _translate(load_json(delivery.body, delivery.content_type), None)


def _translate(document: object, asked: str | None) -> Facts | Ignored:
    bodies = document if isinstance(document, list) else [document]
    if len(bodies) > _MAX_ITEMS:
        raise PayloadMalformed(f"body has {len(bodies)} items, more than {_MAX_ITEMS}")
    facts: dict[str, ShipmentFact] = {}
    failed: list[FailedPart] = []
    for index, body in enumerate(bodies):
        place = str(index) if isinstance(document, list) else ""
        try:
            tracking = read(Tracking, body, place)
            if body and not _KNOWN.intersection(body):  # an empty object is an answer: no data
                raise PayloadMalformed("body: has none of the fields of a callback or an answer")
            events = tracking.events or []
            if not isinstance(events, list) or len(events) > _MAX_ITEMS:
                raise PayloadMalformed(f"TrackingEvents: must be a list of at most {_MAX_ITEMS} events")
            references = _references(tracking, asked)
            if events and not references:
                raise PayloadMalformed("TrackingNumber: is missing, and so are ShipmentId and OrderId")
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json(body)))
            continue
        for said in events:
            try:
                fact = _fact(tracking, references, read(Event, said, "TrackingEvents"))
            except PayloadMalformed as error:
                number = {"TrackingNumber": tracking.number or asked}
                failed.append(FailedPart(str(error), dump_json({**body, **number, "TrackingEvents": [said]})))
            else:
                facts.setdefault(fact.event_id, fact)
    if facts:
        # Newest first as they come.
        return Facts(tuple(sorted(facts.values(), key=lambda fact: (fact.occurred_at, fact.event_id))), tuple(failed))
    if failed:
        raise none_legible(failed)
    # An error comes under HTTP 200 too, as ErrorMessage or as an empty object: no data, which is not the same as no events.
    return Ignored("no tracking event inside: no data yet, an error message, or a change of the order's own data")


def _references(tracking: Tracking, asked: str | None) -> tuple[Reference, ...]:
    number = tracking.number or asked
    # A shipment may have several volumes, so its id names a parcel only where no number does.
    parcel = (
        [Reference(kind="tracking", value=number)]
        if number
        else [Reference(kind="label_id", value=tracking.shipment_id)]
        if tracking.shipment_id
        else []
    )
    return (*parcel, *([Reference(kind="external_reference", value=tracking.order_id)] if tracking.order_id else []))


def _fact(tracking: Tracking, references: tuple[Reference, ...], event: Event) -> ShipmentFact:
    meaning = _meaning(event)
    parcel = references[0] if references[0].kind != "external_reference" else None
    said = [references[0].value, event.type, event.description, event.at.at.isoformat(), event.location]
    tracks: tuple[Track, ...] = ()
    if parcel is not None and parcel.kind == "tracking":
        carrier = _carrier_behind(tracking, parcel.value)
        tracks = (Track(number=parcel.value, carrier=carrier, title=tracking.service, url=tracking.url),)
    return ShipmentFact(
        kind=meaning.kind,
        event_id=hashlib.sha256(json.dumps(said).encode()).hexdigest(),
        provider=PROVIDER,
        references=references,
        occurred_at=event.at.at,
        occurred_at_assumed=event.at.assumed,
        # Never the description: carriers write who took the parcel into it.
        raw_word=event.type or "no EventType",
        raw_code=event.type,
        reason=meaning.reason,
        shipment_key=parcel,
        carrier=PROVIDER,
        tracks=tracks,
        location=event.location,
        precision="minute",
    )


def _carrier_behind(tracking: Tracking, number: str) -> str | None:
    code, slash, last = (tracking.url or "").partition("?")[0].rstrip("/").rpartition("/")
    return CARRIERS.get(code.rpartition("/")[2].upper()) if slash and last.upper() == number else None


def _meaning(event: Event) -> Meaning:
    by_type = TYPES.get(event.type or "")
    by_text = meaning_of(event.description)
    if by_type is None or event.type in _TEXT_FIRST:
        return by_text or by_type or Meaning("shipment.unknown")
    if event.type in _MAY_BE_THE_SENDER and by_text is not None and by_text.kind == "shipment.returned":
        return by_text
    return by_type


# --- Asking Frenet ------------------------------------------------------------------------------------------------------------


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe POST /tracking/trackinginfo; `resource_id` is `<ShippingServiceCode>/<number>`. The gateway adds the `token` header."""
    service, _, number = fetch.resource_id.partition("/")
    body = json.dumps({"ShippingServiceCode": service, "TrackingNumber": number}).encode()
    return HttpRequest("POST", "/tracking/trackinginfo", {"Accept": "application/json", "Content-Type": "application/json"}, body)


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate the answer; where it does not repeat the number, it is about the one asked for. Raises: PayloadMalformed."""
    return _translate(load_json(response.body), fetch.resource_id.partition("/")[2] or None)


ADAPTER: Final = Adapter(
    name="carriers.frenet",
    translate=translate,
    verify=verify,
    docs=_DOCS,
    body_identifies_event=True,
    shared_kinds=("external_reference",),
    statuses=tuple(TYPES),
    amount_format="no amounts",
    time_zone="America/Sao_Paulo",
    idempotency=Idempotency("safe"),
    resources=("tracking",),
    build_fetch=build_fetch,
    parse_response=parse_response,
)
