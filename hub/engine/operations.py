"""What operators and the scheduler do to stored work: re-drive and discard dead letters, end facts whose order never came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, select, text, update
from sqlalchemy.engine import RowMapping

from adapters.contract import RawDelivery
from hub.domain.view import expire_at
from hub.engine import commands, rows
from hub.engine.dead_letters import insert_dead_letters, orphan_letter
from hub.engine.deliveries import COMMANDS_KEY, Delivery, Outcome
from hub.engine.engine import Engine, brief
from hub.engine.order_state import OrderState, OutboxRow
from hub.engine.outbound import redrive_request
from hub.engine.transaction import UnitOfWork
from hub.engine.verify import refold
from hub.errors import StoreUnavailable
from hub.store import bulk
from hub.store.failures import Failure, classify
from hub.store.tables import dead_letters
from schemas.commands import parse_command

EXPIRE_POLICY: Final = "policy:expire"
_WORKER_SILENCE: Final = timedelta(minutes=2)
_LOCK: Final = " FOR UPDATE OF p SKIP LOCKED"


@dataclass(frozen=True, slots=True)
class Redrive:
    """What became of one dead letter, or with a dry run would become of it. `events` are (routing key, order, message id)."""

    id: int
    outcome: str
    detail: str
    orders: tuple[str, ...] = ()
    events: tuple[tuple[str, str | None, str], ...] = ()


class _RollBack(Exception):
    """Ends a dry run; never leaves this module."""


def redrive(engine: Engine, letter_id: int, *, actor: str, dry_run: bool = False) -> Redrive:
    """Run a dead letter's stored body again, with the inbox bypassed, in one transaction (architecture D3).

    A letter that dies again stays open and counts one attempt more. A dry run does everything and rolls back.
    Raises: StoreUnavailable.
    """
    try:
        with engine.database.begin() as connection:
            letter = _locked(connection, letter_id)
            if isinstance(letter, Redrive):
                return letter
            result = _run_again(engine, connection, letter, actor)
            if dry_run:
                raise _RollBack
            return result
    except _RollBack:
        return result
    except Exception as error:
        if classify(error) is not Failure.DATA and classify(error) is not Failure.DEFECT:
            raise StoreUnavailable(f"{type(error).__name__}: {brief(error)}") from error
        if not dry_run:
            _count_attempt(engine, letter_id, f"{type(error).__name__}: {brief(error)}")
        return Redrive(letter_id, "failed", f"{type(error).__name__}: {brief(error)}")


def _locked(connection: Connection, letter_id: int) -> RowMapping | Redrive:
    statement = select(dead_letters).where(dead_letters.c.id == letter_id).with_for_update()
    letter = connection.execute(statement).mappings().first()
    if letter is None:
        return Redrive(letter_id, "not_found", "no such dead letter")
    if letter["status"] != "open":
        return Redrive(letter_id, "not_open", f"it is {letter['status']} already")
    return letter


def _run_again(engine: Engine, connection: Connection, letter: RowMapping, actor: str) -> Redrive:
    now = engine.clock()
    if letter["kind"] == "outbound_exhausted":
        refusal = redrive_request(connection, letter, now)
        if refusal is not None:
            return Redrive(letter["id"], "not_here", refusal)
        _update(connection, letter["id"], status="redriven", settled_at=now, settled_by=actor)
        return Redrive(letter["id"], "sent_again", "to hub.outbound")
    prepared = engine.preparer.prepare(delivery_of(letter), now)
    if prepared.deaths and not prepared.facts:
        cause = prepared.deaths[0].cause
        _update(connection, letter["id"], attempts=letter["attempts"] + 1, last_failed_at=now, cause=cause[:2000])
        return Redrive(letter["id"], "dead_letter", cause)
    work = UnitOfWork(connection, engine.preparer, bypass_inbox=True, redriven=True)
    (outcome,) = work.run([prepared])
    _update(connection, letter["id"], status="redriven", settled_at=now, settled_by=actor)
    return Redrive(letter["id"], outcome.kind, outcome.detail, outcome.orders, tuple(_told(event) for event in work.published))


def _told(event: OutboxRow) -> tuple[str, str | None, str]:
    return event.routing_key, event.order, event.message_id


def _update(connection: Connection, letter_id: int, **values: Any) -> None:
    connection.execute(update(dead_letters).where(dead_letters.c.id == letter_id).values(**values))


def _count_attempt(engine: Engine, letter_id: int, cause: str) -> None:
    with engine.database.begin() as connection:
        connection.execute(
            update(dead_letters)
            .where(dead_letters.c.id == letter_id, dead_letters.c.status == "open")
            .values(attempts=dead_letters.c.attempts + 1, last_failed_at=engine.clock(), cause=cause)
        )


def delivery_of(letter: RowMapping) -> Delivery:
    """Make the delivery again that a letter was."""
    properties = orjson.loads(letter["properties"])
    received_at = properties.get("received_at")
    raw = RawDelivery(
        bytes(letter["body"]),
        orjson.loads(letter["headers"]),
        datetime.fromisoformat(received_at) if received_at else letter["first_failed_at"],
        letter["routing_key"],
        properties.get("content_type"),
    )
    origin = str(letter["origin"])
    key = COMMANDS_KEY if origin == COMMANDS_KEY else (origin.removeprefix("hub.in.") if origin.startswith("hub.in.") else raw.routing_key)
    return Delivery(key, raw, queue=origin, user_id=properties.get("user_id"), message_id=properties.get("message_id"))


def discard(engine: Engine, ids: Sequence[int], *, actor: str, note: str) -> list[int]:
    """Settle open letters without running them; returns those that were open."""
    now = engine.clock()
    settled: list[int] = []
    with engine.database.begin() as connection:
        for letter_id in sorted(ids):
            found = connection.execute(
                update(dead_letters)
                .where(dead_letters.c.id == letter_id, dead_letters.c.status == "open")
                .values(status="discarded", note=note, settled_at=now, settled_by=actor)
            )
            if found.rowcount:
                settled.append(letter_id)
    return settled


def expire_parked(engine: Engine, now: datetime, *, limit: int = 500) -> int:
    """Turn parked facts past their time into dead letters `orphan_event`; returns how many.

    The time stands still while one of their references is ambiguous: two orders claim it, so it is not true that none came.
    """
    with engine.database.begin() as connection:
        lock = _LOCK if engine.database.is_postgres else ""
        statement = text(
            'SELECT p.id, p.key, p.source, p.kind, p.body, p."references", p.headers FROM parked_facts p WHERE p.expires_at <= :now '
            "AND NOT EXISTS (SELECT 1 FROM parked_references l JOIN order_references r "
            "ON r.scope = l.scope AND r.kind = l.kind AND r.value = l.value "
            f"WHERE l.parked_id = p.id AND r.order_number IS NULL AND r.claims IS NOT NULL) ORDER BY p.id LIMIT :limit{lock}"
        )
        found = connection.execute(statement, {"now": bulk.plain(connection, now), "limit": limit}).mappings().all()
        insert_dead_letters(connection, [orphan_letter(row, now) for row in found])
        rows.delete_parked(connection, [row["id"] for row in found])
    return len(found)


def money_may_lie_unread(engine: Engine, now: datetime) -> bool:
    """Tell whether a worker has a batch in hand or is in pause, or a read from a provider is open: then nothing is given up yet."""
    with engine.database.read() as connection:
        alive = bulk.plain(connection, now - _WORKER_SILENCE)
        busy = "SELECT 1 FROM workers WHERE state <> 'idle' AND seen_at > :alive LIMIT 1"
        fetching = "SELECT 1 FROM outbound_requests WHERE action = 'fetch' AND state IN ('queued', 'started') LIMIT 1"
        return (
            connection.execute(text(busy), {"alive": alive}).first() is not None or connection.execute(text(fetching)).first() is not None
        )


def timers_due(engine: Engine, now: datetime) -> bool:
    """Tell whether any timer is due."""
    with engine.database.read() as connection:
        statement = text("SELECT 1 FROM timers WHERE due_at <= :now LIMIT 1")
        return connection.execute(statement, {"now": bulk.plain(connection, now)}).first() is not None


def fire_timers(engine: Engine, now: datetime, *, limit: int = 200) -> int:
    """Give the orders up whose order.expire is due, as policy:expire; returns how many timers were settled.

    One order, one transaction, in the lock order of everyone: the order, then its timer. An order that somebody else holds is
    left for the next time. Whether the payment queues have been read is the caller's business (rules.md, Orders).
    """
    with engine.database.read() as connection:
        statement = text("SELECT order_number FROM timers WHERE kind = 'order.expire' AND due_at <= :now ORDER BY due_at LIMIT :limit")
        due = [row[0] for row in connection.execute(statement, {"now": bulk.plain(connection, now), "limit": limit})]
    return sum(_expire(engine, number, now) for number in due)


def _expire(engine: Engine, number: str, now: datetime) -> int:
    with engine.database.begin() as connection:
        found = rows.lock_orders(connection, [number], skip_locked=True)
        still = "SELECT 1 FROM timers WHERE kind = 'order.expire' AND order_number = :number AND due_at <= :now"
        parameters = {"number": number, "now": bulk.plain(connection, now)}
        if number not in found or connection.execute(text(still), parameters).first() is None:
            return 0
        connection.execute(text("DELETE FROM timers WHERE kind = 'order.expire' AND order_number = :number"), {"number": number})
        work = UnitOfWork(connection, engine.preparer)
        state = work.orders[number] = OrderState.opened(found[number], work.statuses)
        document = {"id": commands.policy_command_id(state, "order.expire"), "command": "order.expire", "order": number}
        commands.give_policy_command(work, state, parse_command(document), EXPIRE_POLICY, now)
        work.flush()
        again = None if state.view is None else expire_at(state.view, engine.preparer.shop.calendar, now)
        if again is not None and again > now:  # in review: it is looked at again each hour
            rows.write_timers(connection, [{"order_number": number, "kind": "order.expire", "due_at": again}], [])
    return 1


def purge_raw(engine: Engine, now: datetime, *, limit: int = 2000) -> int:
    """Delete raw messages whose time is up (HUB_RETAIN_RAW): they hold personal data. Returns how many."""
    with engine.database.begin() as connection:
        statement = text(
            "DELETE FROM raw_messages WHERE sha256 IN "
            "(SELECT sha256 FROM raw_messages WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)"
        )
        return connection.execute(statement, {"now": bulk.plain(connection, now), "limit": limit}).rowcount


def refold_order(engine: Engine, number: str) -> bool:
    """Fold an order's log anew and write what differs: for logs that an older fold had read. Publishes nothing; True = it differed."""
    with engine.database.begin() as connection:
        found = rows.lock_orders(connection, [number])
        if number not in found:
            return False
        work = UnitOfWork(connection, engine.preparer)
        state = work.orders[number] = OrderState.opened(found[number], work.statuses)
        return work.refold(state, refold(connection, number), engine.clock())


def outcome_counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Count outcomes by kind, for logs and summaries."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.kind] = counts.get(outcome.kind, 0) + 1
    return counts
