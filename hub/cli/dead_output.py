"""Dead letters on the terminal and as JSON."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from sqlalchemy.engine import RowMapping

from hub.cli import tables
from hub.cli.output import moment, table
from hub.engine.operations import Redrive, delivery_of
from hub.store import lists

NOT_REDRIVEN: Final = frozenset({"dead_letter", "failed", "not_found", "not_open", "not_here"})
"""Outcomes after which the letter is as it was, or dead again."""

_SHOWN_BYTES: Final = 2000


def groups(rows: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> Table:
    """Show groups of letters."""
    made = table("count", "kind", "from", "last failure", "cause", "example", right=("count", "example"))
    for row in rows:
        made.add_row(
            str(row["count"]),
            f"[red]{row['kind']}[/]",
            escape(row["origin"]),
            moment(row["last_failed_at"], zone),
            tables.short(row["cause"]),
            str(row["example"]),
        )
    return made


def whole(row: RowMapping) -> dict[str, Any]:
    """Write everything that is kept of a letter."""
    body = bytes(row["body"])
    return {
        **lists.dead_letter_document(row),
        "headers": orjson.loads(row["headers"]),
        "properties": orjson.loads(row["properties"]),
        "body_base64": base64.b64encode(body).decode(),
        "traceback": row["traceback"],
        "note": row["note"],
        "settled_at": row["settled_at"],
        "settled_by": row["settled_by"],
    }


def message(row: RowMapping) -> dict[str, Any]:
    """Write the message that a letter was, as a line that replay reads."""
    delivery = delivery_of(row)
    return {
        "key": delivery.raw.routing_key or delivery.key if delivery.key != "hub.commands" else delivery.key,
        "headers": dict(delivery.raw.headers),
        "body_base64": base64.b64encode(delivery.raw.body).decode(),
        "received_at": delivery.raw.received_at.isoformat(),
        **({"content_type": delivery.raw.content_type} if delivery.raw.content_type else {}),
    }


def show(out: Console, row: RowMapping, zone: ZoneInfo) -> None:
    """Print one letter."""
    out.print(tables.dead_letters([lists.dead_letter_document(row)], zone, title=None))
    facts = {
        "status": row["status"],
        "routing key": row["routing_key"],
        "adapter": row["adapter"],
        "order": row["order_number"],
        "first failure": moment(row["first_failed_at"], zone),
        "settled": f"{moment(row['settled_at'], zone)} by {row['settled_by']}" if row["settled_at"] else None,
        "note": row["note"],
        "sha256": row["body_sha256"],
        "properties": row["properties"] if row["properties"] != "{}" else None,
        "headers": row["headers"] if row["headers"] != "{}" else None,
    }
    for name, value in facts.items():
        if value:
            out.print(f"[bold]{name:14}[/]{escape(str(value))}", highlight=False)
    body = bytes(row["body"])
    shown = body[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    out.print(f"[bold]body[/] ({len(body)} bytes{', beginning' if len(body) > _SHOWN_BYTES else ''})")
    out.print(Syntax(shown, "json" if body.lstrip()[:1] in (b"{", b"[") else "text", word_wrap=True, background_color="default"))
    if row["traceback"]:
        out.print("[bold]traceback[/]")
        out.print(escape(row["traceback"]), highlight=False)


def redriven(result: Redrive) -> dict[str, Any]:
    """Write what became of a letter."""
    return {
        "id": result.id,
        "outcome": result.outcome,
        "detail": result.detail,
        "orders": list(result.orders),
        "events": [{"routing_key": key, "order": order, "id": event} for key, order, event in result.events],
    }


def results(rows: Iterable[Redrive], *, dry_run: bool) -> Table:
    """Show what became of letters, or would."""
    made = table("id", "outcome", "orders", "events", "detail", title="dry run: nothing was changed" if dry_run else None)
    for row in rows:
        style = "red" if row.outcome in NOT_REDRIVEN else "green"
        events = ", ".join(key for key, _, _ in row.events)
        made.add_row(
            str(row.id), f"[{style}]{row.outcome}[/]", escape(", ".join(row.orders)), tables.short(events), tables.short(row.detail)
        )
    return made
