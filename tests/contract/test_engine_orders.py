"""The whole order through the engine: boxes, papers, holds, timers, comments, addresses, on both databases."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.engine import operations
from hub.engine.engine import Engine
from hub.engine.order_document import order_document
from hub.engine.verify import verify
from hub.store import tables
from schemas.commands import CommandReply
from schemas.documents import OrderView
from schemas.events import event_model
from tests.traffic import START, Message, note, pix, placed
from tests.world import NOW, command, feed, open_engine, open_exceptions, published, query, states

_ID = "6f0f7c1e-0000-4000-8000-{:012d}"


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = open_engine(any_database_url, policy_expire_settle=timedelta(minutes=15))
    yield engine
    assert verify(engine.database).findings == []
    for event in published(engine):
        event_model(event["routing_key"]).model_validate(event["body"])


def send(engine: Engine, name: str, order: str | None = "100", **data: object) -> CommandReply:
    """Send one command and read its reply."""
    serial = query(engine, "SELECT count(*) FROM inbox")[0][0] + 1
    (outcome,) = engine.process([command(name, order, id=_ID.format(serial), actor="ana", reason="teste", data=data)])
    assert outcome.reply is not None, outcome
    return CommandReply.model_validate(outcome.reply.body)


def show(engine: Engine) -> OrderView:
    """Read the order's page."""
    with engine.database.read() as connection:
        return OrderView.model_validate(order_document(connection, "100"))


