"""The outbox relay: publishes committed events, in order per order, and deletes what the broker has confirmed.

A row is published again, with the same message id, whenever its confirm did not come: consumers see each event at least once, and
its first copy in its order's sequence. A row that fails holds back only the rows of its own order (architecture D3).
"""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, cast

import aiormq
import orjson
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import DeliveryError
from pamqp import commands as spec
from pamqp.common import FieldTable

from hub import faults
from hub.bus.confirms import Outgoing, publish_many, was_returned
from hub.bus.connection import backoff, broker_errors, connected
from hub.bus.outbox import SHARDS, OutboxLink, OutboxRow, open_link
from hub.bus.thread import OneThread
from hub.bus.topology import EVENTS, OUTBOUND
from hub.engine.transaction import OUTBOUND_PREFIX
from hub.errors import BrokerUnavailable, StoreUnavailable, TransientError
from hub.store.database import Database
from schemas.events import cloudevents_headers, event_type

_log: Final = structlog.get_logger(__name__)

APP_ID: Final = "order-hub"
OUTBOUND_TYPE: Final = "outbound.request.v1"


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """Sizes and times. `window`: rows in memory; `confirm_timeout_s`: after it the outcome counts as unknown."""

    window: int = 2000
    write_max: int = 500
    poll_s: float = 0.5
    share_s: float = 1.0
    confirm_timeout_s: float = 30.0
    row_retry_first_s: float = 1.0
    row_retry_most_s: float = 60.0
    flush_s: float = 5.0


def outgoing(row: OutboxRow) -> Outgoing:
    """Describe an outbox row as a message on hub.events, or as work on hub.outbound. Raises: ValueError for a row that is neither."""
    if row.routing_key.startswith(OUTBOUND_PREFIX):
        properties = spec.Basic.Properties(
            content_type="application/json",
            delivery_mode=2,
            message_id=row.message_id,
            message_type=OUTBOUND_TYPE,
            timestamp=row.created_at,
            app_id=APP_ID,
        )
        return Outgoing(OUTBOUND, row.routing_key.removeprefix(OUTBOUND_PREFIX), row.body.encode(), properties, mandatory=True)
    occurred_at = orjson.loads(row.body)["occurred_at"]
    headers: FieldTable = dict(cloudevents_headers(row.routing_key, row.message_id, occurred_at, row.order_number))
    if row.traceparent:
        headers["traceparent"] = row.traceparent
    properties = spec.Basic.Properties(
        content_type="application/json",
        delivery_mode=2,
        message_id=row.message_id,
        message_type=event_type(row.routing_key),
        timestamp=row.created_at,
        app_id=APP_ID,
        headers=headers,
    )
    return Outgoing(EVENTS, row.routing_key, row.body.encode(), properties)


@dataclass(slots=True, eq=False)
class _Chain:
    """The rows of one order that are in memory; the first is being published, or waits to be."""

    key: str
    rows: deque[OutboxRow] = field(default_factory=deque)
    sent_at: float | None = None


