"""What a customer notice says and no ledger holds: recipient, names, what stands beside tracks, how to pay. Read when it is published."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, text

from hub.domain.notices import Instructed, instructed, instructions_for
from hub.domain.view import View
from hub.engine import rows
from hub.engine.order_state import OutboxRow
from hub.store import bulk
from schemas.facts import parse_fact

_TELLS_HOW_TO_PAY: Final = ("order.placed", "payment.created", "payment.pending")


def complete(connection: Connection, outbox: Iterable[OutboxRow], views: Mapping[str, View]) -> None:
    """Add to the notices among these events what stands beside the order; all rows of this transaction are written by now."""
    notices = [(row.order, row) for row in outbox if row.wants_recipient and row.order is not None]
    if not notices:
        return
    people = _people(connection, {number for number, _ in notices})
    named = _item_names(connection, {number for number, row in notices if row.body["context"].get("items")})
    for number, row in notices:
        context = row.body["context"]
        person = people.get(number, _NOBODY)
        row.body["recipient"] = person.email
        if person.name:
            context["customer_name"] = person.name
        if person.delivery and row.body["template"] == "order_placed":
            context["delivery"] = person.delivery
        for item in context.get("items", ()):
            if title := named.get(number, {}).get(item["sku"]):
                item["name"] = title
        if "tracks" in context:
            _describe_tracks(connection, number, context["tracks"])
        if number in views:
            _say_how_to_pay(connection, views[number], row)


class _Person(NamedTuple):
    """To whom a notice goes, and what was chosen for delivery."""

    email: str | None
    name: str | None
    delivery: dict[str, str]


_NOBODY: Final = _Person(None, None, {})


def _people(connection: Connection, numbers: Iterable[str]) -> dict[str, _Person]:
    source, parameters = bulk.keys(connection, number=sorted(numbers))
    statement = text(
        f"SELECT o.number, p.email, p.name, o.shipping_carrier, o.shipping_service FROM {source} "
        "JOIN orders o ON o.number = k.number LEFT JOIN order_personal p ON p.order_number = k.number"
    )
    return {
        row[0]: _Person(row[1], row[2], {name: value for name, value in (("carrier", row[3]), ("service", row[4])) if value})
        for row in connection.execute(statement, parameters)
    }


def _item_names(connection: Connection, numbers: Iterable[str]) -> dict[str, dict[str, str]]:
    wanted = sorted(numbers)
    if not wanted:
        return {}
    source, parameters = bulk.keys(connection, number=wanted)
    statement = text(
        f"SELECT i.order_number, i.sku, i.name FROM {source} JOIN order_items i ON i.order_number = k.number ORDER BY i.line DESC"
    )
    named: dict[str, dict[str, str]] = {}
    for number, sku, name in connection.execute(statement, parameters):
        named.setdefault(number, {})[sku] = name
    return named


def _describe_tracks(connection: Connection, number: str, tracks: Sequence[dict[str, Any]]) -> None:
    known = rows.read_track_texts(connection, number) if tracks else {}
    for track in tracks:
        for name, value in known.get(track["number"], {}).items():
            track.setdefault(name, value)


def _say_how_to_pay(connection: Connection, now: View, row: OutboxRow) -> None:
    """Look up in the log what the cause itself does not say: a notice sent again, one that a hold deferred, a code that came earlier."""
    context = row.body["context"]
    payments = [context] if row.body["template"] == "payment_instructions" else context.get("payments", ())
    if row.body["template"] == "order_placed" and row.body["cause"]["kind"] == "order.placed":
        return
    attempts = {attempt.id: attempt for attempt in now.attempts if attempt.state in ("created", "pending")}
    missing = [one for one in payments if "instructions" not in one and one["payment"] in attempts]
    if not missing:
        return
    told = _told(connection, now.number)
    for payment in missing:
        if instructions := instructions_for(now, attempts[payment["payment"]], told):
            payment["instructions"] = instructions


def _told(connection: Connection, number: str) -> list[Instructed]:
    kinds = ", ".join(f"'{kind}'" for kind in _TELLS_HOW_TO_PAY)
    statement = text(f"SELECT body FROM order_log WHERE order_number = :number AND kind IN ({kinds}) ORDER BY position")
    found = [body for (body,) in connection.execute(statement, {"number": number}) if '"instructions"' in body]
    return [one for body in found for one in instructed(parse_fact(orjson.loads(body)))]