@pytest.mark.requirement("R11", "R48", "R71")
def test_an_order_is_shipped_and_delivered_by_hand(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    track = {"number": "AA123456785BR", "title": "PAC", "url": "https://example.invalid/AA123456785BR"}
    assert send(engine, "shipment.create", carrier="correios", tracks=[track]).outcome == "accepted"
    page = show(engine)
    assert (page.state, page.status, page.fulfilment_state) == ("complete", "shipped", "shipped")
    assert [(one.number, one.title, one.url) for one in page.shipments[0].tracks] == [(track["number"], track["title"], track["url"])]
    assert send(engine, "shipment.mark_delivered", at=NOW.isoformat()).outcome == "accepted"
    assert (show(engine).status, show(engine).items[0].shipped) == ("delivered", 2)
    assert send(engine, "shipment.remove_track", number=track["number"]).outcome == "accepted"
    assert query(engine, "SELECT count(*) FROM shipment_tracks") == [(0,)]


@pytest.mark.requirement("R72")
def test_a_carrier_that_the_shop_does_not_know_is_refused(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    assert send(engine, "shipment.create", carrier="pombo").code == "carrier_unknown"


def test_a_hold_defers_the_invoice_to_the_release(engine: Engine) -> None:
    feed(engine, [placed("100")])
    assert send(engine, "order.hold").state == "holded"
    feed(engine, [pix("100")])
    assert query(engine, "SELECT count(*) FROM invoices") == [(0,)]
    assert send(engine, "order.release").state == "processing"
    assert query(engine, "SELECT count(*) FROM invoices") == [(1,)]
    keys = [event["routing_key"] for event in published(engine)]
    assert keys.count("notification.requested.email.order_approved") == 1


@pytest.mark.requirement("R53", "R54", "R56")
def test_comments_and_addresses_are_kept_beside_the_log(engine: Engine) -> None:
    feed(engine, [placed("100")])
    assert send(engine, "order.comment", text="cliente ligou: José", notify=True, visible=True).outcome == "accepted"
    address = {"street": "Rua Nova", "number": "7", "city": "Campinas", "state": "SP", "postal_code": "13010000", "country": "BR"}
    assert send(engine, "order.set_address", type="shipping", address=address).result == {
        "version": 2, "changed": ["number", "street"], "warnings": [],
    }  # fmt: skip
    assert send(engine, "order.set_address", type="shipping", address=address).outcome == "no_op"
    page = show(engine)
    assert [(one.text, one.status, one.actor, one.notified, one.visible) for one in page.comments] == [
        ("cliente ligou: José", "pending", "ana", True, True)
    ]
    assert page.shipping_address is not None and page.shipping_address.street == "Rua Nova"
    for (body,) in query(engine, "SELECT body FROM order_log UNION ALL SELECT ledger FROM orders"):
        assert "José" not in body and "Rua Nova" not in body
    assert "Rua A" in query(engine, "SELECT history FROM order_personal")[0][0]


@pytest.mark.requirement("R21")
def test_who_receives_it_now_is_found_by_name(engine: Engine) -> None:
    feed(engine, [placed("100")])
    address = {"name": "Inês Araújo", "street": "Rua Nova", "number": "7", "city": "Campinas", "state": "SP", "postal_code": "13010000"}
    assert send(engine, "order.set_address", type="shipping", address=address).outcome == "accepted"
    ((search,),) = query(engine, "SELECT search FROM order_personal")
    assert "ines araujo" in search
    assert "cliente exemplo" in search
    assert "cliente100@exemplo.invalid" in search


@pytest.mark.requirement("R5", "R6")
def test_an_unpaid_order_is_given_up_once_its_time_is_over(engine: Engine) -> None:
    feed(engine, [placed("100", at=START)])
    ((due,),) = query(engine, "SELECT due_at FROM timers")
    assert str(due)[:16].replace("T", " ") == "2026-11-21 13:15"  # a day to pay, an hour's grace, a quarter to settle
    assert operations.fire_timers(engine, START + timedelta(days=1, hours=1)) == 0
    assert operations.fire_timers(engine, START + timedelta(days=1, hours=2)) == 1
    assert states(engine) == {"100": ("canceled", "none")}
    assert query(engine, "SELECT actor FROM order_log WHERE kind = 'order.expire'") == [("policy:expire",)]
    assert query(engine, "SELECT count(*) FROM timers") == [(0,)]


@pytest.mark.requirement("R6")
def test_a_paid_order_has_no_timer(engine: Engine) -> None:
    feed(engine, [placed("100", at=START), pix("100")])
    assert query(engine, "SELECT count(*) FROM timers") == [(0,)]
    assert operations.fire_timers(engine, NOW + timedelta(days=400)) == 0


def test_an_exception_is_resolved_by_its_row(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100"), pix("100", serial=1)])
    ((row,),) = query(engine, "SELECT id FROM exceptions WHERE kind = 'overpaid'")
    assert send(engine, "exception.resolve", None, exception=row + 1000, resolution="x").code == "exception_not_found"
    reply = send(engine, "exception.resolve", None, exception=row, resolution="crédito na loja", note="combinado com o cliente")
    assert (reply.outcome, reply.order) == ("accepted", "100")
    assert open_exceptions(engine) == set()
    assert [one.text for one in show(engine).comments] == ["combinado com o cliente"]


@pytest.mark.requirement("R13", "R83")
def test_a_refund_by_hand_closes_the_order(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    assert send(engine, "refund.create", mode="offline", method="transfer").state == "closed"
    page = show(engine)
    assert (page.refunded_cents, page.remaining_cents, [one.state for one in page.refunds]) == (11970, 0, ["done"])


@pytest.mark.requirement("R40", "R89")
def test_every_offered_action_is_in_the_reply(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    assert "notify.resend" in send(engine, "order.get").allowed_actions
    assert send(engine, "notify.resend", kind="invoice").outcome == "accepted"


@pytest.mark.requirement("R10", "R76")
def test_a_number_typed_by_hand_brings_the_carriers_facts(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    track = {"number": "aa 123456785 br", "carrier": "melhor_envio"}
    assert send(engine, "shipment.create", carrier="melhor_envio", tracks=[track]).outcome == "accepted"
    hook = {"event": "order.delivered", "data": {"id": "9b1f", "tracking": "AA123456785BR", "delivered_at": "2026-11-24 10:00:00"}}
    feed(engine, [Message("carriers.melhor_envio", json.dumps(hook).encode())])
    page = show(engine)
    assert (page.status, len(page.shipments)) == ("delivered", 1)
    assert send(engine, "exception.resolve", None, exception=1, resolution="x").code == "exception_not_found"


def test_a_resolution_is_written_beside_its_exception(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100"), pix("100", serial=1)])
    ((row,),) = query(engine, "SELECT id FROM exceptions")
    send(engine, "exception.resolve", None, exception=row, resolution="crédito na loja")
    assert query(engine, "SELECT resolution, resolved_by FROM exceptions") == [("crédito na loja", "ana")]


def test_nothing_is_given_up_while_money_may_lie_unread(engine: Engine) -> None:
    assert not operations.timers_due(engine, NOW)
    feed(engine, [placed("100", at=START)])
    assert operations.timers_due(engine, NOW)
    assert not operations.money_may_lie_unread(engine, NOW)

    worker = {"id": "w1", "host": "h", "pid": 1, "roles": "[]", "state": "batch", "started_at": NOW, "seen_at": NOW}
    with engine.database.begin() as connection:
        connection.execute(tables.workers.insert().values(worker))
    assert operations.money_may_lie_unread(engine, NOW)
    assert not operations.money_may_lie_unread(engine, NOW + timedelta(hours=1)), "a worker that is silent for long is dead"

    fetch = {"adapter": "payments.pix", "action": "fetch", "request_key": "cob:1", "state": "queued", "parameters": "{}"}
    with engine.database.begin() as connection:
        connection.execute(tables.outbound_requests.insert().values({**fetch, "created_at": NOW, "updated_at": NOW}))
    assert operations.money_may_lie_unread(engine, NOW + timedelta(hours=1))


def test_an_order_that_was_paid_meanwhile_is_not_given_up(engine: Engine) -> None:
    feed(engine, [placed("100", at=START)])
    feed(engine, [pix("100", at=START + timedelta(days=3))])
    assert operations.fire_timers(engine, NOW) == 0
    assert states(engine) == {"100": ("processing", "paid")}


def test_a_held_order_is_given_up_after_its_release(engine: Engine) -> None:
    feed(engine, [placed("100", at=START)])
    send(engine, "order.hold")
    assert operations.fire_timers(engine, NOW) == 0
    assert send(engine, "order.release").state == "new"
    assert operations.fire_timers(engine, NOW) == 1
    assert states(engine) == {"100": ("canceled", "none")}


def test_a_paper_far_above_the_order_holds_it_by_policy(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100"), note("100", total=20000, at=START)])
    assert show(engine).hold_reasons == ("fiscal",)
    assert query(engine, "SELECT actor FROM order_log WHERE kind = 'order.hold'") == [("policy:value_mismatch",)]
    assert {kind for _, kind, _ in open_exceptions(engine)} == {"value_mismatch"}
