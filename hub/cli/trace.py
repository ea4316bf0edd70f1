"""`hub trace ANYTHING`: from any word an order is known by to everything that happened to it, and why."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree
from sqlalchemy import Connection

from hub.cli import tables
from hub.cli.failures import Failure, Status
from hub.cli.options import AsJson, DatabaseUrl, opened
from hub.cli.output import console, moment, print_json
from hub.engine.order_document import exception_document
from hub.engine.timeline import describe_entry
from hub.store import lists, traces

_STATUS_CHANGED: Final = "order.status_changed."
Document = Mapping[str, Any]


def trace(
    word: Annotated[
        str,
        typer.Argument(
            metavar="ANYTHING",
            help="Order number, E2E id, txid, charge id, tracking number, NF-e key, event or command id, id of a published event, "
            "e-mail, invoice, SHA-256 of a raw message.",
        ),
    ],
    facts: Annotated[bool, typer.Option("--facts", help="Show the canonical fact or decision of each line too.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show the whole timeline of an order, found by anything: raw message, fact, change of state, published events."""
    with opened(database_url) as (settings, database), database.read() as connection:
        document = gather(connection, word.strip())
    if not any(document[name] for name in ("orders", "parked", "dead_letters", "raw_messages", "received")):
        raise Failure(f"nothing here is known by {word!r}", Status.REJECTED)
    if as_json:
        print_json(document)
    else:
        show(console(), document, settings.timezone, facts=facts)


def gather(connection: Connection, word: str) -> dict[str, Any]:
    """Read everything that a word leads to."""
    found = traces.find(connection, word)
    return {
        "query": word,
        "orders": [_order(connection, number, names) for number, names in sorted(found.orders.items())],
        "parked": [lists.parked_document(row) for row in found.parked],
        "dead_letters": [lists.dead_letter_document(row) for row in found.dead_letters],
        "raw_messages": [_raw(row) for row in found.raw_messages],
        "received": [{**row, "received_at": row["received_at"].isoformat()} for row in found.received],
    }


def _order(connection: Connection, number: str, names: list[str]) -> dict[str, Any]:
    rows = lists.list_orders(connection, lists.OrderFilter(numbers=(number,)))
    log = traces.log_rows(connection, number)
    raw = {row["sha256"]: row for row in traces.raw_rows(connection, [entry["raw_sha256"] for entry in log if entry["raw_sha256"]])}
    waiting = traces.unpublished(connection, number)
    entries: list[dict[str, Any]] = []
    status: str | None = None
    for row in log:
        entry = _entry(row, raw, waiting, status)
        status = entry["transition"]["to"] if entry["transition"] else status
        entries.append(entry)
    return {
        "number": number,
        "known_by": names,
        "status": rows[0]["status"] if rows else None,
        "state": rows[0]["state"] if rows else None,
        "label": tables.label_of(rows[0]["status"]) if rows else None,
        "exceptions": [exception_document(row) for row in lists.list_exceptions(connection, order=number)],
        "entries": entries,
    }


def _entry(row: Document, raw: Mapping[str, Document], waiting: set[str], status: str | None) -> dict[str, Any]:
    body = orjson.loads(row["body"])
    events = [
        {"sequence": sequence, "routing_key": key, "id": identity, "published": identity not in waiting}
        for sequence, key, identity in orjson.loads(row["events"])
    ]
    changes = [event["routing_key"].removeprefix(_STATUS_CHANGED) for event in events if event["routing_key"].startswith(_STATUS_CHANGED)]
    message = raw.get(row["raw_sha256"] or "")
    return {
        "position": row["position"],
        "at": row["occurred_at"].isoformat(),
        "recorded_at": row["recorded_at"].isoformat(),
        "kind": row["kind"],
        "text": describe_entry(row["kind"], body),
        "source": row["source"],
        "event_id": row["source_event_id"],
        "actor": row["actor"],
        "authenticated_actor": row["authenticated_actor"],
        "raw": (_raw(message) if message else {"sha256": row["raw_sha256"], "kept": False}) if row["raw_sha256"] else None,
        "transition": {"from": status, "to": changes[-1]} if changes else None,
        "events": events,
        "body": body,
    }


def _raw(row: Document) -> dict[str, Any]:
    return {
        "sha256": row["sha256"],
        "kept": True,
        "key": row["key"],
        "received_at": row["received_at"].isoformat(),
        "expires_at": row["expires_at"].isoformat() if row["expires_at"] else None,
        "size": row["size"],
        "headers": orjson.loads(row["headers"]),
    }


def show(out: Console, document: Document, zone: ZoneInfo, *, facts: bool = False) -> None:
    """Print what a word leads to."""
    for order in document["orders"]:
        out.print(_tree(order, zone, facts=facts))
        if order["exceptions"]:
            out.print(tables.exceptions(order["exceptions"], zone, title="Exceções abertas"))
    if document["parked"]:
        out.print(tables.parked(document["parked"], zone))
    if document["dead_letters"]:
        out.print(tables.dead_letters(document["dead_letters"], zone, title="Dead letters"))
    for raw in document["raw_messages"]:
        out.print(f"raw message {_raw_text(raw, zone)}", highlight=False)
    if not document["orders"]:
        for row in document["received"]:
            out.print(f"{row['source']} received {moment(row['received_at'], zone)}, and no order changed by it", highlight=False)


def _tree(order: Document, zone: ZoneInfo, *, facts: bool) -> Tree:
    label = f"  {tables.styled_label(order)}" if order["status"] else ""
    known = f"  [dim]{', '.join(order['known_by'])}[/]"
    tree = Tree(f"[bold]Pedido {escape(order['number'])}[/]{label}{known}", guide_style="dim")
    for entry in order["entries"]:
        branch = tree.add(f"[bold]{moment(entry['at'], zone)}[/]  {escape(entry['text'])}", highlight=False)
        actor = entry["actor"] or ""
        if entry["authenticated_actor"] and entry["authenticated_actor"] != actor:
            actor += f" ({entry['authenticated_actor']})"
        origin = f"{entry['source']}, {entry['kind']}, {entry['event_id']}" + (f", por {actor}" if actor else "")
        branch.add(f"[dim]origem[/]    {escape(origin)}")
        if entry["raw"]:
            branch.add(f"[dim]mensagem[/]  {escape(_raw_text(entry['raw'], zone))}")
        if facts:
            branch.add(f"[dim]fato[/]      {escape(orjson.dumps(entry['body']).decode())}")
        if entry["transition"]:
            before = entry["transition"]["from"]
            steps = (f"{tables.label_of(before)} → " if before else "") + tables.label_of(entry["transition"]["to"])
            branch.add(f"[dim]situação[/]  [bold]{escape(steps)}[/]")
        for event in entry["events"]:
            state = "" if event["published"] else "  [yellow]ainda não publicado[/]"
            branch.add(f"[dim]evento[/]    #{event['sequence']} {escape(event['routing_key'])}  [dim]{event['id']}[/]{state}")
    return tree


def _raw_text(raw: Document, zone: ZoneInfo) -> str:
    if not raw["kept"]:
        return f"{raw['sha256'][:12]}, no longer kept"
    return f"{raw['sha256'][:12]}, {raw['key']}, {raw['size']} bytes, recebida {moment(raw['received_at'], zone)}"
