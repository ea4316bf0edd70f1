"""Throughput: all messages wait in the queue, the system starts, and the clock runs until every event of every capture is confirmed.

Everything is seen from outside, in the same way for every system: the first delivery taken, the events that have reached a quorum
queue bound to everything, and at the end an outbox without rows.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.arena import EVENTS_QUEUE, INBOUND_QUEUE, PLACED, Arena, Ground, pix_messages
from benchmarks.peers.pix import EVENTS_PER_CAPTURE
from benchmarks.systems import Running, System, started
from benchmarks.usage import Cpu, resident_bytes

_START_TIMEOUT_S: Final = 60.0
_STALL_S: Final = 60.0
_POLL_S: Final = 0.1
_FINE_POLL_S: Final = 0.01
_FINE_FROM: Final = 0.97
_MEMORY_POLL_S: Final = 0.5  # it reads the whole of /proc: the watcher must not take what it measures


class Stalled(RuntimeError):
    """A system made no progress, or left other rows and events than it should."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since the first delivery was taken, events confirmed so far, resident bytes."""

    at_s: float
    events: int
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """One run."""

    system: str
    repetition: int
    messages: int
    seconds: float
    cpu: Cpu
    load_before: float
    timeline: tuple[Sample, ...]

    @property
    def rate(self) -> float:
        """Captures whose last event was confirmed, per second."""
        return self.messages / self.seconds

    def resident_after(self, messages: int) -> int:
        """Resident bytes when so many captures were confirmed."""
        wanted = messages * EVENTS_PER_CAPTURE
        return next((sample.resident_bytes for sample in self.timeline if sample.events >= wanted), self.timeline[-1].resident_bytes)


async def measure(arena: Arena, system: System, messages: int, logs: Path, *, repetition: int = 0, template: str = PLACED) -> Throughput:
    """Run one system over so many captures, on a copy of a template. Raises: Stalled, ProgramEnded."""
    async with arena.ground(template) as ground:
        await ground.publish(pix_messages(0, messages))
        there = _work(ground)
        load = os.getloadavg()[0]
        with started(system, ground.amqp_url, ground.database_url, logs / f"{system.name}-{messages}-{repetition}.log") as running:
            began = await first_taken(ground, running, messages)
            before = arena.cpu(running.pid)
            timeline = await _watch(ground, running, messages, began)
            spent = arena.cpu(running.pid).since(before)
        _require_same_work(there, _work(ground), system, messages)
        return Throughput(system.name, repetition, messages, timeline[-1].at_s, spent, load, tuple(timeline))


async def first_taken(ground: Ground, running: Running, messages: int) -> float:
    """Wait until one of the waiting messages is taken; return that moment of the monotonic clock. Raises: Stalled, ProgramEnded."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while await ground.waiting(INBOUND_QUEUE) >= messages:
        running.require_alive()
        if time.monotonic() > deadline:
            raise Stalled(f"{running.system.name} took nothing in {_START_TIMEOUT_S:.0f} s:\n{running.tail()}")
        await asyncio.sleep(_FINE_POLL_S)
    return time.monotonic()


async def _watch(ground: Ground, running: Running, messages: int, began: float) -> list[Sample]:
    wanted = messages * EVENTS_PER_CAPTURE
    timeline = [Sample(0.0, 0, resident_bytes(running.pid))]
    progress_at = memory_at = began
    while True:
        running.require_alive()
        events = await ground.waiting(EVENTS_QUEUE)
        now = time.monotonic()
        if events > timeline[-1].events:
            progress_at = now
        done = events >= wanted and ground.outbox_is_empty()
        if done or now - began >= timeline[-1].at_s + _POLL_S:
            resident = timeline[-1].resident_bytes
            if done or now - memory_at >= _MEMORY_POLL_S:
                resident, memory_at = resident_bytes(running.pid), now
            timeline.append(Sample(now - began, events, resident))
        if done:
            return timeline
        if now - progress_at > _STALL_S:
            raise Stalled(f"{running.system.name} stands still at {events} of {wanted} events:\n{running.tail()}")
        await asyncio.sleep(_FINE_POLL_S if events >= _FINE_FROM * wanted else _POLL_S)


def _work(ground: Ground) -> tuple[int, ...]:
    (found,) = ground.rows(
        "SELECT (SELECT count(*) FROM orders WHERE state = 'processing'), (SELECT count(*) FROM invoices), "
        "(SELECT count(*) FROM transactions WHERE kind = 'capture'), (SELECT count(*) FROM order_log WHERE kind = 'payment.captured'), "
        "(SELECT count(*) FROM inbox WHERE source = 'payments.pix')"
    )
    return tuple(found)


def _require_same_work(before: tuple[int, ...], after: tuple[int, ...], system: System, messages: int) -> None:
    """Refuse a figure that was reached by doing less."""
    found = [later - earlier for earlier, later in zip(before, after, strict=True)]
    if set(found) != {messages}:
        raise Stalled(f"{system.name} left {found} orders in processing, invoices, captures, log and inbox rows, not {messages} each")
