"""What carriers' messages do to an order: real bodies, real engine, both databases; and parcels that staff and carriers both tell of."""

import itertools
import json
from typing import Any

import pytest

from hub.engine import order_document, unknowns
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine
from hub.engine.verify import verify
from tests import traffic, world
from tests.traffic import Message

ORDER = "100000417"
NUMBER = "AA123456785BR"
LABEL = "9b1f0c52-5d0e-4c57-8a55-0f2c1f7a1e11"


def told(provider: str, document: Any) -> Message:
    return Message(f"carriers.{provider}", json.dumps(document).encode())


def hub_order(message: Message) -> Delivery:
    """The edge knows the order: neither Correios nor Jadlog ever name it."""
    return world.delivery(message, headers={"hub-order": ORDER})


def paid() -> list[Message]:
    return [traffic.placed(ORDER), traffic.pix(ORDER)]


def hook(event: str, **data: Any) -> Message:
    return told("melhor_envio", {"event": f"order.{event}", "data": {"id": LABEL, "status": event, "tags": [{"tag": ORDER}], **data}})


POSTED = hook("posted", tracking=NUMBER, posted_at="2026-11-21 10:00:00")


def correios(*events: tuple[str, str, str]) -> Message:
    found = [{"codigo": family, "tipo": status, "dtHrCriado": time, "unidade": {"endereco": {}}} for family, status, time in events]
    return told("correios", {"objetos": [{"codObjeto": NUMBER, "eventos": found[::-1]}]})


ARRIVED = correios(("PO", "01", "2026-11-21T10:05:00"), ("OEC", "01", "2026-11-23T08:00:00"), ("BDE", "01", "2026-11-23T14:00:00"))


def frenet(kind: str, time: str, **fields: Any) -> Message:
    event = {"EventDateTime": time, "EventDescription": None, "EventLocation": "Campinas-SP", "EventType": kind}
    track = {"TrackingNumber": NUMBER, "TrackingUrl": f"https://rastreio.example.invalid/COR/{NUMBER}", "ServiceDescrition": "PAC"}
    return told("frenet", {"OrderId": ORDER, **track, "TrackingEvents": [event], **fields})


def create(**data: Any) -> Delivery:
    return world.command("shipment.create", ORDER, id="0b6c1c52-5d0e-4c57-8a55-0f2c1f7a1e11", data=data)


def document(engine: Engine) -> dict[str, Any]:
    with engine.database.read() as connection:
        found = order_document.order_document(connection, ORDER)
    assert found is not None
    return found


def ended(url: str, *messages: Delivery | Message, cap: int = 256) -> dict[str, Any]:
    engine = world.open_engine(url)
    outcomes = world.feed(engine, messages, cap=cap)
    assert "dead_letter" not in world.kinds(outcomes)
    assert verify(engine.database).findings == []
    return document(engine)


# -- Correios and Frenet -------------------------------------------------------------------------------------------------------------


def test_frenet_names_the_order_and_correios_is_told_it(any_database_url: str) -> None:
    told_by_frenet = [frenet("0", "21/11/2026 10:05"), frenet("5", "23/11/2026 08:00"), frenet("9", "23/11/2026 14:00")]
    now = ended(any_database_url, *paid(), *told_by_frenet, hub_order(ARRIVED), *told_by_frenet)
    assert (now["status"], now["fulfilment_state"]) == ("delivered", "delivered")
    (shipment,) = now["shipments"]
    assert (shipment["state"], shipment["items"]) == ("delivered", [{"sku": "CAM-01", "quantity": 2}])
    address = f"https://rastreio.example.invalid/COR/{NUMBER}"
    assert shipment["tracks"] == [{"number": NUMBER, "carrier": "correios", "title": "PAC", "url": address}]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_carrier_finds_the_order_by_the_number_that_a_platform_told_of(any_database_url: str, turn: int) -> None:
    now = ended(any_database_url, *paid(), *[frenet("0", "21/11/2026 10:05"), ARRIVED][::turn], cap=1)
    assert (now["status"], len(now["shipments"])) == ("delivered", 1)


