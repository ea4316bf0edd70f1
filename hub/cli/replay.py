"""`hub replay`: the embedded main job."""

import sys
from datetime import datetime
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter, ValidationError

from hub.bootstrap import build_engine, load_adapters, open_database, utc_now
from hub.cli import tables
from hub.cli.failures import Failure
from hub.cli.identity import direct_user
from hub.cli.options import AsJson
from hub.cli.output import console, progress
from hub.config import Settings, load_settings
from hub.errors import DatabaseNotEmpty
from hub.replay import session as running
from hub.replay.fetched import Answers
from hub.replay.report import OUTCOMES, Mark, Report
from hub.replay.source import ReplayInput, open_input
from hub.store import lists, schema
from hub.store.database import Database
from schemas.base import Instant

_IN_MEMORY: Final = "sqlite://"
_SHOWN_ORDERS: Final = 200
_SINGULAR: Final = {
    "orders": "order",
    "events": "event",
    "replies": "reply",
    "exceptions": "exception",
    "dead_letters": "dead letter",
    "timers": "timer",
    "fetches": "fetch",
    "fetched_answers": "fetched answer",
}


def parse_instant(word: str) -> datetime:
    """Read an ISO 8601 instant with offset."""
    try:
        instant: datetime = TypeAdapter(Instant).validate_python(word)
    except ValidationError:
        raise typer.BadParameter(f"{word!r} is not an instant: write 2026-11-25T10:00:00-03:00") from None
    return instant


def replay(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Folders whose sub-folders are inbound keys, single files (with --key), NDJSON files; - is NDJSON on standard input.",
        ),
    ],
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Inbound key of the files given, and of NDJSON lines that name none.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option("--database-url", metavar="URL", help="Replay into this database.", show_default="a fresh one in memory")
    ] = None,
    into_live: Annotated[
        bool,
        typer.Option(
            "--into-live", help="Allow a database that is not empty; a running hub publishes the events and does the outbound requests."
        ),
    ] = False,
    shuffle: Annotated[
        int | None, typer.Option("--shuffle", metavar="SEED", help="Move facts at random, but none past a command. Same seed, same order.")
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", metavar="N", min=1, help="Apply the whole input so many times.")] = 1,
    now: Annotated[
        datetime | None,
        typer.Option(
            "--now",
            metavar="ISO",
            parser=parse_instant,
            help="Fixed clock: the time of receipt of what has none. At the end timers due by then fire, and parked facts older than "
            "HUB_POLICY_PARKED_TTL expire.",
        ),
    ] = None,
    batch_max: Annotated[
        int | None,
        typer.Option(
            "--batch-max", metavar="N", min=1, max=10_000, help="Messages in one transaction, at most.", show_default="HUB_BATCH_MAX"
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only counts: what became of the messages, and what is there now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run messages from files through the same engine as live traffic, without a broker, and show what came of it.

    The input is checked before anything is applied: a file that cannot be read, or a line of NDJSON that is not a message, ends
    with status 2 and changes nothing. A message whose body cannot be read is not your mistake: it becomes a dead letter.
    """
    settings = load_settings(database_url=database_url or _IN_MEMORY, batch_max=batch_max)
    cuts = {name: adapter.cut for name, adapter in load_adapters().items() if adapter.cut is not None}
    with open_input(paths, key, lambda: sys.stdin.buffer, cuts) as given, open_database(settings) as database:
        count = given.check()
        _prepare(database, into_live=into_live, in_memory=database_url is None)
        mark = Mark.of(database, live=into_live)
        done = _apply(settings, database, given, count, mark, now=now, shuffle=shuffle, repeat=repeat)
        with database.read() as connection:
            answer = Report(connection, done, mark)
            if as_json:
                answer.write_json(sys.stdout)
            else:
                _show(answer, settings, counts_only=quiet)
        _publish(database, mark)


def _prepare(database: Database, *, into_live: bool, in_memory: bool) -> None:
    """Make the schema of a fresh database; refuse one that somebody works with."""
    if into_live and in_memory:
        raise Failure("--into-live needs a --database-url: a fresh database in memory is nobody's")
    if into_live:
        schema.require_current(database)
        return
    if not schema.is_empty(database):
        raise DatabaseNotEmpty(
            "the database is not empty: give a fresh one, or --into-live to add to it; the running hub then publishes the events"
        )
    schema.upgrade(database)


def _apply(
    settings: Settings,
    database: Database,
    given: ReplayInput,
    count: int,
    mark: Mark,
    *,
    now: datetime | None,
    shuffle: int | None,
    repeat: int,
) -> running.Session:
    start = now or utc_now()
    engine = build_engine(database, settings, clock=utc_now if now is None else lambda: start)
    answers = Answers(engine, after=mark.outbound)
    for key, body in given.answers():
        answers.add(key, body)
    with progress("replay", count * repeat) as bar:
        done = running.run(
            engine,
            given.messages(start, shuffle=shuffle, repeat=repeat),
            user=direct_user(),
            batch_max=settings.batch_max,
            answers=answers,
            on_progress=lambda applied: bar.advance(bar.tasks[0].id, applied),
        )
    if now is not None:
        running.expire(engine, done)
    return done


def _publish(database: Database, mark: Mark) -> None:
    """Replay publishes into its own output only: what was shown must not be published again by a hub on this database."""
    if mark.live:
        return
    with database.begin() as connection:
        lists.clear_outbox(connection)


def _show(answer: Report, settings: Settings, *, counts_only: bool) -> None:
    if not counts_only:
        _show_tables(answer, settings)
    counts = answer.counts()
    happened = ", ".join(f"{counts[kind]} {kind.replace('_', ' ')}" for kind in OUTCOMES if counts[kind])
    found = ", ".join(
        f"{count} {_SINGULAR.get(name, name) if count == 1 else name}".replace("_", " ")
        for name, count in counts.items()
        if count and name not in ("messages", *OUTCOMES)
    )
    console().print(f"{counts['messages']} messages: {happened or 'nothing to do'}\nnow: {found or 'nothing'}", highlight=False)


def _show_tables(answer: Report, settings: Settings) -> None:
    out, zone = console(), settings.timezone
    out.print(tables.orders(answer.rows(_SHOWN_ORDERS), zone))
    if len(answer.numbers) > _SHOWN_ORDERS:
        out.print(f"... and {len(answer.numbers) - _SHOWN_ORDERS} more; --json gives all", style="dim")
    if answer.exceptions:
        out.print(tables.exceptions(answer.exceptions, zone))
    if answer.dead_letters:
        out.print(tables.dead_letters(answer.dead_letters, zone))
    if answer.parked:
        out.print(tables.parked(answer.parked, zone))
    if answer.fetches:
        out.print(tables.fetches(answer.fetches))
    if answer.replies:
        out.print(tables.replies(answer.replies, title="Comandos"))
