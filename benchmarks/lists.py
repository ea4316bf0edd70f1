"""The operator's lists and exports at a million orders: `python -m benchmarks.lists [--orders N] [--explain]`.

Times are those of the queries in this process, on a private durable PostgreSQL with a warm cache; exports are whole commands, whose
peak memory is their process's own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, event

from benchmarks import crowd, systems
from benchmarks.arena import POSTGRES, feed, order_number, settings
from hub.bootstrap import load_adapters
from hub.engine.bank_days import BankDays
from hub.engine.engine import Engine
from hub.store import follow_up, lists, schema
from hub.store.database import Database
from hub.store.follow_up import FollowUpFilter
from hub.store.lists import OrderFilter
from scripts.servers import PrivatePostgres, ensure_installed
from tests.traffic import Message, devolution, label, pix, placed

_PAST: Final = 5_000
_DAYS: Final = 1_000
_CALLS: Final = 3
_PAGE: Final = 50
_SLOW_S: Final = 0.5
_WRITTEN: Final = 2_000
_INDEXES: Final = ("ix_invoices_created_at", "ix_transactions_occurred_at")
"""The indexes that only the lists need."""


def story(index: int, at: datetime) -> list[Message]:
    """Tell one order of the past: of 100 five are unpaid, three refunded, one is in difficulty, two are on their way, the rest arrived."""
    number, kind = order_number(index), index % 100
    told = [placed(number, at=at, total=5_000 + index)]
    if kind < 5:
        return told
    paid = at + timedelta(hours=1)
    refunds = [devolution(number, cents=5_000 + index, at=paid + timedelta(hours=1), status="DEVOLVIDO")] if kind < 8 else []
    told.append(pix(number, cents=5_000 + index, at=paid, refunds=refunds))
    if kind < 8:
        return told
    posted = at + timedelta(days=1)
    if kind == 8:
        return [*told, label(number, "undelivered", posted=posted)]
    if kind < 11:
        return [*told, label(number, "posted", posted=posted)]
    return [*told, label(number, "delivered", posted=posted, delivered=posted + timedelta(days=3))]


def fill(url: str, database: Database, orders: int) -> int:
    """Make the database: some thousand orders by the engine over three years, copied by SQL under names and products of their own."""
    engine = Engine(database, load_adapters(), settings(url), clock=lambda: datetime.now(UTC))
    began = datetime.now(UTC) - timedelta(days=_DAYS + 10)
    messages = [one for index in range(_PAST) for one in story(index, began + timedelta(days=_DAYS) * index / _PAST)]
    feed(engine, messages)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE outbox")
        connection.execute("UPDATE order_personal SET search = 'cliente exemplo ' || order_number || ' ' || search")
        connection.execute(
            "UPDATE order_items SET sku = 'CAM-' || order_number::bigint % 500, name = 'Camiseta ' || order_number::bigint % 500"
        )
    return crowd.multiply(url, 0, _PAST, max(1, orders // _PAST - 1), crowd.LISTED)


def questions(url: str, now: datetime) -> Iterator[tuple[str, Callable[[Connection], object]]]:
    """Name each thing an operator asks, with what answers it."""
    middle = order_number(_PAST * 100 + 77)
    day = now - timedelta(days=30)
    for what, wanted in (
        ("no filter", OrderFilter()),
        ("--number, one", OrderFilter(number=middle)),
        ("--number 0001234*", OrderFilter(number="0001234*")),
        ("--product 'camiseta 77'", OrderFilter(product="camiseta 77")),
        ("--sku CAM-77", OrderFilter(sku="CAM-77")),
        ("--from --to, one day", OrderFilter(placed_from=day, placed_to=day + timedelta(days=1))),
        ("--customer, one fits", OrderFilter(customer=f"exemplo {middle}")),
        ("--customer, none fits", OrderFilter(customer="ninguem")),
        ("--customer, all fit", OrderFilter(customer="exemplo")),
        ("--delivery pac, all fit", OrderFilter(delivery="pac")),
        ("--total-min 99,90, 2 % fit", OrderFilter(total_min=9_900)),
        ("--paid-max 0, 5 % fit", OrderFilter(paid_max=0)),
        ("--status pending", OrderFilter(statuses=("pending",))),
        ("--status closed,delivered", OrderFilter(statuses=("closed", "delivered"))),
        ("--exception overpaid, none fits", OrderFilter(exceptions=("overpaid",))),
    ):
        yield f"orders {what}", lambda connection, wanted=wanted: lists.list_orders(connection, wanted, limit=_PAGE)  # type: ignore[misc]
        yield f"count: orders {what}", lambda connection, wanted=wanted: lists.count_orders(connection, wanted)  # type: ignore[misc]
    for sort in ("number", "-total", "-updated"):
        yield f"orders --sort {sort}", lambda connection, sort=sort: lists.list_orders(connection, OrderFilter(), sort=sort, limit=_PAGE)  # type: ignore[misc]
    yield "orders, page 10,000", lambda connection: lists.list_orders(connection, OrderFilter(), limit=_PAGE, offset=_PAGE * 9_999)
    late = BankDays(settings(url).timezone).ago(now, 5)
    for name, listing, filters in (
        ("invoices", follow_up.INVOICES, {"--amount-min": FollowUpFilter(amount_min=9_900)}),
        ("transactions", follow_up.TRANSACTIONS, {"--kind refund": FollowUpFilter(words={"kind": ("refund",)})}),
        ("refunds", follow_up.REFUNDS, {"--state done": FollowUpFilter(words={"state": ("done",)})}),
        ("shipments", follow_up.SHIPMENTS, {"--late": FollowUpFilter(late_before=late, only_late=True)}),
    ):
        for what, asked in {"no filter": FollowUpFilter(late_before=late), **filters}.items():
            yield f"{name} {what}", lambda connection, listing=listing, asked=asked: listing.page(connection, asked, limit=_PAGE)  # type: ignore[misc]
            yield f"count: {name} {what}", lambda connection, listing=listing, asked=asked: listing.sums(connection, asked)  # type: ignore[misc]


def ask(database: Database, url: str, *, explain: bool, only: tuple[str, ...] = ("",)) -> None:
    """Print how long each question takes: the median of three calls, in milliseconds."""
    for what, answer in questions(url, datetime.now(UTC)):
        if not what.removeprefix("count: ").startswith(only):
            continue
        times = []
        for _ in range(_CALLS):
            with database.read() as connection, _statements(connection) as said:
                began = time.monotonic()
                answer(connection)
                times.append(time.monotonic() - began)
        print(f"{what:45} {statistics.median(times) * 1000:9.1f} ms", flush=True)
        if explain and statistics.median(times) > _SLOW_S:
            with database.read() as connection:
                statement, parameters = said[0]
                for row in connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF) {statement}", parameters):
                    print(f"      {row[0]}", flush=True)


@contextmanager
def _statements(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    said: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        said.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", listen)
    yield said
    event.remove(connection, "before_cursor_execute", listen)


def export(url: str, *arguments: str) -> None:
    """Print how fast one export is written as a whole command, and how much memory it took at most."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "hub", *arguments],
        cwd=systems.ROOT,
        env={**systems.clean_environment(), "HUB_ENV_FILE": "", "HUB_DATABASE_URL": url},
        stdout=subprocess.PIPE,
    )
    size = rows = 0
    mark = b"<Row>" if "xml" in arguments else b"\n"
    assert process.stdout is not None
    while piece := process.stdout.read(1 << 20):
        size += len(piece)
        rows += piece.count(mark)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - began
    print(
        f"hub {' '.join(arguments):40} {took:7.1f} s {rows:>9,} lines {rows / took:>9,.0f}/s {size / 1e6:7.1f} MB "
        f"peak {usage.ru_maxrss / 1024:.0f} MiB, user {usage.ru_utime:.1f} s, status {process.returncode}",
        flush=True,
    )


