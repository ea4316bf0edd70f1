"""No money goes back twice: refunds by hand beside those a provider tells of, disputes beside refunds, on both databases."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hub.engine.engine import Engine
from hub.engine.verify import verify
from schemas.commands import CommandReply
from tests.traffic import START, Message, charge, devolution, pix, placed
from tests.world import command, feed, open_engine, query

_ID = "7f0f7c1e-0000-4000-8000-{:012d}"


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = open_engine(any_database_url)
    yield engine
    assert verify(engine.database).findings == []


def refund(engine: Engine, method: str = "pix", **data: object) -> CommandReply:
    """Give money back by hand: so much, or all that is left."""
    serial = query(engine, "SELECT count(*) FROM inbox")[0][0] + 1
    one = command("refund.create", "100", id=_ID.format(serial), actor="ana", data={"mode": "offline", "method": method, **data})
    (outcome,) = engine.process([one])
    assert outcome.reply is not None, outcome
    return CommandReply.model_validate(outcome.reply.body)


def figures(engine: Engine) -> tuple[int, int, int]:
    """Read captured, refunded and charged back."""
    ((captured, refunded, charged_back),) = query(engine, "SELECT captured_cents, refunded_cents, charged_back_cents FROM orders")
    return captured, refunded, charged_back


def told(*cents: int, nature: str = "ORIGINAL") -> Message:
    """The bank tells of the Pix and these devoluções."""
    given = [devolution("100", cents=each, at=START, status="DEVOLVIDO", serial=serial, nature=nature) for serial, each in enumerate(cents)]
    return pix("100", cents=10000, refunds=given)


def test_a_refund_by_hand_comes_on_top_of_an_equal_one_the_bank_told_of_before(engine: Engine) -> None:
    feed(engine, [placed("100", total=10000), told(3000)])
    assert refund(engine, extra_cents=3000).outcome == "accepted"
    assert figures(engine) == (10000, 6000, 0)
    assert refund(engine, extra_cents=7000).code == "refund_exceeds_available"
    assert refund(engine).result["amount_cents"] == 4000
    assert refund(engine).code == "nothing_to_refund"
    feed(engine, [told(3000, 3000, 4000)])
    assert figures(engine) == (10000, 10000, 0)


@pytest.mark.requirement("R82")
def test_a_refund_by_hand_is_the_equal_one_the_bank_tells_of_afterwards(engine: Engine) -> None:
    feed(engine, [placed("100", total=10000), pix("100", cents=10000)])
    refund(engine, extra_cents=3000)
    feed(engine, [told(3000)])
    assert figures(engine) == (10000, 3000, 0)
    refund(engine, extra_cents=3000)
    assert figures(engine) == (10000, 6000, 0)
    feed(engine, [told(3000, 3000)])
    assert figures(engine) == (10000, 6000, 0)


def test_refunds_by_hand_beside_unequal_ones_of_the_bank_add_up(engine: Engine) -> None:
    feed(engine, [placed("100", total=10000), pix("100", cents=10000)])
    refund(engine, extra_cents=3000)
    feed(engine, [told(1000, 2000)])
    assert figures(engine) == (10000, 6000, 0)
    refund(engine, extra_cents=2000)
    assert figures(engine) == (10000, 8000, 0)
    assert refund(engine).result["amount_cents"] == 2000


def test_a_refund_by_hand_beside_one_on_its_way_is_another(engine: Engine) -> None:
    way = devolution("100", cents=3000, at=START, status="EM_PROCESSAMENTO")
    feed(engine, [placed("100", total=10000), pix("100", cents=10000, refunds=[way])])
    refund(engine, extra_cents=3000)
    assert refund(engine, extra_cents=5000).code == "refund_exceeds_available"
    feed(engine, [told(3000)])
    assert figures(engine) == (10000, 6000, 0)


def _charge(kind: str, hook: str, *, canceled: int, transaction: str, status: str = "paid", size: int = 0) -> Message:
    made = charge(
        "100", kind, status=status, at=START, transaction=transaction, hook=hook, amount=10000, paid_amount=10000, canceled_amount=canceled
    )
    document = json.loads(made.body)
    if size:
        document["data"]["last_transaction"]["amount"] = size
    return replace(made, body=json.dumps(document).encode())


def test_a_refund_by_hand_comes_on_top_of_a_total_the_gateway_told_of_before(engine: Engine) -> None:
    feed(
        engine, [placed("100", total=10000, method="card"), _charge("partial_canceled", "a", canceled=3000, transaction="partial_refunded")]
    )
    assert figures(engine) == (10000, 3000, 0)
    refund(engine, "card", extra_cents=3000)
    assert figures(engine) == (10000, 6000, 0)
    assert refund(engine, "card").result["amount_cents"] == 4000
    assert figures(engine) == (10000, 10000, 0)
    feed(engine, [_charge("partial_canceled", "b", canceled=6000, transaction="partial_refunded")])
    assert figures(engine) == (10000, 10000, 0)


def test_one_movement_told_as_a_refund_and_as_a_reversal_counts_once(any_database_url: str) -> None:
    for messages in ([told(3000), told(3000, nature="MED_FRAUDE")], [told(3000, nature="MED_FRAUDE"), told(3000)]):
        engine = open_engine("sqlite://")
        feed(engine, [placed("100", total=10000), *messages])
        assert figures(engine) == (10000, 0, 3000)


def test_a_chargeback_that_names_no_amount_takes_what_was_left(engine: Engine) -> None:
    refunded = _charge("partial_canceled", "a", canceled=3000, transaction="partial_refunded")
    taken = _charge("chargedback", "b", canceled=3000, transaction="chargedback", status="chargedback", size=7000)
    later = json.loads(taken.body)
    later["created_at"] = later["data"]["last_transaction"]["created_at"] = "2026-11-21T12:00:00Z"
    feed(engine, [placed("100", total=10000, method="card"), refunded, replace(taken, body=json.dumps(later).encode())])
    assert figures(engine) == (10000, 3000, 7000)
