"""Work for providers, as transactions: take a request in hand, apply its answer, put it off, give it up (architecture D9).

The row of outbound_requests is the truth; the message on hub.outbound only says that there is one. `started` is committed before
the call, and the answer's facts are applied in the transaction that sets the row done. Locks are taken in everyone's order: an
answer locks its orders first and its row last, and takes everything back if the row was settled by somebody else meanwhile.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import uniform
from typing import Any, Final, Literal, TypeVar

import orjson
from sqlalchemy import Connection, select, text, update
from sqlalchemy.engine import RowMapping

from adapters.contract import (
    Adapter,
    Call,
    Done,
    Facts,
    Failed,
    Fetch,
    HttpResponse,
    Idempotency,
    Ignored,
    OutboundAction,
    RawDelivery,
)  # fmt: skip
from hub import faults
from hub.domain.decisions import Decision, RefundDone, RefundFailed
from hub.engine.commands import record_outcome
from hub.engine.dead_letters import insert_dead_letters
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine, brief
from hub.engine.prepare import InboxKey
from hub.engine.transaction import UnitOfWork, work_message
from hub.errors import StoreUnavailable
from hub.store import bulk, tables
from hub.store.failures import Failure, classify
from schemas.facts import PaymentFact
from schemas.references import Reference

T = TypeVar("T")

FETCH: Final = "fetch"
UNKNOWN: Final = "outbound_unknown"
_CONFLICT_TRIES: Final = 5
_STRANDED_AFTER: Final = timedelta(hours=8)
"""Longer than the longest rung of the ladder: by then a message would have come back."""
_MEMORY_MARGIN: Final = timedelta(minutes=30)
"""A provider's key memory is trusted so much shorter than declared: its clock is not ours."""

_requests: Final = tables.outbound_requests


@dataclass(frozen=True, slots=True)
class Work:
    """One request in hand: a Fetch, or a Call that moves money.

    `refund`, `payment`: the refund and its part that a Call is for. `first`: the provider cannot know of it yet. `ask`: find out what
    became of it before it is made again.
    """

    id: int
    adapter: Adapter
    action: str
    order: str | None
    fetch: Fetch | None = None
    call: Call | None = None
    first: bool = False
    ask: bool = False
    refund: str | None = None
    payment: str | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """Another gateway has it in hand, perhaps; look again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """It was begun and nobody can say whether it was done: a person decides."""

    work: Work


class _Stale(Exception):
    """Somebody else settled the request; takes the transaction back, never leaves this module."""


def claim(engine: Engine, request_id: int, *, lease_s: float) -> Work | Busy | Unanswerable | None:
    """Take a request in hand and say so in the database; None = nothing is left to do. Raises: StoreUnavailable.

    What is only queued is begun. What has been begun is never simply repeated: a read is safe, a key is remembered for a while, an
    id of ours for ever; after that the provider is asked, and who can't be asked leaves it to a person.
    """

    def take(connection: Connection) -> Work | Busy | Unanswerable | None:
        now = engine.clock()
        row = _locked(connection, request_id)
        if row is None or row["state"] not in ("queued", "started"):
            return None
        adapter = engine.adapters.get(row["adapter"])
        if adapter is None:
            return None  # its adapter was taken out; the row stays for when it is back
        leased = row["leased_until"]
        if leased is not None and leased > now and row["action"] != FETCH:
            return Busy((leased - now).total_seconds())
        work = replace(_work(row, adapter), first=row["state"] == "queued")
        if row["state"] == "started" and work.call is not None:
            idempotency, has_query = _rule(adapter, work)
            if not _remembered(idempotency, row["started_at"], now):
                if not has_query:
                    return Unanswerable(work)
                work = replace(work, ask=True)
        faults.reach("gateway_before_started")
        values: dict[str, Any] = {
            "state": "started",
            "attempts": row["attempts"] + 1,
            "leased_until": now + timedelta(seconds=lease_s),
            "updated_at": now,
        }
        if row["state"] == "queued" or row["started_at"] is None:
            values["started_at"] = now
        _set(connection, request_id, **values)
        return work

    found = _transaction(engine, take)
    if isinstance(found, Work):
        faults.reach("gateway_after_started")
    return found


def _locked(connection: Connection, request_id: int) -> RowMapping | None:
    return connection.execute(select(_requests).where(_requests.c.id == request_id).with_for_update()).mappings().first()


def _set(connection: Connection, request_id: int, *, state: str | None = None, **values: Any) -> bool:
    """Write a request's row; `state` given = its new one. Returns whether it was there."""
    if state is not None:
        values["state"] = state
    return bool(connection.execute(update(_requests).where(_requests.c.id == request_id).values(**values)).rowcount)


