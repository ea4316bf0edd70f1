"""Words of a provider that nobody knows yet: listing them, and applying a mapping an operator has set (rules.md, Unknown words)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from sqlalchemy import Connection, select

from hub.engine.engine import Engine
from hub.engine.prepare import MAPPED_SUFFIX, SUCCESS_KINDS, PreparedFact, mapped_fact
from hub.engine.transaction import UnitOfWork
from hub.store.tables import order_log
from schemas.facts import Fact, parse_fact

UNKNOWN_KINDS: Final = ("payment.unknown", "shipment.unknown", "fiscal.unknown")


@dataclass(frozen=True, slots=True)
class UnknownWord:
    """One word of one provider. `mapped_to` is what the settings say; `applied` counts facts that already have it."""

    provider: str
    kind: str
    word: str
    count: int
    applied: int
    first_at: datetime
    last_at: datetime
    orders: tuple[str, ...]
    mapped_to: str | None


@dataclass(frozen=True, slots=True)
class _Stored:
    order: str
    source: str
    fact: Fact
    applied: bool


def _stored(connection: Connection) -> Iterator[_Stored]:
    columns = (order_log.c.order_number, order_log.c.source, order_log.c.body)
    rows = connection.execute(select(*columns).where(order_log.c.kind.in_(UNKNOWN_KINDS)).order_by(order_log.c.id)).all()
    mapped = {
        (row[0], row[1])
        for row in connection.execute(
            select(order_log.c.order_number, order_log.c.source_event_id).where(order_log.c.source_event_id.endswith(MAPPED_SUFFIX))
        )
    }
    for number, source, body in rows:
        fact = parse_fact(orjson.loads(body))
        yield _Stored(number, source, fact, (number, fact.event_id + MAPPED_SUFFIX) in mapped)


def unknown_words(engine: Engine) -> list[UnknownWord]:
    """List the unknown words of all stored facts, the most frequent first."""
    groups: dict[tuple[str, str, str], list[_Stored]] = {}
    with engine.database.read() as connection:
        for one in _stored(connection):
            groups.setdefault((one.fact.provider, one.fact.kind, one.fact.raw_word or ""), []).append(one)
    words = [
        UnknownWord(
            provider,
            kind,
            word,
            len(found),
            sum(one.applied for one in found),
            min(one.fact.occurred_at for one in found),
            max(one.fact.occurred_at for one in found),
            tuple(dict.fromkeys(one.order for one in found))[:20],
            engine.settings.word_map(provider).get(word),
        )
        for (provider, kind, word), found in groups.items()
    ]
    return sorted(words, key=lambda one: (-one.count, one.provider, one.word))


def apply_mappings(engine: Engine, *, yes: bool = False) -> Mapping[str, int]:
    """Append the mapped fact for each stored unknown whose word the settings map; success kinds only with `yes`.

    Returns how many facts were applied, and how many success words wait for `yes`.
    """
    counts = {"applied": 0, "needs_yes": 0}
    with engine.database.read() as connection:
        found = [one for one in _stored(connection) if not one.applied]
    for one in found:
        kind = engine.settings.word_map(one.fact.provider).get(one.fact.raw_word or "")
        if kind is None:
            continue
        if kind in SUCCESS_KINDS and not yes:
            counts["needs_yes"] += 1
            continue
        item = mapped_fact(engine.preparer, one.fact, kind, one.source)
        counts["applied"] += _append(engine, one.order, item)
    return counts


def _append(engine: Engine, number: str, item: PreparedFact) -> int:
    with engine.database.begin() as connection:
        work = UnitOfWork(connection, engine.preparer)
        return int(work.append(number, item, engine.clock()))