def test_a_reversed_delivery_takes_the_order_back(any_database_url: str) -> None:
    reversed_ = correios(("BDE", "01", "2026-11-23T14:00:00"), ("EST", "01", "2026-11-23T15:00:00"))
    now = ended(any_database_url, *paid(), hub_order(ARRIVED), hub_order(reversed_))
    assert (now["status"], now["fulfilment_state"]) == ("in_transit", "out_for_delivery")


def test_the_end_is_the_same_in_any_order_of_arrival() -> None:
    messages: list[Delivery | Message] = [*paid(), POSTED, hub_order(ARRIVED), frenet("9", "23/11/2026 14:00")]
    for arrival in list(itertools.permutations(messages))[::7]:
        now = ended("sqlite://", *arrival, *arrival[:2])
        assert (now["status"], len(now["shipments"]), now["exceptions"]) == ("delivered", 1, [])
        world.close_engines()


# -- by hand and by the carrier ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("carrier", "automatic"),
    [
        ("melhor_envio", [POSTED, hook("delivered", tracking=NUMBER, delivered_at="2026-11-23 14:00:00")]),
        ("correios", [ARRIVED]),
        ("frenet", [frenet("0", "21/11/2026 10:05", OrderId=None), frenet("9", "23/11/2026 14:00", OrderId=None)]),
        (
            "jadlog",
            [
                told(
                    "jadlog",
                    {"consulta": [{"tracking": {"codigo": NUMBER, "eventos": [{"data": "2026-11-23 14:00:00", "status": "ENTREGUE"}]}}]},
                )
            ],
        ),
        (
            "loggi",
            [told("loggi", {"packages": [{"trackingCode": NUMBER, "status": {"code": "5", "updatedTime": "2026-11-23T17:00:00Z"}}]})],
        ),
    ],
)
def test_a_parcel_by_hand_and_the_carriers_of_its_number_are_one(any_database_url: str, carrier: str, automatic: list[Message]) -> None:
    # The number that staff typed is how the carrier's messages find the order.
    by_hand = create(carrier=carrier, tracks=[{"number": NUMBER}])
    now = ended(any_database_url, *paid(), by_hand, *automatic, cap=1)
    (shipment,) = now["shipments"]
    assert (shipment["id"], shipment["carrier"], shipment["state"]) == ("S1", carrier, "delivered")
    assert [track["number"] for track in shipment["tracks"]] == [NUMBER]
    assert now["status"] == "delivered"


@pytest.mark.parametrize("typed", ["aa123456785br", " AA 123 456 785 BR"])
def test_how_a_number_is_typed_does_not_matter(any_database_url: str, typed: str) -> None:
    now = ended(any_database_url, *paid(), create(carrier="correios", tracks=[{"number": typed}]), ARRIVED, cap=1)
    (shipment,) = now["shipments"]
    assert (shipment["id"], shipment["state"], len(shipment["tracks"])) == ("S1", "delivered", 1)


def test_the_carriers_may_come_first(any_database_url: str) -> None:
    label = hook("generated", tracking=NUMBER, generated_at="2026-11-21 09:00:00")
    by_hand = create(carrier="melhor_envio", tracks=[{"number": NUMBER.lower()}])
    now = ended(any_database_url, *paid(), label, by_hand, POSTED, cap=1)
    (shipment,) = now["shipments"]
    assert (shipment["state"], [track["number"] for track in shipment["tracks"]]) == ("posted", [NUMBER.lower()])
    assert now["status"] == "shipped"


def test_what_is_shipped_already_is_not_shipped_again_by_hand(any_database_url: str) -> None:
    engine = world.open_engine(any_database_url)
    *_, last = world.feed(engine, [*paid(), POSTED, create(carrier="correios", tracks=[{"number": NUMBER}])], cap=1)
    assert last.reply is not None
    assert (last.reply.body["outcome"], last.reply.body["code"]) == ("rejected", "nothing_to_ship")
    assert len(document(engine)["shipments"]) == 1


