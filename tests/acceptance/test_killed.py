"""Workers killed at random in the middle of traffic: nothing lost, nothing twice in effect (architecture D3)."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.stack import kill_at_random, running
from tests.traffic import flat, shuffled, stories
from tests.world import feed, ledgers, open_engine, open_exceptions


@pytest.mark.proof
async def test_random_kills_neither_lose_nor_double_anything(
    amqp_url: str, database_url: str, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    told = list(flat(stories(sized(250, 1650), seed=41)))
    messages = shuffled(told, seed=6, duplicates=0.25)
    undisturbed = open_engine("sqlite://")
    feed(undisturbed, told)
    async with running(amqp_url, database_url, tmp_path, HUB_PREFETCH="64", HUB_BATCH_MAX="32") as stack:
        times = sized(4, 12)
        hits = await kill_at_random(stack, messages, random.Random(7), times=times, within_s=sized(5, 25) / 100)
        assert hits >= times // 2, "most kills must fall into work in progress, or this proves nothing"
        await stack.settle(timeout_s=sized(90, 300))
        report = stack.check()
        assert report.orders == len(ledgers(undisturbed))
        assert ledgers(stack.engine) == ledgers(undisturbed)
        assert open_exceptions(stack.engine) == open_exceptions(undisturbed)
        assert stack.rows("SELECT count(*) FROM dead_letters") == [(0,)]
        assert report.parked == 0
