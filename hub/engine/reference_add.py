"""reference.add: a person says which order a reference means; what waits under it is applied, and its conflict is settled."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from hub.engine.order_state import OrderState
from hub.engine.prepare import Prepared
from hub.engine.references import ReferenceKey, own_key
from schemas.commands import AddReference

if TYPE_CHECKING:
    from hub.engine.transaction import UnitOfWork


def keys_of(connection: Connection, form: AddReference) -> tuple[ReferenceKey, ...]:
    """Return the rows that a reference.add means: its scope, or every scope in which the value is parked or ambiguous."""
    if form.scope is not None:
        return (own_key(form.scope, form.kind, form.value),)
    value = own_key("", form.kind, form.value).value
    statement = text(
        "SELECT scope FROM order_references WHERE kind = :kind AND value = :value AND order_number IS NULL "
        "UNION SELECT scope FROM parked_references WHERE kind = :kind AND value = :value"
    )
    found = connection.execute(statement, {"kind": form.kind, "value": value})
    return tuple(sorted(ReferenceKey(row[0], form.kind, value) for row in found))


def add_reference(work: "UnitOfWork", prepared: Prepared, state: OrderState, keys: Iterable[ReferenceKey]) -> dict[str, object]:
    """Give the references to the order, apply what waits under them, close the conflicts they had opened. Returns the reply's result."""
    bound: list[str] = []
    settled: set[str] = set()
    released = 0
    for key in keys:
        freed = work.assign_reference(key, state, prepared.at)
        released += len(freed)
        bound.append(":".join(key))
        settled.add(":".join(key))
        # A fact that named two orders had opened its conflict under its own first reference.
        settled.update(":".join(item.lookup.keys[0]) for item in freed if item.lookup.keys)
    work.settle_conflicts(settled, prepared.at)
    return {"references": bound, "released": released}
