"""Two workers at once on PostgreSQL: facts racing their order, storms of repeats in opposite orders (architecture D4, D7)."""

import random
import threading
from collections.abc import Callable, Sequence

import pytest

from hub.engine.deliveries import Delivery, Outcome
from hub.engine.engine import Engine
from hub.engine.verify import verify
from tests.traffic import Message, pix, placed, shuffled, stories
from tests.world import delivery, feed, ledgers, open_engine, open_exceptions, query


def _race(url: str, workloads: Sequence[Sequence[Message]], *, caps: Callable[[], int]) -> tuple[list[Engine], list[Outcome]]:
    """Let one engine per workload, each with connections of its own, start at the same moment."""
    engines = [open_engine(url) for _ in workloads]
    start = threading.Barrier(len(workloads))
    outcomes: list[Outcome] = []
    errors: list[BaseException] = []

    def run(engine: Engine, messages: Sequence[Message]) -> None:
        try:
            start.wait()
            pending: list[Delivery] = [delivery(message) for message in messages]
            while pending:
                size = caps()
                outcomes.extend(engine.process(pending[:size]))
                del pending[:size]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(engines, workloads, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return engines, outcomes


@pytest.mark.proof
def test_no_fact_is_stranded_when_it_races_its_order(database_url: str, sized: Callable[[int, int], int]) -> None:
    count = sized(200, 1000)
    chance = random.Random(3)
    numbers = [f"R{index:05d}" for index in range(count)]
    orders = [placed(number) for number in numbers]
    money = [pix(number) for number in numbers]
    engines, _ = _race(database_url, [orders, money], caps=lambda: chance.choice((1, 2, 3, 8, 20)))
    found = query(engines[0], "SELECT state, count(*) FROM orders GROUP BY state")
    assert found == [("processing", count)]
    assert query(engines[0], "SELECT count(*) FROM parked_facts") == [(0,)]
    assert query(engines[0], "SELECT count(*) FROM dead_letters") == [(0,)]
    assert verify(engines[0].database).findings == []


@pytest.mark.proof
def test_a_storm_of_repeats_in_opposite_orders_deadlocks_nobody(database_url: str, sized: Callable[[int, int], int]) -> None:
    told = [message for one in stories(sized(60, 300), seed=21) for message in one]
    forward = shuffled(told, 1, duplicates=0.5)
    chance = random.Random(4)
    engines, outcomes = _race(database_url, [forward, forward[::-1]], caps=lambda: chance.choice((1, 16, 64, 256)))
    alone = open_engine("sqlite://")
    feed(alone, told)
    assert {outcome.kind for outcome in outcomes} <= {"applied", "duplicate", "parked", "ignored"}
    assert ledgers(engines[0]) == ledgers(alone)
    assert open_exceptions(engines[0]) == open_exceptions(alone)
    assert verify(engines[0].database).findings == []


def test_two_orders_claiming_one_reference_park_its_facts_and_tell_both(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    first, second = placed("A1"), placed("B2")
    second = Message(second.key, second.body.replace(b'"pedB2', b'"pedA1').replace(b"pedA1".ljust(30, b"0"), b"pedA1".ljust(30, b"0")))
    assert b"pedA1" in second.body
    feed(engine, [first, second, pix("A1")])
    assert open_exceptions(engine) == {
        ("A1", "reference_conflict", "pix:txid:" + "pedA1".ljust(30, "0")),
        ("B2", "reference_conflict", "pix:txid:" + "pedA1".ljust(30, "0")),
    }
    assert query(engine, "SELECT count(*) FROM parked_facts") == [(1,)]
    assert verify(engine.database).findings == []
