"""`python -m benchmarks`: start private servers, run the hub and its peers in turn, print and write the report, end everything."""

import argparse
import asyncio
import os
import platform
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import latency, plots, report, sameness, systems, throughput
from benchmarks.arena import Arena, opened
from benchmarks.further import Figure, Further
from benchmarks.report import Report
from benchmarks.systems import ProgramEnded, System
from benchmarks.throughput import Stalled
from benchmarks.usage import quiet
from scripts.servers import ServerFailed, ServersMissing

OUT: Final = Path(__file__).parent / "out"
_FAMILIES: Final = ("plain", "bare", "hub")


@dataclass(frozen=True, slots=True)
class Options:
    """How much to measure."""

    messages: int
    repetitions: int
    latency_s: float
    memory_messages: int
    crowd: int
    further: bool
    families: tuple[str, ...]
    time_limit_s: float
    wait_quiet_s: float
    out: Path

    @property
    def pilot_messages(self) -> int:
        """Enough to tell prefetches apart, few enough to be quick with the slowest."""
        return max(200, self.messages // 5)

    @property
    def orders(self) -> int:
        """Orders that must be there before anything starts."""
        return max(self.messages, self.memory_messages)


class Bench:
    """One run of the whole program."""

    def __init__(self, arena: Arena, options: Options, found: Report, logs: Path) -> None:
        self._arena = arena
        self._options = options
        self._found = found
        self._logs = logs
        self._ends_at = time.monotonic() + options.time_limit_s

    async def run(self) -> None:
        """Measure everything; what was found before a failure or the time limit stays in the report."""
        options, found = self._options, self._found
        found.environment.update(self._arena.versions())
        found.environment["one client's commits of one row"] = f"{self._arena.commits_per_second():,.0f}/s"
        rate = self._arena.place_orders(options.orders)
        say(f"{options.orders:,} orders placed by the engine, {rate:,.0f}/s in batches of 256")
        found.remarks.append(f"orders placed beforehand by the engine alone, no broker, batches of 256: {rate:,.0f}/s")
        contenders = await self._contenders()
        found.titles.update({system.name: system.title for system in contenders})
        for repetition in range(options.repetitions):
            # Back and forth, so that no system always runs first, or right after the same neighbour.
            for system in contenders if repetition % 2 == 0 else reversed(contenders):
                if self._out_of_time(f"repetition {repetition + 1}, {system.name}"):
                    return
                found.runs.append(await self._throughput(system, options.messages, repetition))
        for system in contenders:
            if options.latency_s > 0 and not self._out_of_time(f"latency of {system.name}"):
                await self._latency(system)
        if options.memory_messages and "hub" in options.families and not self._out_of_time("memory"):
            found.memory = await self._throughput(systems.hub(raw=False), options.memory_messages, 0)
        if options.further and "hub" in options.families and not self._out_of_time("more"):
            # Not among the orders that the long run needs: they are more than the ten thousand that these figures start from.
            self._arena.place_orders(options.messages)
            await quiet(options.wait_quiet_s)
            await Further(self._arena, options.messages, options.crowd, self._logs, self._figure).run()

    async def _contenders(self) -> list[System]:
        families = self._options.families
        chosen: list[System] = []
        if "plain" in families:
            variants = [systems.plain(prefetch) for prefetch in systems.PREFETCHES]
            for variant in variants:
                self._found.pilots.append(await self._throughput(variant, self._options.pilot_messages, 0))
            best = max(self._found.pilots, key=lambda run: run.rate)
            chosen += [variant for variant in variants if variant.name == best.system]
        if "bare" in families:
            chosen.append(systems.bare())
        if "hub" in families:
            chosen += [systems.hub(raw=False), systems.hub(raw=True)]
        return chosen

    async def _throughput(self, system: System, messages: int, repetition: int) -> throughput.Throughput:
        await quiet(self._options.wait_quiet_s)
        found = await throughput.measure(self._arena, system, messages, self._logs, repetition=repetition)
        say(
            f"{system.title}: {messages:,} captures in {found.seconds:.1f} s = {found.rate:,.0f}/s"
            f" (CPU s: own {found.cpu.system:.1f}, database {found.cpu.database:.1f}, broker {found.cpu.broker:.1f},"
            f" strangers {found.cpu.strangers:.1f})"
        )
        return found

    async def _latency(self, system: System) -> None:
        rate = self._found.fastest(system.name) / 4
        messages = min(self._options.orders, max(50, int(rate * self._options.latency_s)))
        await quiet(self._options.wait_quiet_s)
        found = await latency.measure(self._arena, system, rate, messages, self._logs)
        self._found.latencies.append(found)
        say(f"{system.title}: at {rate:,.0f}/s p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms, max {found.max_ms:.1f} ms")

    def _figure(self, one: Figure) -> None:
        self._found.further.append(one)
        say(f"{one.group}: {one.what}: {one.value:,.0f} {one.unit}" + ("" if one.beside is None else f", {one.value / one.beside:.2f}x"))

    def _out_of_time(self, what: str) -> bool:
        if time.monotonic() < self._ends_at:
            return False
        self._found.remarks.append(f"time limit of {self._options.time_limit_s:,.0f} s reached: not measured from here on: {what}")
        say(self._found.remarks[-1])
        return True


def say(text: str) -> None:
    """Tell what is going on, beside the report."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="a small run of about a minute, to see that everything works")
    parser.add_argument("--messages", type=int, help="captures per run (default 10000; quick 2000)")
    parser.add_argument("--repetitions", type=int, help="interleaved repetitions (default 3; quick 1)")
    parser.add_argument("--latency-s", type=float, help="seconds per latency run (default 20; quick 4; 0 = none)")
    parser.add_argument(
        "--memory-messages", type=int, help="one more run of the hub with so many captures, for its memory (default 200000; quick 0)"
    )
    parser.add_argument("--crowd", type=int, help="orders present in the last measurements (default 1000000; quick 0 = none)")
    parser.add_argument("--no-further", action="store_true", help="only rates, latency and memory")
    parser.add_argument("--systems", default=",".join(_FAMILIES), help="which of plain, bare, hub (default all)")
    parser.add_argument("--time-limit-s", type=float, default=3_600.0, help="no further run starts after this")
    parser.add_argument("--wait-quiet-s", type=float, help="wait so long for an idle machine before each run (default 60; quick 0)")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for report.md, report.json and the plots")
    given = parser.parse_args(arguments)
    families = tuple(part.strip() for part in given.systems.split(",") if part.strip())
    if unknown := [name for name in families if name not in _FAMILIES]:
        parser.error(f"unknown system {', '.join(unknown)}: choose from {', '.join(_FAMILIES)}")
    messages = given.messages or (2_000 if given.quick else 10_000)
    memory = given.memory_messages if given.memory_messages is not None else (0 if given.quick else 200_000)
    if messages < 1 or memory < 0:
        parser.error("the number of messages must be positive")
    return Options(
        messages,
        given.repetitions or (1 if given.quick else 3),
        given.latency_s if given.latency_s is not None else (4.0 if given.quick else 20.0),
        memory,
        given.crowd if given.crowd is not None else (0 if given.quick else 1_000_000),
        not given.no_further,
        families,
        given.time_limit_s,
        given.wait_quiet_s if given.wait_quiet_s is not None else (0.0 if given.quick else 60.0),
        given.out,
    )


def _machine() -> dict[str, str]:
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "machine": f"{os.cpu_count()} cores, {model}, Linux {platform.release()}, Python {platform.python_version()}",
        "load at the start": f"{os.getloadavg()[0]:.2f}",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    options = parse(arguments)
    given = sys.argv[1:] if arguments is None else list(arguments)
    found = Report(shlex.join(["python", "-m", "benchmarks", *given]), _machine())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    try:
        sameness.require()
        with tempfile.TemporaryDirectory(prefix="bench-logs-") as logs, opened() as arena:
            asyncio.run(Bench(arena, options, found, Path(logs)).run())
    except (ServersMissing, ServerFailed) as error:
        say(str(error))
        return 3
    except (Stalled, ProgramEnded, sameness.PeersDiffer) as error:
        found.remarks.append(f"stopped early: {str(error).splitlines()[0]}")
        say(str(error))
        return 1
    finally:
        if found.runs:
            options.out.mkdir(parents=True, exist_ok=True)
            found.plots = plots.draw(found, options.out)
            report.write(found, options.out)
            print(report.markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