class _Session:
    """One connection to the broker and one link to the database; when either breaks, the session is over and forgets its rows."""

    def __init__(self, relay: "Relay", link: OutboxLink, channel: aiormq.Channel) -> None:
        self._relay = relay
        self._options = relay.options
        self._link = link
        self._channel = channel
        self._chains: dict[str, _Chain] = {}
        self._ready: deque[_Chain] = deque()
        self._in_memory = 0
        self._in_use = [0] * SHARDS
        self._sendable = asyncio.Event()
        self._shards: frozenset[int] = frozenset()
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, error: BaseException | None) -> None:
        """End the session."""
        if not self.broken.done():
            self.broken.set_exception(BrokerUnavailable(f"RabbitMQ: {type(error).__name__}: {error}"))

    # -- database side ------------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Delete what is confirmed and read what comes next, again and again."""
        relay, options = self._relay, self._options
        shared_at = 0.0
        while True:
            now = time.monotonic()
            if now - shared_at >= options.share_s:
                shared_at = now
                in_use = {shard for shard in range(SHARDS) if self._in_use[shard]}
                self._shards = relay.shards = await relay.thread.run(lambda: self._link.share(in_use))  # noqa: B023
                self._check_confirms(now)
            relay.woken.clear()
            room = options.window - self._in_memory
            rows = await self._cycle(room if room >= options.window // 4 else 0)
            for row in rows:
                self._add(row)
            if self._ready:
                self._sendable.set()
            if not rows:
                # Woken by a commit in this process, or by enough confirms; the poll is for commits of other processes.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(options.poll_s):
                        await relay.woken.wait()

    async def _cycle(self, limit: int) -> list[OutboxRow]:
        relay = self._relay
        confirmed, relay.confirmed = relay.confirmed, []
        busy = [*self._chains, *relay.held_back(time.monotonic())]
        try:
            return await relay.thread.run(lambda: self._link.cycle(confirmed, self._shards, busy, limit))
        except (StoreUnavailable, asyncio.CancelledError):
            # They were confirmed, whoever holds the shards next: deleting them late saves duplicates and harms nobody.
            relay.confirmed = confirmed + relay.confirmed
            raise

    def _add(self, row: OutboxRow) -> None:
        chain = self._chains.get(row.key)
        if chain is None:
            chain = self._chains[row.key] = _Chain(row.key)
            self._ready.append(chain)
        chain.rows.append(row)
        self._in_memory += 1
        self._in_use[row.shard] += 1

    def _check_confirms(self, now: float) -> None:
        oldest = min((chain.sent_at for chain in self._chains.values() if chain.sent_at is not None), default=now)
        if now - oldest > self._options.confirm_timeout_s:
            self.fail(TimeoutError("no confirm from the broker"))

    # -- broker side --------------------------------------------------------------------------------------------------

    async def send(self) -> None:
        """Publish the first row of every chain that waits for nothing, in as few writes as possible."""
        while True:
            await self._sendable.wait()
            if self._relay.stopping:
                return
            chains: list[_Chain] = []
            messages: list[Outgoing] = []
            while self._ready and len(chains) < self._options.write_max:
                chain = self._ready.popleft()
                try:
                    messages.append(outgoing(chain.rows[0]))
                except (ValueError, KeyError, TypeError) as error:
                    self._hold_back(chain, error)
                    continue
                chains.append(chain)
            if not self._ready:
                self._sendable.clear()
            if not chains:
                continue
            now = time.monotonic()
            for chain in chains:
                chain.sent_at = now
            faults.reach("relay_before_publish")
            with broker_errors():
                confirmations = await publish_many(self._channel, messages)
            for chain, confirmation in zip(chains, confirmations, strict=True):
                confirmation.add_done_callback(lambda answer, chain=chain: self._answered(chain, answer))  # type: ignore[misc]

    def _answered(self, chain: _Chain, answer: "asyncio.Future[Any]") -> None:
        chain.sent_at = None
        error = asyncio.CancelledError() if answer.cancelled() else answer.exception()
        if isinstance(error, DeliveryError):
            self._hold_back(chain, error)
            return
        if error is not None:
            self.fail(error)
            return
        if was_returned(answer):
            self._hold_back(chain, BrokerUnavailable("no queue takes it; run `hub topology apply`"))
            return
        faults.reach("relay_after_publish")
        row = self._drop_first(chain)
        self._relay.confirmed_row(row)
        if chain.rows:
            self._ready.append(chain)
            self._sendable.set()
        else:
            del self._chains[chain.key]
            if not self._in_memory or len(self._relay.confirmed) >= self._options.write_max:
                self._relay.woken.set()

    def _hold_back(self, chain: _Chain, error: BaseException) -> None:
        """Forget a chain for a while; its rows are read again then, and no other order waits for it."""
        row = chain.rows[0]
        self._relay.failed_row(row, error)
        while chain.rows:
            self._drop_first(chain)
        del self._chains[chain.key]

    def _drop_first(self, chain: _Chain) -> OutboxRow:
        row = chain.rows.popleft()
        self._in_memory -= 1
        self._in_use[row.shard] -= 1
        return row

    def send_no_more(self) -> None:
        """Let `send` see that the relay is stopping."""
        self._sendable.set()

    @property
    def unconfirmed(self) -> bool:
        """Whether an answer of the broker is outstanding."""
        return any(chain.sent_at is not None for chain in self._chains.values())

    async def flush(self) -> None:
        """At the end: wait for the confirms of what has been sent, and delete those rows."""
        deadline = time.monotonic() + self._options.flush_s
        while self.unconfirmed and not self.broken.done() and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        await self._cycle(0)


class Relay:
    """Runs sessions, one after the other, until it is stopped."""

    def __init__(self, database: Database, amqp_url: str, *, options: RelayOptions | None = None) -> None:
        self.options: Final = options or RelayOptions()
        self.woken: Final = asyncio.Event()
        self.confirmed: list[int] = []
        self.shards: frozenset[int] = frozenset()
        self.published = 0
        self._database = database
        self._url = amqp_url
        self.thread: Final = OneThread("relay")  # the only one to use the link
        self._stop = asyncio.Event()
        self._failures: dict[str, tuple[int, float]] = {}

    def wake(self) -> None:
        """Look into the outbox now: something was committed."""
        self.woken.set()

    def stop(self) -> None:
        """Publish nothing more, wait for the confirms of what is under way, and end."""
        self._stop.set()
        self.woken.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    async def run(self) -> None:
        """Relay until `stop`."""
        attempt = 0
        try:
            while not self.stopping:
                began = time.monotonic()
                try:
                    async with connected(self._url, "order-hub relay") as connection:
                        await self._session(connection)
                except TransientError as error:
                    attempt = 1 if time.monotonic() - began > 60 else attempt + 1
                    _log.warning("relay interrupted", error=str(error), attempt=attempt)
                    await self._sleep(backoff(attempt))
        finally:
            self.shards = frozenset()
            self.thread.close()

    async def _session(self, connection: AbstractConnection) -> None:
        with broker_errors():
            wrapped = await connection.channel(publisher_confirms=True)
            channel = cast(aiormq.Channel, await wrapped.get_underlay_channel())
        link = await self.thread.run(lambda: open_link(self._database))
        try:
            session = _Session(self, link, channel)
            connection.close_callbacks.add(lambda _, error: session.fail(error))
            await self._work(session)
        finally:
            self.shards = frozenset()
            await asyncio.shield(self.thread.run(link.close))

    async def _work(self, session: _Session) -> None:
        reading, sending = asyncio.create_task(session.read()), asyncio.create_task(session.send())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((reading, sending, stopping, session.broken), return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                session.send_no_more()
                await asyncio.wait((sending,), timeout=self.options.flush_s)
                await session.flush()
        finally:
            await _cancelled(stopping)
            failures = [error for task in (sending, reading) if (error := await _cancelled(task)) is not None]
            if not session.broken.cancel():
                failures.append(session.broken.exception() or BrokerUnavailable())
        for error in failures:
            raise error

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    # -- rows ---------------------------------------------------------------------------------------------------------

    def confirmed_row(self, row: OutboxRow) -> None:
        """Remember a row to delete."""
        self.confirmed.append(row.id)
        self.published += 1
        self._failures.pop(row.key, None)

    def failed_row(self, row: OutboxRow, error: BaseException) -> None:
        """Hold back the rows of an order, longer each time."""
        attempt = self._failures.get(row.key, (0, 0.0))[0] + 1
        wait_s = backoff(attempt, first_s=self.options.row_retry_first_s, most_s=self.options.row_retry_most_s)
        self._failures[row.key] = (attempt, time.monotonic() + wait_s)
        _log.error(
            "event not published", outbox_id=row.id, order=row.order_number, routing_key=row.routing_key, attempt=attempt, error=str(error)
        )

    def held_back(self, now: float) -> list[str]:
        """List the keys whose rows must wait."""
        return [key for key, (_, until) in self._failures.items() if until > now]


async def _cancelled(task: "asyncio.Task[Any]") -> BaseException | None:
    """Cancel a task and wait for its end; return its error, if it had one of its own."""
    task.cancel()
    await asyncio.wait((task,))
    return None if task.cancelled() else task.exception()
