"""Latency: messages arrive at random moments at a fixed mean rate; a consumer of hub.events notes when the order is in processing."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from aio_pika.abc import AbstractIncomingMessage

from benchmarks.arena import INBOUND_QUEUE, Arena, Ground, envelope, order_number, pix_messages
from benchmarks.systems import Running, System, started
from benchmarks.throughput import Stalled
from hub.bus import topology

_STATUS_QUEUE: Final = "bench.status"
_STATUS_KEY: Final = "order.status_changed.processing"
_START_TIMEOUT_S: Final = 60.0
_DRAIN_TIMEOUT_S: Final = 30.0
_WARM_UP: Final = 0.1
_QUANTILES: Final = 200


@dataclass(frozen=True, slots=True)
class Latency:
    """One run: milliseconds from the call that publishes to the event at a consumer. `late_p99_ms`: how late the publisher was."""

    system: str
    rate: float
    messages: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    late_p99_ms: float
    quantiles_ms: tuple[float, ...]


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the smallest value that is not below this share of all (nearest rank)."""
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


async def measure(arena: Arena, system: System, rate: float, messages: int, logs: Path, *, seed: int = 1) -> Latency:
    """Send so many messages at a mean rate, exponentially spaced, the first tenth as warm-up. Raises: Stalled, ProgramEnded."""
    async with arena.ground() as ground:
        received: dict[str, float] = {}
        complete = asyncio.Event()

        async def receive(message: AbstractIncomingMessage) -> None:
            received.setdefault(orjson.loads(message.body)["order"], time.monotonic())
            await message.ack()
            if len(received) >= messages:
                complete.set()

        channel = await ground.connection.channel()
        await channel.set_qos(prefetch_count=500)
        queue = await channel.declare_queue(_STATUS_QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind(topology.EVENTS, _STATUS_KEY)
        await queue.consume(receive)
        with started(system, ground.amqp_url, ground.database_url, logs / f"{system.name}-latency.log") as running:
            await _consuming(ground, running)
            sent, late = await _send(ground, rate, messages, random.Random(seed))
            try:
                async with asyncio.timeout(_DRAIN_TIMEOUT_S):
                    await complete.wait()
            except TimeoutError:
                raise Stalled(f"{system.name}: {len(received)} of {messages} orders were seen:\n{running.tail()}") from None
    counted = [order_number(index) for index in range(int(messages * _WARM_UP), messages)]
    times = sorted((received[number] - sent[number]) * 1000 for number in counted)
    return Latency(
        system.name,
        rate,
        len(times),
        percentile(times, 0.5),
        percentile(times, 0.9),
        percentile(times, 0.99),
        times[-1],
        percentile(sorted(late), 0.99) * 1000,
        tuple(round(percentile(times, step / _QUANTILES), 3) for step in range(1, _QUANTILES + 1)),
    )


async def _consuming(ground: Ground, running: Running) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while await ground.consumers(INBOUND_QUEUE) == 0:
        running.require_alive()
        if time.monotonic() > deadline:
            raise Stalled(f"{running.system.name} does not consume:\n{running.tail()}")
        await asyncio.sleep(0.05)


async def _send(ground: Ground, rate: float, messages: int, chance: random.Random) -> tuple[dict[str, float], list[float]]:
    """Publish on schedule, whatever is still unanswered: a slow system must not slow its senders down."""
    exchange = await (await ground.connection.channel()).get_exchange(topology.INBOUND, ensure=False)
    sent: dict[str, float] = {}
    late: list[float] = []
    due = time.monotonic() + 0.5
    async with asyncio.TaskGroup() as confirms:
        for index, message in enumerate(pix_messages(0, messages)):
            due += chance.expovariate(rate)
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            now = sent[order_number(index)] = time.monotonic()
            late.append(max(0.0, now - due))
            confirms.create_task(exchange.publish(envelope(message), message.key))
    return sent, late
