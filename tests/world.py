"""Running the engine in tests: the real adapters and stores, a clock that stands where the test puts it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from typing import Any, Final

import orjson
from sqlalchemy import text

from adapters.contract import ENTRY_POINT_GROUP, Adapter, RawDelivery
from hub.config import Settings
from hub.engine.deliveries import Delivery, Outcome
from hub.engine.engine import Engine
from hub.store import schema
from hub.store.database import Database
from tests.traffic import Message

NOW: Final = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NEVER_EXPIRE: Final = timedelta(days=3650)
"""The traffic of the tests lies in the past: no timer may cancel its unpaid orders in the middle of a proof."""

_opened: Final[list[Engine]] = []


def registered() -> dict[str, Adapter]:
    """Load every registered adapter."""
    adapters = [entry.load() for entry in entry_points(group=ENTRY_POINT_GROUP)]
    return {adapter.name: adapter for adapter in adapters}


def settings(**values: Any) -> Settings:
    """Build settings from values alone, whatever the environment and .env say."""
    return Settings(_env_file=None, **{"policy_expire_settle": NEVER_EXPIRE, **values})


def open_engine(url: str, *, now: datetime = NOW, **values: Any) -> Engine:
    """Open an engine on a database, which gets the schema if it has none."""
    database = Database.open(url)
    if schema.current(database) is None:
        schema.upgrade(database)
    engine = Engine(database, registered(), settings(**values), clock=lambda: now)
    _opened.append(engine)
    return engine


def close_engines() -> None:
    """Close what open_engine has opened; a fixture calls it after each test."""
    while _opened:
        _opened.pop().database.dispose()


def delivery(message: Message, *, at: datetime | None = None, headers: dict[str, object] | None = None) -> Delivery:
    """Deliver one raw message."""
    return Delivery(message.key, RawDelivery(message.body, headers or {}, at or NOW, message.key), at=at)


def command(
    name: str, order: str | None = None, *, id: str, user: str | None = None, data: dict[str, Any] | None = None, **envelope: Any
) -> Delivery:
    """Deliver one command, with a reply queue."""
    document = {"id": id, "command": name, **envelope}
    if order is not None:
        document["order"] = order
    if data is not None:
        document["data"] = data
    raw = RawDelivery(orjson.dumps(document), {}, NOW, name)
    return Delivery("hub.commands", raw, user_id=user, reply_to="reply.test", correlation_id=id)


def feed(engine: Engine, deliveries: Iterable[Delivery | Message], *, cap: int = 256) -> list[Outcome]:
    """Process deliveries in batches of at most `cap`."""
    pending = [one if isinstance(one, Delivery) else delivery(one) for one in deliveries]
    outcomes: list[Outcome] = []
    for start in range(0, len(pending), cap):
        outcomes.extend(engine.process(pending[start : start + cap]))
    return outcomes


def query(engine: Engine, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Read rows."""
    with engine.database.read() as connection:
        return [tuple(row) for row in connection.execute(text(statement), parameters)]


def ledgers(engine: Engine) -> dict[str, str]:
    """Read every order's ledger."""
    return {row[0]: row[1] for row in query(engine, "SELECT number, ledger FROM orders")}


def open_exceptions(engine: Engine) -> set[tuple[str, str, str]]:
    """Read open exceptions as (order, kind, key)."""
    return {(row[0], row[1], row[2]) for row in query(engine, "SELECT order_number, kind, key FROM exceptions WHERE resolved_at IS NULL")}


def published(engine: Engine) -> list[dict[str, Any]]:
    """Read what waits in the outbox, by order and sequence; what belongs to no order comes last."""
    found = [
        {"order": row[0], "routing_key": row[1], "message_id": row[2], "body": orjson.loads(row[3])}
        for row in query(engine, "SELECT order_number, routing_key, message_id, body FROM outbox ORDER BY id")
    ]
    return sorted(found, key=lambda one: (one["order"] or "~", one["body"].get("sequence", 0)))


def states(engine: Engine) -> dict[str, tuple[str, str]]:
    """Read (state, payment_state) of every order."""
    return {row[0]: (row[1], row[2]) for row in query(engine, "SELECT number, state, payment_state FROM orders")}


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    """Name the outcomes."""
    return [outcome.kind for outcome in outcomes]
