"""Orders of several parcels, told by hooks, polled answers and the carrier, in any order and more than once: one end (carriers.md 6)."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.contract import Facts, RawDelivery
from adapters.parsing import SAO_PAULO
from schemas.facts import Fact
from scripts.golden import registered
from tests.unit.domain.orders import at, pix, pix_paid, placed, seen

HISTORIES: Final = 500
ADAPTERS: Final = registered()

# Ways through Correios, as (family, status) in turn, and where the parcel ends. Empty: nobody has posted it.
WAYS: Final[dict[str, tuple[tuple[tuple[str, str], ...], str]]] = {
    "straight": ((("PO", "01"), ("RO", "01"), ("OEC", "01"), ("BDE", "01")), "delivered"),
    "at the second attempt": ((("PO", "01"), ("OEC", "01"), ("BDE", "20"), ("OEC", "01"), ("BDE", "01")), "delivered"),
    "announced, reversed, announced again": ((("PO", "01"), ("BDE", "01"), ("EST", "01"), ("OEC", "01"), ("BDI", "01")), "delivered"),
    "given back": ((("PO", "01"), ("BDE", "20"), ("BDE", "21"), ("RO", "01"), ("OEC", "09"), ("BDE", "23")), "returned"),
    "refused and going back": ((("PO", "01"), ("OEC", "01"), ("BDE", "04"), ("DO", "01")), "returning"),
    "on its way": ((("PO", "01"), ("RO", "01")), "in_transit"),
    "nobody at home": ((("PO", "01"), ("OEC", "01"), ("BDE", "02")), "delivery_difficulty"),
    "stolen": ((("PO", "01"), ("RO", "01"), ("BDE", "51")), "lost"),
    "a label alone": ((), "label_created"),
    "a label canceled": ((), "canceled"),
}


@dataclass
class Sent:
    """One parcel as it really went: its label, its number, the instants of its steps and all that is told of it."""

    label: str
    number: str
    way: str
    steps: list[tuple[tuple[str, str], datetime]]
    facts: list[Fact] = field(default_factory=list)

    @property
    def end(self) -> str:
        return WAYS[self.way][1]


def told(key: str, document: Any, received_at: datetime) -> list[Fact]:
    translation = ADAPTERS[key].translate(RawDelivery(json.dumps(document).encode(), {}, received_at, key))
    assert isinstance(translation, Facts)
    assert not translation.failed
    return list(translation.facts)


def local(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(SAO_PAULO):%Y-%m-%d %H:%M:%S}"


def label_of(sent: Sent, by: datetime) -> dict[str, Any]:
    """The label as Melhor Envio shows it at an instant."""
    scans = [(pair, moment) for pair, moment in sent.steps if moment <= by]
    posted = next((moment for pair, moment in scans if pair[0] == "PO"), None)
    # Melhor Envio learns of a delivery once it stands, and of nothing in between.
    delivered = scans[-1][1] if scans and len(scans) == len(sent.steps) and sent.end == "delivered" else None
    canceled = at(50) if sent.end == "canceled" and by >= at(50) else None
    status = "canceled" if canceled else "delivered" if delivered else "posted" if posted else "generated"
    return {
        "id": sent.label, "status": status, "tracking": sent.number, "created_at": local(at(20)), "generated_at": local(at(30)),
        "posted_at": local(posted), "delivered_at": local(delivered), "canceled_at": local(canceled),
    }  # fmt: skip


def answer_of(sent: Sent, by: datetime) -> dict[str, Any]:
    events = [
        {"codigo": family, "tipo": status, "dtHrCriado": f"{moment.astimezone(SAO_PAULO):%Y-%m-%dT%H:%M:%S}", "unidade": {"endereco": {}}}
        for (family, status), moment in sent.steps
        if moment <= by
    ]
    return {"objetos": [{"codObjeto": sent.number, "eventos": events[::-1]}]}


def history(random: Random) -> list[Sent]:
    """Send one to four parcels, and tell of each by hooks, hourly answers and the carrier."""
    parcels: list[Sent] = []
    for index in range(random.randint(1, 4)):
        # Most parcels arrive; without the weight hardly any order would have all of its own delivered.
        way = random.choice(["straight", "at the second attempt", "announced, reversed, announced again", *WAYS])
        moment, steps = at(60), []
        for pair in WAYS[way][0]:
            moment += timedelta(minutes=random.randint(1, 3000))
            steps.append((pair, moment))
        sent = Sent(f"label-{index}", f"AA{index:09}BR", way, steps)
        last = moment + timedelta(hours=2)
        instants = [at(random.randint(61, 9000)) for _ in range(random.randint(0, 3))]
        for by in (*instants, last):
            label = label_of(sent, by)
            hook = {"event": f"order.{label['status'].replace('canceled', 'cancelled')}", "data": {**label, "tags": []}}
            sent.facts += told("carriers.melhor_envio", hook, by)
            if random.random() < 0.7:
                sent.facts += told("carriers.melhor_envio", {sent.label: label}, by + timedelta(minutes=5))
            if steps and (by == last or (random.random() < 0.7 and by >= steps[0][1])):
                sent.facts += told("carriers.correios", answer_of(sent, by), by)
        parcels.append(sent)
    return parcels


def shuffled(random: Random, facts: list[Fact]) -> list[Fact]:
    again = random.sample(facts, k=len(facts) // 3)
    return random.sample([*facts, *again], k=len(facts) + len(again))


def test_a_history_has_one_end_and_is_delivered_only_when_every_parcel_is() -> None:
    ends: Counter[str] = Counter()
    for seed in range(HISTORIES):
        random = Random(seed)
        parcels = history(random)
        facts = [placed(pix()), pix_paid(), *(fact for sent in parcels for fact in sent.facts)]
        now = seen(*facts)
        for _ in range(3):
            assert seen(*shuffled(random, facts)) == now, seed
        by_number = {track.number: shipment for shipment in now.shipments for track in shipment.tracks}
        assert len(now.shipments) == len(parcels), seed
        assert {sent.number: by_number[sent.number].state for sent in parcels} == {sent.number: sent.end for sent in parcels}, seed
        counted = [sent.end for sent in parcels if sent.end != "canceled"]
        assert (now.fulfilment_state == "delivered") == (bool(counted) and set(counted) == {"delivered"}), seed
        assert (now.fulfilment_state == "returned") == (bool(counted) and "returned" in counted and set(counted) <= {"returned", "lost"}), (
            seed
        )
        ends[now.fulfilment_state] += 1
    # The proof is worth nothing if the histories do not get there.
    assert ends["delivered"] > HISTORIES // 10
    assert ends["partially_delivered"] > HISTORIES // 10
    assert len(ends) >= 8, ends
