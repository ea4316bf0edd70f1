"""`hub dead`: messages that could not be read or applied, and what to do about them."""

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from pydantic import ValidationError
from rich.markup import escape
from sqlalchemy.engine import RowMapping

from hub.bootstrap import build_engine
from hub.cli import dead_output, tables
from hub.cli.failures import Failure, Status
from hub.cli.identity import direct_user
from hub.cli.options import AsJson, DatabaseUrl, Limit, Page, day_begins, day_ends, opened, parse_day
from hub.cli.output import console, errors, print_json, progress
from hub.config import Settings
from hub.engine import operations
from hub.engine.roles import User, may_command
from hub.store import lists
from schemas.commands import DeadLetterFilter
from schemas.vocabulary import DeadLetterKind, DeadLetterStatus

app: Final = typer.Typer(help="Dead letters: what could not be read or applied.", no_args_is_help=True)

Kind = Annotated[DeadLetterKind | None, typer.Option("--kind", help="Only of this kind.")]
Cause = Annotated[str | None, typer.Option("--cause", metavar="TEXT", help="The cause holds this text.")]
Origin = Annotated[str | None, typer.Option("--origin", metavar="QUEUE", help="From this queue, as hub.in.payments.pix.")]
RoutingKey = Annotated[str | None, typer.Option("--routing-key", metavar="KEY", help="Came with this routing key.")]
AdapterName = Annotated[str | None, typer.Option("--adapter", metavar="NAME", help="Read by this adapter.")]
Order = Annotated[str | None, typer.Option("--order", metavar="NUMBER", help="Known to be of this order.")]
State = Annotated[DeadLetterStatus | None, typer.Option("--status", help="open, redriven or discarded.", show_default="open")]
From = Annotated[date | None, typer.Option("--from", metavar="DAY", parser=parse_day, help="Last failure on this day or later.")]
To = Annotated[date | None, typer.Option("--to", metavar="DAY", parser=parse_day, help="Last failure on this day or before.")]
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]", help="Ids of dead letters; without any, give a filter.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do everything, show what came of it, and take it back.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _filter(
    settings: Settings,
    *,
    kind: str | None,
    cause: str | None,
    origin: str | None,
    routing_key: str | None,
    adapter: str | None,
    order: str | None,
    status: str | None,
    since: date | None,
    until: date | None,
) -> DeadLetterFilter | None:
    fields: Mapping[str, Any] = {
        "kind": kind,
        "cause": cause,
        "origin": origin,
        "routing_key": routing_key,
        "adapter": adapter,
        "order": order,
        "status": status,
        "failed_from": day_begins(since, settings.timezone) if since else None,
        "failed_to": day_ends(until, settings.timezone) if until else None,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        return None
    try:
        return DeadLetterFilter.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        raise Failure(f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}") from error


@app.command("list")
def list_(
    kind: Kind = None,
    cause: Cause = None,
    origin: Origin = None,
    routing_key: RoutingKey = None,
    adapter: AdapterName = None,
    order: Order = None,
    status: State = None,
    since: From = None,
    until: To = None,
    limit: Limit = 50,
    page: Page = 1,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List dead letters, the oldest first."""
    with opened(database_url) as (settings, database), database.read() as connection:
        wanted = _filter(
            settings, kind=kind, cause=cause, origin=origin, routing_key=routing_key, adapter=adapter, order=order, status=status,
            since=since, until=until,
        )  # fmt: skip
        rows = lists.list_dead_letters(connection, wanted, limit=limit, offset=(page - 1) * limit)
        documents = [lists.dead_letter_document(row) for row in rows]
        if as_json:
            print_json(documents)
        elif documents:
            console().print(tables.dead_letters(documents, settings.timezone, title=None))
        else:
            console().print("no dead letters")


@app.command()
def groups(
    kind: Kind = None,
    cause: Cause = None,
    origin: Origin = None,
    routing_key: RoutingKey = None,
    adapter: AdapterName = None,
    order: Order = None,
    status: State = None,
    since: From = None,
    until: To = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Group dead letters by kind, queue and cause: one mistake of a provider is one line, however often it came."""
    with opened(database_url) as (settings, database), database.read() as connection:
        wanted = _filter(
            settings, kind=kind, cause=cause, origin=origin, routing_key=routing_key, adapter=adapter, order=order, status=status,
            since=since, until=until,
        )  # fmt: skip
        rows = lists.dead_letter_groups(connection, wanted)
        if as_json:
            print_json(rows)
        else:
            console().print(dead_output.groups(rows, settings.timezone))


@app.command()
def show(
    letter: Annotated[int, typer.Argument(metavar="ID", help="The dead letter's id.")],
    body: Annotated[bool, typer.Option("--body", help="Write the body, byte for byte and nothing else, to standard output.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show one dead letter: why it died, its headers, the beginning of its body, the traceback. It may name a person."""
    with opened(database_url) as (settings, database), database.read() as connection:
        row = lists.dead_letter_by_id(connection, letter)
        if row is None:
            raise Failure(f"there is no dead letter {letter}", Status.REJECTED)
        if body:
            sys.stdout.buffer.write(bytes(row["body"]))
        elif as_json:
            print_json(dead_output.whole(row))
        else:
            dead_output.show(console(), row, settings.timezone)


def _chosen(ids: Sequence[int] | None, wanted: DeadLetterFilter | None, connection: Any) -> list[int]:
    """Find the letters that are meant: by id, or by a filter that says something."""
    if ids and wanted is not None:
        raise Failure("give either ids or a filter")
    if not ids and wanted is None:
        raise Failure("give ids or a filter; --status open means all that are open")
    return list(dict.fromkeys(ids or ())) or lists.dead_letter_ids(connection, wanted)


def _authorize(command: str, settings: Settings) -> str:
    """Check the role of whoever sits here; return the name for the log. Raises: Failure."""
    user = direct_user()
    refusal = may_command(User(user), command, None, settings)
    if refusal is not None:
        raise Failure(f"forbidden: {refusal} ({user})", Status.REJECTED)
    return user


@app.command()
def redrive(
    ids: Ids = None,
    kind: Kind = None,
    cause: Cause = None,
    origin: Origin = None,
    routing_key: RoutingKey = None,
    adapter: AdapterName = None,
    order: Order = None,
    status: State = None,
    since: From = None,
    until: To = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Run dead letters again, each in a transaction of its own on the database. One that dies again stays open."""
    with opened(database_url) as (settings, database):
        actor = _authorize("dead.redrive", settings)
        wanted = _filter(
            settings, kind=kind, cause=cause, origin=origin, routing_key=routing_key, adapter=adapter, order=order, status=status,
            since=since, until=until,
        )  # fmt: skip
        with database.read() as connection:
            chosen = _chosen(ids, wanted, connection)
        engine = build_engine(database, settings)
        results: list[operations.Redrive] = []
        with progress("dry run" if dry_run else "redrive", len(chosen)) as bar:
            for letter in chosen:
                results.append(operations.redrive(engine, letter, actor=actor, dry_run=dry_run))
                bar.advance(bar.tasks[0].id)
    if as_json:
        print_json([dead_output.redriven(result) for result in results])
    else:
        console().print(dead_output.results(results, dry_run=dry_run))
    if any(result.outcome in dead_output.NOT_REDRIVEN for result in results):
        raise typer.Exit(Status.REJECTED)


@app.command()
def discard(
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept with the letters.")],
    ids: Ids = None,
    kind: Kind = None,
    cause: Cause = None,
    origin: Origin = None,
    routing_key: RoutingKey = None,
    adapter: AdapterName = None,
    order: Order = None,
    since: From = None,
    until: To = None,
    yes: Yes = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Settle dead letters without running them."""
    if not note.strip():
        raise Failure("--note must say why")
    with opened(database_url) as (settings, database):
        actor = _authorize("dead.discard", settings)
        wanted = _filter(
            settings, kind=kind, cause=cause, origin=origin, routing_key=routing_key, adapter=adapter, order=order, status=None,
            since=since, until=until,
        )  # fmt: skip
        with database.read() as connection:
            chosen = _chosen(ids, wanted, connection)
        if not ids and not yes:
            if not sys.stdin.isatty():
                raise Failure(f"confirmation_required: the filter fits {len(chosen)} letters; give --yes", Status.REJECTED)
            typer.confirm(f"Discard {len(chosen)} dead letters?", abort=True, err=True)
        settled = operations.discard(build_engine(database, settings), chosen, actor=actor, note=note.strip())
    if as_json:
        print_json({"discarded": settled, "not_open": sorted(set(chosen) - set(settled))})
    else:
        console().print(
            f"{len(settled)} discarded" + (f", {len(chosen) - len(settled)} were not open" if len(settled) < len(chosen) else "")
        )
    if len(settled) < len(chosen):
        raise typer.Exit(Status.REJECTED)


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="NDJSON file to write, which hub replay reads; - is standard output.")],
    ids: Ids = None,
    kind: Kind = None,
    cause: Cause = None,
    origin: Origin = None,
    routing_key: RoutingKey = None,
    adapter: AdapterName = None,
    order: Order = None,
    status: State = None,
    since: From = None,
    until: To = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write dead letters as the messages they were, one NDJSON line each: for a test case, or to be mended and replayed."""
    with opened(database_url) as (settings, database), database.read() as connection:
        wanted = _filter(
            settings, kind=kind, cause=cause, origin=origin, routing_key=routing_key, adapter=adapter, order=order, status=status,
            since=since, until=until,
        )  # fmt: skip
        chosen = _chosen(ids, wanted, connection)
        lines = (_line(row) for letter in chosen if (row := lists.dead_letter_by_id(connection, letter)) is not None)
        if str(out) == "-":
            for line in lines:
                sys.stdout.buffer.write(line)
            return
        written = 0
        with out.open("wb") as file:
            for line in lines:
                file.write(line)
                written += 1
    errors().print(f"{written} written to {escape(str(out))}", highlight=False)


def _line(row: RowMapping) -> bytes:
    return orjson.dumps(dead_output.message(row)) + b"\n"
