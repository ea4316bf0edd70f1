"""Collects deliveries into transactions: group commit, fair between queues, and what to do when the store is away.

Deliveries wait only while a commit is running; the next transaction takes all that have arrived, up to a cap (architecture D4).
This module knows no broker: a delivery in hand is settled through its Receipt.
"""

import asyncio
import contextlib
import heapq
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeVar, cast

import structlog

from hub import faults
from hub.bus.connection import backoff
from hub.bus.thread import OneThread
from hub.engine.deliveries import COMMANDS_KEY, Delivery, Outcome, Reply
from hub.errors import BrokerUnavailable, StoreUnavailable

_log: Final = structlog.get_logger(__name__)

SUSPICIOUS: Final = 2
"""A delivery that has come back this often may be what kills workers."""

State = Literal["idle", "batch", "pause"]
T = TypeVar("T")


class Receipt(Protocol):
    """How a delivery in hand is settled with the broker. Settling one whose channel is gone does nothing."""

    @property
    def alive(self) -> bool:
        """Whether the broker still waits for our answer; if not, it delivers again and the inbox absorbs that."""

    async def nack(self) -> None:
        """Give it back. Counts as a redelivery up to RabbitMQ 4.2."""

    async def reject(self) -> None:
        """Give it back in a way that every version counts as a redelivery."""


@dataclass(slots=True, eq=False)
class InHand:
    """A delivery that the broker has given us and that is not settled yet."""

    delivery: Delivery
    receipt: Receipt
    settled: asyncio.Future[None]
    alone: bool = False

    @property
    def alive(self) -> bool:
        """Whether it still makes sense to work on it."""
        return not self.settled.done() and self.receipt.alive

    def release(self) -> None:
        """Let the handler that waits for this delivery go on."""
        if not self.settled.done():
            self.settled.set_result(None)


class Consumption(Protocol):
    """What the collector needs of those who consume."""

    async def pause(self) -> None:
        """Take no further deliveries; keep what is in hand."""

    async def resume(self) -> None:
        """Consume again."""


@dataclass(frozen=True, slots=True)
class CollectorOptions:
    """Caps and times. `hold_s`: how long the deliveries in hand are kept when the store is away; then they are given back."""

    batch_max: int = 256
    batch_bytes: int = 32 * 1024 * 1024
    hold_s: float = 60.0
    # Kept in hand longer each time the store fails again right after it came back, so that an ill store does not use up the
    # delivery limit; below the broker's consumer timeout of 30 minutes.
    longest_hold_s: float = 1200.0
    retry_first_s: float = 0.2
    retry_most_s: float = 5.0
    # Others' messages in hand are settled before a suspicious one is tried; under steady load that moment never comes, hence a limit.
    suspect_waits_s: float = 0.5
    reply_timeout_s: float = 5.0
    defect_pause_s: float = 1.0


@dataclass(frozen=True, slots=True)
class _Solo:
    function: Callable[[], Any]
    result: "asyncio.Future[Any]"


@dataclass(slots=True)
class _Pending:
    """Deliveries not yet in a transaction: per queue in arrival order, and those that must be alone."""

    queues: dict[str, deque[InHand]] = field(default_factory=dict)
    alone: list[tuple[int, int, InHand]] = field(default_factory=list)
    serial: "itertools.count[int]" = field(default_factory=itertools.count)

    def add(self, item: InHand) -> None:
        if item.alone:
            # Fewest redeliveries first: what kills the worker has been delivered more often than its neighbours.
            heapq.heappush(self.alone, (item.delivery.delivery_count, next(self.serial), item))
        else:
            self.queues.setdefault(item.delivery.queue, deque()).append(item)

    def isolate(self, queue: str) -> None:
        for item in self.queues.pop(queue, ()):
            item.alone = True
            self.add(item)

    def drain(self) -> list[InHand]:
        items = [item for queue in self.queues.values() for item in queue] + [item for _, _, item in self.alone]
        self.queues.clear()
        self.alone.clear()
        return items

    def __bool__(self) -> bool:
        return bool(self.queues or self.alone)


