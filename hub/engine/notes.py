"""What the hub itself notes on an order for staff: an `order.comment` of its own, which is on the timeline and tells nobody else."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from hub.engine import commands, rows
from hub.engine.engine import Engine
from hub.engine.order_state import OrderState, message_id_of
from hub.engine.transaction import UnitOfWork
from schemas.commands import parse_command

_TEXT_LIMIT: Final = 1000


def note(engine: Engine, connection: Connection, number: str, text: str, *, actor: str, cause: str, at: datetime) -> bool:
    """Comment on an order in the caller's transaction, before it locks anything else; False when there is no such order.

    `actor` begins with `policy:`. `cause` names what happened, so that a transaction tried again gives the comment the same id.
    """
    found = rows.lock_orders(connection, [number])
    if number not in found:
        return False
    work = UnitOfWork(connection, engine.preparer)
    state = work.orders[number] = OrderState.opened(found[number])
    data = {"text": text[:_TEXT_LIMIT], "notify": False, "visible": False}
    document = {"id": message_id_of(f"note:{cause}"), "command": "order.comment", "order": number, "data": data}
    commands.give_policy_command(work, state, parse_command(document), actor, at)
    work.flush()
    return True
