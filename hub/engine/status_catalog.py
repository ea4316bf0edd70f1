"""The status commands: change the catalogue, and let the orders that showed what is gone show the next (architecture D7, I21)."""

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection

from hub.domain.decisions import Decision
from hub.domain.effects import Cause
from hub.domain.judgement import NoOp, Rejected
from hub.domain.labels import BUILT_IN, Statuses
from hub.domain.statuses import StatusRow, change, from_rows, rows_of
from hub.domain.view import view
from hub.engine import rows
from hub.engine.deliveries import COMMANDS_KEY
from hub.engine.order_state import OrderState, message_id_of
from hub.store import status_rows
from schemas.commands import Command

if TYPE_CHECKING:
    from datetime import datetime

    from hub.engine.transaction import UnitOfWork

FAMILY: Final = "status."
_CHUNK: Final = 200
_MOST: Final = 100_000
"""So many orders in the states concerned are looked at in one transaction; a shop that has more does this in a quiet hour of its own."""


def load(connection: Connection) -> Statuses:
    """Read the shop's statuses."""
    found = status_rows.read(connection)
    if not found:
        return BUILT_IN
    return from_rows({row["code"]: StatusRow(**row, built_in=False) for row in found})


def documents(statuses: Statuses) -> list[dict[str, Any]]:
    """Show the statuses as listings and replies do."""
    return [
        {"code": one.code, "label": one.label, "states": list(one.states), "default_of": list(one.default_of), "built_in": one.built_in}
        for one in rows_of(statuses)
    ]


def document_of(statuses: Statuses, command: Command) -> dict[str, Any] | None:
    """Show the status that a command names; None when there is none of that code."""
    code = getattr(command.data, "code", "")
    return next((one for one in documents(statuses) if one["code"] == code), None)


def carry_out(work: "UnitOfWork", command: Command, at: "datetime", actor: str, user: str | None) -> NoOp | Rejected | dict[str, Any]:
    """Judge and apply one status command. Returns the reply's message and result when it was accepted."""
    code: str = getattr(command.data, "code", "")
    work.flush()
    in_use = status_rows.shown(work.connection, code)
    changed = change(work.statuses, command.data, in_use=in_use)
    if isinstance(changed, NoOp | Rejected):
        return changed
    shown_anew = 0
    if changed.states:
        states = sorted(changed.states)
        # A status of the shop's own is shown by orders for which somebody chose it; a built-in one by any that are so far.
        mentioned = code if changed.shown is None and code not in BUILT_IN.labels else None
        found = status_rows.orders_in(work.connection, states, shown=changed.shown, mentioned=mentioned, limit=_MOST + 1)
        if len(found) > _MOST:
            return Rejected("status_in_use", f"more than {_MOST} orders in {', '.join(states)} would have to be looked at")
        before, work.statuses = work.statuses, changed.statuses
        shown_anew = _show_anew(work, found, before, command, at, actor, user)
    work.statuses = changed.statuses
    status_rows.replace_all(work.connection, documents(changed.statuses))
    # Whoever comes later in the batch must not work with what was opened before.
    for number, row in rows.lock_orders(work.connection, list(work.orders)).items():
        work.orders[number] = OrderState.opened(row, work.statuses)
    return {"message": changed.message, "result": {"status": document_of(changed.statuses, command), "orders": shown_anew}}


def _show_anew(
    work: "UnitOfWork", numbers: list[str], before: Statuses, command: Command, at: "datetime", actor: str, user: str | None
) -> int:
    """Tell the world of every order that shows another status now. Each gets a log row, as for any other change."""
    done = 0
    decision = Decision(kind=command.name, command_id=command.envelope.id, at=at, actor=actor, reason=command.envelope.reason)
    body = orjson.dumps(decision.model_dump(mode="json", exclude_none=True), option=orjson.OPT_SORT_KEYS).decode()
    for start in range(0, len(numbers), _CHUNK):
        for number, row in rows.lock_orders(work.connection, numbers[start : start + _CHUNK]).items():
            state = OrderState.opened(row, before)
            was, now = state.view, view(state.ledger, work.statuses)
            if was is None or was.status == now.status:
                work.orders.pop(number, None)
                continue
            done += 1
            work.orders[number], state.view = state, now
            position = state.advance(at)
            cause = Cause(command.name, COMMANDS_KEY, command.envelope.id, at, actor, decision)
            events = work.publish(state, was, now, cause, at)
            work.log(
                state,
                position,
                kind=command.name,
                source=COMMANDS_KEY,
                source_event_id=command.envelope.id,
                entry_key=message_id_of(f"{COMMANDS_KEY}:{command.key}:{number}").replace("-", ""),
                occurred_at=at,
                at=at,
                body=body,
                events=events,
                actor=actor,
                authenticated_actor=user,
            )
        work.flush()
    return done
