"""Canonical shipment facts: carriers.generic, for a fleet of the shop's own, scripts, and carriers without an adapter.

Source: contract.md, Inbound keys; schemas/json/shipment.facts.v1.json. No amounts. Times: ISO 8601 with offset. Event id: the fact's `id`.
The kinds are the hub's own and closed: one that is not among them is refused, as is a field nobody knows. What a carrier says in a code
or sentence of its own comes as shipment.unknown: the sentence goes through the text rules, the code through HUB_MAP_GENERIC.

References are looked up in the scope `generic`; `order`, the order number, is found in any case.
"""

from typing import Final

from adapters.contract import Adapter, Facts, Idempotency, RawDelivery, unsigned
from adapters.parsing import canonical_facts
from adapters.tracking_words import Meaning, meaning_of
from schemas.facts import SHIPMENT_KINDS, ShipmentFact
from schemas.references import Reference
from schemas.shipments import GenericShipmentFact

PROVIDER: Final = "generic"


def translate(delivery: RawDelivery) -> Facts:
    """Translate canonical facts. Raises: PayloadMalformed, naming the fact's place and field."""
    return canonical_facts(delivery, GenericShipmentFact, _fact)


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
