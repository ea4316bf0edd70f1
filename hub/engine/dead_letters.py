"""Dead letters as rows: what could not be read or applied, kept with everything needed to run it again."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping

from hub.engine.deliveries import COMMANDS_KEY, Delivery
from hub.engine.headers import kept_headers
from hub.engine.prepare import CANONICAL_HEADER, Death, Prepared
from hub.store import bulk, tables

_CAUSE_LIMIT: Final = 2000


def dead_letter_row(prepared: Prepared, death: Death, at: datetime) -> dict[str, Any]:
    """Describe a delivery, or a part of it, that died in the engine."""
    delivery = prepared.delivery
    adapter = prepared.adapter.name if prepared.adapter is not None else None
    row = letter(delivery, kind=death.kind, cause=death.cause, body=death.body, adapter=adapter, trace=death.traceback, at=at)
    if death.headers:
        row["headers"] = orjson.dumps(kept_headers({**delivery.raw.headers, **death.headers})).decode()
    return row


def letter(
    delivery: Delivery,
    *,
    kind: str,
    cause: str,
    body: bytes,
    adapter: str | None,
    at: datetime,
    trace: str | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    """Build a dead_letters row. An open letter of the same origin, kind and body is counted, not doubled."""
    origin = delivery.queue or origin_of(delivery.key)
    digest = hashlib.sha256(body).hexdigest()
    properties = {
        name: value
        for name, value in (
            ("user_id", delivery.user_id),
            ("reply_to", delivery.reply_to),
            ("correlation_id", delivery.correlation_id),
            ("message_id", delivery.message_id),
            ("content_type", delivery.raw.content_type),
            ("received_at", delivery.raw.received_at.isoformat()),
        )
        if value is not None
    }
    return {
        "dedupe_key": hashlib.sha256(f"{origin}\n{kind}\n{digest}".encode()).hexdigest(),
        "kind": kind,
        "cause": _storable(cause)[:_CAUSE_LIMIT],
        "origin": origin,
        "routing_key": delivery.raw.routing_key or delivery.key,
        "adapter": adapter,
        "order_number": order,
        "attempts": 1,
        "first_failed_at": at,
        "last_failed_at": at,
        "body_sha256": digest,
        "body": body,
        "headers": orjson.dumps(kept_headers(delivery.raw.headers)).decode(),
        "properties": orjson.dumps({name: _storable(str(value)) for name, value in properties.items()}).decode(),
        "traceback": _storable(trace) if trace is not None else None,
        "status": "open",
    }


def orphan_letter(row: Mapping[str, Any] | RowMapping, at: datetime) -> dict[str, Any]:
    """Describe a parked fact whose order never came: its body is the canonical fact, its source a header."""
    headers = {**(orjson.loads(row["headers"]) if row["headers"] else {}), CANONICAL_HEADER: row["source"]}
    body = str(row["body"]).encode()
    digest = hashlib.sha256(body).hexdigest()
    origin = origin_of(row["key"])
    names = ", ".join(":".join(item) for item in orjson.loads(row["references"])[:6])
    return {
        "dedupe_key": hashlib.sha256(f"{origin}\norphan_event\n{digest}".encode()).hexdigest(),
        "kind": "orphan_event",
        "cause": f"{row['kind']}: no order came for {names or 'a fact without references'}"[:_CAUSE_LIMIT],
        "origin": origin,
        "routing_key": row["key"],
        "adapter": row["source"],
        "order_number": None,
        "attempts": 1,
        "first_failed_at": at,
        "last_failed_at": at,
        "body_sha256": digest,
        "body": body,
        "headers": orjson.dumps(headers).decode(),
        "properties": "{}",
        "traceback": None,
        "status": "open",
    }


def origin_of(key: str) -> str:
    """Give the queue of an inbound key."""
    return key if key == COMMANDS_KEY else f"hub.in.{'.'.join(key.split('.')[:2])}"


def insert_dead_letters(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write letters. The same letter twice in one batch is two attempts of one letter, as it is over two batches."""
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = merged.get(row["dedupe_key"])
        if known is None:
            merged[row["dedupe_key"]] = dict(row)
        else:
            known["attempts"] += 1
            known["last_failed_at"] = row["last_failed_at"]
    bulk.insert(
        connection,
        tables.dead_letters,
        [merged[key] for key in sorted(merged)],
        suffix=(
            "ON CONFLICT (dedupe_key) WHERE status = 'open' DO UPDATE SET attempts = dead_letters.attempts + excluded.attempts, "
            "last_failed_at = excluded.last_failed_at, cause = excluded.cause"
        ),
    )


def _storable(value: str) -> str:
    return value.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
