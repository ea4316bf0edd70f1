"""`python -m benchmarks.engine`: the engine alone, no broker: messages per second by database and batch size, statements, hot functions.

Each cell gets a fresh database: orders are placed, then paid by one Pix each, then the same Pix messages come again.
"""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import psycopg
from sqlalchemy import event

from adapters.contract import RawDelivery
from benchmarks.arena import POSTGRES, order_number, pix_messages, settings
from benchmarks.report import table
from benchmarks.sampling import Profile, sampled
from hub.bootstrap import load_adapters
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine
from hub.store import schema
from hub.store.database import Database
from hub.store.tables import metadata
from scripts.servers import PrivatePostgres, ServerFailed, ServersMissing, ensure_installed
from tests.traffic import Message, placed

BATCHES: Final = (1, 16, 256)
OUT: Final = Path(__file__).parent / "out"
_WORKLOADS: Final = ("placed", "pix", "duplicate")
_TABLE: Final = re.compile(rf"\b({'|'.join(metadata.tables)})\b")


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement: so many messages of one kind, in batches of one size, on one database."""

    database: str
    workload: str
    batch: int
    messages: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Messages per second."""
        return self.messages / self.seconds


@dataclass(slots=True)
class Statements:
    """What one batch asks of the database: executions and seconds by statement, and the commit."""

    batches: int = 0
    wall_s: float = 0.0
    executions: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, label: str, seconds: float) -> None:
        """Count one execution."""
        self.executions[label] = self.executions.get(label, 0) + 1
        self.seconds[label] = self.seconds.get(label, 0.0) + seconds

    def rows(self) -> list[list[str]]:
        """Return rows of a table, dearest first."""
        total = self.wall_s
        found = sorted(self.seconds, key=lambda label: -self.seconds[label])
        return [
            [
                label,
                f"{self.executions[label] / self.batches:.2f}",
                f"{self.seconds[label] / self.batches * 1000:.2f}",
                f"{self.seconds[label] / total:.1%}",
            ]
            for label in found
        ]


def label_of(statement: str) -> str:
    """Name a statement by verb and table."""
    found = _TABLE.search(statement)
    return f"{statement.split(maxsplit=1)[0].upper()} {found.group(1) if found else '?'}"


def open_engine(url: str) -> Engine:
    """Open an engine on a fresh database, raw messages kept as by default."""
    database = Database.open(url)
    schema.upgrade(database)
    return Engine(database, load_adapters(), settings(url), clock=lambda: datetime.now(UTC))


def deliveries(messages: Sequence[Message]) -> list[Delivery]:
    """Wrap raw messages as the bus does."""
    now = datetime.now(UTC)
    return [Delivery(one.key, RawDelivery(one.body, {}, now, one.key), queue=f"hub.in.{one.key}") for one in messages]


def feed(engine: Engine, batch: int, messages: Sequence[Message], limit_s: float, expected: str) -> tuple[int, float, float]:
    """Process messages until they or the time are used up. Returns messages, seconds, processor seconds."""
    waiting = deliveries(messages)
    began, cpu = time.monotonic(), time.process_time()
    done = 0
    while done < len(waiting) and time.monotonic() - began < limit_s:
        outcomes = engine.process(waiting[done : done + batch])
        if wrong := [outcome for outcome in outcomes if outcome.kind != expected]:
            raise RuntimeError(f"expected {expected}, got {wrong[0]}")
        done += len(outcomes)
    return done, time.monotonic() - began, time.process_time() - cpu


def cells(name: str, engine: Engine, batch: int, most: int, limit_s: float) -> Iterator[Cell]:
    """Measure the three workloads in turn; each later one covers what the one before it has reached."""
    reached = most
    for workload in _WORKLOADS:
        messages = [placed(order_number(index)) for index in range(reached)] if workload == "placed" else pix_messages(0, reached)
        expected = "duplicate" if workload == "duplicate" else "applied"
        reached, seconds, cpu = feed(engine, batch, messages, limit_s, expected)
        yield Cell(name, workload, batch, reached, seconds, cpu)


@contextmanager
def watched(engine: Engine) -> Iterator[Statements]:
    """Time every statement and commit of a block. Slows it down a little: rates are measured without."""
    found = Statements()
    target = engine.database.engine
    began: list[float] = []

    def before(*_arguments: Any) -> None:
        began.append(time.perf_counter())

    def after(_connection: Any, _cursor: Any, statement: str, *_arguments: Any) -> None:
        found.add(label_of(statement), time.perf_counter() - began.pop())

    commit = target.dialect.do_commit

    def timed_commit(connection: Any) -> None:
        start = time.perf_counter()
        commit(connection)
        found.add("COMMIT", time.perf_counter() - start)

    event.listen(target, "before_cursor_execute", before)
    event.listen(target, "after_cursor_execute", after)
    target.dialect.do_commit = timed_commit  # type: ignore[method-assign, assignment]
    try:
        yield found
    finally:
        target.dialect.do_commit = commit  # type: ignore[method-assign]
        event.remove(target, "before_cursor_execute", before)
        event.remove(target, "after_cursor_execute", after)


@dataclass(slots=True)
class Findings:
    """All of it."""

    cells: list[Cell] = field(default_factory=list)
    statements: dict[int, Statements] = field(default_factory=dict)
    profile: Profile | None = None


