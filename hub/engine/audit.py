"""Who did what by hand: one row per act, with what it changed. Texts and addresses stay where erasure finds them (rules.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, and_, select
from sqlalchemy.engine import RowMapping

from hub.domain.view import View
from hub.engine.roles import User, role_of
from hub.store import bulk
from hub.store.tables import audit, order_log
from schemas.commands import Command

if TYPE_CHECKING:
    from hub.engine.transaction import UnitOfWork

_WATCHED: Final = (
    "state", "status", "base_state", "payment_state", "fulfilment_state", "fiscal_state", "hold_reasons", "captured_cents",
    "refunded_cents", "refund_pending_cents", "charged_back_cents",
)  # fmt: skip


def difference(before: View, after: View) -> tuple[dict[str, Any], dict[str, Any]]:
    """Say what of an order changed: (before, after), the same names in both."""
    names = [name for name in _WATCHED if getattr(before, name) != getattr(after, name)]
    were, are = {name: getattr(before, name) for name in names}, {name: getattr(after, name) for name in names}
    old, new = ([f"{one.kind}:{one.key}" for one in view.exceptions] for view in (before, after))
    if old != new:
        were["exceptions"], are["exceptions"] = old, new
    return were, are


def note(
    work: "UnitOfWork",
    command: Command,
    at: datetime,
    user: User,
    *,
    order: str | None = None,
    position: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write an act down. The reason of one with a log row stands there, and only there."""
    bulk.insert(
        work.connection,
        audit,
        [
            {
                "recorded_at": at,
                "command": command.name,
                "command_id": command.envelope.id,
                "order_number": order,
                "position": position,
                "actor": command.envelope.actor or user.name or "unknown",
                "authenticated_actor": user.name,
                "role": role_of(user.name, work.preparer.settings.roles),
                "reason": None if position is not None else command.envelope.reason,
                "before": orjson.dumps(dict(before or {})).decode(),
                "after": orjson.dumps(dict(after or {})).decode(),
            }
        ],
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts. `to` is exclusive; `actor` fits the name that was given, and the broker's."""

    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    order: str | None = None
    commands: Sequence[str] = ()


def acts(connection: Connection, wanted: Wanted, *, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """Read acts, the newest first."""
    joined = and_(order_log.c.order_number == audit.c.order_number, order_log.c.position == audit.c.position)
    statement = select(audit, order_log.c.body).select_from(audit.outerjoin(order_log, joined))
    if wanted.actor is not None:
        statement = statement.where((audit.c.actor == wanted.actor) | (audit.c.authenticated_actor == wanted.actor))
    if wanted.since is not None:
        statement = statement.where(audit.c.recorded_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(audit.c.recorded_at < wanted.until)
    if wanted.order is not None:
        statement = statement.where(audit.c.order_number == wanted.order)
    if wanted.commands:
        statement = statement.where(audit.c.command.in_(wanted.commands))
    statement = statement.order_by(audit.c.id.desc()).limit(limit).offset(offset)
    return [_document(row) for row in connection.execute(statement).mappings()]


def _document(row: RowMapping) -> dict[str, Any]:
    decision = orjson.loads(row["body"]) if row["body"] else {}
    return {
        "id": row["id"],
        "at": row["recorded_at"].isoformat(),
        "command": row["command"],
        "order": row["order_number"],
        "actor": row["actor"],
        "user": row["authenticated_actor"],
        "role": row["role"],
        "reason": decision.get("reason") or row["reason"],
        "before": orjson.loads(row["before"]),
        "after": orjson.loads(row["after"]),
        "entries": decision.get("entries", []),
    }


def of_order(connection: Connection, number: str) -> dict[int, dict[str, Any]]:
    """Read what the order's history shows of each act: log position -> role, before, after."""
    statement = select(audit.c.position, audit.c.role, audit.c.before, audit.c.after).where(audit.c.order_number == number)
    return {
        row[0]: {"role": row[1], "before": orjson.loads(row[2]), "after": orjson.loads(row[3])}
        for row in connection.execute(statement)
        if row[0] is not None
    }
