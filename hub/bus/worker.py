"""One process of the hub: its roles side by side, and an end in good order.

Stop: cancel the consumers, finish the batch in hand, its replies and acks, give the rest back, let the relay wait for its confirms,
close. What takes longer than the deadline is cut off; nothing is lost by that, only repeated.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import orjson
import structlog
from aio_pika import DeliveryMode, Message

from hub.bus.archiver import Archiver, ArchiverOptions, offer_next
from hub.bus.collector import Collector, CollectorOptions, State
from hub.bus.heartbeat import BEAT_S, Heartbeat
from hub.bus.outbound import OutboundConsumer, OutboundOptions, Performer
from hub.bus.publisher import Publisher
from hub.bus.relay import APP_ID, Relay, RelayOptions
from hub.bus.scheduler import Job, Scheduler
from hub.bus.subscribers import ConsumerOptions, Consumers, acknowledge, sources
from hub.bus.thread import OneThread
from hub.bus.topology import inbound_queue
from hub.config import Settings
from hub.engine import operations, outbound
from hub.engine.deliveries import Reply
from hub.engine.engine import Engine
from hub.engine.operations import Redrive
from hub.engine.unknowns import apply_mappings
from hub.errors import HubError, SettingsInvalid

_log: Final = structlog.get_logger(__name__)

ROLES: Final = ("worker", "relay", "scheduler", "archiver", "outbound")
REPLY_TYPE: Final = "command.reply.v1"
_EXPIRE_PARKED_S: Final = 5.0
_EXPIRE_ORDERS_S: Final = 20.0
_PURGE_RAW_S: Final = 600.0
_MAP_UNKNOWNS_S: Final = 3600.0
_WAKE_STRANDED_S: Final = 600.0
_DEPTH_TIMEOUT_S: Final = 30.0
_GARBAGE_AFTER: Final = 50_000  # objects made and not freed yet; Python's own figure is 700


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What tests make smaller. `deadline_s`: how long a stop may take, below the kill timeout of whoever started the process."""

    collector: CollectorOptions = field(default_factory=CollectorOptions)
    consumers: ConsumerOptions = field(default_factory=ConsumerOptions)
    relay: RelayOptions = field(default_factory=RelayOptions)
    archiver: ArchiverOptions = field(default_factory=ArchiverOptions)
    outbound: OutboundOptions = field(default_factory=OutboundOptions)
    beat_s: float = BEAT_S
    deadline_s: float = 25.0


def options_of(settings: Settings) -> WorkerOptions:
    """Take from the settings what they say."""
    return WorkerOptions(collector=CollectorOptions(batch_max=settings.batch_max))


class TooSlow(HubError):
    """The process did not end in good order before its deadline."""


def start(
    engine: Engine, roles: Collection[str] = ROLES, *, performer: Performer | None = None, options: WorkerOptions | None = None
) -> int:
    """Run until SIGTERM or SIGINT; return the exit status. This is the whole process: a stop past its deadline ends it here.

    `performer`: the gateway, which the role `outbound` needs.
    """
    _spare_the_collector()
    return asyncio.run(_until_signal(engine, roles, performer, options))