def _work(row: RowMapping, adapter: Adapter) -> Work:
    parameters = orjson.loads(row["parameters"])
    if row["action"] == FETCH:
        resource, _, resource_id = row["request_key"].partition(":")
        return Work(row["id"], adapter, FETCH, row["order_number"], fetch=Fetch(resource, resource_id, parameters))
    key = parameters["payment_key"]
    action: OutboundAction = row["action"]
    call = Call(
        action,
        Reference(kind=key["kind"], value=key["value"]),
        row["request_key"],
        parameters.get("amount_cents"),
        parameters.get("told_cents", 0),
    )
    refund, payment = parameters.get("refund"), parameters.get("payment")
    return Work(row["id"], adapter, action, row["order_number"], call=call, refund=refund, payment=payment)


def _rule(adapter: Adapter, work: Work) -> tuple[Idempotency, bool]:
    assert work.call is not None
    operation = None if adapter.outbound is None else adapter.outbound.operations.get(work.call.action)
    if operation is None:
        return Idempotency("none"), False
    return operation.idempotency, operation.query is not None


def _remembered(idempotency: Idempotency, started_at: datetime | None, now: datetime) -> bool:
    """Say whether the provider takes a repeat for the request that it knows."""
    match idempotency.mode:
        case "safe" | "by_id":
            return True
        case "key":
            memory = timedelta(hours=idempotency.ttl_hours or 0) - _MEMORY_MARGIN
            return started_at is not None and now - started_at < memory
        case _:
            return False


# -- what became of it -----------------------------------------------------------------------------------------------------------


def apply_answer(
    engine: Engine, work: Work, response: HttpResponse, translation: Facts | Ignored | Fetch, *, at: datetime | None = None
) -> bool:
    """Apply what a provider's answer says and settle its request, in one transaction; False = somebody else has settled it.

    The answer is a delivery like any other: its bytes are kept, its bad parts become dead letters, facts of unknown orders wait, and a
    Fetch in it is a request of its own. `at`: the time that a replay takes for now. Raises: StoreUnavailable.
    """
    now = at or engine.clock()
    raw = RawDelivery(response.body, {}, now, work.adapter.name, response.headers.get("content-type"))
    prepared = engine.preparer.translated(Delivery(work.adapter.name, raw), work.adapter, translation, now)
    if prepared.facts:
        prepared.inbox = InboxKey(work.adapter.name, f"outbound:{work.id}", hashlib.sha256(response.body).hexdigest())

    def settle(connection: Connection) -> bool:
        UnitOfWork(connection, engine.preparer).run([prepared])
        if not _settle_row(connection, work.id, "done", now):
            raise _Stale
        faults.reach("gateway_before_commit")
        return True

    try:
        done = _transaction(engine, settle)
    except _Stale:
        return False
    faults.reach("gateway_after_commit")
    return done


def _settle_row(connection: Connection, request_id: int, state: str, at: datetime, error: str | None = None) -> bool:
    statement = update(_requests).where(_requests.c.id == request_id, _requests.c.state == "started")
    return bool(connection.execute(statement.values(state=state, updated_at=at, leased_until=None, error=error)).rowcount)


def put_off(engine: Engine, work: Work, cause: str, *, nothing_moved: bool = False) -> None:
    """Note why a try came to nothing and let go of the request; its message climbs the ladder. Raises: StoreUnavailable.

    `nothing_moved`: the provider cannot know of it, so that the next try is the first again. A read is never set back: a notice that
    came meanwhile has queued a successor, and there is only one in the queue.
    """
    now = engine.clock()
    back = {"state": "queued", "started_at": None} if nothing_moved and work.first and work.fetch is None else {}

    def write(connection: Connection) -> None:
        statement = update(_requests).where(_requests.c.id == work.id, _requests.c.state == "started")
        connection.execute(statement.values(error=cause[:500], leased_until=None, updated_at=now, **back))

    _transaction(engine, write)


def begin_again(engine: Engine, work: Work) -> Work:
    """Begin a request anew of which the provider has said that it knows nothing. Raises: StoreUnavailable."""
    now = engine.clock()
    _transaction(engine, lambda connection: _set(connection, work.id, started_at=now, updated_at=now))
    faults.reach("gateway_after_started")
    return replace(work, first=True, ask=False)


