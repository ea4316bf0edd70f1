"""What the worker does when something breaks: poison, an absent database or broker, lost consumers, and every crash point."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest

from hub.bootstrap import load_adapters
from hub.bus import topology
from hub.bus.topology import build
from hub.faults import EXIT_STATUS
from hub.store import tables
from hub.store.database import Database
from scripts.servers import PrivatePostgres, PrivateRabbit
from tests.integration.bus.hub_process import KEY, KILLED, TEST_ADAPTER
from tests.integration.bus.messages import (
    ORDERS_KEY,
    PIX_KEY,
    apply,
    count,
    depth,
    engine_for,
    order,
    pix,
    publish,
    quick,
    settings_for,
    until,
    working,
)

ROOT = Path(__file__).parents[3]
QUEUE = f"hub.in.{KEY}"
ADAPTERS = (*load_adapters().values(), TEST_ADAPTER)


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    opened = Database.open(any_database_url)
    yield opened
    opened.dispose()


@asynccontextmanager
async def hub(
    amqp_url: str, database_url: str, roles: str = "worker", *arguments: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a hub process for a block; then it is told to stop, if it still lives."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.bus.hub_process", roles, *arguments),
        cwd=ROOT,
        env={**os.environ, "HUB_AMQP_URL": amqp_url, "HUB_DATABASE_URL": database_url, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 40)


async def redeliver(url: str, queue_name: str, times: int) -> None:
    """Take everything a queue holds and give it back, some times."""
    for _ in range(times):
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(queue_name, ensure=False)
            taken = []
            while (message := await queue.get(timeout=5, fail=False)) is not None:
                taken.append(message)
            for message in taken:
                await message.nack()


# -- poison -----------------------------------------------------------------------------------------------------------


async def test_poison_dies_alone(amqp_url: str, sqlite_url: str, sized: Callable[[int, int], int]) -> None:
    limit = sized(5, topology.DELIVERY_LIMIT)
    await apply(amqp_url, ADAPTERS, delivery_limit=limit)
    await publish(amqp_url, [(KEY, b"poison" if n == 7 else b"harmless %d" % n) for n in range(40)])
    await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(40)])
    deaths = 0
    for _ in range(limit + 10):
        async with hub(amqp_url, sqlite_url) as process:
            while process.returncode is None and (await depth(amqp_url, "hub.dead")).ready == 0:
                await asyncio.sleep(0.05)
        if process.returncode != KILLED:
            break
        deaths += 1
    assert deaths == limit + 1
    async with hub(amqp_url, sqlite_url):
        async with asyncio.timeout(20):
            while (await depth(amqp_url, QUEUE)).ready:
                await asyncio.sleep(0.05)
    assert (await depth(amqp_url, QUEUE)).ready == 0
    # The broker dead-letters at least once.
    copies = (await depth(amqp_url, "hub.dead")).ready
    assert copies >= 1
    async with await aio_pika.connect(amqp_url) as connection:
        queue = await (await connection.channel()).get_queue("hub.dead", ensure=False)
        for _ in range(copies):
            dead = await queue.get(timeout=5)
            assert dead.body == b"poison"
            assert dead.headers["x-death"][0]["reason"] == "delivery_limit"  # type: ignore[index,call-overload]
    database = Database.open(sqlite_url)
    assert count(database, "orders") == 40  # the other queues' neighbours live as well
    database.dispose()


async def test_poison_is_archived_and_its_second_chance_is_recorded_before_it_kills_again(amqp_url: str, sqlite_url: str) -> None:
    await apply(amqp_url, ADAPTERS, delivery_limit=2)
    await publish(amqp_url, [(KEY, b"poison"), *((KEY, b"harmless %d" % n) for n in range(10))])
    database = Database.open(sqlite_url)
    async with hub(amqp_url, sqlite_url, "worker,archiver", "1") as supervisor:
        await until(lambda: count(database, "dead_letters", "offered_again") == 1, 60)
        # The try has killed the worker once more; the supervisor has started another, which leaves the letter alone.
        await asyncio.sleep(2)
        assert supervisor.returncode is None
        assert count(database, "dead_letters", "kind = 'delivery_limit' AND status = 'open' AND offered_again") == 1
        await publish(amqp_url, [(ORDERS_KEY, order("1"))])
        await until(lambda: count(database, "orders") == 1)
        assert (await depth(amqp_url, QUEUE)).ready == 0
    assert supervisor.returncode == 0
    database.dispose()


async def test_a_letter_that_was_unlucky_is_applied_when_it_is_offered_again(
    amqp_url: str, any_database_url: str, database: Database
) -> None:
    await apply(amqp_url, delivery_limit=2)
    await publish(amqp_url, [(ORDERS_KEY, order("1"))])
    await redeliver(amqp_url, "hub.in.shop.orders", 3)
    await publish(amqp_url, [("carriers.nobody", b"<lost/>")], headers={"hub-order": "1", "authorization": "secret"})
    engine = engine_for(settings_for(amqp_url, any_database_url), database)
    async with working(engine, "worker", "archiver"):
        await until(lambda: count(database, "orders") == 1)
        await until(lambda: count(database, "dead_letters") == 2)
    where = "kind = 'delivery_limit' AND status = 'redriven' AND settled_by = 'policy:offer_again' AND origin = 'hub.in.shop.orders'"
    assert count(database, "dead_letters", where) == 1
    where = "kind = 'unroutable' AND status = 'open' AND routing_key = 'carriers.nobody' AND order_number = '1'"
    assert count(database, "dead_letters", where) == 1
    with database.read() as connection:
        cause = connection.exec_driver_sql("SELECT cause FROM dead_letters WHERE kind = 'unroutable'").scalar_one()
    assert "no queue takes the key 'carriers.nobody' on hub.inbound" in cause
    for name in ("hub.dead", "hub.unroutable"):
        assert (await depth(amqp_url, name)).ready == 0


@pytest.mark.parametrize("point", ["archiver_before_commit", "archiver_before_ack"])
async def test_an_archiver_that_dies_stores_each_letter_once(amqp_url: str, any_database_url: str, database: Database, point: str) -> None:
    await apply(amqp_url, delivery_limit=2)
    await publish(amqp_url, [("payments.nobody", b"%d" % n) for n in range(5)])
    await publish(amqp_url, [(ORDERS_KEY, order("1"))])
    await redeliver(amqp_url, "hub.in.shop.orders", 3)
    async with hub(amqp_url, any_database_url, "archiver", HUB_TESTING="1", HUB_CRASH_AT=point) as process:
        assert await asyncio.wait_for(process.wait(), 30) == EXIT_STATUS
    engine = engine_for(settings_for(amqp_url, any_database_url), database)
    async with working(engine, "archiver"):
        await until(lambda: count(database, "dead_letters", "status = 'redriven'") == 1)
        await until(lambda: count(database, "dead_letters") == 6)
        # The row is there before its message is acked.
        for name in ("hub.dead", "hub.unroutable"):
            while (await depth(amqp_url, name)).ready:
                await asyncio.sleep(0.05)
    assert count(database, "dead_letters") == 6


# -- suspect queues ---------------------------------------------------------------------------------------------------


async def test_a_queue_whose_deliveries_come_back_is_taken_one_by_one_until_they_end(amqp_url: str, sqlite_url: str) -> None:
    await apply(amqp_url)
    await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(5)])
    await redeliver(amqp_url, "hub.in.shop.orders", 2)
    await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(5, 60)])
    await publish(amqp_url, [(PIX_KEY, pix(f"{n}")) for n in range(60)])
    database = Database.open(sqlite_url)
    engine = engine_for(settings_for(amqp_url, sqlite_url), database)
    batches: list[list[int]] = []
    process = engine.process

    def watched(batch):  # type: ignore[no-untyped-def]
        batches.append([delivery.delivery_count for delivery in batch if delivery.queue == "hub.in.shop.orders"])
        return process(batch)

    engine.process = watched  # type: ignore[method-assign]
    async with working(engine, "worker"):
        await until(lambda: count(database, "orders", "status = 'processing'") == 60)
    orders = [batch for batch in batches if batch]
    assert all(len(batch) == 1 for batch in orders[:20])
    assert orders[:5] == [[2]] * 5
    assert max(len(batch) for batch in orders) > 1  # twenty harmless ones later
    assert sum(len(batch) for batch in orders) == 60
    database.dispose()


# -- the database goes away -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold_s", [30.0, 0.5])
async def test_the_worker_waits_for_its_database(amqp_url: str, private_postgres: PrivatePostgres, hold_s: float) -> None:
    await apply(amqp_url)
    url = private_postgres.database_url()
    database = Database.open(url)
    tables.metadata.create_all(database.engine)
    engine = engine_for(settings_for(amqp_url, url), database)
    async with working(engine, "worker", "relay", "scheduler", "archiver", options=quick(hold_s=hold_s)):
        await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(20)])
        await until(lambda: count(database, "orders") == 20)
        await asyncio.to_thread(private_postgres.crash)
        await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(20, 120)])
        await asyncio.sleep(2.5)
        # Nobody consumes while there is nothing to consume into. (A cancelled consumer counts until its deliveries are settled.)
        waiting = await depth(amqp_url, "hub.in.shop.orders")
        assert waiting.ready > 50
        assert (waiting.ready, waiting.consumers) == (100, 0) or hold_s > 1
        await asyncio.to_thread(private_postgres.start)
        await until(lambda: count(database, "orders") == 120, 60)
        await until(lambda: count(database, "outbox") == 0, 60)
    most = max(delivery.delivery_count for delivery in engine.seen)
    assert most <= 1  # one delivery count per outage
    assert count(database, "dead_letters") == 0
    database.dispose()


# -- the broker goes away ---------------------------------------------------------------------------------------------


async def test_a_broker_that_restarts_gets_its_consumers_back(private_rabbit: PrivateRabbit, sqlite_url: str) -> None:
    url = private_rabbit.amqp_url()
    await apply(url)
    await asyncio.sleep(1.5)
    database = Database.open(sqlite_url)
    engine = engine_for(settings_for(url, sqlite_url), database)
    async with working(engine, "worker", "relay", "archiver"):
        await publish(url, [(ORDERS_KEY, order(f"{n}")) for n in range(20)])
        await until(lambda: count(database, "orders") == 20)
        await asyncio.to_thread(private_rabbit.crash)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(private_rabbit.start)
        while await topology.check(url, build(load_adapters().values())):
            await asyncio.sleep(0.1)
        await publish(url, [(ORDERS_KEY, order(f"{n}")) for n in range(10, 40)])
        await until(lambda: count(database, "orders") == 40)
        await until(lambda: count(database, "outbox") == 0)
        await asyncio.to_thread(private_rabbit.restart)
        while await topology.check(url, build(load_adapters().values())):
            await asyncio.sleep(0.1)
        await publish(url, [(ORDERS_KEY, order(f"{n}")) for n in range(40, 50)])
        await until(lambda: count(database, "orders") == 50)
    assert count(database, "dead_letters") == 0
    database.dispose()


async def test_a_consumer_that_the_broker_cancelled_comes_back_with_its_queue(amqp_url: str, sqlite_url: str) -> None:
    await apply(amqp_url)
    database = Database.open(sqlite_url)
    engine = engine_for(settings_for(amqp_url, sqlite_url), database)
    async with working(engine):
        await publish(amqp_url, [(ORDERS_KEY, order("1"))])
        await until(lambda: count(database, "orders") == 1)
        async with await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            await channel.queue_delete("hub.in.shop.orders")
        await asyncio.sleep(1)
        await apply(amqp_url)
        await publish(amqp_url, [(ORDERS_KEY, order("2"))])
        await until(lambda: count(database, "orders") == 2)
        # The other queues never noticed, or are back as well.
        await publish(amqp_url, [(PIX_KEY, pix("1")), (PIX_KEY, pix("2"))])
        await until(lambda: count(database, "orders", "status = 'processing'") == 2)
    database.dispose()


async def test_a_hub_that_starts_before_its_topology_consumes_when_it_is_there(amqp_url: str, sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    engine = engine_for(settings_for(amqp_url, sqlite_url), database)
    async with working(engine, "worker", "relay", "archiver"):
        await asyncio.sleep(0.7)
        await apply(amqp_url)
        await publish(amqp_url, [(ORDERS_KEY, order("1"))])
        await until(lambda: count(database, "orders") == 1)
        await until(lambda: count(database, "outbox") == 0)
    database.dispose()


# -- crash points -----------------------------------------------------------------------------------------------------


async def test_workers_under_a_supervisor_share_the_work_and_stop_in_good_order(
    amqp_url: str, database_url: str, sized: Callable[[int, int], int]
) -> None:
    orders = sized(60, 3_000)
    await apply(amqp_url)
    database = Database.open(database_url)
    async with hub(amqp_url, database_url, "worker,relay", "2") as supervisor:
        await until(lambda: count(database, "workers") == 2)
        await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(orders)])
        await publish(amqp_url, [(PIX_KEY, pix(f"{n}")) for n in range(orders)])
        await until(lambda: count(database, "orders", "status = 'processing'") == orders, 120)
        await until(lambda: count(database, "outbox") == 0)
        with database.read() as connection:
            victim = connection.exec_driver_sql("SELECT pid FROM workers LIMIT 1").scalar_one()
        os.kill(int(victim), 9)
        await until(lambda: count(database, "workers", f"pid <> {victim}") == 2)
        await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(orders, orders + 20)])
        await until(lambda: count(database, "orders") == orders + 20)
    assert supervisor.returncode == 0
    assert count(database, "workers") == 1  # of the one that was killed
    assert (await depth(amqp_url, "hub.in.shop.orders")).ready == 0
    database.dispose()
