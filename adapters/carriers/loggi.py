"""Loggi tracking webhooks: carriers.loggi.

Source: https://docs.api.loggi.com, read 2026-11-20. No amounts. Times: RFC 3339 with offset. Several packages come in one call. Only
code 5 (delivered) is documented; every other goes by its words through the text rules, and stays unknown, for HUB_MAP_LOGGI, where
they know nothing. A package on which somebody must act is in difficulty at least.

An event has no id: package, code, time and words are its identity, so that the current status and the same one in the history are one.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainValidator, WrapValidator

from adapters.contract import (
    Adapter,
    Facts,
    FailedPart,
    Idempotency,
    Ignored,
    PayloadMalformed,
    RawDelivery,
    Secrets,
    SignatureInvalid,
    Translation,
    none_legible,
)  # fmt: skip
from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeText, dump_json, load_json, or_none, read, read_moment, read_object
from adapters.signing import basic_credentials, equals_any, must_check
from adapters.tracking_words import Meaning, meaning_of
from schemas.base import Lenient
from schemas.facts import ShipmentFact
from schemas.facts.shipments import Track
from schemas.references import Reference

PROVIDER: Final = "loggi"
_DOCS: Final = "https://docs.api.loggi.com"
_MAX_ITEMS: Final = 1000


def _number(value: object) -> object:
    # Its letters as they come: whether Loggi's page takes the small ones for the capital ones is not known.
    return "".join(value.split()) if isinstance(value, str) else value


class Status(Lenient):
    """Where a package is. `code` is a text in the webhook's example and a number in the tracking schema."""

    code: NativeId = None
    high_level: NativeText = Field(default=None, alias="highLevelStatus")
    description: NativeText = None
    action: Any = Field(default=None, alias="actionRequired")
    at: Annotated[Moment, PlainValidator(lambda value: read_moment(value, SAO_PAULO))] = Field(alias="updatedTime")


class Location(Lenient):
    """Town and state."""

    city: NativeText = None
    state: NativeText = None


class Told(Lenient):
    """A status and where it was written: the current one, or one of the history."""

    status: Status
    location: Annotated[Location | None, WrapValidator(or_none)] = None


class Package(Lenient):
    """One package."""

    loggi_key: NativeId = Field(default=None, alias="loggiKey")
    number: Annotated[NativeId, BeforeValidator(_number)] = Field(default=None, alias="trackingCode")


CODES: Final[Mapping[str, Meaning]] = {"5": Meaning("shipment.delivered")}

_MILD: Final = frozenset(
    {"shipment.unknown", "shipment.label_created", "shipment.posted", "shipment.in_transit", "shipment.delayed"}
    | {"shipment.out_for_delivery", "shipment.ready_for_pickup"}
)
"""What an action that somebody must take turns into a difficulty."""


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Check HTTP Basic: `user:password` is one of the webhook secrets, or `basic_user` with `basic_password`. Raises: SignatureInvalid."""
    user, password = secrets.extra.get("basic_user"), secrets.extra.get("basic_password")
    accounts = (*secrets.webhook, *([f"{user}:{password}"] if user and password else []))
    if not must_check(delivery, secrets, configured=bool(accounts)):
        return
    given = basic_credentials(delivery)
    if given is None or not equals_any(given, accounts):
        raise SignatureInvalid("the Authorization header is missing, or its user and password are not those agreed with Loggi")


def translate(delivery: RawDelivery) -> Translation:
    """Translate a call about one or more packages. Units: times become UTC. Raises: PayloadMalformed."""
    packages = read_object(load_json(delivery.body, delivery.content_type), "body").get("packages")
    if not isinstance(packages, list):
        raise PayloadMalformed("packages: must be a list")
    if len(packages) > _MAX_ITEMS:
        raise PayloadMalformed(f"packages: has {len(packages)} packages, more than {_MAX_ITEMS}")
    facts: dict[str, ShipmentFact] = {}
    failed: list[FailedPart] = []
    for index, entry in enumerate(packages):
        place = f"packages.{index}"
        try:
            fields = read_object(entry, place)
            package = read(Package, fields, place)
            references = _references(package)
            if not references:
                raise PayloadMalformed(f"{place}: names no package: loggiKey and trackingCode are missing")
            history = fields.get("trackingHistory") or []
            if not isinstance(history, list) or len(history) > _MAX_ITEMS:
                raise PayloadMalformed(f"{place}.trackingHistory: must be a list of at most {_MAX_ITEMS} statuses")
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({"packages": [entry]})))
            continue
        names = {"loggiKey": package.loggi_key, "trackingCode": package.number}
        current = {name: fields[name] for name in ("status", "location") if name in fields}
        for told in (*history, *([current] if "status" in current else [])):
            try:
                fact = _fact(references, package, read(Told, told, place))
            except PayloadMalformed as error:
                failed.append(FailedPart(str(error), dump_json({"packages": [{**names, "trackingHistory": [told]}]})))
            else:
                facts.setdefault(fact.event_id, fact)
    if facts:
        return Facts(tuple(sorted(facts.values(), key=lambda fact: (fact.occurred_at, fact.event_id))), tuple(failed))
    if failed:
        raise none_legible(failed)
    return Ignored("no package has a status")


def _references(package: Package) -> tuple[Reference, ...]:
    return (
        *([Reference(kind="label_id", value=package.loggi_key)] if package.loggi_key else []),
        *([Reference(kind="tracking", value=package.number)] if package.number else []),
    )


def _fact(references: tuple[Reference, ...], package: Package, told: Told) -> ShipmentFact:
    status, place = told.status, told.location
    meaning = CODES.get(status.code or "") or _by_words(status) or Meaning("shipment.unknown")
    reason = meaning.reason
    if status.action is not None and meaning.kind in _MILD:
        meaning = Meaning("shipment.delivery_difficulty")
        reason = reason or "action_required"
    # `description` is left out of the word: it is a sentence, and sentences name people.
    word = " ".join(part for part in (status.code, status.high_level) if part) or "no code"
    said = [references[0].value, status.code, status.high_level, status.at.at.isoformat(), status.action is not None]
    return ShipmentFact(
        kind=meaning.kind,
        event_id=hashlib.sha256(json.dumps(said).encode()).hexdigest(),
        provider=PROVIDER,
        references=references,
        occurred_at=status.at.at,
        occurred_at_assumed=status.at.assumed,
        raw_word=word,
        raw_code=status.code,
        reason=reason,
        shipment_key=references[0],
        carrier=PROVIDER,
        tracks=(Track(number=package.number, carrier=PROVIDER),) if package.number else (),
        location="-".join(part for part in (place.city, place.state) if part) or None if place else None,
    )


def _by_words(status: Status) -> Meaning | None:
    return meaning_of(status.description) or meaning_of(status.high_level)


ADAPTER: Final = Adapter(
    name="carriers.loggi",
    translate=translate,
    verify=verify,
    docs=_DOCS,
    body_identifies_event=True,
    statuses=tuple(CODES),
    amount_format="no amounts",
    time_zone="offset in every time",
    idempotency=Idempotency("none"),
)