def settle_call(engine: Engine, work: Work, answer: Facts | Done | Failed, response: HttpResponse) -> str | None:
    """Apply what became of a Call and settle its request, in one transaction. Raises: StoreUnavailable.

    Returns None, or why the answer does not say whether the money moves: then nothing was written.
    """
    assert work.call is not None
    now = engine.clock()
    end = _end_of(work.call, answer)
    if end is None:
        return "the answer tells of no such movement"

    def settle(connection: Connection) -> bool:
        unit = UnitOfWork(connection, engine.preparer)
        if isinstance(answer, Facts):
            raw = RawDelivery(response.body, {}, now, work.adapter.name, response.headers.get("content-type"))
            prepared = engine.preparer.translated(Delivery(work.adapter.name, raw), work.adapter, answer, now)
            prepared.inbox = InboxKey(work.adapter.name, f"outbound:{work.id}", hashlib.sha256(response.body).hexdigest())
            unit.run([prepared])
        if work.refund is not None and end != "pending":
            _end_refund(unit, work, end, "hub", now)
        error = answer.reason if isinstance(answer, Failed) else None
        if error is not None and work.refund is None:
            row = connection.execute(select(_requests).where(_requests.c.id == work.id)).mappings().one()
            insert_dead_letters(connection, [_exhausted(row, error, row["attempts"], now)])
        if not _settle_row(connection, work.id, "failed" if end == "failed" else "done", now, error):
            raise _Stale
        faults.reach("gateway_before_commit")
        return True

    with contextlib.suppress(_Stale):
        _transaction(engine, settle)
        faults.reach("gateway_after_commit")
    return None


_End = Literal["done", "failed", "pending"]


def _end_of(call: Call, answer: Facts | Done | Failed) -> _End | None:
    """Say what an answer means for the request; None: nothing at all, and that must not be guessed at.

    A movement under way is known by its kind, one that is done by a figure that this request is among: its own, or a cumulative one.
    """
    match answer:
        case Done():
            return "done"
        case Failed():
            return "failed"
    facts = {fact.kind: fact for fact in answer.facts if isinstance(fact, PaymentFact)}
    if call.action == "void":
        if facts.keys() & {"payment.voided", "payment.failed", "payment.expired", "payment.refunded"}:
            # Captured meanwhile, it was given back: that is what the order needs to hear.
            return "done"
        return (
            "pending" if facts.keys() & {"payment.pending", "payment.in_review", "payment.authorized", "payment.refund_pending"} else None
        )
    if "payment.refund_pending" in facts:
        return "pending"
    if "payment.refund_failed" in facts:
        return "failed"
    told = facts.get("payment.refunded")
    if told is None:
        return None
    enough = told.cumulative_cents is None or told.cumulative_cents >= call.told_cents + (call.amount_cents or 0)
    return "done" if enough else None


def _end_refund(unit: UnitOfWork, work: Work, end: Literal["done", "failed"], actor: str, at: datetime) -> None:
    """Write the end of a refund's part into its order."""
    assert work.order is not None and work.refund is not None
    state = unit.order(work.order)
    entry: RefundDone | RefundFailed
    if end == "done":
        entry = RefundDone(entry="refund_done", refund=work.refund, payment=work.payment)
    else:
        entry = RefundFailed(entry="refund_failed", refund=work.refund, payment=work.payment)
    decision = Decision(kind=f"refund.{end}", command_id=f"outbound:{work.id}", at=at, actor=actor, entries=(entry,))
    record_outcome(unit, state, decision)
    unit.flush()


def give_up(engine: Engine, request_id: int, cause: str, *, attempts: int = 1) -> None:
    """End a request that no further try will help. Raises: StoreUnavailable.

    A read becomes a dead letter `outbound_exhausted`. A call that was never begun has failed; what has been begun and cannot be told is
    the exception `outbound_unknown`, for a person.
    """
    now = engine.clock()

    def write(connection: Connection) -> None:
        row = connection.execute(select(_requests).where(_requests.c.id == request_id)).mappings().first()
        if row is None or row["state"] not in ("queued", "started"):
            return
        adapter = engine.adapters.get(row["adapter"])
        work = None if adapter is None or row["action"] == FETCH else _work(row, adapter)
        unit = UnitOfWork(connection, engine.preparer)
        if work is None or work.order is None:
            insert_dead_letters(connection, [_exhausted(row, cause, attempts, now)])
            state = "failed"
        elif row["state"] == "queued":
            if work.refund is not None:
                _end_refund(unit, work, "failed", "hub", now)
            state = "failed"
        else:
            _open_unknown(unit, work, cause, now)
            state = "unknown"
        statement = update(_requests).where(_requests.c.id == request_id, _requests.c.state == row["state"])
        if not connection.execute(statement.values(state=state, error=cause[:500], leased_until=None, updated_at=now)).rowcount:
            raise _Stale

    with contextlib.suppress(_Stale):
        _transaction(engine, write)


def leave_to_person(engine: Engine, request_id: int, cause: str) -> None:
    """Open `outbound_unknown` for a call that was begun and of which nobody can say what became. Raises: StoreUnavailable."""
    give_up(engine, request_id, cause)


