"""Customer notices as the engine publishes them: names, recipient, tracks and how to pay, on both databases."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from hub.engine.engine import Engine
from schemas.events import event_model
from tests.traffic import START, Message, canceled, pix, placed
from tests.world import NOW, command, feed, open_engine, published, query

NOTICE = "notification.requested.email."
CODE = "00020126580014br.gov.bcb.pix0136e5f0c2de-0000-4000-8000-000000000001"


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = open_engine(any_database_url)
    yield engine
    for event in published(engine):
        event_model(event["routing_key"]).model_validate(event["body"])


def told(engine: Engine, template: str) -> list[dict[str, Any]]:
    return [event["body"] for event in published(engine) if event["routing_key"] == NOTICE + template]


def do(engine: Engine, name: str, **data: Any) -> None:
    serial = query(engine, "SELECT count(*) FROM inbox")[0][0] + 1
    (outcome,) = engine.process([command(name, "100", id=f"7f0f7c1e-0000-4000-8000-{serial:012d}", actor="ana", data=data)])
    assert outcome.reply is not None and outcome.reply.body["outcome"] == "accepted", outcome


def with_instructions(message: Message) -> Message:
    """The same order, its Pix with the code that the shop shows."""
    document = json.loads(message.body)
    document["order"]["payments"][0]["instructions"] = {"pix_code": CODE}
    return Message(message.key, json.dumps(document).encode())


def pending_pix(number: str) -> Message:
    """Pagar.me waits for a Pix."""
    document = {
        "id": f"hook_{number}",
        "type": "charge.pending",
        "created_at": START.isoformat(),
        "data": {
            "id": f"ch_{number}",
            "amount": 11970,
            "status": "pending",
            "payment_method": "pix",
            "order": {"id": f"or_{number}"},
            "last_transaction": {
                "transaction_type": "pix",
                "status": "waiting_payment",
                "qr_code": CODE,
                "qr_code_url": "https://pagarme.invalid/qr.png",
                "expires_at": (START + timedelta(hours=1)).isoformat(),
            },
        },
    }
    return Message("payments.pagarme", json.dumps(document).encode())


def test_the_notice_of_a_placed_order_names_the_customer_the_items_and_the_delivery(engine: Engine) -> None:
    feed(engine, [with_instructions(placed("100"))])
    (body,) = told(engine, "order_placed")
    assert body["recipient"] == "cliente100@exemplo.invalid"
    context = body["context"]
    assert context["customer_name"] == "Cliente Exemplo"
    assert context["items"] == [{"sku": "CAM-01", "name": "Camiseta", "quantity": 2, "unit_price_cents": 4990, "total_cents": 9980}]
    assert context["payments"][0]["instructions"] == {"pix_code": CODE}
    assert context["delivery"] == {"carrier": "melhor_envio", "service": "PAC"}


@pytest.mark.requirement("R46")
def test_an_order_sent_again_says_how_to_pay_as_it_was_told_before(engine: Engine) -> None:
    feed(engine, [with_instructions(placed("100"))])
    do(engine, "notify.resend", kind="order")
    first, again = told(engine, "order_placed")
    assert again["context"] == first["context"]
    assert again["key"] != first["key"]
    feed(engine, [pix("100")])
    do(engine, "notify.resend", kind="order")
    assert "instructions" not in told(engine, "order_placed")[-1]["context"]["payments"][0]


def test_a_code_that_came_while_the_order_was_held_is_told_at_release(engine: Engine) -> None:
    document = json.loads(placed("100", method="card").body)
    document["order"]["payments"][0]["method"] = "pix"
    feed(engine, [Message("shop.orders", json.dumps(document).encode())])
    do(engine, "order.hold")
    feed(engine, [pending_pix("100")])
    assert told(engine, "payment_instructions") == []
    do(engine, "order.release")
    (body,) = told(engine, "payment_instructions")
    assert body["context"]["instructions"] == {"pix_code": CODE, "pix_image_url": "https://pagarme.invalid/qr.png"}
    assert body["context"]["due_at"] == (START + timedelta(hours=1)).isoformat()


@pytest.mark.requirement("R85", "R75")
def test_a_parcel_sent_again_tells_all_tracks_of_now_with_their_links(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    do(
        engine,
        "shipment.create",
        carrier="custom",
        title="Rápido",
        tracks=[{"number": "R1", "title": "Rápido", "url": "https://r.invalid/R1"}],
    )
    do(engine, "shipment.add_track", number="R2", title="Rápido")
    do(engine, "notify.resend", kind="shipment")
    (first,), (again,) = told(engine, "shipped"), told(engine, "document_resent")
    assert [track["number"] for track in first["context"]["tracks"]] == ["R1"]
    assert first["context"]["tracks"][0]["url"] == "https://r.invalid/R1"
    assert [(track["number"], track["title"], track.get("url")) for track in again["context"]["tracks"]] == [
        ("R1", "Rápido", "https://r.invalid/R1"),
        ("R2", "Rápido", None),
    ]
    assert again["context"]["items"] == [{"sku": "CAM-01", "name": "Camiseta", "quantity": 2}]


@pytest.mark.requirement("R69")
def test_each_key_is_told_once_however_often_the_world_repeats_itself(engine: Engine) -> None:
    messages = [placed("100"), pix("100"), placed("101"), canceled("101", at=NOW)]
    for _ in range(3):
        feed(engine, [*messages, *reversed(messages)])
    keys = [event["body"]["key"] for event in published(engine) if event["routing_key"].startswith(NOTICE)]
    assert sorted(keys) == ["100:order_approved", "100:order_placed", "101:canceled", "101:order_placed"]


def test_no_name_or_address_gets_into_ledger_and_log(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    for (body,) in query(engine, "SELECT body FROM order_log UNION ALL SELECT ledger FROM orders UNION ALL SELECT done FROM orders"):
        assert "Exemplo" not in body and "exemplo.invalid" not in body
