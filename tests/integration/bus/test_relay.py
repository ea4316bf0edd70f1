"""The relay between a real database and a real broker: order per order, stable ids, shared shards, and what happens when it dies."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import orjson
import pytest
from aio_pika.abc import AbstractIncomingMessage

from hub.bus import topology
from hub.bus.outbox import SHARDS
from hub.bus.relay import Relay, RelayOptions
from hub.bus.topology import build
from hub.faults import EXIT_STATUS
from hub.store.database import Database
from scripts.servers import PrivateRabbit
from tests.integration.bus.outbox_rows import AT, event, left, put

ROOT = Path(__file__).parents[3]
QUICK = RelayOptions(poll_s=0.05, share_s=0.1, row_retry_first_s=0.1, row_retry_most_s=0.2)


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    opened = Database.open(any_database_url)
    yield opened
    opened.dispose()


@asynccontextmanager
async def subscriber(url: str) -> AsyncIterator[list[AbstractIncomingMessage]]:
    """Collects everything that is published on hub.events."""
    await topology.apply(url, build(()))
    got: list[AbstractIncomingMessage] = []
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.set_qos(1000)
        queue = await channel.declare_queue("subscriber", durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind("hub.events", "#")

        async def collect(message: AbstractIncomingMessage) -> None:
            got.append(message)
            await message.ack()

        await queue.consume(collect)
        yield got


@asynccontextmanager
async def relaying(*relays: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield
    finally:
        for relay in relays:
            relay.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def first_copies(got: list[AbstractIncomingMessage]) -> dict[str, list[int]]:
    """Per order the sequences in the order in which each was first seen."""
    seen: set[str] = set()
    orders: dict[str, list[int]] = {}
    for message in got:
        assert message.message_id is not None
        if message.message_id not in seen:
            seen.add(message.message_id)
            body = orjson.loads(message.body)
            orders.setdefault(body["order"], []).append(body["sequence"])
    return orders


def expected(orders: int, events: int) -> dict[str, list[int]]:
    return {f"{n}": list(range(1, events + 1)) for n in range(orders)}


async def test_rows_are_published_in_order_per_order_and_deleted(
    amqp_url: str, database: Database, sized: Callable[[int, int], int]
) -> None:
    orders, events = sized(100, 3_000), 5
    put(database, (event(f"{n}", sequence) for sequence in range(1, events + 1) for n in range(orders)))
    async with subscriber(amqp_url) as got, relaying(relay := Relay(database, amqp_url, options=QUICK)):
        await until(lambda: left(database) == 0, 120)
        await until(lambda: len(got) >= orders * events)
        assert relay.published == orders * events
    assert len(got) == orders * events
    assert first_copies(got) == expected(orders, events)


async def test_an_event_looks_as_the_contract_says(amqp_url: str, database: Database) -> None:
    row = event("100000417", 4, "order.status_changed.processing")
    put(database, [row | {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}])
    async with subscriber(amqp_url) as got, relaying(Relay(database, amqp_url, options=QUICK)):
        await until(lambda: len(got) == 1)
    message = got[0]
    assert (message.routing_key, message.type, message.content_type) == (row["routing_key"], "order.status_changed.v1", "application/json")
    assert (message.message_id, message.timestamp, message.app_id) == (row["message_id"], AT, "order-hub")
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.body.decode() == row["body"]
    assert message.headers["cloudEvents_id"] == row["message_id"]
    assert message.headers["cloudEvents_subject"] == "100000417"
    assert message.headers["traceparent"] == "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


async def test_a_row_that_cannot_be_published_holds_back_only_its_order(amqp_url: str, database: Database) -> None:
    put(database, [event("ill", 1, "no.such.event"), event("ill", 2), event("well", 1), event("well", 2)])
    async with subscriber(amqp_url) as got, relaying(Relay(database, amqp_url, options=QUICK)):
        await until(lambda: left(database) == 2)
        await asyncio.sleep(0.4)
        assert first_copies(got) == {"well": [1, 2]}
        with database.begin() as connection:
            connection.exec_driver_sql("UPDATE outbox SET routing_key = 'payment.captured'")
        await until(lambda: left(database) == 0)
        await until(lambda: len(got) == 4)
    assert first_copies(got) == {"well": [1, 2], "ill": [1, 2]}


async def test_a_commit_in_this_process_is_published_at_once(amqp_url: str, database: Database) -> None:
    relay = Relay(database, amqp_url, options=RelayOptions(poll_s=30))
    async with subscriber(amqp_url) as got, relaying(relay):
        await until(lambda: bool(relay.shards))
        await asyncio.sleep(0.2)
        put(database, [event("1", 1), event("1", 2)])
        began = time.monotonic()
        relay.wake()
        await until(lambda: len(got) == 2)
        assert time.monotonic() - began < 2
        await until(lambda: left(database) == 0)


CHILD = """
import asyncio, sys
from hub.bus.relay import Relay, RelayOptions
from hub.store.database import Database
asyncio.run(Relay(Database.open(sys.argv[1]), sys.argv[2], options=RelayOptions(poll_s=0.05, window=40, write_max=20)).run())
"""


@pytest.mark.parametrize("point", ["relay_before_publish", "relay_after_publish", "relay_before_delete", "relay_after_delete"])
async def test_a_relay_that_dies_loses_nothing_and_changes_no_id(
    amqp_url: str, any_database_url: str, database: Database, point: str
) -> None:
    put(database, (event(f"{n}", sequence) for sequence in range(1, 5) for n in range(30)))
    async with subscriber(amqp_url) as got:
        environment = {**os.environ, "HUB_TESTING": "1", "HUB_CRASH_AT": f"{point}:3"}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, any_database_url, amqp_url, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        assert await asyncio.wait_for(child.wait(), 60) == EXIT_STATUS
        async with relaying(Relay(database, amqp_url, options=QUICK)):
            await until(lambda: left(database) == 0)
            await until(lambda: len(first_copies(got)) == 30 and all(len(found) == 4 for found in first_copies(got).values()))
    assert first_copies(got) == expected(30, 4)
    if point == "relay_before_delete":
        assert len(got) > 120  # what was confirmed and not deleted went out twice, under the same ids


async def test_relays_share_the_shards_and_take_over_from_one_that_ends(amqp_url: str, database_url: str) -> None:
    database = Database.open(database_url)
    first, second, third = (Relay(database, amqp_url, options=QUICK) for _ in range(3))
    async with subscriber(amqp_url) as got, relaying(first):
        await until(lambda: len(first.shards) == SHARDS)
        async with relaying(second, third):
            await until(lambda: sum(shares := [len(relay.shards) for relay in (first, second, third)]) == SHARDS and max(shares) <= 6)
            assert not first.shards & second.shards and not first.shards & third.shards and not second.shards & third.shards
            put(database, (event(f"{n}", sequence) for sequence in range(1, 4) for n in range(60)))
            await until(lambda: left(database) == 0)
            assert all(relay.published for relay in (first, second, third))
        await until(lambda: len(first.shards) == SHARDS)
        put(database, (event(f"late{n}", 1) for n in range(20)))
        await until(lambda: left(database) == 0)
        await until(lambda: len(got) >= 200)
    assert first_copies(got) == expected(60, 3) | {f"late{n}": [1] for n in range(20)}
    database.dispose()


async def test_only_one_relay_serves_an_sqlite_file(amqp_url: str, sqlite_url: str) -> None:
    await topology.apply(amqp_url, build(()))
    database = Database.open(sqlite_url)
    first, second = (Relay(database, amqp_url, options=QUICK) for _ in range(2))
    async with relaying(second), relaying(first):
        await until(lambda: bool(first.shards or second.shards))
        await asyncio.sleep(0.4)
        holder, other = (first, second) if first.shards else (second, first)
        assert len(holder.shards) == SHARDS and not other.shards
        holder.stop()
        await until(lambda: len(other.shards) == SHARDS)
    database.dispose()


async def test_a_relay_that_loses_its_database_session_loses_its_shards_and_begins_anew(amqp_url: str, database_url: str) -> None:
    database = Database.open(database_url)
    relay = Relay(database, amqp_url, options=QUICK)
    async with subscriber(amqp_url) as got, relaying(relay):
        await until(lambda: len(relay.shards) == SHARDS)
        with database.begin() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()"
            )
        await until(lambda: not relay.shards)
        await until(lambda: len(relay.shards) == SHARDS)
        put(database, [event("1", 1)])
        await until(lambda: len(got) == 1)
    database.dispose()


async def test_a_broker_that_goes_away_and_comes_back_gets_everything(private_rabbit: PrivateRabbit, sqlite_url: str) -> None:
    url = private_rabbit.amqp_url()
    database = Database.open(sqlite_url)
    async with subscriber(url):
        await asyncio.sleep(4)  # RabbitMQ 3.10 loses a quorum queue whose node dies soon after its declaration
    async with relaying(relay := Relay(database, url, options=QUICK)):
        put(database, (event(f"{n}", sequence) for sequence in range(1, 4) for n in range(50)))
        await until(lambda: relay.published > 0)
        await asyncio.to_thread(private_rabbit.crash)
        put(database, (event(f"{n}", 4) for n in range(50)))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(private_rabbit.start)
        while await topology.check(url, build(())):
            await asyncio.sleep(0.1)
        async with subscriber(url) as got:
            await until(lambda: left(database) == 0, 60)
            await until(lambda: all(len(found) == 4 for found in first_copies(got).values()) and len(first_copies(got)) == 50, 60)
    assert first_copies(got) == expected(50, 4)
    database.dispose()


async def test_the_archive_stream_gets_what_names_nobody(amqp_url: str, sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    keys = ("order.placed", "payment.captured", "notification.requested.email.order_approved", "order.status_changed.processing")
    async with subscriber(amqp_url) as got, relaying(Relay(database, amqp_url, options=QUICK)):
        put(database, [event("1", n, key) for n, key in enumerate(keys, 1)])
        await until(lambda: len(got) == 4)
        archived: list[Any] = []
        async with await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            await channel.set_qos(10)
            stream = await channel.get_queue("hub.events.archive", ensure=False)

            async def collect(message: AbstractIncomingMessage) -> None:
                archived.append(message.routing_key)
                await message.ack()

            await stream.consume(collect, arguments={"x-stream-offset": "first"})
            await until(lambda: len(archived) == 2)
            await asyncio.sleep(0.2)
    assert archived == ["payment.captured", "order.status_changed.processing"]
    database.dispose()