def test_a_label_and_a_number_of_two_sources_are_one_parcel(any_database_url: str) -> None:
    """By hand with Correios' number, then Melhor Envio's label that bears it, then Correios: three sources, one shipment."""
    by_hand = create(carrier="correios", tracks=[{"number": NUMBER}])
    now = ended(any_database_url, *paid(), by_hand, POSTED, ARRIVED, cap=1)
    (shipment,) = now["shipments"]
    assert (shipment["id"], shipment["state"]) == ("S1", "delivered")


# -- words that nobody knows ---------------------------------------------------------------------------------------------------------

UNHEARD: dict[str, tuple[Message, str]] = {
    "frenet": (frenet("77", "22/11/2026 10:00"), "77"),
    "correios": (correios(("ZZZ", "88", "2026-11-22T10:00:00")), "ZZZ 88"),
    "melhor_envio": (hook("levitated", tracking=NUMBER), "order.levitated"),
    "jadlog": (
        told(
            "jadlog", {"consulta": [{"tracking": {"codigo": NUMBER, "eventos": [{"data": "2026-11-22 10:00:00", "status": "Levitação"}]}}]}
        ),
        "LEVITACAO",
    ),
    "loggi": (
        told("loggi", {"packages": [{"trackingCode": NUMBER, "status": {"code": "99", "updatedTime": "2026-11-22T13:00:00Z"}}]}),
        "99",
    ),
    "generic": (
        told(
            "generic",
            {
                "facts": [
                    {
                        "kind": "shipment.unknown",
                        "id": "g",
                        "occurred_at": "2026-11-22T13:00:00Z",
                        "shipment": {"tracks": [{"number": NUMBER}], "code": "LEV"},
                    }
                ]
            },
        ),
        "LEV",
    ),
}


@pytest.mark.parametrize("provider", UNHEARD)
def test_a_carriers_unknown_word_waits_and_is_applied_once_it_is_mapped(any_database_url: str, provider: str) -> None:
    message, word = UNHEARD[provider]
    plain = world.open_engine(any_database_url)
    world.feed(plain, [*paid(), hub_order(message)])
    (found,) = unknowns.unknown_words(plain)
    assert (found.provider, found.kind, found.word, found.count, found.orders) == (provider, "shipment.unknown", word, 1, (ORDER,))
    # A carrier's word is counted and no exception: it holds nothing up.
    assert world.open_exceptions(plain) == set()
    assert document(plain)["fulfilment_state"] == "none"

    mapped = world.open_engine(any_database_url, word_maps={provider.upper(): {word: "shipment.in_transit"}})
    assert unknowns.apply_mappings(mapped) == {"applied": 1, "needs_yes": 0}
    assert unknowns.apply_mappings(mapped) == {"applied": 0, "needs_yes": 0}
    assert document(mapped)["fulfilment_state"] == "in_transit"
    assert verify(mapped.database).findings == []


def test_a_word_that_is_mapped_to_delivered_waits_for_a_person(any_database_url: str) -> None:
    message, word = UNHEARD["loggi"]
    engine = world.open_engine(any_database_url, word_maps={"LOGGI": {word: "shipment.delivered"}})
    world.feed(engine, [*paid(), hub_order(message)])
    assert unknowns.apply_mappings(engine) == {"applied": 0, "needs_yes": 1}
    assert document(engine)["fulfilment_state"] == "none"
    assert unknowns.apply_mappings(engine, yes=True) == {"applied": 1, "needs_yes": 0}
    assert document(engine)["fulfilment_state"] == "delivered"


def test_a_word_mapped_beforehand_is_taken_at_once() -> None:
    message, word = UNHEARD["jadlog"]
    engine = world.open_engine("sqlite://", word_maps={"JADLOG": {word: "shipment.out_for_delivery"}})
    world.feed(engine, [*paid(), hub_order(message)])
    assert document(engine)["fulfilment_state"] == "out_for_delivery"
