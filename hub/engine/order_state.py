"""One order inside one transaction: its ledgers, its computed view, and the rows that its changes have produced so far."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import orjson

from hub.domain.effects import Effects, EventDraft
from hub.domain.ledger import FOLD_VERSION, Ledger, dump, load
from hub.domain.view import View, view
from hub.engine.rows import OrderRow

_EVENT_NAMESPACE: Final = UUID("8f8a1c0e-2f4e-5b7d-9c3a-6d1e0b5f4a21").bytes
SHARDS: Final = 16
_STATUS_CHANGED: Final = "order.status_changed."
_NOTICE: Final = "notification.requested."


def event_id(order: str, sequence: int) -> str:
    """Give the id of an order's n-th event: the same whatever the batch size, and after a refold."""
    return message_id_of(f"{order}:{sequence}")


def message_id_of(name: str) -> str:
    """Derive a message id from what names the message, so that a second telling has the same.

    This is str(uuid5(namespace, name)) (RFC 9562, 5.5), written out: the standard library's objects cost four times as much, and
    every event needs one.
    """
    digest = sha1(_EVENT_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def shard_of(order: str | None, message_id: str) -> int:
    """Give the outbox shard: all events of an order share one, so that one relay at a time publishes them."""
    return crc32((order or message_id).encode()) % SHARDS


@dataclass(slots=True)
class OutboxRow:
    """An event before it is written; the recipient of a notice is filled in just before, from order_personal."""

    order: str | None
    message_id: str
    routing_key: str
    body: dict[str, Any]
    created_at: datetime

    @property
    def wants_recipient(self) -> bool:
        """Only notices carry an address."""
        return self.routing_key.startswith(_NOTICE)


@dataclass(slots=True)
class OrderState:
    """The order row, opened."""

    number: str
    ledger: Ledger
    dumped: str
    done: frozenset[str]
    version: int = 0
    sequence: int = 0
    status_sequence: int = 0
    customer_id: str | None = None
    historical: bool = False
    fold_version: int = FOLD_VERSION
    exists: bool = False
    dirty: bool = False
    updated_at: datetime | None = None
    view: View | None = None
    first_view: View | None = None
    placed: dict[str, Any] = field(default_factory=dict)
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    resolved: list[dict[str, Any]] = field(default_factory=list)
    entries: set[str] = field(default_factory=set)
    conflicts: set[str] = field(default_factory=set)

    @classmethod
    def new(cls, number: str) -> "OrderState":
        """Open an order that has no row yet."""
        return cls(number, Ledger.empty(number), "", frozenset())

    @classmethod
    def opened(cls, row: OrderRow) -> "OrderState":
        """Open an order from its locked row."""
        ledger = load(row.ledger)
        now = view(ledger)
        return cls(
            row.number,
            ledger,
            row.ledger,
            frozenset(orjson.loads(row.done)),
            row.version,
            row.sequence,
            row.status_sequence,
            row.customer_id,
            row.historical,
            row.fold_version,
            exists=True,
            view=now,
            first_view=now,
        )

    def advance(self, at: datetime) -> int:
        """Take the next position in the order's log."""
        self.version += 1
        self.dirty, self.updated_at = True, at
        return self.version

    def refresh(self) -> bool:
        """Write the ledger out after a fold; say whether it changed."""
        dumped = dump(self.ledger)
        changed = dumped != self.dumped
        self.dumped = dumped
        return changed

    def publish(self, effects: Effects, recorded_at: datetime, *, quiet: bool) -> Iterator[OutboxRow]:
        """Number the events of one log row. `quiet` leaves out customer notices but keeps them marked as done."""
        self.done = effects.done
        for draft in effects.events:
            if quiet and draft.routing_key.startswith(_NOTICE):
                continue
            yield self.number_event(draft, recorded_at)

    def number_event(self, draft: EventDraft, recorded_at: datetime) -> OutboxRow:
        """Give an event its place in the order's sequences, and its id."""
        self.sequence += 1
        body: dict[str, Any] = {"order": self.number, "sequence": self.sequence}
        if draft.routing_key.startswith(_STATUS_CHANGED):
            self.status_sequence += 1
            body["status_sequence"] = self.status_sequence
        body.update(draft.body)
        if self.customer_id is not None:
            body.setdefault("customer_id", self.customer_id)
        body["occurred_at"] = instant_text(draft.occurred_at)
        body["recorded_at"] = instant_text(recorded_at)
        return OutboxRow(self.number, event_id(self.number, self.sequence), draft.routing_key, body, recorded_at)

    def columns(self, at: datetime) -> dict[str, Any]:
        """Return the order row as it must be written. Raises: ValueError before anything was placed."""
        now = self.view
        if now is None:
            raise ValueError(f"order {self.number} has no view")
        return {
            "number": self.number,
            "ledger": self.dumped,
            "done": orjson.dumps(sorted(self.done)).decode(),
            "version": self.version,
            "sequence": self.sequence,
            "status_sequence": self.status_sequence,
            "fold_version": FOLD_VERSION,
            "state": now.state,
            "status": now.status,
            "base_state": now.base_state,
            "payment_state": now.payment_state,
            "fulfilment_state": now.fulfilment_state,
            "fiscal_state": now.fiscal_state,
            "total_cents": now.total_cents,
            "due_cents": now.due_cents,
            "captured_cents": now.captured_cents,
            "refunded_cents": now.refunded_cents,
            "charged_back_cents": now.charged_back_cents,
            "updated_at": at,
        }


def instant_text(value: datetime) -> str:
    """Write an instant as the published messages do: ISO 8601 with offset, microseconds only where there are any."""
    return value.isoformat()
