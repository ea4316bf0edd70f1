"""The table notices_sent: which e-mail was begun, which is done. A try is written down before it begins and after it ended.

A process that dies in between leaves `started`. Nobody can know then whether the mail went out: once the time of the try is over,
it is sent again with the same Message-ID, and `uncertain` says that a second copy may exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from hub.engine.engine import Engine
from hub.engine.notes import note
from hub.errors import StoreUnavailable
from hub.notify.rendering import TITLES
from hub.notify.request import NoticeRequest
from hub.store import bulk
from hub.store.tables import invoices, notices_sent

ACTOR: Final = "policy:notify"

STATUSES: Final = ("started", "deferred", "sent", "failed", "bounced", "skipped")
End = Literal["sent", "deferred", "failed", "skipped"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of the wish to send. `begun`: it is ours now; `busy`: another process has begun it; `over`: nothing is left to do."""

    kind: Literal["begun", "busy", "over"]
    status: str
    uncertain: int = 0


def begin(engine: Engine, request: NoticeRequest, message_id: str, *, hold_s: float) -> Claim:
    """Write down that a try begins. Raises: StoreUnavailable."""
    now = engine.clock()
    row = {
        "key": request.key,
        "order_number": request.order,
        "template": request.template,
        "message_id": message_id,
        "status": "started",
        "attempts": 0,
        "started_at": now,
        "updated_at": now,
    }

    def write(connection: Connection) -> Claim:
        bulk.insert(connection, notices_sent, [row], suffix="ON CONFLICT (key) DO NOTHING")
        statement = select(notices_sent).where(notices_sent.c.key == request.key).with_for_update()
        known = connection.execute(statement).mappings().one()
        if known["status"] not in ("started", "deferred"):
            return Claim("over", known["status"])
        if known["held_until"] is not None and known["held_until"] > now:
            return Claim("busy", known["status"])
        # Held before and not let go of: that try ended without a word.
        uncertain = known["uncertain"] + (1 if known["held_until"] is not None else 0)
        change = {
            "status": "started",
            "attempts": known["attempts"] + 1,
            "uncertain": uncertain,
            "held_until": now + timedelta(seconds=hold_s),
            "updated_at": now,
        }
        connection.execute(update(notices_sent).where(notices_sent.c.key == request.key).values(**change))
        return Claim("begun", "started", uncertain)

    return _in_transaction(engine, write)


def end(
    engine: Engine, request: NoticeRequest, status: End, detail: str | None = None, *, uncertain: bool = False, staff: str = ""
) -> None:
    """Write down how a try ended; a failure is noted on the order, in the same transaction: `staff`.

    Raises: StoreUnavailable.
    """
    now = engine.clock()

    def write(connection: Connection) -> None:
        if status == "failed":
            # First, since orders are locked before anything else (architecture D4).
            text = f'E-mail "{TITLES[request.template]}" não enviado: {staff}'
            note(engine, connection, request.order, text, actor=ACTOR, cause=f"notify:{request.key}:failed", at=now)
        change = {"status": status, "detail": detail, "held_until": None, "updated_at": now, "sent_at": now if status == "sent" else None}
        statement = update(notices_sent).where(notices_sent.c.key == request.key)
        more = {"uncertain": notices_sent.c.uncertain + 1} if uncertain else {}
        connection.execute(statement.values(**change, **more))
        if status == "sent" and request.document is not None and request.document.kind == "invoice":
            connection.execute(
                update(invoices)
                .where(invoices.c.number == request.document.id, invoices.c.order_number == request.order)
                .values(email_sent=True)
            )

    _in_transaction(engine, write)


def bounced(engine: Engine, message_id: str, detail: str) -> str | None:
    """Note that a mail came back; returns its order, None when no mail of ours has this id or it is noted already.

    Raises: StoreUnavailable.
    """
    now = engine.clock()

    def write(connection: Connection) -> str | None:
        table = notices_sent
        statement = select(table).where(table.c.message_id == message_id, table.c.status != "bounced")
        known = connection.execute(statement).mappings().first()
        if known is None:
            return None
        text = f'E-mail "{TITLES[known["template"]]}" devolvido: {detail}'
        note(engine, connection, known["order_number"], text, actor=ACTOR, cause=f"notify:{known['key']}:bounced", at=now)
        changed = connection.execute(
            update(table)
            .where(table.c.key == known["key"], table.c.status != "bounced")
            .values(status="bounced", detail=detail, held_until=None, updated_at=now)
        )
        if not changed.rowcount:
            raise _Lost
        return str(known["order_number"])

    try:
        return _in_transaction(engine, write)
    except _Lost:
        return None


def listed(connection: Connection, *, status: str | None, order: str | None, limit: int) -> list[dict[str, Any]]:
    """List e-mails, the latest first."""
    statement = select(notices_sent).order_by(notices_sent.c.updated_at.desc(), notices_sent.c.key).limit(limit)
    if status is not None:
        statement = statement.where(notices_sent.c.status == status)
    if order is not None:
        statement = statement.where(notices_sent.c.order_number == order)
    return [dict(row) for row in connection.execute(statement).mappings()]


class _Lost(Exception):
    """Another process noted the same bounce at the same time: ours is rolled back. Never leaves this module."""


def _in_transaction(engine: Engine, write: Callable[[Connection], T]) -> T:
    try:
        with engine.database.begin() as connection:
            return write(connection)
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"notices_sent: {type(error).__name__}") from error
