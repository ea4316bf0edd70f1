"""Statuses of the shop's own through the engine, on both databases: what orders show follows, and the world is told."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import pytest

from hub.engine import status_catalog
from hub.engine.engine import Engine
from hub.engine.verify import verify
from schemas.commands import CommandReply
from schemas.events import event_model
from tests.traffic import pix, placed
from tests.world import command, feed, open_engine, published, query

_ID: Final = "6f0f7c1e-0000-4000-8000-{:012d}"


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = open_engine(any_database_url)
    yield engine
    assert verify(engine.database).findings == []
    for event in published(engine):
        event_model(event["routing_key"]).model_validate(event["body"])
    with engine.database.read() as connection:
        known = status_catalog.load(connection)
    for state, status in query(engine, "SELECT state, status FROM orders"):  # I21
        assert status in known.assigned[state]
    for state, codes in known.assigned.items():
        assert known.default[state] in codes


def ask(engine: Engine, name: str, number: str | None = None, /, **data: Any) -> CommandReply:
    serial = query(engine, "SELECT count(*) FROM inbox")[0][0] + 1
    (outcome,) = engine.process([command(name, number, id=_ID.format(serial), actor="ana", reason="teste", data=data)])
    assert outcome.reply is not None, outcome
    return CommandReply.model_validate(outcome.reply.body)


def shown(engine: Engine, number: str = "100") -> str:
    return str(query(engine, "SELECT status FROM orders WHERE number = :number", number=number)[0][0])


def changes(engine: Engine, number: str = "100") -> list[tuple[str, str]]:
    """List what the world was told of an order's status, and that each telling begins where the last one ended."""
    told = [e["body"] for e in published(engine) if e["routing_key"].startswith("order.status_changed.") and e["body"]["order"] == number]
    for earlier, later in pairwise(told):
        assert later["from"] == earlier["to"]
    return [(one["to"]["status"], one["label"]) for one in told]


@pytest.mark.requirement("R88", "R65")
def test_a_status_of_the_shops_own_is_created_chosen_and_kept(engine: Engine) -> None:  # R88, R65
    feed(engine, [placed("100"), pix("100")])
    created = ask(engine, "status.create", code="separacao", label="Em separação", state="processing")
    assert created.result["status"] == {
        "code": "separacao", "label": "Em separação", "states": ["processing"], "default_of": [], "built_in": False,
    }  # fmt: skip
    assert ask(engine, "order.set_status", "100", status="separacao").status == "separacao"
    assert changes(engine)[-1] == ("separacao", "Em separação")
    ask(engine, "order.hold", "100")
    assert ask(engine, "order.release", "100").status == "separacao"
    assert ask(engine, "order.start_production", "100").status == "in_production"  # the order has moved on


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("status.create", {"code": "pending"}, "status_exists"),
        ("status.assign", {"code": "nada", "state": "new"}, "status_unknown"),
        ("status.unassign", {"code": "nada"}, "status_unknown"),
        ("status.unassign", {"code": "closed", "state": "closed"}, "last_status"),
        ("status.unassign", {"code": "closed"}, "last_status"),
        ("status.set_default", {"code": "nada", "state": "new"}, "status_unknown"),
        ("status.set_default", {"code": "fraud", "state": "new"}, "status_not_in_state"),
        ("status.delete", {"code": "nada"}, "status_unknown"),
        ("status.delete", {"code": "fraud"}, "status_in_use"),
    ],
)
@pytest.mark.requirement("R88", "R57")
def test_what_is_refused(engine: Engine, name: str, data: dict[str, Any], code: str) -> None:
    assert ask(engine, name, **data).code == code
    assert query(engine, "SELECT count(*) FROM statuses") == [(0,)]


def test_what_is_so_already_changes_nothing(engine: Engine) -> None:
    for name, data in (
        ("status.assign", {"code": "pending", "state": "new"}),
        ("status.unassign", {"code": "pending", "state": "closed"}),
        ("status.set_default", {"code": "pending", "state": "new"}),
    ):
        assert ask(engine, name, **data).outcome == "no_op"


