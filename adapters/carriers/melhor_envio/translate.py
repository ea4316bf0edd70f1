"""A hook of one label, or a tracking answer about many -> canonical shipment facts."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from adapters.carriers.melhor_envio.wire import Hook, Label
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
from adapters.parsing import Moment, dump_json, load_json, read, read_object
from schemas.facts import ShipmentFact, ShipmentKind
from schemas.facts.shipments import Track
from schemas.references import Reference

PROVIDER: Final = "melhor_envio"

PING: Final = "webhook.ping"

_PREFIX: Final = "order."


class Milestone(NamedTuple):
    """What a word says of the parcel, and which of the label's dates is the date of it."""

    kind: ShipmentKind
    date: str | None = None
    reason: str | None = None


MILESTONES: Final[Mapping[str, Milestone]] = {
    # Until it is posted the parcel stands in the shop, whatever has been paid and printed.
    "created": Milestone("shipment.label_created", "created_at"),
    "pending": Milestone("shipment.label_created", "created_at"),  # waits for its payment since it was made
    "paid": Milestone("shipment.label_created", "paid_at"),
    "released": Milestone("shipment.label_created", "paid_at"),
    "generated": Milestone("shipment.label_created", "generated_at"),
    "printed": Milestone("shipment.label_created"),
    "received": Milestone("shipment.posted"),  # at the drop-off point; receivers are split between posted and in transit
    "posted": Milestone("shipment.posted", "posted_at"),
    "delivered": Milestone("shipment.delivered", "delivered_at"),
    "undelivered": Milestone("shipment.delivery_difficulty", reason="unspecified"),
    "paused": Milestone("shipment.on_hold"),
    "suspended": Milestone("shipment.on_hold"),
    # Of the parcel, never of the order. Hooks and answers differ in the spelling.
    "canceled": Milestone("shipment.canceled", "canceled_at"),
    "cancelled": Milestone("shipment.canceled", "canceled_at"),
    # The label was not used in time and cannot be used any more. A scan by the carrier would open it again, as after a cancellation.
    "expired": Milestone("shipment.canceled", "expired_at", "expired"),
}
"""By the status of a tracking answer; a hook puts `order.` before it."""

DATES: Final[Mapping[str, str]] = {
    "created_at": "created",
    "paid_at": "paid",
    "generated_at": "generated",
    "posted_at": "posted",
    "delivered_at": "delivered",
    "canceled_at": "canceled",
    "expired_at": "expired",
}
"""The dates of a label, each a milestone of its own, and the word for it."""

_ANSWERS_ONLY: Final = frozenset({"paid", "printed", "canceled", "expired"})

STATUSES: Final = (*MILESTONES, *(_PREFIX + word for word in MILESTONES if word not in _ANSWERS_ONLY), PING)
"""Every documented word: statuses of answers, events of hooks."""

_CACHED: Final = timedelta(hours=1)
"""How old a tracking answer may be: Melhor Envio caches it."""

_MAX_LABELS: Final = 1000


def translate(delivery: RawDelivery) -> Translation:
    """Translate a hook or an answer of POST /me/shipment/tracking.

    Units: times become UTC.
    Raises: PayloadMalformed.
    Source: https://docs.melhorenvio.com.br/docs/webhooks
    """
    document = load_json(delivery.body, delivery.content_type)
    if isinstance(document, dict) and "event" in document:
        return _translate_hook(document, delivery.received_at)
    return _translate_answer(document, delivery.received_at)


# --- Hooks --------------------------------------------------------------------------------------------------------------------


def _translate_hook(document: dict[str, Any], received_at: datetime) -> Facts | Ignored:
    hook = read(Hook, document)
    if hook.event == PING:
        return Ignored("Melhor Envio tests the webhook's address")
    label = read(Label, {} if hook.data in (None, []) else hook.data, "data")  # PHP writes an empty object as []
    if not _references(label):
        if not hook.event.startswith(_PREFIX):
            return Ignored(f"event {hook.event!a} is not about a label")
        raise PayloadMalformed("data: names no label, no tracking code and no tag that could be an order number")
    # The event decides and not data.status, which was seen to be a step ahead of it.
    milestone = MILESTONES.get(hook.event.removeprefix(_PREFIX)) if hook.event.startswith(_PREFIX) else None
    return Facts((_fact(label, hook.event, milestone, document, Moment(received_at, assumed=True)),))


# --- Tracking answers ---------------------------------------------------------------------------------------------------------