def write_path(postgres: PrivatePostgres) -> None:
    """Print the engine's rate with and without the indexes of the lists, in turn, each on a fresh database."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    for serial in range(_CALLS * 2):
        indexed = serial % 2 == 0
        url = _create(postgres, f"written_{serial}")
        database = Database.open(url)
        schema.upgrade(database)
        if not indexed:
            _drop_indexes(url)
        engine = Engine(database, load_adapters(), settings(url), clock=lambda: datetime.now(UTC))
        feed(engine, [placed(order_number(index), at=datetime.now(UTC)) for index in range(_WRITTEN)])
        told = [pix(order_number(index)) for index in range(_WRITTEN)]
        began = time.process_time(), time.monotonic()
        feed(engine, told)
        rates[indexed].append(_WRITTEN / (time.monotonic() - began[1]))
        database.dispose()
    for indexed, found in rates.items():
        print(
            f"captures/s {'with' if indexed else 'without'} the lists' indexes: {', '.join(f'{rate:,.0f}' for rate in found)}", flush=True
        )


def _create(postgres: PrivatePostgres, name: str) -> str:
    with psycopg.connect(postgres.database_url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return postgres.database_url(name)


def _drop_indexes(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in _INDEXES:
            connection.execute(f"DROP INDEX {name}".encode())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--explain", action="store_true", help="print the plan of what takes longer than half a second")
    chosen = parser.parse_args()
    ensure_installed()
    postgres = PrivatePostgres(durable=True, config=POSTGRES)
    try:
        postgres.start()
        url = _create(postgres, "listed")
        database = Database.open(url)
        schema.upgrade(database)
        began = time.monotonic()
        found = fill(url, database, chosen.orders)
        print(f"{found:,} orders, made in {time.monotonic() - began:.0f} s", flush=True)
        ask(database, url, explain=chosen.explain)
        for arguments in (
            ("orders", "export"),
            ("orders", "export", "--format", "xml"),
            ("transactions", "export"),
            ("shipments", "export"),
        ):
            export(url, *arguments)
        _drop_indexes(url)
        print("without the lists' indexes:", flush=True)
        ask(database, url, explain=False, only=("invoices no", "transactions no"))
        database.dispose()
        write_path(postgres)
    finally:
        postgres.close()


if __name__ == "__main__":
    main()
