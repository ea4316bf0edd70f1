"""Consumes hub.out.*: one message per row of outbound_requests, performed by the gateway; what fails climbs the ladder.

A message is acked once its row is settled, or once its copy is on a rung. A process that dies in between gets it again, and the row
says what has been begun.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import structlog
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity

from adapters.contract import Adapter
from hub.bus.connection import CONNECTION_ERRORS, backoff, broker_errors, connected
from hub.bus.publisher import Publisher
from hub.bus.retry import Acknowledge, DeadLetter, Retry, attempt_of, climb, decide, is_try
from hub.bus.topology import has_outbound_work, outbound_queue
from hub.engine.outbound import request_of
from hub.errors import BrokerUnavailable, TransientError

_log: Final = structlog.get_logger(__name__)


class Performer(Protocol):
    """What hub.gateway does for this consumer."""

    async def perform(self, adapter: str, request_id: int) -> None:
        """Do what a row asks for. Raises: HubError as hub.bus.retry.decide sorts them."""

    async def give_up(self, request_id: int, cause: str, attempts: int) -> None:
        """End a row that no further try will help. Raises: StoreUnavailable."""

    async def close(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True)
class OutboundOptions:
    """Sizes and times. `prefetch`: requests in hand per provider."""

    prefetch: int = 8
    stop_s: float = 20.0


class OutboundConsumer:
    """Runs one line to the broker after the other, until it is stopped."""

    def __init__(
        self,
        amqp_url: str,
        adapters: Mapping[str, Adapter],
        performer: Performer,
        publisher: Publisher,
        *,
        own_user: str,
        committed: Callable[[], None],
        options: OutboundOptions | None = None,
    ) -> None:
        """`committed` is told after each piece of work: its events wait in the outbox."""
        self._url = amqp_url
        self._names = sorted(name for name, adapter in adapters.items() if has_outbound_work(adapter))
        self._performer = performer
        self._publisher = publisher
        self._own_user = own_user
        self._committed = committed
        self._options = options or OutboundOptions()
        self._stop = asyncio.Event()
        self._in_hand: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Begin nothing more, finish what is in hand, and end."""
        self._stop.set()

    async def run(self) -> None:
        """Consume until `stop`."""
        attempt = 0
        try:
            while not self._stop.is_set():
                try:
                    async with connected(self._url, "order-hub outbound") as connection:
                        attempt = 0
                        await self._line(connection)
                except TransientError as error:
                    attempt += 1
                    _log.warning("outbound work interrupted", error=str(error), attempt=attempt)
                    await self._sleep(backoff(attempt))
        finally:
            await self._performer.close()

    async def _line(self, connection: AbstractConnection) -> None:
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        for name in self._names:
            with broker_errors():
                channel = await connection.channel(publisher_confirms=False)
                await channel.set_qos(prefetch_count=self._options.prefetch)
                try:
                    queue = await channel.declare_queue(outbound_queue(name), passive=True)
                except ChannelNotFoundEntity:
                    _log.error("queue is missing; run `hub topology apply`", queue=outbound_queue(name))
                    continue
                channel.close_callbacks.add(lambda *_: lost.set())
                await queue.consume(partial(self._take, name))
        waiting = [asyncio.create_task(self._stop.wait()), asyncio.create_task(lost.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._in_hand:
                # What is in hand when the line breaks still ends well: its row is settled, and its message comes again for nothing.
                await asyncio.wait(tuple(self._in_hand), timeout=self._options.stop_s)
        finally:
            for task in waiting:
                task.cancel()
        if lost.is_set() and not self._stop.is_set():
            raise BrokerUnavailable("the line to the broker is lost")

    async def _take(self, name: str, message: AbstractIncomingMessage) -> None:
        if self._stop.is_set():
            return  # not settled: the broker gives it to somebody else when the line is closed
        task = asyncio.create_task(self._handle(name, message))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _handle(self, name: str, message: AbstractIncomingMessage) -> None:
        request_id = request_of(message.body)
        if request_id is None:
            _log.error("no message of ours on an outbound queue", queue=outbound_queue(name))
            with contextlib.suppress(*CONNECTION_ERRORS):
                await message.reject(requeue=False)
            return
        error: Exception | None = None
        try:
            await self._performer.perform(name, request_id)
        except Exception as raised:  # the outermost loop: sorted by decide, a defect becomes a dead letter
            error = raised
        self._committed()
        try:
            await self._end(name, request_id, message, error)
        except TransientError as trouble:
            _log.warning("outbound work is given back", request=request_id, error=str(trouble))
            await asyncio.sleep(backoff(3))
            with contextlib.suppress(*CONNECTION_ERRORS):
                await message.nack(requeue=True)

    async def _end(self, name: str, request_id: int, message: AbstractIncomingMessage, error: Exception | None) -> None:
        attempt = attempt_of(message.headers)
        match decide(error, attempt):
            case Acknowledge():
                pass
            case Retry(delay_s=delay_s):
                assert error is not None
                _log.warning("outbound work put off", adapter=name, request=request_id, attempt=attempt, delay_s=delay_s, error=str(error))
                counted = is_try(error)
                await climb(self._publisher, message, queue=outbound_queue(name), delay_s=delay_s, own_user=self._own_user, counted=counted)
            case DeadLetter(cause=cause):
                _log.error("outbound work given up", adapter=name, request=request_id, attempt=attempt, cause=cause)
                await self._performer.give_up(request_id, cause, attempt)
                self._committed()
        with contextlib.suppress(*CONNECTION_ERRORS):
            await message.ack()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
