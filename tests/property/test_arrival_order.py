"""The same facts in any order, in batches of any size, end in the same ledgers and exceptions (architecture D1, D4)."""

from collections.abc import Callable

import pytest

from hub.engine.engine import Engine
from hub.engine.verify import verify
from tests.traffic import flat, shuffled, stories
from tests.world import feed, ledgers, open_engine, open_exceptions, published


def _checked(engine: Engine) -> Engine:
    report = verify(engine.database)
    assert report.findings == []
    assert report.parked == 0
    return engine


@pytest.mark.proof
def test_any_arrival_order_ends_in_the_same_ledgers_and_open_exceptions(sized: Callable[[int, int], int]) -> None:
    messages = list(flat(stories(sized(120, 700), seed=11)))
    reference: tuple[object, object] | None = None
    for seed in range(sized(4, 20)):
        engine = open_engine("sqlite://")
        feed(engine, shuffled(messages, seed, duplicates=0.2))
        _checked(engine)
        found = (ledgers(engine), open_exceptions(engine))
        reference = reference or found
        assert found == reference


@pytest.mark.proof
def test_batch_size_shows_neither_in_ledgers_nor_in_events(sized: Callable[[int, int], int], any_database_url: str) -> None:
    messages = shuffled(list(flat(stories(sized(120, 700), seed=12))), seed=5, duplicates=0.2)
    alone = open_engine("sqlite://")
    feed(alone, messages, cap=1)
    together = open_engine(any_database_url)
    feed(together, messages, cap=256)
    _checked(alone)
    _checked(together)
    assert ledgers(together) == ledgers(alone)
    assert open_exceptions(together) == open_exceptions(alone)
    assert published(together) == published(alone)