def _spare_the_collector() -> None:
    """Look for cyclic garbage less often: nearly all that a batch makes is freed by its counts, and each look takes time from all threads.

    What is there at the start stays, so it need not be looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER, 10, 10)


async def _until_signal(engine: Engine, roles: Collection[str], performer: Performer | None, options: WorkerOptions | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        _log.info("stopping", signal=number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received, number)
    try:
        return await run(engine, roles, stop=stop, performer=performer, options=options)
    except TooSlow:
        # A thread that waits for a database which does not answer can't be ended otherwise.
        os._exit(1)


async def run(
    engine: Engine,
    roles: Collection[str],
    *,
    stop: asyncio.Event,
    performer: Performer | None = None,
    options: WorkerOptions | None = None,
) -> int:
    """Run roles until `stop`; 0 = ended in good order, 1 = a role failed and the process must be started anew. Raises: TooSlow."""
    if unknown := set(roles) - set(ROLES):
        raise SettingsInvalid(f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
    if "outbound" in roles and performer is None:
        raise SettingsInvalid("the role outbound needs a gateway")
    process = _Process(engine, frozenset(roles), performer, options or options_of(engine.settings))
    return await process.run(stop)


class _Process:
    """The roles of one process, wired to each other."""

    def __init__(self, engine: Engine, roles: frozenset[str], performer: Performer | None, options: WorkerOptions) -> None:
        self._engine = engine
        self._options = options
        settings, database, clock = engine.settings, engine.database, engine.clock
        url = settings.amqp_url
        self._own_thread = OneThread("offers")
        self._publisher = Publisher(url)
        self._relay = Relay(database, url, options=options.relay) if "relay" in roles else None
        self._collector: Collector | None = None
        self._consumers: Consumers | None = None
        self._heartbeat = Heartbeat(
            database, sorted(roles), clock=clock, state=self._state, failed=self._store_failed, every_s=options.beat_s
        )
        if "worker" in roles:
            self._collector = Collector(
                engine.process,
                probe=self._heartbeat.probe,
                acknowledge=acknowledge,
                reply=self._reply,
                committed=self._committed,
                options=options.collector,
            )
            self._consumers = Consumers(
                url,
                sources(engine.adapters.values(), settings.prefetch),
                self._collector,
                self._publisher,
                clock=clock,
                options=options.consumers,
            )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._archiver: Archiver | None = None
        if "archiver" in roles:
            self._archiver = Archiver(database, url, engine.adapters, clock=clock, offer=self._offer, options=options.archiver)
        self._outbound: OutboundConsumer | None = None
        if "outbound" in roles and performer is not None:
            self._outbound = OutboundConsumer(
                url,
                engine.adapters,
                performer,
                self._publisher,
                own_user=settings.amqp_user,
                committed=self._committed,
                options=options.outbound,
            )
        self._scheduler: Scheduler | None = None
        if "scheduler" in roles:
            jobs = (
                Job("expire_parked", _EXPIRE_PARKED_S, lambda: operations.expire_parked(engine, clock())),
                Job("expire_orders", _EXPIRE_ORDERS_S, self._give_up_unpaid),
                # At once, and now and then: another process may have taken in a word before its mapping was set.
                Job("map_unknowns", _MAP_UNKNOWNS_S, lambda: apply_mappings(engine)["applied"]),
                Job("wake_stranded", _WAKE_STRANDED_S, lambda: outbound.wake_stranded(engine)),
                Job("purge_raw", _PURGE_RAW_S, lambda: operations.purge_raw(engine, clock())),
            )
            self._scheduler = Scheduler(jobs, did_something=self._committed)

    # -- how the parts reach each other -------------------------------------------------------------------------------

    def _state(self) -> State:
        return self._collector.look() if self._collector is not None else "idle"

    def _store_failed(self) -> None:
        if self._collector is not None:
            self._collector.store_is_away()

    def _committed(self) -> None:
        if self._relay is not None:
            self._relay.wake()

    def _give_up_unpaid(self) -> int:
        """Cancel orders whose time is over, once all money that came in has been read. Runs in the scheduler's thread."""
        engine, now = self._engine, self._engine.clock()
        if not operations.timers_due(engine, now) or operations.money_may_lie_unread(engine, now) or self._loop is None:
            return 0
        if asyncio.run_coroutine_threadsafe(self._payments_ready(), self._loop).result(_DEPTH_TIMEOUT_S):
            return 0
        return operations.fire_timers(engine, now)

    async def _payments_ready(self) -> int:
        """Count messages that wait in the payment queues."""
        depths = [await self._publisher.depth(inbound_queue(name)) for name in self._engine.adapters if name.startswith("payments.")]
        return sum(depth.ready for depth in depths if depth is not None)

    async def _offer(self) -> Redrive | None:
        if self._collector is not None:
            return await self._collector.run_alone(lambda: offer_next(self._engine))
        result = await self._own_thread.run(lambda: offer_next(self._engine))
        self._committed()
        return result

    async def _reply(self, reply: Reply) -> None:
        message = Message(
            orjson.dumps(reply.body),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            correlation_id=reply.correlation_id,
            type=REPLY_TYPE,
            timestamp=self._engine.clock(),
            app_id=APP_ID,
        )
        if not await self._publisher.publish(message, reply.reply_to or ""):
            _log.info("nobody waits for a reply any more", command=reply.body.get("id"))

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> int:
        """Run all parts until `stop`, or until one of them fails."""
        self._loop = asyncio.get_running_loop()
        tasks = {
            asyncio.create_task(part.run(), name=name)
            for name, part in (
                ("heartbeat", self._heartbeat),
                ("collector", self._collector),
                ("consumers", self._consumers),
                ("relay", self._relay),
                ("archiver", self._archiver),
                ("outbound", self._outbound),
                ("scheduler", self._scheduler),
            )
            if part is not None
        }
        _log.info("started", worker=self._heartbeat.id, parts=sorted(task.get_name() for task in tasks))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in tasks if task.done()]
        for task in failed:
            _log.error("a part of this process ended", part=task.get_name(), exc_info=task.exception())
        stopping.cancel()
        try:
            async with asyncio.timeout(self._options.deadline_s):
                await self._end(tasks)
        except TimeoutError:
            _log.error("cut off: not stopped in time", parts=sorted(task.get_name() for task in tasks if not task.done()))
            raise TooSlow from None
        _log.info("stopped", worker=self._heartbeat.id)
        return 1 if failed else 0

    async def _end(self, tasks: Collection["asyncio.Task[None]"]) -> None:
        named = {task.get_name(): task for task in tasks}

        async def ended(*names: str) -> None:
            if waiting := [named[name] for name in names if name in named]:
                await asyncio.wait(waiting)

        if self._consumers is not None:
            await self._consumers.stop()
        for part in (self._collector, self._archiver, self._scheduler, self._outbound):
            if part is not None:
                part.stop()
        await ended("consumers", "collector", "archiver", "scheduler", "outbound")
        # Last, so that it still publishes the first of what the batch in hand has committed.
        if self._relay is not None:
            self._relay.stop()
        await ended("relay")
        if self._consumers is not None:
            await self._consumers.close()
        await self._publisher.close()
        self._heartbeat.stop()
        await ended("heartbeat")
        if self._collector is not None:
            self._collector.close()
        self._own_thread.close()
