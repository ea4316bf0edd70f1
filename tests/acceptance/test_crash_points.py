"""The hub ended at each named point, started again, ends as if nothing had happened (architecture, Proof by construction)."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from hub import faults
from tests.acceptance.stack import CRASHED, running
from tests.traffic import Message, flat, shuffled, stories
from tests.world import feed, ledgers, open_engine, open_exceptions

_ARCHIVER = [point for point in faults.POINTS if point.startswith("archiver_")]
_COMMANDS = ["before_reply"]
_POINTS = [point for point in faults.POINTS if point not in _ARCHIVER and point not in _COMMANDS]


def _traffic() -> list[Message]:
    return shuffled(list(flat(stories(12, seed=31))), seed=2, duplicates=0.3)


async def _exit_of(process: "subprocess.Popen[bytes]", timeout_s: float = 40.0) -> int:
    return await asyncio.to_thread(process.wait, timeout_s)


@pytest.mark.proof
@pytest.mark.parametrize("point", _POINTS)
async def test_a_crash_at_any_point_leaves_no_trace(point: str, amqp_url: str, any_database_url: str, tmp_path: Path) -> None:
    messages = _traffic()
    undisturbed = open_engine("sqlite://")
    feed(undisturbed, messages)
    async with running(amqp_url, any_database_url, tmp_path, HUB_BATCH_MAX="8", HUB_PREFETCH="16") as stack:
        await stack.publish(messages)
        crashing = stack.start(HUB_TESTING="1", HUB_CRASH_AT=f"{point}:2")
        assert await _exit_of(crashing) == CRASHED, stack.logs()
        stack.start()
        await stack.settle()
        stack.check()
        assert ledgers(stack.engine) == ledgers(undisturbed)
        assert open_exceptions(stack.engine) == open_exceptions(undisturbed)
        assert stack.rows("SELECT count(*) FROM dead_letters") == [(0,)]


def test_there_are_at_least_twelve_points() -> None:
    assert len(faults.POINTS) >= 12
