"""From any word to the whole story."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from tests import traffic
from tests.unit.cli.conftest import PARCELS, Run

E2E = traffic.end_to_end_id("1001", traffic.START)
KEY = traffic.paper(PARCELS, total=11970, at=traffic.START + timedelta(hours=1)).access_key


def trace(hub: Run, word: str, url: str) -> dict[str, Any]:
    result = hub("trace", word, "--json", "--database-url", url)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize(
    ("word", "known_by"),
    [
        ("1001", "order number"),
        (E2E, "e2e"),
        (traffic.txid_of("1001"), "txid"),
        ("evt-1001", "event id"),
        ("CLIENTE1001@exemplo.invalid", "e-mail"),
        ("c1001", "customer id"),
        ("F-1001", "invoice"),
        (hashlib.sha256(traffic.pix("1001").body).hexdigest(), "raw message"),
    ],
)
def test_an_order_is_found_by(hub: Run, shop: str, word: str, known_by: str) -> None:
    (order,) = trace(hub, word, shop)["orders"]
    assert order["number"] == "1001"
    assert known_by in order["known_by"]


def _grouped(key: str) -> str:
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))


@pytest.mark.parametrize(
    ("word", "known_by"),
    [
        (PARCELS, "order number"),
        (traffic.end_to_end_id(PARCELS, traffic.START), "e2e"),
        (f"T1X{PARCELS}", "tracking"),
        (f"T2X{PARCELS}", "tracking"),
        (f"9b1f0c52-5d0e-4c57-8a55-002{PARCELS}", "label_id"),
        (KEY, "access_key"),
        (_grouped(KEY), "access_key"),
        (f"NFe{KEY}", "access_key"),
    ],
)
def test_an_order_with_parcels_and_papers_is_found_by(hub: Run, parcels: str, word: str, known_by: str) -> None:
    (order,) = trace(hub, word, parcels)["orders"]
    assert order["number"] == PARCELS
    assert known_by in order["known_by"]


def test_a_tracking_number_typed_by_hand_is_found_as_the_label_prints_it(hub: Run, shop: str) -> None:
    base = ("--direct", "--database-url", shop)
    assert hub("order", "shipment-create", "1001", "--carrier", "correios", "--track", "AA123456785BR", *base).exit_code == 0
    for word in ("AA123456785BR", "aa123456785br", "AA 123 456 785 BR"):
        assert [one["known_by"] for one in trace(hub, word, shop)["orders"]] == [["tracking"]]


def test_the_timeline_holds_message_fact_transition_and_events(hub: Run, shop: str) -> None:
    (order,) = trace(hub, "1001", shop)["orders"]
    placed, captured = order["entries"]
    assert placed["transition"] == {"from": None, "to": "pending"}
    assert captured["transition"] == {"from": "pending", "to": "processing"}
    assert captured["raw"]["key"] == "payments.pix"
    assert captured["raw"]["size"] == len(traffic.pix("1001").body)
    assert captured["body"]["amount_cents"] == 11970
    events = placed["events"] + captured["events"]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert {event["published"] for event in events} == {False}, "the outbox still holds them"


def test_a_published_event_leads_to_its_order(hub: Run, shop: str) -> None:
    (order,) = trace(hub, "1001", shop)["orders"]
    event = order["entries"][1]["events"][0]["id"]
    assert [one["number"] for one in trace(hub, event, shop)["orders"]] == ["1001"]


def test_what_waits_for_its_order_is_found(hub: Run, shop: str) -> None:
    document = trace(hub, traffic.txid_of("9009"), shop)
    assert document["orders"] == []
    assert [one["kind"] for one in document["parked"]] == ["payment.captured"]


def test_the_tree_is_for_people(hub: Run, shop: str) -> None:
    result = hub("trace", E2E, "--facts", "--database-url", shop)
    assert result.exit_code == 0
    for words in ("Pedido 1001", "Pendente → Faturado (aprovado)", "#4 payment.captured", "ainda não publicado", '"amount_cents":11970'):
        assert words in result.stdout


def test_a_word_that_leads_nowhere_is_status_1(hub: Run, shop: str) -> None:
    result = hub("trace", "nada", "--database-url", shop)
    assert result.exit_code == 1
    assert result.stderr.strip() == "error: nothing here is known by 'nada'"