def test_the_farthest_linked_status_that_is_assigned_is_shown(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    ask(engine, "order.start_production", "100")
    ask(engine, "fiscal.mark_issued", "100")
    assert shown(engine) == "nf_issued"
    assert ask(engine, "status.unassign", code="nf_issued", state="processing").result["orders"] == 1
    assert shown(engine) == "in_production"
    assert ask(engine, "status.unassign", code="in_production", state="processing").result["orders"] == 1
    assert shown(engine) == "processing"
    assert ask(engine, "order.set_status", "100", status="nf_issued").code == "status_not_in_state"
    assert ask(engine, "status.assign", code="nf_issued", state="processing").result["orders"] == 1
    assert shown(engine) == "nf_issued"
    assert [status for status, _ in changes(engine)][-4:] == ["nf_issued", "in_production", "processing", "nf_issued"]
    assert query(engine, "SELECT DISTINCT actor FROM order_log WHERE kind LIKE 'status.%'") == [("ana",)]


@pytest.mark.requirement("R88")
def test_another_default_is_shown_by_the_orders_that_show_the_old_one(engine: Engine) -> None:
    feed(engine, [placed("100"), placed("200"), pix("200")])
    ask(engine, "status.create", code="recebido", label="Recebido", state="new")
    assert ask(engine, "status.set_default", code="recebido", state="new").result["orders"] == 1
    assert (shown(engine), shown(engine, "200")) == ("recebido", "processing")
    feed(engine, [placed("300")])
    assert shown(engine, "300") == "recebido"
    # When the default goes, another takes its place.
    assert ask(engine, "status.unassign", code="recebido", state="new").result["orders"] == 2
    assert (shown(engine), shown(engine, "300")) == ("pending", "pending")
    assert [status for status, _ in changes(engine, "300")] == ["recebido", "pending"]


@pytest.mark.requirement("R88")
def test_a_status_is_deleted_once_no_order_shows_it(engine: Engine) -> None:  # I28
    feed(engine, [placed("100"), pix("100")])
    ask(engine, "status.create", code="separacao", state="processing")
    ask(engine, "order.set_status", "100", status="separacao")
    assert ask(engine, "status.delete", code="separacao").code == "status_in_use"
    assert ask(engine, "status.unassign", code="separacao").result["orders"] == 1
    assert shown(engine) == "processing"
    assert ask(engine, "status.assign", code="separacao", state="processing").result["orders"] == 1  # the choice had been kept
    ask(engine, "order.set_status", "100", status="processing")
    assert ask(engine, "status.delete", code="separacao").result == {"status": None, "orders": 0}
    assert ask(engine, "order.set_status", "100", status="separacao").code == "status_unknown"


def test_a_status_that_comes_back_is_shown_by_those_that_had_chosen_it(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    ask(engine, "status.create", code="separacao", state="processing")
    ask(engine, "order.set_status", "100", status="separacao")
    ask(engine, "status.unassign", code="separacao")
    assert ask(engine, "status.delete", code="separacao").outcome == "accepted"
    assert ask(engine, "status.create", code="separacao", label="De novo", state="processing").result["orders"] == 1
    assert shown(engine) == "separacao"


def test_what_follows_in_the_same_batch_sees_the_change(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    outcomes = engine.process(
        [
            command("order.start_production", "100", id=_ID.format(1)),
            command("status.create", id=_ID.format(2), data={"code": "corte", "label": "Corte", "state": "processing"}),
            command("status.unassign", id=_ID.format(3), data={"code": "in_production"}),
            command("order.set_status", "100", id=_ID.format(4), data={"status": "corte"}),
            command("order.comment", "100", id=_ID.format(5), data={"text": "ok"}),
        ]
    )
    assert [outcome.reply.body["outcome"] for outcome in outcomes if outcome.reply is not None] == ["accepted"] * 5
    assert [status for status, _ in changes(engine)][-3:] == ["in_production", "processing", "corte"]
