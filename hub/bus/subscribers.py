"""FastStream subscribers: one per queue, each on a channel of its own, handing raw deliveries to the collector.

A queue is always opened with a prefetch of one. Only when its first delivery has not been redelivered often is the full prefetch
asked for: after a crash the message that caused it stands at the head, and with the full prefetch it would take everything behind
it along at each try.

FastStream's broker, channels, parsing and handlers are used as they are; three things are done beside it:
- Consumers are cancelled through their aio-pika queue. RabbitSubscriber.stop() first stops listening and cancels afterwards, so
  deliveries that arrive in between would be unsettled until the channel closes (FastStream 0.7.8, read 2026-11).
- The prefetch is changed on the aio-pika channel, since FastStream sets it once, when it opens the channel.
- A connection that broke is replaced, not revived. aio-pika's robust connection would restore each consumer with the prefetch it
  had, and forgets a consumer now and then; and after a broken connection everything in hand has one redelivery more.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, cast

import aiormq
import structlog
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity
from aiormq.abc import ChannelFrame
from faststream import AckPolicy
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitMessage, RabbitQueue
from pamqp import commands as spec

from adapters.contract import Adapter, RawDelivery
from hub.bus.collector import SUSPICIOUS, Collector, InHand, Receipt
from hub.bus.connection import CONNECT_TIMEOUT_S, CONNECTION_ERRORS, backoff, broker_errors, named_url
from hub.bus.publisher import Publisher
from hub.bus.topology import COMMANDS, inbound_queue
from hub.engine.deliveries import COMMANDS_KEY, Delivery
from hub.engine.prepare import CANONICAL_HEADER
from hub.errors import BrokerUnavailable

_log: Final = structlog.get_logger(__name__)

LARGE_BODY_PREFETCH: Final = 4
_RECENT: Final = 20
_CONTROL_TIMEOUT_S: Final = 10.0
# Never by itself: see above.
_NO_RECONNECT_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class Source:
    """A queue to consume, the key its deliveries have for the engine, and how many may be in hand."""

    queue: str
    key: str
    prefetch: int


def sources(adapters: Iterable[Adapter], prefetch: int) -> tuple[Source, ...]:
    """List what a worker consumes; commands first, so that they are the first to be served."""
    inbound = (
        Source(inbound_queue(adapter.name), adapter.name, min(prefetch, LARGE_BODY_PREFETCH) if adapter.large_bodies else prefetch)
        for adapter in sorted(adapters, key=lambda adapter: adapter.name)
    )
    return (Source(COMMANDS, COMMANDS_KEY, prefetch), *inbound)


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """Times. Suspicious deliveries wait `quiet_s`, and `quiet_per_queue_s` for each queue, after a start for what their neighbours bring:
    the consumers are opened one after the other over one connection."""

    watch_s: float = 10.0
    quiet_s: float = 0.3
    quiet_per_queue_s: float = 0.06


class Mode(Enum):
    """How a queue is consumed."""

    FIRST = "first"  # prefetch 1, until the first delivery shows what stands at the head
    FULL = "full"
    SUSPECT = "suspect"  # prefetch 1, each delivery alone


@dataclass(frozen=True, slots=True)
class AmqpReceipt:
    """Settles one delivery on the channel it came by."""

    channel: aiormq.Channel
    tag: int

    @property
    def alive(self) -> bool:
        """Whether the channel is still open."""
        return not self.channel.is_closed

    async def nack(self) -> None:
        """Give the delivery back."""
        with contextlib.suppress(*CONNECTION_ERRORS):
            await self.channel.basic_nack(self.tag, requeue=True, wait=False)

    async def reject(self) -> None:
        """Give the delivery back so that it counts; a nack does not count from RabbitMQ 4.3 on."""
        with contextlib.suppress(*CONNECTION_ERRORS):
            await self.channel.basic_reject(self.tag, requeue=True, wait=False)


async def acknowledge(receipts: Sequence[Receipt]) -> None:
    """Ack each delivery, and come back when that has left the process.

    One ack per delivery but one write per channel: aiormq's basic_ack makes a system call for each, which costs as much as all
    the rest of a delivery. `multiple` would say it in one frame, but is right only while nothing older is in hand.
    """
    channels: dict[aiormq.Channel, list[int]] = {}
    for receipt in receipts:
        if isinstance(receipt, AmqpReceipt):
            channels.setdefault(receipt.channel, []).append(receipt.tag)
    for channel, tags in channels.items():
        if channel.is_closed:
            continue  # what was in hand on it comes again, and is a duplicate then
        frames = [spec.Basic.Ack(delivery_tag=tag) for tag in tags]
        with contextlib.suppress(BrokerUnavailable), broker_errors():
            async with asyncio.timeout(_CONTROL_TIMEOUT_S):
                written = channel.create_future()  # the channel's own: given up when it closes
                await channel.write_queue.put(ChannelFrame.marshall(channel_number=channel.number, frames=frames, drain_future=written))
                await written


def delivery_of(message: AbstractIncomingMessage, source: Source, now: datetime) -> Delivery:
    """Describe a message for the engine. `message_id` is the producer's own or None, never one that a client made up on receipt."""
    # A header of stored letters that only the engine itself writes: from outside it would pass any fact off as any provider's.
    headers = {name: value for name, value in message.headers.items() if name != CANONICAL_HEADER}
    # A producer can write this header too; on a first delivery it can only be its.
    count = headers.get("x-delivery-count") if message.redelivered else 0
    return Delivery(
        key=source.key,
        raw=RawDelivery(
            body=message.body,
            headers=headers,
            received_at=now,
            routing_key=message.routing_key or source.key,
            content_type=message.content_type or None,
        ),
        queue=source.queue,
        user_id=message.user_id or None,
        reply_to=message.reply_to or None,
        correlation_id=message.correlation_id or None,
        message_id=message.message_id or None,
        delivery_count=count if isinstance(count, int) else 0,
    )


