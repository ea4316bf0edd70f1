"""order.edit and order.reorder through the engine, on both databases: two orders in one step, or none."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
import pytest

from hub.engine.engine import Engine
from hub.engine.order_document import order_document
from hub.engine.verify import verify
from schemas.commands import CommandReply
from schemas.documents import OrderView
from schemas.events import event_model
from tests.traffic import pix, placed, txid_of
from tests.world import command, feed, open_engine, open_exceptions, published, query, states

_ID: Final = "6f0f7c1e-0000-4000-8000-{:012d}"


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = open_engine(any_database_url)
    yield engine
    assert verify(engine.database).findings == []
    for event in published(engine):
        event_model(event["routing_key"]).model_validate(event["body"])


def content(reference: str | None = None, **changes: Any) -> dict[str, Any]:
    """One shirt fewer, another name, and by default the same Pix."""
    payment = {"method": "pix", "provider": "pix", "reference": reference or txid_of("100"), "amount_cents": 6980}
    return {
        "customer": {"id": "c100", "name": "Maria Nova", "email": "maria@exemplo.invalid"},
        "shipping_address": {"street": "Rua Nova", "city": "Campinas"},
        "items": [{"sku": "CAM-01", "name": "Camiseta", "quantity": 1, "unit_price_cents": 4990}],
        "shipping": {"carrier": "melhor_envio", "amount_cents": 1990},
        "total_cents": 6980,
        "payments": [payment],
        **changes,
    }


def ask(engine: Engine, serial: int, name: str, number: str, /, **data: Any) -> CommandReply:
    (outcome,) = engine.process([command(name, number, id=_ID.format(serial), actor="ana", reason="cliente pediu", data=data)])
    assert outcome.reply is not None, outcome
    return CommandReply.model_validate(outcome.reply.body)


def show(engine: Engine, number: str) -> OrderView:
    with engine.database.read() as connection:
        return OrderView.model_validate(order_document(connection, number))


def keys_of(engine: Engine, number: str) -> list[str]:
    return [event["routing_key"] for event in published(engine) if event["body"].get("order") == number]


@pytest.mark.requirement("R45", "R58", "R59", "R60", "R61", "R62")
def test_an_edit_cancels_the_order_and_places_the_next(engine: Engine) -> None:  # R58 to R62, scenario k
    feed(engine, [placed("100")])
    reply = ask(engine, 1, "order.edit", "100", order=content())
    assert (reply.outcome, reply.state, reply.result) == ("accepted", "canceled", {"child": "100-1"})
    assert states(engine) == {"100": ("canceled", "none"), "100-1": ("new", "none")}
    old, new = show(engine, "100"), show(engine, "100-1")
    assert ((old.parent, old.child), (new.parent, new.child)) == ((None, "100-1"), ("100", None))
    assert new.customer.name == "Maria Nova" and new.total_cents == 6980
    assert keys_of(engine, "100")[-3:] == [
        "order.status_changed.canceled", "stock.release_requested", "notification.requested.email.order_edited",
    ]  # fmt: skip
    assert keys_of(engine, "100-1") == ["order.placed", "order.status_changed.pending"]
    by_key = {event["routing_key"]: event["body"] for event in published(engine)}
    edited, begun = by_key["order.edited"], by_key["order.placed"]
    assert (edited["child"], edited["content"]["customer"]["name"], begun["parent"]) == ("100-1", "Maria Nova", "100")
    assert by_key["notification.requested.email.order_edited"]["context"]["child"] == "100-1"
    assert [(one.kind, one.actor) for one in new.timeline] == [("order.placed", None), ("order.edit", "ana")]
    assert "100-1" in old.timeline[-1].text and "100" in new.timeline[-1].text

    assert ask(engine, 2, "order.edit", "100-1", order=content(), notify=False).result == {"child": "100-2"}
    assert states(engine) == {"100": ("canceled", "none"), "100-1": ("canceled", "none"), "100-2": ("new", "none")}
    assert keys_of(engine, "100-1")[-1] == "stock.release_requested"  # no letter was wanted
    assert ask(engine, 3, "order.edit", "100-1", order=content()).code == "order_canceled"  # I22


def test_two_edits_in_one_batch_are_numbered_one_by_one(engine: Engine) -> None:
    feed(engine, [placed("100")])
    edits = [
        command("order.edit", number, id=_ID.format(serial), data={"order": content()}) for serial, number in enumerate(("100", "100-1"))
    ]
    outcomes = engine.process([*edits, edits[0]])
    assert [outcome.reply.body["result"] for outcome in outcomes if outcome.reply is not None] == [
        {"child": "100-1"}, {"child": "100-2"}, {"child": "100-1"},
    ]  # fmt: skip
    assert (show(engine, "100-1").parent, show(engine, "100-1").child) == ("100", "100-2")
    assert show(engine, "100-2").parent == "100-1"


def test_money_on_a_reference_of_the_parent_is_the_parents_and_names_the_child(engine: Engine) -> None:
    feed(engine, [placed("100")])
    ask(engine, 1, "order.edit", "100", order=content())
    ask(engine, 2, "order.edit", "100-1", order=content())
    assert open_exceptions(engine) == set()
    feed(engine, [pix("100")])
    assert open_exceptions(engine) == {("100", "paid_after_cancel", "order")}
    (opened,) = show(engine, "100").exceptions
    assert opened.detail["child"] == "100-1"
    assert states(engine)["100-2"] == ("new", "none")


def test_a_reference_of_its_own_is_the_childs(engine: Engine) -> None:
    feed(engine, [placed("100")])
    ask(engine, 1, "order.edit", "100", order=content(txid_of("555")))
    feed(engine, [pix("555", cents=6980)])
    assert states(engine) == {"100": ("canceled", "none"), "100-1": ("processing", "paid")}
    assert "notification.requested.email.order_approved" in keys_of(engine, "100-1")


def test_money_that_waited_for_the_child_finds_it(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("555", cents=6980)])
    ask(engine, 1, "order.edit", "100", order=content(txid_of("555")))
    assert states(engine)["100-1"] == ("processing", "paid")


def test_a_foreign_reference_is_disputed_as_ever(engine: Engine) -> None:
    feed(engine, [placed("100"), placed("200")])
    ask(engine, 1, "order.edit", "100", order=content(txid_of("200")))
    assert {(order, kind) for order, kind, _ in open_exceptions(engine)} == {
        ("100-1", "reference_conflict"), ("200", "reference_conflict"),
    }  # fmt: skip


def test_a_number_that_the_shop_has_given_is_not_taken(engine: Engine) -> None:
    feed(engine, [placed("100"), placed("100-1")])
    assert ask(engine, 1, "order.edit", "100", order=content()).code == "order_exists"
    assert states(engine) == {"100": ("new", "none"), "100-1": ("new", "none")}  # neither is visible when one part fails
    # The shop's own 100-1 is no child: its first replacement is counted from one.
    assert ask(engine, 2, "order.edit", "100-1", order=content()).result == {"child": "100-1-1"}


@pytest.mark.requirement("R62")
def test_what_is_not_edited(engine: Engine) -> None:
    feed(engine, [placed("100"), placed("200"), pix("200"), placed("9" * 63)])
    assert ask(engine, 1, "order.edit", "200", order=content()).code == "edit_requires_refund"
    assert ask(engine, 2, "order.edit", "9" * 63, order=content()).code == "invalid_payload"
    ask(engine, 3, "order.hold", "100")
    assert ask(engine, 4, "order.edit", "100", order=content()).code == "order_held"
    assert (
        ask(engine, 5, "order.reorder", "100", order={**content(), "number": "300", "placed_at": "2026-11-25T10:00:00Z"}).code
        == "order_held"
    )
    assert ask(engine, 6, "order.edit", "77", order=content()).code == "order_not_found"


@pytest.mark.requirement("R49")
def test_a_reorder_is_a_further_order_and_leaves_the_first_alone(engine: Engine) -> None:  # R49, I23
    feed(engine, [placed("100"), pix("100")])
    before = query(engine, "SELECT * FROM orders WHERE number = '100'"), query(engine, "SELECT count(*) FROM order_log")
    order = {**content(txid_of("300")), "number": "300", "placed_at": "2026-11-25T10:00:00-03:00"}
    reply = ask(engine, 1, "order.reorder", "100", order=order)
    assert (reply.outcome, reply.order, reply.result) == ("accepted", "100", {"order": "300"})
    assert query(engine, "SELECT * FROM orders WHERE number = '100'") == before[0]
    assert keys_of(engine, "300") == ["order.placed", "order.status_changed.pending", "notification.requested.email.order_placed"]
    new = show(engine, "300")
    assert (new.parent, new.child, new.state) == (None, None, "new")
    assert [(one.kind, one.actor) for one in new.timeline] == [("order.placed", None), ("order.reorder", "ana")]
    assert ask(engine, 1, "order.reorder", "100", order=order) == reply  # the same command again
    assert ask(engine, 2, "order.reorder", "100", order=order).code == "order_exists"
    assert ask(engine, 3, "order.reorder", "100", order={**order, "total_cents": 1, "number": "100"}).code == "order_exists"


def test_a_reorder_of_a_canceled_order_may_be_paid_already(engine: Engine) -> None:
    feed(engine, [placed("100")])
    ask(engine, 1, "order.cancel", "100")
    paid = {"method": "wallet", "amount_cents": 6980, "paid_at": "2026-11-25T09:00:00-03:00"}
    order = {**content(payments=[paid]), "number": "300", "placed_at": "2026-11-25T10:00:00-03:00"}
    assert ask(engine, 2, "order.reorder", "100", order=order).outcome == "accepted"
    assert states(engine) == {"100": ("canceled", "none"), "300": ("processing", "paid")}


def test_a_name_is_in_no_log_no_ledger_and_no_stored_answer(engine: Engine) -> None:
    feed(engine, [placed("100")])
    ask(engine, 1, "order.edit", "100", order=content())
    for (text,) in query(engine, "SELECT body FROM order_log UNION ALL SELECT ledger FROM orders UNION ALL SELECT reply FROM inbox"):
        assert text is None or not any(word in text for word in ("Maria", "Rua Nova", "maria@"))
    assert (
        orjson.loads(query(engine, "SELECT shipping_address FROM order_personal WHERE order_number = '100-1'")[0][0])["street"]
        == "Rua Nova"
    )