class Collector:
    """Runs the engine in one thread, batch after batch, and settles what it has committed."""

    def __init__(
        self,
        process: Callable[[Sequence[Delivery]], list[Outcome]],
        *,
        probe: Callable[[], None],
        acknowledge: Callable[[Sequence[Receipt]], Awaitable[None]],
        reply: Callable[[Reply], Awaitable[None]],
        committed: Callable[[], None] = lambda: None,
        options: CollectorOptions | None = None,
    ) -> None:
        """`process` and `probe` run in the engine's thread; both raise StoreUnavailable. `acknowledge` comes back when the acks have left
        the process. `reply` raises BrokerUnavailable or TimeoutError. `committed` is called after each transaction.
        """
        self.consumption: Consumption | None = None
        self._process = process
        self._probe = probe
        self._acknowledge = acknowledge
        self._reply = reply
        self._committed = committed
        self._options = options or CollectorOptions()
        self._thread = OneThread("engine")
        self._solo: deque[_Solo] = deque()
        self._emptying = False
        self._pending = _Pending()
        self._isolated: set[str] = set()
        self._batch: list[InHand] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._acks: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._stop = asyncio.Event()
        self._refusing = False
        self._store_away = False
        self._hold_s = self._options.hold_s
        self._suspect_since: float | None = None
        self._quiet_until = 0.0
        self._last_was_alone = False
        self._state: State = "idle"
        self._was_busy = False

    # -- what others tell the collector -------------------------------------------------------------------------------

    def submit(self, item: InHand) -> None:
        """Take a delivery into hand."""
        self._was_busy = True
        if self._refusing:
            self._spawn(_give_back([item]))
            return
        if item.delivery.queue in self._isolated or item.delivery.delivery_count >= SUSPICIOUS:
            item.alone = True
        self._pending.add(item)
        self._arrived.set()

    def isolate(self, queue: str) -> None:
        """From now on each delivery of this queue gets a transaction of its own, those in hand too."""
        self._isolated.add(queue)
        self._pending.isolate(queue)

    def rejoin(self, queue: str) -> None:
        """End `isolate`."""
        self._isolated.discard(queue)

    def expect_arrivals(self, seconds: float) -> None:
        """Hold suspicious deliveries back for a moment: consumers are being started, and what they bring first should go first."""
        self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)

    def store_is_away(self) -> None:
        """Pause without having failed: another part of this process saw that the store takes no writes.

        So all workers have stopped consuming before the first gives its deliveries back, and one outage counts once.
        """
        if self._state != "pause":
            self._store_away = True
            self._arrived.set()

    def look(self) -> State:
        """Tell the state for the heartbeat: `batch` if anything was in hand since the last look."""
        if self._state == "pause":
            return "pause"
        busy = self._was_busy
        self._was_busy = bool(self._pending or self._batch or self._tasks)
        return "batch" if busy or self._was_busy else "idle"

    async def run_alone(self, function: Callable[[], T]) -> T:
        """Run something in the engine's thread while nothing at all is in hand: it may be the end of this process."""
        solo = _Solo(function, asyncio.get_running_loop().create_future())
        self._solo.append(solo)
        self._arrived.set()
        return cast(T, await solo.result)

    def stop(self) -> None:
        """Let `run` finish the batch in hand and give the rest back."""
        self._stop.set()
        self._arrived.set()

    def close(self) -> None:
        """End the engine's thread without waiting for it."""
        self._thread.close()

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until `stop`."""
        try:
            while not self._stop.is_set():
                if self._store_away:
                    await self._pause([])
                    continue
                if self._solo and not self._emptying and self.consumption is not None:
                    self._emptying = True
                    await self.consumption.pause()
                batch, wait_s = self._take()
                if batch:
                    await self._work(batch)
                    continue
                if self._solo and not self._pending:
                    await self._run_solo()
                    continue
                self._arrived.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._arrived.wait()
        finally:
            self._refusing = True
            if self._acks is not None:
                await self._acks
            await _give_back(self._pending.drain())
            await self._finish_settling()
            for solo in self._solo:
                solo.result.cancel()
            self._state = "idle"

    def _take(self) -> tuple[list[InHand], float | None]:
        """Choose the next transaction; if there is none yet, say after how many seconds to look again."""
        pending = self._pending
        while pending.alone and not pending.alone[0][2].alive:
            heapq.heappop(pending.alone)
        if pending.alone and self._alone_may_go():
            self._suspect_since = None
            self._last_was_alone = True
            return [heapq.heappop(pending.alone)[2]], None
        self._last_was_alone = False
        batch = self._fair_batch()
        if batch or not pending.alone:
            return batch, None
        return [], max(0.01, self._quiet_until - time.monotonic())

    def _alone_may_go(self) -> bool:
        others = bool(self._pending.queues)
        if self._pending.alone[0][0] < SUSPICIOUS:
            return not (others and self._last_was_alone)
        now = time.monotonic()
        if self._suspect_since is None:
            self._suspect_since = now
        overdue = now - self._suspect_since >= self._options.suspect_waits_s
        return now >= self._quiet_until and (overdue or not others)

    def _fair_batch(self) -> list[InHand]:
        """Commands first, then every queue its share, so that one provider's storm can't starve the others (architecture D5)."""
        options, queues = self._options, self._pending.queues
        batch: list[InHand] = []
        size = 0
        if COMMANDS_KEY in queues:
            size = self._move(COMMANDS_KEY, max(1, options.batch_max // 2), batch, size)
        while queues and len(batch) < options.batch_max and size < options.batch_bytes:
            share = max(1, (options.batch_max - len(batch)) // len(queues))
            for name in list(queues):
                size = self._move(name, min(share, options.batch_max - len(batch)), batch, size)
        return batch

    def _move(self, name: str, most: int, batch: list[InHand], size: int) -> int:
        """Move up to `most` deliveries of a queue into the batch; return the batch's size in bytes, the cap when it is full."""
        queue = self._pending.queues.pop(name)
        while queue and most > 0 and size < self._options.batch_bytes:
            item = queue[0]
            if not item.alive:
                queue.popleft()
                continue
            added = len(item.delivery.raw.body)
            if batch and size + added > self._options.batch_bytes:
                size = self._options.batch_bytes
                break
            batch.append(queue.popleft())
            size += added
            most -= 1
        if queue:
            self._pending.queues[name] = queue  # at the end: the next round begins with another queue
        return size

    async def _work(self, batch: list[InHand]) -> None:
        self._batch = batch
        self._state = "batch"
        try:
            outcomes = await self._apply(batch)
        except StoreUnavailable as error:
            _log.warning("the store is away", error=str(error), in_hand=len(batch))
            await self._pause(batch)
        except Exception:
            await self._defect(batch)
        else:
            await self._settle(batch, outcomes)
        finally:
            self._batch = []
            self._state = "idle"

    async def _apply(self, batch: Sequence[InHand]) -> list[Outcome]:
        outcomes = await self._thread.run(lambda: self._process([item.delivery for item in batch]))
        self._hold_s = self._options.hold_s
        self._committed()
        return outcomes

    async def _run_solo(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._options.reply_timeout_s)
        while self._solo:
            solo = self._solo.popleft()
            try:
                found = await self._thread.run(solo.function)
            except Exception as error:
                if not solo.result.done():
                    solo.result.set_exception(error)
            else:
                if not solo.result.done():
                    solo.result.set_result(found)
            self._committed()
        self._emptying = False
        if self.consumption is not None:
            await self.consumption.resume()

    # -- after the commit ---------------------------------------------------------------------------------------------

    async def _settle(self, batch: Sequence[InHand], outcomes: Sequence[Outcome]) -> None:
        """Reply and ack. Usually while the next transaction runs; where a neighbour may kill us, before it does."""
        if self._acks is not None:
            await self._acks
        answers: list[asyncio.Task[None]] = []
        plain: list[InHand] = []
        for item, outcome in zip(batch, outcomes, strict=True):
            if outcome.reply is not None and outcome.reply.reply_to is not None:
                answers.append(self._spawn(self._answer(item, outcome.reply)))
            else:
                plain.append(item)
        self._acks = self._spawn(self._ack(plain)) if plain else None
        if batch[0].alone or self._pending.alone or self._state == "pause":
            waiting = [*answers, *([self._acks] if self._acks else [])]
            await asyncio.wait(waiting, timeout=self._options.reply_timeout_s)

    async def _answer(self, item: InHand, reply: Reply) -> None:
        """Publish a reply, then ack its command, which stays in hand until then: given back, it would be answered from the inbox."""
        attempt = 0
        faults.reach("before_reply")
        while item.alive:
            try:
                async with asyncio.timeout(self._options.reply_timeout_s):
                    await self._reply(reply)
                break
            except (BrokerUnavailable, TimeoutError) as error:
                attempt += 1
                _log.warning("reply not published yet", error=str(error), attempt=attempt)
                await self._sleep(backoff(attempt))
                if self._stop.is_set():
                    await _give_back([item])
        await self._ack([item])

    async def _ack(self, items: Sequence[InHand]) -> None:
        faults.reach("before_ack")
        if live := [item.receipt for item in items if item.alive]:
            await self._acknowledge(live)
        for item in items:
            item.release()
        faults.reach("after_ack")

    async def _finish_settling(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._options.reply_timeout_s)
        for task in list(self._tasks):
            task.cancel()

    # -- trouble ------------------------------------------------------------------------------------------------------

    async def _pause(self, batch: list[InHand]) -> None:
        """Wait for the store: keep what is in hand for a while, then give it back once and stay away until a probe succeeds (D6)."""
        self._state = "pause"
        self._store_away = False
        given_back = False
        began = time.monotonic()
        if self.consumption is not None:
            await self.consumption.pause()
        attempt = 0
        while not self._stop.is_set():
            if not given_back and time.monotonic() - began >= self._hold_s:
                given_back = self._refusing = True
                items = [*batch, *self._pending.drain()]
                batch = []
                _log.error("the store stays away; deliveries are given back", deliveries=len(items))
                await _give_back(items)
                self._hold_s = min(self._hold_s * 2, self._options.longest_hold_s)
            attempt += 1
            await self._sleep(backoff(attempt, first_s=self._options.retry_first_s, most_s=self._options.retry_most_s))
            batch = [item for item in batch if item.alive]
            try:
                if batch:
                    await self._settle(batch, await self._apply(batch))
                else:
                    await self._thread.run(self._probe)
            except StoreUnavailable as error:
                _log.info("the store is still away", error=str(error), attempt=attempt)
                continue
            except Exception:
                if not batch:
                    _log.exception("the probe of the store failed", attempt=attempt)
                    continue
                await self._defect(batch)
            break
        else:
            await _give_back(batch)
            return
        self._refusing = False
        self._state = "idle"
        _log.info("the store is back", away_s=round(time.monotonic() - began, 1))
        if self.consumption is not None:
            await self.consumption.resume()

    async def _defect(self, batch: list[InHand]) -> None:
        """Deal with an engine that failed where it promises not to: find the delivery by trying each alone, and give that one back.

        Each time counts, so that it ends as the dead letter `delivery_limit`; its neighbours are not touched.
        """
        _log.exception("the engine failed", deliveries=len(batch), queues=sorted({item.delivery.queue for item in batch}))
        if len(batch) > 1:
            for item in batch:
                item.alone = True
                self._pending.add(item)
            return
        await self._sleep(self._options.defect_pause_s)
        await batch[0].receipt.reject()
        batch[0].release()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _give_back(items: Iterable[InHand]) -> None:
    for item in items:
        if item.alive:
            await item.receipt.nack()
        item.release()