async def _undecoded(message: RabbitMessage, _original: Any) -> RabbitMessage:
    return message


class _QueueConsumer:
    """One queue's consumer: a task brings it from what it is to what it should be."""

    def __init__(self, source: Source, broker: RabbitBroker, collector: Collector, clock: Callable[[], datetime]) -> None:
        self.source = source
        self.mode = Mode.FIRST
        self.missing = False
        self.in_hand = 0
        self.arrivals = 0
        self._collector = collector
        self._clock = clock
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        self._wanted = False
        self._prefetch = 0  # of the running consumer; 0 = none
        self._empty_first = False
        self._changed = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        queue = RabbitQueue(source.queue, queue_type=QueueType.QUORUM, durable=True, declare=False)
        self._subscriber = broker.subscriber(queue, channel=Channel(prefetch_count=1), ack_policy=AckPolicy.MANUAL, no_reply=True)
        self._subscriber(self._handle)

    # -- deliveries ---------------------------------------------------------------------------------------------------

    async def _handle(self, message: RabbitMessage) -> None:
        raw = message.raw_message
        try:
            receipt = AmqpReceipt(cast(aiormq.Channel, raw.channel), raw.delivery_tag or 0)
        except CONNECTION_ERRORS:
            return  # the channel died before its last deliveries were looked at
        item = InHand(delivery_of(raw, self.source, self._clock()), receipt, asyncio.get_running_loop().create_future())
        self.in_hand += 1
        self.arrivals += 1
        try:
            self._judge(item.delivery.delivery_count >= SUSPICIOUS)
            self._collector.submit(item)
            # When the channel dies this task is cancelled, and the future with it: that is how the collector learns of it.
            await item.settled
        finally:
            self.in_hand -= 1
            if self._empty_first:
                self._changed.set()

    def _judge(self, suspicious: bool) -> None:
        """Choose the mode by what has just come."""
        self._recent.append(suspicious)
        match self.mode:
            case Mode.FIRST | Mode.FULL if suspicious:
                _log.warning("queue is suspect: one delivery at a time", queue=self.source.queue)
                self._empty_first = self.mode is Mode.FULL
                self._enter(Mode.SUSPECT)
                self._collector.isolate(self.source.queue)
            case Mode.FIRST:
                self._enter(Mode.FULL)
            case Mode.SUSPECT if len(self._recent) == _RECENT and not any(self._recent):
                _log.info("queue is no longer suspect", queue=self.source.queue)
                self._enter(Mode.FULL)
                self._collector.rejoin(self.source.queue)
            case _:
                pass

    def _enter(self, mode: Mode) -> None:
        self.mode = mode
        self._changed.set()

    # -- the consumer -------------------------------------------------------------------------------------------------

    def want(self) -> None:
        """Consume, beginning with one delivery."""
        self._wanted = True
        if self.mode is Mode.FULL:
            self.mode = Mode.FIRST
        self._changed.set()

    async def dismiss(self) -> None:
        """Stop consuming; deliveries in hand stay in hand."""
        self._wanted = False
        self._changed.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CONTROL_TIMEOUT_S):
                await self._quiet.wait()

    def retry(self) -> None:
        """Begin anew with a consumer that was lost, or a queue that was missing."""
        self._prefetch = 0
        self.want()

    async def control(self) -> None:
        """Bring the consumer to what it should be, again and again. Raises: BrokerUnavailable when this can't be done."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = self._wanted_prefetch()
            if wanted == self._prefetch:
                continue
            with broker_errors():
                async with asyncio.timeout(_CONTROL_TIMEOUT_S):
                    await self._cancel()
                    wanted = self._wanted_prefetch()
                    if wanted == 0 or (self._empty_first and self.in_hand):
                        continue
                    self._empty_first = False
                    await self._consume(wanted)

    def _wanted_prefetch(self) -> int:
        if not self._wanted:
            return 0
        return self.source.prefetch if self.mode is Mode.FULL else 1

    async def _cancel(self) -> None:
        # Private, but the only way to cancel before FastStream stops listening.
        queue, tag = self._subscriber._queue_obj, self._subscriber._consumer_tag
        self._subscriber._consumer_tag = None
        if queue is not None and tag is not None:
            await queue.cancel(tag)
        self._prefetch = 0
        self._quiet.set()

    async def _consume(self, prefetch: int) -> None:
        self._quiet.clear()
        self._prefetch = prefetch
        queue = self._subscriber._queue_obj
        if queue is not None:
            await queue.channel.set_qos(prefetch_count=prefetch)
        # start() sets this after the broker has begun to deliver, and deliveries that come before are forgotten.
        self._subscriber.running = True
        try:
            await self._subscriber.start()
        except ChannelNotFoundEntity:
            if queue is not None:
                # It was there before, so aio-pika's channel restores it each time it opens, fails, and never opens again.
                raise
            if not self.missing:
                _log.error("queue is missing; run `hub topology apply`", queue=self.source.queue)
            self.missing = True
            self._prefetch = 0
            self._quiet.set()
        else:
            self.missing = False

    async def lost(self) -> bool:
        """Whether a consumer should be there and is not: the broker cancelled it, or its channel was replaced without it."""
        queue, tag = self._subscriber._queue_obj, self._subscriber._consumer_tag
        if not self._wanted or not self._prefetch or queue is None or tag is None:
            return False
        with broker_errors():
            async with asyncio.timeout(_CONTROL_TIMEOUT_S):
                underlay = await queue.channel.get_underlay_channel()
        known = cast(aiormq.Channel, underlay).consumers
        return not self._changed.is_set() and tag == self._subscriber._consumer_tag and tag not in known


class _Line:
    """One connection with all its consumers; it ends when the connection breaks and is never revived."""

    def __init__(self, url: str, wanted: Sequence[Source], collector: Collector, clock: Callable[[], datetime]) -> None:
        self.ended = asyncio.Event()
        self._broker = RabbitBroker(
            named_url(url, "order-hub worker"),
            apply_types=False,
            decoder=_undecoded,
            ack_policy=AckPolicy.MANUAL,
            logger=None,
            app_id="order-hub",
            timeout=CONNECT_TIMEOUT_S,
            graceful_timeout=0.5,
            reconnect_interval=_NO_RECONNECT_S,
            on_close=(self._closed,),
        )
        self.consumers = [_QueueConsumer(source, self._broker, collector, clock) for source in wanted]
        self._tasks: list[asyncio.Task[None]] = []

    def _closed(self, _connection: AbstractConnection | None, _cause: BaseException | None) -> None:
        self.ended.set()

    async def open(self) -> None:
        """Connect. Raises: BrokerUnavailable."""
        with broker_errors():
            # A backstop: given up from outside, aio-pika's connection would go on connecting by itself. Its own timeout comes first.
            async with asyncio.timeout(CONNECT_TIMEOUT_S * 2):
                await self._broker.connect()
        self._tasks = [asyncio.create_task(self._controlled(consumer)) for consumer in self.consumers]

    async def _controlled(self, consumer: _QueueConsumer) -> None:
        try:
            await consumer.control()
        except BrokerUnavailable as error:
            if not self.ended.is_set():
                _log.warning("consumer out of control; connecting again", queue=consumer.source.queue, error=str(error))
            self.ended.set()

    def want(self) -> None:
        """Consume all queues."""
        for consumer in self.consumers:
            consumer.want()

    async def dismiss(self) -> None:
        """Cancel all consumers."""
        if not self.ended.is_set():
            await asyncio.gather(*(consumer.dismiss() for consumer in self.consumers))

    async def close(self) -> None:
        """Close channels and connection; what was in hand and not settled is delivered again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(BrokerUnavailable, ExceptionGroup), broker_errors():
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._broker.stop()


