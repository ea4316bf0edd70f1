"""`hub verify`: fold every log again and compare; look for gaps, repeats and events that nobody will ever see (architecture D2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection, select, text

from hub.domain.decisions import parse_decision
from hub.domain.fold import apply_decision, apply_fact
from hub.domain.labels import Statuses
from hub.domain.ledger import FOLD_VERSION, Ledger, dump
from hub.domain.view import view
from hub.engine import status_catalog
from hub.engine.deliveries import COMMANDS_KEY
from hub.engine.order_state import event_id
from hub.store.database import Database
from hub.store.tables import order_log, orders
from schemas.facts import FACT_KINDS, parse_fact

_FACTS = frozenset(FACT_KINDS)
_COMPARED = (
    "state",
    "status",
    "base_state",
    "payment_state",
    "fulfilment_state",
    "fiscal_state",
    "due_cents",
    "captured_cents",
    "refunded_cents",
    "charged_back_cents",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    order: str
    kind: str
    detail: str


@dataclass(slots=True)
class Verification:
    """The result of a run over all orders."""

    orders: int = 0
    entries: int = 0
    events: int = 0
    unpublished: int = 0
    parked: int = 0
    findings: list[Finding] = field(default_factory=list)


def refold(connection: Connection, number: str) -> Ledger:
    """Fold an order's log from empty, as the engine did step by step."""
    ledger = Ledger.empty(number)
    statement = select(order_log.c.kind, order_log.c.source, order_log.c.body).where(order_log.c.order_number == number)
    for kind, source, body in connection.execute(statement.order_by(order_log.c.position)):
        document = orjson.loads(body)
        if kind in _FACTS and source != COMMANDS_KEY:
            apply_fact(ledger, parse_fact(document), source)
        elif source == COMMANDS_KEY:
            apply_decision(ledger, parse_decision(document))
    return ledger


def verify(database: Database, *, on_order: Callable[[int, int], None] = lambda _done, _total: None) -> Verification:
    """Check every order. Reads only; a running hub may go on, each order is read in one statement's snapshot.

    `on_order` is told how many orders are checked, of how many.
    """
    result = Verification()
    with database.read() as connection:
        if database.is_postgres:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        result.unpublished = int(connection.execute(text("SELECT count(*) FROM outbox")).scalar_one())
        result.parked = int(connection.execute(text("SELECT count(*) FROM parked_facts")).scalar_one())
        statuses = status_catalog.load(connection)
        numbers = [row[0] for row in connection.execute(select(orders.c.number).order_by(orders.c.number))]
        for number in numbers:
            result.orders += 1
            result.findings.extend(_check(connection, number, statuses, result))
            on_order(result.orders, len(numbers))
        result.findings.extend(_stranded(connection))
    return result


def _check(connection: Connection, number: str, statuses: Statuses, result: Verification) -> Iterator[Finding]:
    row = connection.execute(select(orders).where(orders.c.number == number)).mappings().one()
    ledger = refold(connection, number)
    if dump(ledger) != row["ledger"]:
        kind = "refold" if row["fold_version"] != FOLD_VERSION else "ledger"
        yield Finding(number, kind, "the fold of the log gives another ledger")
    now = view(ledger, statuses)
    for name in _COMPARED:
        if row[name] != getattr(now, name):
            yield Finding(number, "state", f"{name} is {row[name]!r}, the fold gives {getattr(now, name)!r}")
    entries = connection.execute(
        select(order_log.c.position, order_log.c.entry_key, order_log.c.events)
        .where(order_log.c.order_number == number)
        .order_by(order_log.c.position)
    ).all()
    result.entries += len(entries)
    if [entry[0] for entry in entries] != list(range(1, row["version"] + 1)):
        yield Finding(number, "log", f"positions are not 1..{row['version']}")
    if len({entry[1] for entry in entries}) != len(entries):
        yield Finding(number, "log", "an entry is there twice")
    published = [event for entry in entries for event in orjson.loads(entry[2])]
    result.events += len(published)
    if [event[0] for event in published] != list(range(1, row["sequence"] + 1)):
        yield Finding(number, "events", f"sequences are not 1..{row['sequence']} without gaps")
    if any(event[2] != event_id(number, event[0]) for event in published):
        yield Finding(number, "events", "an event has another id than its order and sequence give")
    changes = sum(1 for event in published if event[1].startswith("order.status_changed."))
    if changes != row["status_sequence"]:
        yield Finding(number, "events", f"{changes} status changes, the order counts {row['status_sequence']}")
    open_rows = {
        (kind, key)
        for kind, key in connection.execute(
            text("SELECT kind, key FROM exceptions WHERE order_number = :number AND resolved_at IS NULL"), {"number": number}
        )
        if kind not in ("reference_conflict", "outbound_unknown")  # of these no ledger knows
    }
    computed = {(one.kind, one.key) for one in now.exceptions}
    if open_rows != computed:
        yield Finding(number, "exceptions", f"open {sorted(open_rows)}, the fold gives {sorted(computed)}")


def _stranded(connection: Connection) -> Iterator[Finding]:
    """Find facts that stay parked although one of their references has its order, which no transaction may leave behind."""
    statement = text(
        "SELECT l.parked_id, min(r.order_number) FROM parked_references l JOIN order_references r "
        "ON r.scope = l.scope AND r.kind = l.kind AND r.value = l.value WHERE r.order_number IS NOT NULL "
        "GROUP BY l.parked_id HAVING count(DISTINCT r.order_number) = 1"
    )
    for parked_id, number in connection.execute(statement):
        yield Finding(number, "parked", f"parked fact {parked_id} belongs to this order and was not applied")
