"""Where systems meet: private servers, and for each run a fresh virtual host and a fresh copy of a database full of placed orders."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import aio_pika
import psycopg
from aio_pika.abc import AbstractChannel, AbstractConnection

from adapters.contract import RawDelivery
from benchmarks.peers.pix import SOURCE
from benchmarks.usage import Cpu, cpu_s, machine_busy_s
from hub.bootstrap import load_adapters
from hub.bus import topology
from hub.config import Settings
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine
from hub.store import schema
from hub.store.database import Database
from scripts.servers import PrivatePostgres, PrivateRabbit, ensure_installed
from tests.traffic import Message, pix, placed

POSTGRES: Final = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
"""Beside PostgreSQL's defaults, fsync and synchronous_commit among them: a cache of a size anybody would set, and no checkpoint in the
middle of a short run."""

EVENTS_QUEUE: Final = "bench.events"
INBOUND_QUEUE: Final = topology.inbound_queue(SOURCE)
PLACED: Final = "placed"
"""The database of every run: orders placed and not paid."""
_WINDOW: Final = 500


def order_number(index: int) -> str:
    """Name the n-th order."""
    return f"{index:09d}"


def pix_messages(start: int, count: int) -> list[Message]:
    """Make one Pix for each of these orders."""
    return [pix(order_number(index)) for index in range(start, start + count)]


def feed(engine: Engine, messages: Sequence[Message], *, expected: str = "applied") -> None:
    """Put messages through the engine in full batches. Raises: RuntimeError when one ends otherwise."""
    for start in range(0, len(messages), 256):
        now = datetime.now(UTC)
        part = messages[start : start + 256]
        outcomes = engine.process([Delivery(one.key, RawDelivery(one.body, {}, now, one.key)) for one in part])
        if wrong := [outcome for outcome in outcomes if outcome.kind != expected]:
            raise RuntimeError(f"expected {expected}, got {wrong[0]}")


def place(engine: Engine, start: int, count: int) -> None:
    """Place orders now; dated days back, the scheduler would give them up while something is measured."""
    for first in range(start, start + count, 256):
        now = datetime.now(UTC)
        feed(engine, [placed(order_number(index), at=now) for index in range(first, min(first + 256, start + count))])


def settings(database_url: str) -> Settings:
    """Give the hub's defaults, whatever the environment says."""
    return Settings(_env_file=None, database_url=database_url)