class Consumers:
    """Keeps a line open and its consumers alive, in whatever mode the collector and the deliveries ask for."""

    def __init__(
        self,
        url: str,
        wanted: Sequence[Source],
        collector: Collector,
        monitor: Publisher,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        options: ConsumerOptions | None = None,
    ) -> None:
        self._url = url
        self._sources = tuple(wanted)
        self._collector = collector
        self._monitor = monitor
        self._clock = clock
        self._options = options or ConsumerOptions()
        self._line: _Line | None = None
        self._paused = False
        self._stop = asyncio.Event()
        collector.consumption = self

    @property
    def connected(self) -> bool:
        """Whether a line is open."""
        return self._line is not None and not self._line.ended.is_set()

    def modes(self) -> dict[str, Mode]:
        """Tell how each queue is consumed."""
        return {consumer.source.queue: consumer.mode for consumer in self._line.consumers} if self._line is not None else {}

    async def run(self) -> None:
        """Consume until `stop`; the line stays open then, so that what is in hand can be settled."""
        attempt = 0
        while not self._stop.is_set():
            line = _Line(self._url, self._sources, self._collector, self._clock)
            try:
                await line.open()
            except BrokerUnavailable as error:
                attempt += 1
                _log.warning("the broker is away", error=str(error), attempt=attempt)
                await line.close()
                await self._sleep(backoff(attempt))
                continue
            attempt = 0
            self._line = line
            for source in self._sources:
                # A queue that was suspect on the line before says so again with its first delivery.
                self._collector.rejoin(source.queue)
            _log.info("consuming", queues=len(self._sources), paused=self._paused)
            if not self._paused:
                self._want()
            await self._watch(line)
            if not self._stop.is_set():
                _log.warning("the line to the broker is lost")
                await line.close()
                await self._sleep(backoff(1))

    def _want(self) -> None:
        if self._line is not None:
            options = self._options
            self._collector.expect_arrivals(options.quiet_s + options.quiet_per_queue_s * len(self._line.consumers))
            self._line.want()

    async def pause(self) -> None:
        """Take no further deliveries; keep what is in hand."""
        self._paused = True
        if self._line is not None:
            await self._line.dismiss()

    async def resume(self) -> None:
        """Consume again."""
        self._paused = False
        self._want()

    async def stop(self) -> None:
        """Cancel all consumers and let `run` end."""
        await self.pause()
        self._stop.set()

    async def close(self) -> None:
        """Close the line."""
        if self._line is not None:
            await self._line.close()

    # -- the watchdog -------------------------------------------------------------------------------------------------

    async def _watch(self, line: _Line) -> None:
        """Until the line ends: look after consumers that were lost without a word."""
        seen: dict[str, int] = {}
        while not self._stop.is_set() and not line.ended.is_set():
            waiting = [asyncio.create_task(self._stop.wait()), asyncio.create_task(line.ended.wait())]
            await asyncio.wait(waiting, timeout=self._options.watch_s, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            if self._stop.is_set() or line.ended.is_set() or self._paused:
                seen.clear()
                continue
            with contextlib.suppress(BrokerUnavailable):
                for consumer in line.consumers:
                    if consumer.missing or await consumer.lost():
                        consumer.retry()
                await self._compare_with_broker(line, seen)

    async def _compare_with_broker(self, line: _Line, seen: dict[str, int]) -> None:
        """End the line if the broker has messages for a queue of which we get none, or does not know its consumer."""
        for consumer in line.consumers:
            name = consumer.source.queue
            depth = await self._monitor.depth(name)
            if depth is None or self._paused or line.ended.is_set():
                continue
            # Looked at twice: a consumer may be in the middle of a change once.
            silent = seen.get(name) == consumer.arrivals and not consumer.missing
            if silent and (depth.consumers == 0 or (depth.ready > 0 and consumer.in_hand == 0)):
                _log.error("queue is not served; connecting again", queue=name, ready=depth.ready, consumers=depth.consumers)
                line.ended.set()
                return
            seen[name] = consumer.arrivals

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
