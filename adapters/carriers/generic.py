"""Canonical shipment facts: carriers.generic, for a fleet of the shop's own, scripts, and carriers without an adapter.

Source: contract.md, Inbound keys; schemas/json/shipment.facts.v1.json. No amounts. Times: ISO 8601 with offset. Event id: the fact's `id`.
The kinds are the hub's own and closed: one that is not among them is refused, as is a field nobody knows. What a carrier says in a code
or sentence of its own comes as shipment.unknown: the sentence goes through the text rules, the code through HUB_MAP_GENERIC.

References are looked up in the scope `generic`; `order`, the order number, is found in any case.
"""

from typing import Final

from adapters.contract import Adapter, Facts, FailedPart, Idempotency, PayloadMalformed, RawDelivery, none_legible, unsigned
from adapters.parsing import dump_json, load_json, read, read_object
from schemas.facts import SHIPMENT_KINDS, ShipmentFact
from schemas.references import Reference
from schemas.shipments import GenericShipmentFact
from schemas.tracking_words import Meaning, meaning_of

PROVIDER: Final = "generic"

_MAX_FACTS: Final = 10_000


def translate(delivery: RawDelivery) -> Facts:
    """Translate canonical facts. Raises: PayloadMalformed, naming the fact's place and field."""
    document = read_object(load_json(delivery.body, delivery.content_type), "body")
    items = document.get("facts")
    if not isinstance(items, list) or not items:
        raise PayloadMalformed("facts: must be a list of at least one fact")
    if len(items) > _MAX_FACTS:
        raise PayloadMalformed(f"facts: holds {len(items)} facts, more than {_MAX_FACTS}")
    if len(document) > 1:
        raise PayloadMalformed("body: must hold nothing but facts")
    facts: dict[ShipmentFact, None] = {}
    failed: list[FailedPart] = []
    for index, item in enumerate(items):
        try:
            facts[_fact(read(GenericShipmentFact, item, f"facts[{index}]"))] = None
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({"facts": [item]})))
    if failed and not facts:
        raise none_legible(failed)
    return Facts(tuple(facts), tuple(failed))


def _fact(told: GenericShipmentFact) -> ShipmentFact:
    shipment = told.shipment
    numbers = [Reference(kind="tracking", value=track.number) for track in shipment.tracks]
    key = shipment.key or next(iter(numbers), None)
    order = [Reference(kind="order_number", value=shipment.order)] if shipment.order else []
    names = (*order, *([key] if key else []), *numbers, *shipment.references)
    meaning = Meaning(told.kind)
    if told.kind == "shipment.unknown":
        meaning = meaning_of(shipment.text) or meaning
    return ShipmentFact(
        kind=meaning.kind,
        event_id=told.id,
        provider=PROVIDER,
        account=told.account,
        references=tuple(dict.fromkeys(names)),
        occurred_at=told.occurred_at,
        # A word to map is the carrier's, and not where we know it from.
        raw_word=shipment.code or told.source,
        reason=told.reason or meaning.reason,
        shipment_key=key,
        carrier=shipment.carrier,
        tracks=shipment.tracks,
        items=shipment.items,
        raw_code=shipment.code,
        location=shipment.location,
        precision=shipment.precision,
        corrects=shipment.corrects,
    )


ADAPTER: Final = Adapter(
    name="carriers.generic",
    translate=translate,
    verify=unsigned,
    docs="schemas/json/shipment.facts.v1.json",
    body_identifies_event=True,
    statuses=SHIPMENT_KINDS,
    amount_format="no amounts",
    time_zone="offset in every time",
    idempotency=Idempotency("none"),
)
