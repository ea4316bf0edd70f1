"""The running hub in tests: `hub run` as its own process on real servers, messages in by AMQP, events out by a queue of the test's."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aio_pika
import orjson
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection
from sqlalchemy import text

from hub.bus import topology
from hub.engine.engine import Engine
from hub.engine.verify import Verification, verify
from hub.faults import EXIT_STATUS
from tests.traffic import Message
from tests.world import NEVER_EXPIRE, open_engine, registered

_POLL_S: Final = 0.1
_ROOT: Final = Path(__file__).parents[2]


@dataclass
class Stack:
    """One virtual host, one database, and the hub processes between them."""

    amqp_url: str
    database_url: str
    log_folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, bytes] = field(default_factory=dict)
    connection: AbstractRobustConnection | None = None
    _engine: Engine | None = None

    # -- processes ----------------------------------------------------------------------------------------------------------

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start `hub run` in a session of its own, so that a kill takes its workers along."""
        with (self.log_folder / f"hub{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "hub", "run", *arguments],
                cwd=_ROOT,
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
                    "HUB_AMQP_URL": self.amqp_url,
                    "HUB_DATABASE_URL": self.database_url,
                    "HUB_ENV_FILE": "",
                    "HUB_POLICY_EXPIRE_SETTLE": f"{NEVER_EXPIRE.days}d",
                    **self.environment,
                    **environment,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """End a process and all it started, as SIGKILL does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, process: "subprocess.Popen[bytes]", timeout_s: float = 30.0) -> int:
        """Ask a process to end and wait for it."""
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill(process)
            raise

    def logs(self) -> str:
        """Return what all processes have printed, for the message of a failed assertion."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-4000:]}" for path in sorted(self.log_folder.glob("hub*.log"))
        )

    # -- messages -----------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Declare the topology and listen to every event."""
        await topology.apply(self.amqp_url, topology.build(registered().values()))
        await self._listen()

    async def _listen(self) -> None:
        self.connection = await aio_pika.connect_robust(self.amqp_url, reconnect_interval=0.5)
        channel = await self.connection.channel()
        await channel.set_qos(500)
        queue = await channel.declare_queue("test.events", durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind("hub.events", "#")
        await queue.consume(self._receive)

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        assert message.message_id is not None
        # The same id must always bring the same bytes: that is what consumers dedupe by.
        known = self.bodies.setdefault(message.message_id, message.body)
        if known != message.body:
            self.bodies[f"{message.message_id} with another body"] = message.body
        self.received[message.message_id] += 1
        with contextlib.suppress(Exception):  # its channel may be gone with a broker that a test restarts: it comes again
            await message.ack()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish raw messages to hub.inbound with confirms."""
        async with await aio_pika.connect(self.amqp_url) as connection:
            channel = await connection.channel(on_return_raises=True)
            inbound = await channel.get_exchange("hub.inbound", ensure=False)
            for start in range(0, len(messages), 200):
                await asyncio.gather(
                    *(
                        inbound.publish(
                            aio_pika.Message(one.body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, content_type="application/json"),
                            one.key,
                        )
                        for one in messages[start : start + 200]
                    )
                )

    # -- the end ------------------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """An engine on the same database, for looking."""
        if self._engine is None:
            self._engine = open_engine(self.database_url)
        return self._engine

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Read rows."""
        with self.engine.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def logged_events(self) -> set[str]:
        """Return the ids of all events that the orders' logs say were published."""
        return {event[2] for (events,) in self.rows("SELECT events FROM order_log") for event in orjson.loads(events)}

    async def messages_in(self, *queues: str) -> int:
        """Count ready messages by passive declares."""
        async with await aio_pika.connect(self.amqp_url) as connection:
            channel = await connection.channel()
            return sum([(await channel.declare_queue(name, passive=True)).declaration_result.message_count or 0 for name in queues])

    def progress(self) -> int:
        """Count log rows."""
        return int(self.rows("SELECT count(*) FROM order_log")[0][0])

    async def until(self, condition: Callable[[], bool], *, timeout_s: float = 40.0) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, self.logs()
            await asyncio.sleep(0.02)

    @property
    def queues(self) -> list[str]:
        """Every queue that the hub empties."""
        return [f"hub.in.{name}" for name in registered()] + ["hub.commands", "hub.dead", "hub.unroutable"]

    async def settle(self, *, timeout_s: float = 60.0, until: Callable[[], bool] | None = None) -> None:
        """Wait until all queues and the outbox are empty and every logged event has been received, twice in a row."""
        deadline = time.monotonic() + timeout_s
        quiet = 0
        seen: tuple[object, ...] = ()
        while quiet < 3:
            if time.monotonic() > deadline:
                raise AssertionError(f"not settled after {timeout_s} s: {seen}\n{self.logs()}")
            await asyncio.sleep(_POLL_S)
            try:
                waiting = await self.messages_in(*self.queues)
                (outbox,) = self.rows("SELECT count(*) FROM outbox")[0]
                busy = self.rows("SELECT count(*) FROM workers WHERE state <> 'idle'")[0][0] if waiting == 0 and outbox == 0 else 0
                missing = len(self.logged_events() - self.received.keys()) if waiting == 0 and outbox == 0 else -1
                log = self.rows("SELECT count(*) FROM order_log")[0][0]
            except Exception as error:  # a server that this test has stopped
                seen, quiet = (type(error).__name__,), 0
                continue
            now = (waiting, outbox, missing, log)
            still = waiting == 0 and outbox == 0 and missing == 0 and busy == 0 and (until is None or until())
            quiet = quiet + 1 if still and now == seen else 0
            seen = now

    def check(self) -> Verification:
        """Verify the logs, and that each event came at least once under one id with one body, and nothing else came."""
        report = verify(self.engine.database)
        assert report.findings == [], report.findings[:5]
        logged = self.logged_events()
        strangers = {one for one in self.received.keys() - logged if b'"command"' not in self.bodies.get(one, b"")}
        assert logged <= self.received.keys()
        assert strangers == set()
        return report

    async def close(self) -> None:
        """End everything."""
        for process in self.processes:
            self.kill(process)
        if self.connection is not None:
            await self.connection.close()


@contextlib.asynccontextmanager
async def running(amqp_url: str, database_url: str, log_folder: Path, **environment: str) -> AsyncIterator[Stack]:
    """Open a stack and close it whatever happens. No hub process is started yet."""
    stack = Stack(amqp_url, database_url, log_folder, dict(environment))
    _ = stack.engine  # the schema
    try:
        await stack.open()
        yield stack
    finally:
        await stack.close()


async def kill_at_random(stack: Stack, messages: Sequence[Message], chance: random.Random, *, times: int, within_s: float) -> int:
    """Publish in slices; for each start the hub and kill it while it works on it. The last one is left running.

    Returns how many kills hit work in progress: messages still in queues, or events not yet confirmed.
    """
    size = -(-len(messages) // (times + 1))
    slices = [messages[start : start + size] for start in range(0, len(messages), size)]
    hits = 0
    for one in slices[:-1]:
        await stack.publish(one)
        before = stack.progress()
        process = stack.start()
        await stack.until(lambda before=before: stack.progress() > before)  # type: ignore[misc]
        await asyncio.sleep(chance.uniform(0.0, within_s))
        assert process.poll() is None, stack.logs()
        stack.kill(process)
        hits += bool(await stack.messages_in(*stack.queues) or stack.rows("SELECT 1 FROM outbox LIMIT 1"))
    await stack.publish(slices[-1])
    stack.start()
    return hits


CRASHED: Final = EXIT_STATUS