class Bench:
    """Fresh databases by name, and the measurements on them."""

    def __init__(self, postgres: PrivatePostgres, folder: Path, messages: int, limit_s: float) -> None:
        self._postgres = postgres
        self._folder = folder
        self._messages = messages
        self._limit_s = limit_s
        self._serial = 0

    @contextmanager
    def _fresh(self, kind: str) -> Iterator[Engine]:
        self._serial += 1
        name = f"engine_{self._serial}"
        if kind == "SQLite":
            engine = open_engine(f"sqlite:///{self._folder / name}.db")
        else:
            with psycopg.connect(self._postgres.database_url(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            engine = open_engine(self._postgres.database_url(name))
        try:
            yield engine
        finally:
            engine.database.dispose()

    def run(self) -> Findings:
        """Measure everything."""
        findings = Findings()
        for kind in ("PostgreSQL", "SQLite"):
            for batch in BATCHES:
                with self._fresh(kind) as engine:
                    for cell in cells(kind, engine, batch, self._messages, self._limit_s):
                        findings.cells.append(cell)
                        print(f"engine: {kind}, batch {batch}, {cell.workload}: {cell.rate:,.0f}/s", file=sys.stderr, flush=True)
        for batch in (1, 256):
            findings.statements[batch] = self._statements(batch)
        findings.profile = self._profile()
        return findings

    def _statements(self, batch: int) -> Statements:
        with self._fresh("PostgreSQL") as engine:
            count = min(self._messages, 20 * batch) if batch > 1 else min(self._messages, 500)
            feed(engine, 256, [placed(order_number(index)) for index in range(count)], 60.0, "applied")
            with watched(engine) as found:
                done, found.wall_s, _cpu = feed(engine, batch, pix_messages(0, count), 60.0, "applied")
            found.batches = -(-done // batch)
            return found

    def _profile(self) -> Profile:
        with self._fresh("PostgreSQL") as engine:
            count = self._messages * 2  # some seconds of processor time: the kernel gives one sample each 4 ms
            feed(engine, 256, [placed(order_number(index)) for index in range(count)], 120.0, "applied")
            waiting = deliveries(pix_messages(0, count))
            with sampled() as profile:
                for start in range(0, count, 256):
                    engine.process(waiting[start : start + 256])
            return profile


def document(findings: Findings) -> dict[str, Any]:
    """Give everything as plain values, for plots."""
    profile = findings.profile
    return {
        "cells": [{**asdict(cell), "rate": cell.rate} for cell in findings.cells],
        "statements": {str(batch): asdict(found) for batch, found in findings.statements.items()},
        "profile": None
        if profile is None
        else {"samples": profile.samples, "areas": profile.by_area(), "hottest": profile.hottest(50), "widest": profile.widest(100)},
    }


def markdown(command: str, findings: Findings) -> str:
    """Write the page."""
    head = ["Engine.process", "messages", "per second", "ms/message", "CPU ms/message"]
    rows = [
        [
            f"{cell.database}, {cell.workload}, batch {cell.batch}",
            f"{cell.messages:,}",
            f"{cell.rate:,.0f}",
            f"{cell.seconds / cell.messages * 1000:.3f}",
            f"{cell.cpu_s / cell.messages * 1000:.3f}",
        ]
        for cell in findings.cells
    ]
    parts = ["# The engine alone", f"`{command}`", table(head, rows)]
    for batch, found in findings.statements.items():
        per_batch = sum(found.executions.values()) / found.batches
        each_ms = found.wall_s / found.batches * 1000
        in_database = sum(found.seconds.values()) / found.wall_s
        parts.append(
            f"Pix on PostgreSQL, batch {batch}: {per_batch:.1f} statements and commits a batch, {each_ms:.2f} ms a batch, "
            f"{in_database:.0%} of it in driver and database."
        )
        parts.append(table(["statement", "times a batch", "ms a batch", "of all"], found.rows()))
    if findings.profile is not None:
        profile = findings.profile
        parts.append(f"Processor time of Pix in batches of 256 on PostgreSQL, {profile.samples:,} samples.")
        parts.append(table(["part", "own"], [[area, f"{share:.1%}"] for area, share in profile.by_area()]))
        hottest = [[name, f"{own:.1%}", f"{cumulative:.1%}"] for name, own, cumulative in profile.hottest()]
        parts.append(table(["the 15 hottest functions", "own", "with callees"], hottest))
        parts.append(table(["this project's functions", "with callees"], [[name, f"{share:.1%}"] for name, share in profile.widest()]))
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="a small run of half a minute")
    parser.add_argument("--messages", type=int, help="most messages per cell (default 10240; quick 2048)")
    parser.add_argument("--cell-s", type=float, help="most seconds per cell (default 10; quick 2)")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for engine.md and engine.json")
    given = parser.parse_args(arguments)
    messages = given.messages or (2_048 if given.quick else 10_240)
    limit_s = given.cell_s or (2.0 if given.quick else 10.0)
    try:
        ensure_installed()
        with tempfile.TemporaryDirectory(prefix="bench-engine-") as folder, PrivatePostgres(durable=True, config=POSTGRES) as postgres:
            findings = Bench(postgres, Path(folder), messages, limit_s).run()
    except (ServersMissing, ServerFailed) as error:
        print(f"engine: {error}", file=sys.stderr)
        return 3
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "engine.json").write_bytes(orjson.dumps(document(findings), option=orjson.OPT_INDENT_2))
    command = " ".join(["python -m benchmarks.engine", *(sys.argv[1:] if arguments is None else arguments)])
    page = markdown(command, findings)
    (given.out / "engine.md").write_text(page)
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