def _open_unknown(unit: UnitOfWork, work: Work, cause: str, at: datetime) -> None:
    assert work.call is not None and work.order is not None
    detail: dict[str, Any] = {
        "request": work.id,
        "adapter": work.adapter.name,
        "action": work.action,
        "payment": work.payment,
        "cause": cause[:300],
    }
    if work.refund is not None:
        detail |= {"refund": work.refund, "amount_cents": work.call.amount_cents}
    unit.open_own_exception(unit.order(work.order), UNKNOWN, f"outbound:{work.id}", detail, ("exception.resolve",), at)
    unit.flush()


def _exhausted(row: RowMapping, cause: str, attempts: int, at: datetime) -> dict[str, Any]:
    """Describe the letter; its body is the message that a re-drive sends again."""
    body = orjson.dumps(work_message(row["id"], row["adapter"], row["action"], "", at).body)
    origin = f"hub.out.{row['adapter']}"
    digest = hashlib.sha256(body).hexdigest()
    return {
        "dedupe_key": hashlib.sha256(f"{origin}\noutbound_exhausted\n{digest}".encode()).hexdigest(),
        "kind": "outbound_exhausted",
        "cause": f"{row['action']} {row['request_key']}: {cause}"[:2000],
        "origin": origin,
        "routing_key": f"{row['adapter']}.{row['action']}",
        "adapter": row["adapter"],
        "order_number": row["order_number"],
        "attempts": attempts,
        "first_failed_at": at,
        "last_failed_at": at,
        "body_sha256": digest,
        "body": body,
        "headers": "{}",
        "properties": "{}",
        "traceback": None,
        "status": "open",
    }


# -- messages --------------------------------------------------------------------------------------------------------------------


def request_of(body: bytes) -> int | None:
    """Read which row a message is about; None when it is none of ours."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    number = document.get("request") if isinstance(document, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**63 else None


def send_again(connection: Connection, rows: Sequence[RowMapping], at: datetime) -> None:
    """Put messages for rows into the outbox."""
    messages = [work_message(row["id"], row["adapter"], row["action"], f"outbound:{row['id']}:{at.isoformat()}", at) for row in rows]
    UnitOfWork.write_outbox(connection, messages)


def redrive_request(connection: Connection, letter: RowMapping, at: datetime) -> str | None:
    """Send the request of a letter `outbound_exhausted` to hub.outbound again; None, or why that can't be.

    A read that has a successor in the queue already is not queued twice: the successor reads the same.
    """
    number = request_of(bytes(letter["body"]))
    row = None if number is None else _locked(connection, number)
    if row is None or row["state"] != "failed":
        return "its request is not there any more, or was settled otherwise"
    if row["action"] == FETCH:
        queued = select(_requests.c.id).where(
            _requests.c.adapter == row["adapter"],
            _requests.c.request_key == row["request_key"],
            _requests.c.action == FETCH,
            _requests.c.state == "queued",
        )
        if connection.execute(queued).first() is not None:
            return None
    _set(connection, row["id"], state="queued", attempts=0, started_at=None, leased_until=None, updated_at=at)
    send_again(connection, [row], at)
    return None


def wake_stranded(engine: Engine, *, limit: int = 200) -> int:
    """Send messages for requests whose own was lost with its broker; returns how many. Raises: StoreUnavailable.

    Reads, and what has been begun. A refund that was never begun is left to a person: its row may come out of a replay.
    """
    now = engine.clock()

    def write(connection: Connection) -> int:
        lock = " FOR UPDATE SKIP LOCKED" if engine.database.is_postgres else ""
        statement = text(
            "SELECT id, adapter, action FROM outbound_requests WHERE updated_at < :old AND "
            f"(state = 'started' OR (state = 'queued' AND action = '{FETCH}')) ORDER BY id LIMIT :limit{lock}"
        )
        parameters = {"old": bulk.plain(connection, now - _STRANDED_AFTER), "limit": limit}
        found = [row for row in connection.execute(statement, parameters).mappings() if row["adapter"] in engine.adapters]
        for row in found:
            _set(connection, row["id"], updated_at=now)
        send_again(connection, found, now)
        return len(found)

    return _transaction(engine, write)


def _transaction(engine: Engine, function: Callable[[Connection], T]) -> T:
    """Run a transaction; conflicts are tried again. Raises: StoreUnavailable, and what is no trouble of the database's."""
    conflicts = 0
    while True:
        try:
            with engine.database.begin() as connection:
                return function(connection)
        except Exception as error:
            failure = classify(error)
            if failure in (Failure.CONFLICT, Failure.TIMEOUT) and (conflicts := conflicts + 1) < _CONFLICT_TRIES:
                time.sleep(uniform(0.002, 0.01) * 2**conflicts)
                continue
            if failure in (Failure.DATA, Failure.DEFECT):
                raise
            raise StoreUnavailable(f"{type(error).__name__}: {brief(error)}") from error