@dataclass(frozen=True, slots=True)
class Ground:
    """One run's virtual host and database, and what is asked of them from outside."""

    amqp_url: str
    database_url: str
    connection: AbstractConnection
    channel: AbstractChannel

    async def waiting(self, queue: str) -> int:
        """Count the ready messages of a queue."""
        found = await self.channel.declare_queue(queue, passive=True)
        return found.declaration_result.message_count or 0

    async def consumers(self, queue: str) -> int:
        """Count the consumers of a queue."""
        found = await self.channel.declare_queue(queue, passive=True)
        return found.declaration_result.consumer_count or 0

    async def publish(self, messages: Sequence[Message]) -> None:
        """Put raw messages on hub.inbound, with confirms."""
        exchange = await self.channel.get_exchange(topology.INBOUND, ensure=False)
        for start in range(0, len(messages), _WINDOW):
            await asyncio.gather(*(exchange.publish(envelope(one), one.key) for one in messages[start : start + _WINDOW]))

    def rows(self, statement: LiteralString) -> list[tuple[Any, ...]]:
        """Read rows."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement).fetchall()

    def outbox_is_empty(self) -> bool:
        """Say whether every event is confirmed, which is when its row goes."""
        return not self.rows("SELECT 1 FROM outbox LIMIT 1")


def envelope(message: Message) -> aio_pika.Message:
    """Wrap a raw message as the edge publishes it."""
    return aio_pika.Message(message.body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, content_type="application/json")


class Arena:
    """The servers, running."""

    def __init__(self, rabbit: PrivateRabbit, postgres: PrivatePostgres) -> None:
        self.rabbit: Final = rabbit
        self.postgres: Final = postgres
        self.orders = 0

    def place_orders(self, count: int) -> float:
        """Make the template: orders placed by the hub's own engine, their events gone. Returns orders placed per second."""
        began = time.monotonic()
        with self.template(PLACED) as engine:
            place(engine, 0, count)
            took = time.monotonic() - began
        self.orders = count
        return count / took

    @contextmanager
    def template(self, name: str, *, from_template: str | None = None) -> Iterator[Engine]:
        """Make a database to copy runs from: what the engine does in this block is in it, but for the events."""
        origin = "" if from_template is None else f" TEMPLATE {from_template} STRATEGY file_copy"
        self._administer(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}{origin}")
        url = self.postgres.database_url(name)
        database = Database.open(url)
        try:
            schema.upgrade(database)
            yield Engine(database, load_adapters(), settings(url), clock=lambda: datetime.now(UTC))
        finally:
            database.dispose()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("TRUNCATE outbox")
            connection.execute("VACUUM ANALYZE")

    def drop_template(self, name: str) -> None:
        """Forget a template: a large one takes disk."""
        self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @asynccontextmanager
    async def ground(self, template: str = PLACED) -> AsyncIterator[Ground]:
        """Prepare one run and clear it away afterwards."""
        name = f"run_{secrets.token_hex(4)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy", "CHECKPOINT")
        self.rabbit.management.create_vhost(name)
        url = self.rabbit.amqp_url(name)
        try:
            await topology.apply(url, topology.build(load_adapters().values()))
            async with await aio_pika.connect(url) as connection:
                channel = await connection.channel()
                # Every event lands in a replicated queue, as with consumers that must not miss one; it is counted there, not read.
                queue = await channel.declare_queue(EVENTS_QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
                await queue.bind(topology.EVENTS, "#")
                yield Ground(url, self.postgres.database_url(name), connection, channel)
        finally:
            self.rabbit.management.delete_vhost(name)
            self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def cpu(self, system: int) -> Cpu:
        """Read who has spent how much processor time so far."""
        own = time.process_time()
        return Cpu(cpu_s(system), cpu_s(self.postgres.pid), cpu_s(self.rabbit.pid), own, machine_busy_s())

    def commits_per_second(self, commits: int = 200) -> float:
        """Measure what one client's commits of one row cost on this disk."""
        with psycopg.connect(self.postgres.database_url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS probe (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz)")
            began = time.monotonic()
            for _ in range(commits):
                connection.execute("INSERT INTO probe (at) VALUES (now())")
            return commits / (time.monotonic() - began)

    def versions(self) -> dict[str, str]:
        """Name the servers' versions and the settings that count."""
        with psycopg.connect(self.postgres.database_url()) as connection:
            names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")
            found = {f"postgresql {name}": connection.execute(f"SHOW {name}").fetchone() for name in names}
        overview = self.rabbit.management.call("GET", "overview")
        rabbit = str(overview.get("rabbitmq_version")) if isinstance(overview, dict) else "unknown"
        return {"rabbitmq": rabbit, **{name: str(row[0]) for name, row in found.items() if row}}

    def _administer(self, *statements: str) -> None:
        with psycopg.connect(self.postgres.database_url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def opened() -> Iterator[Arena]:
    """Start both servers, durable, and end them whatever happens."""
    ensure_installed()
    rabbit = PrivateRabbit(plugins=("rabbitmq_management",))
    try:
        postgres = PrivatePostgres(durable=True, config=POSTGRES)
        try:
            with ThreadPoolExecutor(1) as threads:
                starting = threads.submit(rabbit.start)
                postgres.start()
                starting.result()
            yield Arena(rabbit, postgres)
        finally:
            postgres.close()
    finally:
        rabbit.close()
