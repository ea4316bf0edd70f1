"""Finding everything that has to do with a word: order number, reference, event id, message id, e-mail, hash of a raw message."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from hub.store.lists import rows
from hub.store.tables import (
    dead_letters,
    fiscal_documents,
    inbox,
    invoices,
    order_log,
    order_personal,
    order_references,
    orders,
    outbox,
    parked_facts,
    parked_references,
    raw_messages,
    shipment_tracks,
)

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_PRINTED: Final = re.compile(r"(?:NFE)?([0-9]{6}[0-9A-Z]{12}[0-9]{26})|([A-Z]{2}[0-9]{9}[A-Z]{2})")
_MANY: Final = 50


@dataclass(slots=True)
class Found:
    """What a word leads to. `orders`: number -> as what the word is known there."""

    orders: dict[str, list[str]] = field(default_factory=dict)
    parked: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    raw_messages: list[dict[str, Any]] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)

    def add(self, numbers: Iterable[str | None], name: str) -> None:
        """Note orders under a name for the word."""
        for number in numbers:
            if number is not None and name not in self.orders.setdefault(number, []):
                self.orders[number].append(name)


def spellings(word: str) -> list[str]:
    """Give the word, and as it stands in the tables what papers and labels print in groups: an NF-e key, a number of the post.

    Nothing else is changed: where a blank or a dash belongs to the word, another word could be somebody else's.
    """
    match = _PRINTED.fullmatch(re.sub(r"[\s.-]", "", word).upper())
    plain = (match[1] or match[2]) if match else word
    return list(dict.fromkeys((word, plain)))


def find(connection: Connection, word: str) -> Found:
    """Look a word up everywhere. At most 50 orders of one customer."""
    found = Found()
    words = spellings(word)
    found.add(_column(connection, select(orders.c.number).where(orders.c.number == word)), "order number")
    _find_references(connection, word, found)
    found.add(_column(connection, select(order_log.c.order_number).where(order_log.c.source_event_id == word).distinct()), "event id")
    found.add(_column(connection, select(invoices.c.order_number).where(invoices.c.number == word)), "invoice")
    found.add(_column(connection, select(fiscal_documents.c.order_number).where(fiscal_documents.c.access_key.in_(words))), "access_key")
    tracked = select(shipment_tracks.c.order_number)
    found.add(_column(connection, tracked.where(shipment_tracks.c.number.in_(words)).distinct()), "tracking")
    found.add(_column(connection, select(orders.c.number).where(orders.c.customer_id == word).limit(_MANY)), "customer id")
    if "@" in word:
        email = func.lower(order_personal.c.email) == word.lower()
        found.add(_column(connection, select(order_personal.c.order_number).where(email).limit(_MANY)), "e-mail")
    if _UUID.fullmatch(word):
        _find_event(connection, word.lower(), found)
    if _SHA256.fullmatch(word):
        _find_raw(connection, word.lower(), found)
    _find_unapplied(connection, word, found)
    return found


def _column(connection: Connection, statement: Select[Any]) -> list[Any]:
    return [row[0] for row in connection.execute(statement)]


def _find_references(connection: Connection, word: str, found: Found) -> None:
    values = [order_references.c.value.in_(spellings(word))]
    if match := re.fullmatch(r"(?:(\d{3}):)?0*(\d+)", word):
        # A nosso_numero stands in the table without left zeros, behind its bank or `*`.
        bank, digits = match[1], match[2]
        if bank is not None:
            values.append(order_references.c.value.in_((f"{bank}:{digits}", f"*:{digits}")))
        else:
            values.append(order_references.c.value.like(f"%:{digits}"))
    statement = select(order_references.c.kind, order_references.c.order_number, order_references.c.claims).where(or_(*values))
    for kind, number, claims in connection.execute(statement):
        if kind != "order_number":
            found.add([number, *(orjson.loads(claims) if claims else [])], kind)


def _find_event(connection: Connection, word: str, found: Found) -> None:
    """Find the order of a published event. Its id stands in the row that published it, and nowhere by itself."""
    found.add(_column(connection, select(outbox.c.order_number).where(outbox.c.message_id == word)), "message id")
    if not found.orders:
        found.add(_column(connection, select(order_log.c.order_number).where(order_log.c.events.contains(word))), "message id")


def _find_raw(connection: Connection, word: str, found: Found) -> None:
    # The row's own hash is of key and body, so that a body that came under two keys is two rows; people have the body's.
    keys = _column(connection, select(raw_messages.c.key).distinct())
    hashes = [word, *(hashlib.sha256(f"{key}\n{word}".encode()).hexdigest() for key in keys)]
    found.raw_messages = raw_rows(connection, hashes)
    found.add(_column(connection, select(order_log.c.order_number).where(order_log.c.raw_sha256.in_(hashes)).distinct()), "raw message")


def _find_unapplied(connection: Connection, word: str, found: Found) -> None:
    waiting = select(parked_references.c.parked_id).where(parked_references.c.value.in_(spellings(word)))
    event = parked_facts.c.body.contains(f'"event_id":{orjson.dumps(word).decode()}', autoescape=True)
    found.parked = rows(connection, select(parked_facts).where(or_(parked_facts.c.id.in_(waiting), event)).order_by(parked_facts.c.id))
    wanted: list[ColumnElement[bool]] = [dead_letters.c.cause.contains(word, autoescape=True), dead_letters.c.body_sha256 == word.lower()]
    numbers = [word, *found.orders]
    wanted.append(dead_letters.c.order_number.in_(numbers))
    columns = [column for column in dead_letters.columns if column.name not in ("body", "traceback")]
    found.dead_letters = rows(connection, select(*columns).where(or_(*wanted)).order_by(dead_letters.c.id).limit(_MANY))
    found.received = rows(
        connection,
        select(inbox.c.source, inbox.c.event_id, inbox.c.body_sha256, inbox.c.received_at)
        .where(inbox.c.event_id == word)
        .order_by(inbox.c.received_at),
    )


def raw_rows(connection: Connection, hashes: Sequence[str]) -> list[dict[str, Any]]:
    """Read what is known of raw messages, without their bodies."""
    columns = (raw_messages.c.sha256, raw_messages.c.key, raw_messages.c.received_at, raw_messages.c.expires_at, raw_messages.c.headers)
    statement = select(*columns, func.length(raw_messages.c.body).label("size")).where(raw_messages.c.sha256.in_(sorted(set(hashes))))
    return rows(connection, statement.order_by(raw_messages.c.received_at, raw_messages.c.sha256))


def log_rows(connection: Connection, number: str) -> list[dict[str, Any]]:
    """Read an order's log."""
    return rows(connection, select(order_log).where(order_log.c.order_number == number).order_by(order_log.c.position))


def unpublished(connection: Connection, number: str) -> set[str]:
    """Read the ids of an order's events that still wait in the outbox; all others are confirmed."""
    return set(_column(connection, select(outbox.c.message_id).where(outbox.c.order_number == number)))