def _translate_answer(document: object, received_at: datetime) -> Facts | Ignored:
    entries = read_object({} if document == [] else document, "body")
    if len(entries) > _MAX_LABELS:
        raise PayloadMalformed(f"body has {len(entries)} labels, more than {_MAX_LABELS}")
    facts: list[ShipmentFact] = []
    failed: list[FailedPart] = []
    for key, entry in entries.items():
        if entry in (None, [], {}):
            continue  # not known there, or not yet
        try:
            facts.extend(_entry_facts(_read_entry(key, entry), entry, received_at))
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({key: entry})))
    if facts:
        return Facts(tuple(facts), tuple(failed))
    if failed:
        raise none_legible(failed)  # an error message in place of an answer, for example
    return Ignored("nothing is known of any label")


def _read_entry(key: str, entry: object) -> Label:
    place = ascii(key[:64])
    fields = read_object(entry, place)
    label = read(Label, {**fields, "id": fields.get("id") or key}, place)
    if label.id != key:
        raise PayloadMalformed(f"{place}.id: is not the id under which the label stands")
    return label


def _entry_facts(label: Label, entry: dict[str, Any], received_at: datetime) -> Iterator[ShipmentFact]:
    dated = {name: moment for name in DATES if (moment := getattr(label, name)) is not None}
    # A status without a date was true when the answer was made, an hour ago or later, and not before the dates beside it. Dated
    # later it would win over a hook that came in the meantime.
    observed = Moment(max([received_at - _CACHED, *(moment.at for moment in dated.values())]), assumed=True)
    for name in sorted(dated, key=lambda name: dated[name].at):  # stable: same instant, in the table's order
        yield _fact(label, DATES[name], MILESTONES[DATES[name]], entry, observed)
    if label.status is not None:
        milestone = MILESTONES.get(label.status)
        if milestone is None or milestone.date not in dated:
            yield _fact(label, label.status, milestone, entry, observed)
    elif not dated and _numbers(label):
        yield _fact(label, None, Milestone("shipment.label_created"), entry, observed)  # only its tracking code is known


# --- Facts --------------------------------------------------------------------------------------------------------------------


def _fact(label: Label, word: str | None, milestone: Milestone | None, said: dict[str, Any], otherwise: Moment) -> ShipmentFact:
    """Return what a word says; `milestone` None = nobody knows what it means. `otherwise` is its time when the label has no date for it."""
    kind, date, reason = milestone or Milestone("shipment.unknown")
    dated: Moment | None = getattr(label, date) if date else None
    references = _references(label)
    subject = references[0].value
    return ShipmentFact(
        kind=kind,
        event_id=f"{subject}:{date}:{dated.at.isoformat()}" if dated else f"{subject}:{_hash(said)}",
        provider=PROVIDER,
        references=references,
        occurred_at=(dated or otherwise).at,
        occurred_at_assumed=(dated or otherwise).assumed,
        raw_word=word,
        reason=reason,
        shipment_key=next((reference for reference in references if reference.kind in ("label_id", "tracking")), None),
        carrier=PROVIDER,
        tracks=_tracks(label),
    )


def _hash(said: dict[str, Any]) -> str:
    # Of the content and not of the bytes, so that a label has one hash however its neighbours in the answer change.
    return hashlib.sha256(dump_json(dict(sorted(said.items())))).hexdigest()


def _numbers(label: Label) -> tuple[str, ...]:
    """Return its tracking codes, the carrier's first."""
    return tuple(dict.fromkeys(code for code in (label.tracking, label.self_tracking, label.melhorenvio_tracking) if code))


def _tracks(label: Label) -> tuple[Track, ...]:
    own = {label.self_tracking, label.melhorenvio_tracking}
    return tuple(
        # Which carrier the other code belongs to is not said; the address is that of the code the customer is to use.
        Track(number=number, carrier=PROVIDER if number in own else None, url=None if index else label.tracking_url)
        for index, number in enumerate(_numbers(label))
    )


def _references(label: Label) -> tuple[Reference, ...]:
    return (
        *([Reference(kind="label_id", value=label.id)] if label.id else []),
        *(Reference(kind="tracking", value=number) for number in _numbers(label)),
        *(Reference(kind="external_reference", value=tag) for tag in label.tags),
    )


# --- Asking Melhor Envio ------------------------------------------------------------------------------------------------------


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe POST /me/shipment/tracking for the label ids in `resource_id`, separated by commas.

    The gateway adds `Authorization: Bearer` and the `User-Agent: App (tech@mail)` that Melhor Envio insists on. Asking more often
    than hourly gives the same answer again.
    """
    body = json.dumps({"orders": fetch.resource_id.split(",")}).encode()
    return HttpRequest("POST", "/api/v2/me/shipment/tracking", {"Accept": "application/json", "Content-Type": "application/json"}, body)


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate the answer. Raises: PayloadMalformed."""
    return _translate_answer(load_json(response.body), received_at)
