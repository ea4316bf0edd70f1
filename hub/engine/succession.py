"""Placing an order that another led to: the one that an edit puts in its stead, or a reorder beside it. One transaction does both."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import Connection, text

from hub.domain.decisions import Originated
from hub.domain.judge import Accepted
from hub.domain.judgement import By, Known
from hub.domain.succession import child_number
from hub.engine import rows
from hub.engine.order_state import OrderState
from hub.engine.prepare import Prepared
from hub.engine.references import ReferenceKey, claims_of
from schemas.commands import Command, EditOrder, ReorderOrder
from schemas.facts import OrderFact
from schemas.orders import PlacedOrder

if TYPE_CHECKING:
    from hub.engine.transaction import UnitOfWork

_ANNOUNCED = frozenset({"notice:order_placed"})
"""In `done` of an order that replaces another: its customer is told by the letter about the edit."""


@dataclass(frozen=True, slots=True)
class Successor:
    """The order to be placed. `kin` are the orders whose references stay theirs; `parent` only after an edit."""

    order: PlacedOrder
    kin: frozenset[str]
    parent: str | None


def successor_of(connection: Connection, prepared: Prepared, command: Command) -> Successor | None:
    """Say which order a command would place; None for other commands, and when the number would be too long for one."""
    source = command.envelope.order
    if source is None or not isinstance(command.data, EditOrder | ReorderOrder):
        return None
    line = _line_of(connection, source)
    if isinstance(command.data, ReorderOrder):
        return Successor(command.data.order, frozenset({source, *line}), None)
    form = command.data.order
    document = form.model_dump(exclude_none=True)
    document |= {"number": child_number(source, line[0] if line else None), "placed_at": form.placed_at or prepared.at}
    try:
        return Successor(PlacedOrder.model_validate(document), frozenset({source, *line}), source)
    except ValidationError:
        return None


def _line_of(connection: Connection, number: str) -> list[str]:
    """List the orders that this one replaced, the nearest first."""
    statement = text(
        "WITH RECURSIVE line(number, parent, depth) AS (SELECT number, parent, 0 FROM orders WHERE number = :number "
        "UNION ALL SELECT o.number, o.parent, line.depth + 1 FROM orders o JOIN line ON o.number = line.parent) "
        "SELECT number FROM line WHERE depth > 0 ORDER BY depth"
    )
    return [row[0] for row in connection.execute(statement, {"number": number})]


def claims(work: "UnitOfWork", successor: Successor) -> tuple[ReferenceKey, ...]:
    """Return the references that the new order names, its own number among them."""
    return claims_of(successor.order, work.preparer.adapters, work.preparer.scopes)


def known(work: "UnitOfWork", state: OrderState, successor: Successor, before: Known) -> Known:
    """Add what the rows say of the new order to what is known when the command is judged."""
    number = successor.order.number
    # What the batch was opened for may have changed under way: two edits in one batch give two numbers.
    work.load_claims(claims(work, successor), number)
    if number not in work.orders:
        for found in rows.lock_orders(work.connection, [number]).values():
            work.orders[number] = OrderState.opened(found, work.statuses)
    _, erased = rows.read_personal(work.connection, state.number)
    return replace(before, customer_erased=erased, successor=number, successor_exists=number in work.orders)


def place(work: "UnitOfWork", prepared: Prepared, command: Command, successor: Successor) -> OrderState:
    """Place the new order as the shop would have: same fact, same events, same references, but for those that its kin hold."""
    order = successor.order
    fact = OrderFact(
        kind="order.placed", event_id=command.envelope.id, provider="shop", occurred_at=order.placed_at, number=order.number, order=order
    )
    done: frozenset[str] = frozenset() if successor.parent is None else _ANNOUNCED
    return work.place_successor(fact, prepared.at, kin=successor.kin, parent=successor.parent, done=done)


def origin(command: Command, by: By) -> Accepted:
    """Say in the log of an order that replaces another where it comes from; that of a reordered one says so by its own command."""
    return Accepted(by.decide((Originated(entry="originated", how="edit", order=command.envelope.order or ""),)))


def link(connection: Connection, parent: str, child: str) -> None:
    """Make two orders name one another."""
    connection.execute(text("UPDATE orders SET parent = :parent WHERE number = :child"), {"parent": parent, "child": child})
    connection.execute(text("UPDATE orders SET child = :child WHERE number = :parent"), {"parent": parent, "child": child})
