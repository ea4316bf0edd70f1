"""dead.redrive and dead.discard as commands, on both databases."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from hub.engine.engine import Engine
from hub.engine.verify import verify
from schemas.commands import CommandReply
from tests.traffic import Message, pix, placed
from tests.world import NOW, command, feed, open_engine, query, states

_ID: Final = "6f0f7c1e-0000-4000-8000-{:012d}"


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = open_engine(any_database_url)
    yield engine
    assert verify(engine.database).findings == []


def ask(engine: Engine, name: str, *, serial: int = 1, **data: Any) -> CommandReply:
    (outcome,) = engine.process([command(name, id=_ID.format(serial), actor="ana", reason="teste", data=data)])
    assert outcome.reply is not None, outcome
    return CommandReply.model_validate(outcome.reply.body)


def lost(engine: Engine, message: Message) -> int:
    """Bury a readable message, as a defect that has been mended since would have."""
    feed(engine, [Message(message.key, b"{")])
    ((row,),) = query(engine, "SELECT max(id) FROM dead_letters")
    with engine.database.begin() as connection:
        connection.exec_driver_sql("UPDATE dead_letters SET body = " + _literal(engine, message.body) + f" WHERE id = {row}")
    return int(row)


def _literal(engine: Engine, body: bytes) -> str:
    return f"decode('{body.hex()}', 'hex')" if engine.database.is_postgres else f"x'{body.hex()}'"


def test_a_letter_is_run_again_by_the_queue_between_other_messages(engine: Engine) -> None:
    feed(engine, [placed("100")])
    letter = lost(engine, pix("100"))
    tried = ask(engine, "dead.redrive", serial=9, ids=[letter], dry_run=True)
    assert (tried.outcome, tried.result["counts"], states(engine)["100"]) == ("accepted", {"applied": 1}, ("new", "none"))
    redrive = command("dead.redrive", id=_ID.format(1), actor="ana", data={"ids": [letter], "isolate": True})
    comment = [command("order.comment", "100", id=_ID.format(serial), data={"text": "oi"}) for serial in (2, 3)]
    outcomes = engine.process([comment[0], redrive, comment[1]])
    seen = [(outcome.reply.body["outcome"], outcome.reply.body["state"]) for outcome in outcomes if outcome.reply is not None]
    assert seen == [("accepted", "new"), ("accepted", None), ("accepted", "processing")]
    assert query(engine, "SELECT status, settled_by FROM dead_letters") == [("redriven", "ana")]
    again = engine.process([redrive])[0].reply
    assert again is not None and again.body["result"]["counts"] == {"applied": 1}  # the first answer
    assert ask(engine, "dead.redrive", serial=4, ids=[letter]).outcome == "no_op"
    assert query(engine, "SELECT command, actor FROM audit WHERE command LIKE 'dead.%'") == [("dead.redrive", "ana")]


def test_letters_are_discarded_by_a_filter(engine: Engine) -> None:
    feed(engine, [Message("payments.pix", b"{"), Message("payments.pix", b"["), Message("payments.pagarme", b"{")])
    done = ask(engine, "dead.discard", filter={"adapter": "payments.pix"}, note="lixo")
    assert (done.outcome, done.result["counts"]) == ("accepted", {"discarded": 2})
    assert sorted(query(engine, "SELECT status, note FROM dead_letters"), key=str) == [
        ("discarded", "lixo"), ("discarded", "lixo"), ("open", None),
    ]  # fmt: skip
    assert ask(engine, "dead.discard", serial=2, ids=[10_000], note="x").code == "dead_letter_not_found"
    assert ask(engine, "dead.discard", serial=3, filter={"order": "77"}, note="x").outcome == "no_op"
    assert ask(engine, "dead.discard", serial=1, ids=[1], note="x").code == "key_reused"


def test_it_takes_a_supervisor(any_database_url: str) -> None:
    engine = open_engine(any_database_url, roles={"ana": "operator"}, now=NOW)
    (outcome,) = engine.process([command("dead.redrive", id=_ID.format(1), user="ana", data={"ids": [1]})])
    assert outcome.reply is not None and outcome.reply.body["code"] == "forbidden"
