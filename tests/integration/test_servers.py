"""The test servers themselves: fresh for every test, killable, and gone when their owner is gone."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

import aio_pika
import psycopg
import pytest

from adapters.contract import ENTRY_POINT_GROUP
from hub.bus import topology
from scripts.servers import (
    HUB_EXCHANGES,
    HUB_QUEUES,
    NotEmpty,
    PrivatePostgres,
    PrivateRabbit,
    process_name,
    process_tree,
    refuse_used_database,
    refuse_used_vhost,
    sweep,
)

SCRIPT = Path(__file__).parents[2] / "scripts" / "servers.py"


async def publish_one(url: str) -> int:
    """Put one persistent message into a quorum queue; how many it holds then."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("hub.dead", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"x", delivery_mode=aio_pika.DeliveryMode.PERSISTENT), "hub.dead")
        queue = await channel.declare_queue("hub.dead", passive=True)
        return queue.declaration_result.message_count or 0


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_every_test_gets_an_empty_virtual_host(amqp_url: str, turn: str) -> None:
    assert await publish_one(amqp_url) == 1


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_gets_a_fresh_database(any_database_url: str, turn: str) -> None:
    from hub.store.database import Database

    database = Database.open(any_database_url)
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (a int)")
    database.dispose()


async def test_a_virtual_host_in_use_is_refused(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(HUB_QUEUES[3], durable=True, arguments={"x-queue-type": "quorum"})
    # In a process of its own, since the check runs an event loop of its own.
    code = f"from scripts.servers import *\ntry: refuse_used_vhost({amqp_url!r})\nexcept NotEmpty as error: print(error)"
    told = subprocess.run([sys.executable, "-c", code], cwd=SCRIPT.parents[1], capture_output=True, text=True, check=True).stdout
    assert f"already holds the queue {HUB_QUEUES[3]}" in told
    assert "guest" not in told


def test_every_queue_and_exchange_of_the_hub_is_known_to_the_cleaner() -> None:
    adapters = [entry.load() for entry in entry_points(group=ENTRY_POINT_GROUP)]
    built = topology.build(adapters)
    assert {queue.name for queue in built.queues} <= set(HUB_QUEUES)
    assert {exchange.name for exchange in built.exchanges} <= set(HUB_EXCHANGES)


def test_an_empty_virtual_host_is_taken(amqp_url: str) -> None:
    refuse_used_vhost(amqp_url)


def test_a_database_in_use_is_refused(empty_database_url: str) -> None:
    refuse_used_database(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE TABLE customers (a int)")
    with pytest.raises(NotEmpty, match=r"is not empty \(it holds public\.customers\)"):
        refuse_used_database(empty_database_url)


async def test_a_killed_broker_comes_back_with_its_messages(private_rabbit: PrivateRabbit) -> None:
    assert await publish_one(private_rabbit.amqp_url()) == 1
    await asyncio.sleep(1.5)  # see PrivateRabbit.crash
    private_rabbit.crash()
    assert not private_rabbit.running
    private_rabbit.start()
    assert await publish_one(private_rabbit.amqp_url()) == 2


def test_a_killed_database_comes_back_with_its_rows(private_postgres: PrivatePostgres) -> None:
    url = private_postgres.database_url()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (a int)")
    private_postgres.crash()
    private_postgres.start()
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
    private_postgres.restart()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT a FROM kept").fetchall() == [(1,)]


@pytest.mark.parametrize("watcher", ["watching", "killed as well"])
def test_servers_of_a_killed_run_end_with_it(watcher: str) -> None:
    code = (
        "import time; from scripts.servers import PrivatePostgres, process_tree\n"
        "server = PrivatePostgres().start()\n"
        "print(server.folder, *process_tree(server.pid), flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=SCRIPT.parents[1], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    folder, *pids = owner.stdout.readline().split()
    names = {int(pid): process_name(int(pid)) for pid in pids}
    assert len(names) > 3
    others = set(process_tree(owner.pid)) - set(names) - {owner.pid}
    assert len(others) == 1, "the watcher"
    if watcher == "killed as well":
        os.kill(others.pop(), signal.SIGKILL)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    if watcher == "killed as well":
        assert Path(folder).exists()
        sweep()  # as the next run does
    deadline = time.monotonic() + 20
    while Path(folder).exists() or any(name and process_name(pid) == name for pid, name in names.items()):
        assert time.monotonic() < deadline, "something was left behind"
        time.sleep(0.05)
