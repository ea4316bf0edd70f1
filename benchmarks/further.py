"""What else is asked of the hub than one worker's rate: more processes, repeats, many orders, long histories, queries, a cold start."""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from benchmarks import crowd, systems, throughput
from benchmarks.arena import EVENTS_QUEUE, PLACED, Arena, feed, order_number, pix_messages, place
from benchmarks.peers.pix import EVENTS_PER_CAPTURE
from benchmarks.systems import ROOT, System, started
from benchmarks.throughput import Stalled, first_taken
from tests.traffic import Message, charge, placed, txid_of

_CROWDED: Final = "crowded"
_TOLD: Final = "told"
_REPEATED: Final = "repeated"
_FACTS: Final = (4, 16)
_CALLS: Final = 5
_STALL_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report: `value` of `unit`; `beside`: the same measured without what the line is about, in the same run."""

    group: str
    what: str
    value: float
    unit: str
    beside: float | None = None


def apart() -> System:
    """Worker and relay in processes of their own."""
    return System("hub-apart", "hub, relay in a process of its own", ("benchmarks.apart",), {"HUB_RETAIN_RAW": "0"})


class Further:
    """Measures in turn; each figure is told to `add` as soon as it is known."""

    def __init__(self, arena: Arena, messages: int, crowd_of: int, logs: Path, add: Callable[[Figure], None]) -> None:
        self._arena = arena
        self._messages = messages
        self._crowd_of = crowd_of
        self._logs = logs
        self._add = add
        self._hub = systems.hub(raw=False)

    async def run(self) -> None:
        """Measure everything. Raises: Stalled, ProgramEnded."""
        alone = await self._rate(self._hub)
        self._add(Figure("processes", "one worker, relay inside", alone, "captures/s"))
        two = systems.hub(raw=False, workers=2)
        self._add(Figure("processes", "two workers", await self._rate(two), "captures/s", alone))
        self._add(Figure("processes", "relay in a process of its own", await self._rate(apart()), "captures/s", alone))
        self._add(Figure("repeats", "exact redeliveries only", await self._repeats(), "deliveries/s", alone))
        self._add(Figure("facts on the order", "1 (placed)", alone, "captures/s"))
        for facts in _FACTS:
            self._add(Figure("facts on the order", f"{facts}", await self._long_histories(facts), "captures/s", alone))
        self._replay()
        await self._cold_starts()
        self._add(Figure("orders there", f"{self._arena.orders:,}", alone, "captures/s"))
        await self._crowded(alone)

    async def _rate(self, system: System, template: str = PLACED) -> float:
        run = await throughput.measure(self._arena, system, self._messages, self._logs, template=template)
        return run.rate

    async def _long_histories(self, facts: int) -> float:
        """Give each order cards that were refused before the Pix comes."""
        with self._arena.template(_TOLD) as engine:
            place(engine, 0, self._messages)
            for serial in range(1, facts):
                feed(engine, [_refused(order_number(index), serial) for index in range(self._messages)])
        rate = await self._rate(self._hub, _TOLD)
        self._arena.drop_template(_TOLD)
        return rate

    async def _repeats(self) -> float:
        """Deliver again what is paid already, and then one Pix that is new: its events tell that all before it was read."""
        count = self._messages
        with self._arena.template(_REPEATED) as engine:
            place(engine, 0, count + 1)
            feed(engine, pix_messages(0, count))
        async with self._arena.ground(_REPEATED) as ground:
            await ground.publish(pix_messages(0, count + 1))
            with started(self._hub, ground.amqp_url, ground.database_url, self._logs / "repeats.log") as running:
                began = await first_taken(ground, running, count + 1)
                while await ground.waiting(EVENTS_QUEUE) < EVENTS_PER_CAPTURE:
                    running.require_alive()
                    if time.monotonic() - began > _STALL_S:
                        raise Stalled(f"repeats are not read:\n{running.tail()}")
                    await asyncio.sleep(0.01)
                took = time.monotonic() - began
        self._arena.drop_template(_REPEATED)
        return count / took

    def _replay(self) -> None:
        """Time `hub replay` as a whole command: placed orders and their Pix as NDJSON, on the embedded database."""
        count = self._messages
        now = datetime.now(UTC)
        told = [placed(order_number(index), at=now) for index in range(count)] + pix_messages(0, count)
        with tempfile.TemporaryDirectory(prefix="bench-replay-") as folder:
            file = Path(folder) / "messages.ndjson"
            file.write_bytes(b"".join(_line(message) for message in told))
            for name, url in (("in memory", None), ("in a file", f"sqlite:///{folder}/hub.db")):
                arguments = ["replay", str(file), "--quiet", *(["--database-url", url] if url is not None else [])]
                took = _command(arguments)
                self._add(Figure("hub replay", f"SQLite {name}, {len(told):,} messages, whole command", len(told) / took, "messages/s"))

    async def _cold_starts(self) -> None:
        self._add(Figure("cold start", "hub --help", _median(lambda: _command(["--help"])) * 1000, "ms"))
        times = []
        for _ in range(3):
            async with self._arena.ground() as ground:
                await ground.publish(pix_messages(0, 1))
                began = time.monotonic()
                with started(self._hub, ground.amqp_url, ground.database_url, self._logs / "cold.log") as running:
                    while await ground.waiting(EVENTS_QUEUE) < EVENTS_PER_CAPTURE:
                        running.require_alive()
                        if time.monotonic() - began > _STALL_S:
                            raise Stalled(f"nothing comes:\n{running.tail()}")
                        await asyncio.sleep(0.005)
                    times.append(time.monotonic() - began)
        self._add(Figure("cold start", "hub run, until a waiting Pix is published", statistics.median(times) * 1000, "ms"))

    async def _crowded(self, alone: float) -> None:
        """Fill the database with paid orders of the past, then measure the rate and what an operator asks."""
        if self._crowd_of <= 0:
            return
        past = 10_000
        with self._arena.template(_CROWDED) as engine:
            place(engine, 0, self._messages + past)
            feed(engine, pix_messages(self._messages, past))
        url = self._arena.postgres.database_url(_CROWDED)
        orders = crowd.multiply(url, self._messages, past, max(1, self._crowd_of // past - 1))
        rate = await self._rate(self._hub, _CROWDED)
        self._add(Figure("orders there", f"{orders:,}", rate, "captures/s", alone))
        number = order_number(self._messages + past // 2)
        for what, arguments in (
            ("orders list, newest 50", ["orders", "list"]),
            ("orders list --status processing", ["orders", "list", "--status", "processing"]),
            ("orders list --customer (all fit)", ["orders", "list", "--customer", "exemplo"]),
            ("orders list --customer (none fits)", ["orders", "list", "--customer", "ninguem"]),
            ("orders list --number 0000123*", ["orders", "list", "--number", "0000123*"]),
            ("orders list --sku", ["orders", "list", "--sku", "CAM-01"]),
            ("orders show", ["orders", "show", number]),
            ("trace by txid", ["trace", txid_of(number)]),
            ("trace by e-mail", ["trace", f"cliente{number}@exemplo.invalid"]),
        ):
            took = _median(lambda arguments=arguments: _command([*arguments, "--json"], {"HUB_DATABASE_URL": url}))  # type: ignore[misc]
            self._add(Figure(f"whole command, {orders:,} orders", what, took * 1000, "ms"))
        self._arena.drop_template(_CROWDED)


def _refused(number: str, serial: int) -> Message:
    message = charge(number, "payment_failed", status="failed", at=datetime.now(UTC), transaction="not_authorized", hook=f"f{serial:02d}")
    return Message(message.key, message.body.replace(b'"ch_', f'"ch_{serial:02d}'.encode()))


def _line(message: Message) -> bytes:
    return orjson.dumps({"key": message.key, "body": orjson.Fragment(message.body)}) + b"\n"


def _command(arguments: Sequence[str], environment: dict[str, str] | None = None) -> float:
    """Run `hub` and return how many seconds the whole process took. Raises: Stalled when it fails."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "hub", *arguments],
        cwd=ROOT,
        env={**systems.clean_environment(), "HUB_ENV_FILE": "", **(environment or {})},
        capture_output=True,
        check=False,
    )
    took = time.monotonic() - began
    if done.returncode != 0:
        raise Stalled(f"hub {arguments[0]} ended with status {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    return took


def _median(measured: Callable[[], float]) -> float:
    return statistics.median(measured() for _ in range(_CALLS))
