"""The broker or the database restarted in the middle of a run: nothing dead-lettered, nothing lost, no help needed (architecture D6)."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hub.store import schema
from hub.store.database import Database
from scripts.servers import PrivatePostgres, PrivateRabbit
from tests.acceptance.stack import running
from tests.traffic import Message, flat, shuffled, stories
from tests.world import feed, ledgers, open_engine, open_exceptions


@pytest.mark.proof
@pytest.mark.parametrize("which", ["postgresql", "rabbitmq"])
async def test_a_server_restarted_in_the_middle_loses_nothing(
    which: str, private_rabbit: PrivateRabbit, private_postgres: PrivatePostgres, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    told = list(flat(stories(sized(250, 1500), seed=51)))
    messages = shuffled(told, seed=8, duplicates=0.2)
    undisturbed = open_engine("sqlite://")
    feed(undisturbed, told)
    database = Database.open(private_postgres.database_url())
    schema.upgrade(database)
    database.dispose()
    environment = {"HUB_PREFETCH": "64", "HUB_BATCH_MAX": "16"}
    async with running(private_rabbit.amqp_url(), private_postgres.database_url(), tmp_path, **environment) as stack:
        await stack.publish(messages[: len(messages) // 2])
        stack.start()
        await stack.until(lambda: stack.progress() > 5)
        server = private_postgres if which == "postgresql" else private_rabbit
        await asyncio.to_thread(server.crash if which == "postgresql" else server.stop)
        await asyncio.sleep(2.0)
        await asyncio.to_thread(server.start)
        await _when_back(stack.publish, messages[len(messages) // 2 :])
        await stack.settle(timeout_s=sized(120, 300))
        stack.check()
        assert ledgers(stack.engine) == ledgers(undisturbed)
        assert open_exceptions(stack.engine) == open_exceptions(undisturbed)
        assert stack.rows("SELECT count(*) FROM dead_letters") == [(0,)]


async def _when_back(publish: Callable[[list[Message]], Awaitable[None]], messages: list[Message]) -> None:
    for _ in range(60):
        try:
            await publish(messages)
            return
        except Exception:
            await asyncio.sleep(1.0)
    await publish(messages)
