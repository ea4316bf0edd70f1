"""`hub exceptions`: what waits for a person."""

from datetime import date
from typing import Annotated, Any, Final

import typer

from hub.cli import tables
from hub.cli.exporting import AsFormat, Format, Out, Separator
from hub.cli.exporting import export as write_export
from hub.cli.failures import Failure, Status
from hub.cli.given import takes
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl, Limit, OfOrder, Page, day_begins, day_ends, opened, parse_day
from hub.cli.output import console, moment, print_json
from hub.cli.send import Actor, Direct, How, Reason, Timeout, address, send
from hub.cli.send import show as show_answers
from hub.config import Settings
from hub.engine.order_document import exception_document
from hub.exports.columns import Column
from hub.store import lists
from schemas.vocabulary import EXCEPTION_KINDS

app: Final = typer.Typer(help="Exceptions: what a person must decide.", no_args_is_help=True)


_FILTERS: Final[dict[str, Any]] = {
    "order": OfOrder,
    "kind": Annotated[list[str] | None, typer.Option("--kind", metavar="KIND", help="Only of this kind; may be given many times.")],
    "resolved": Annotated[bool | None, typer.Option("--resolved", help="Those that are settled instead of the open ones.")],
    "since": Annotated[date | None, typer.Option("--from", metavar="DAY", parser=parse_day, help="Opened on this day or later.")],
    "until": Annotated[date | None, typer.Option("--to", metavar="DAY", parser=parse_day, help="Opened on this day or before.")],
}

EXPORTED: Final = (
    Column("id", "id", "number"),
    Column("kind", "exception"),
    Column("order", "order"),
    Column("since", "since", "instant"),
    Column("text", "detail"),
    Column("resolve_with", "resolve with"),
    Column("resolution", "resolution"),
)


def _wanted(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    return {
        "order": given["order"],
        "kinds": given["kind"] or (),
        "resolved": bool(given["resolved"]),
        "since": day_begins(given["since"], settings.timezone) if given["since"] else None,
        "until": day_ends(given["until"], settings.timezone) if given["until"] else None,
    }


def _check(given: dict[str, Any]) -> None:
    for word in given["kind"] or ():
        if word not in EXCEPTION_KINDS:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(EXCEPTION_KINDS)}", param_hint="--kind")


@app.command("list")
@takes(_FILTERS)
def list_(
    given: dict[str, Any],
    limit: Limit = 50,
    page: Page = 1,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List open exceptions, the oldest first, with the commands that settle them."""
    _check(given)
    with opened(database_url) as (settings, database), database.read() as connection:
        rows = lists.list_exceptions(connection, **_wanted(given, settings), limit=limit, offset=(page - 1) * limit)
        documents = [exception_document(row) for row in rows]
        if as_json:
            print_json(documents)
        elif documents:
            console().print(tables.exceptions(documents, settings.timezone, title=None))
        else:
            console().print("no exceptions")


@app.command()
@takes(_FILTERS)
def export(
    given: dict[str, Any],
    form: AsFormat = Format.CSV,
    out: Out = None,
    separator: Separator = ",",
    database_url: DatabaseUrl = None,
) -> None:
    """Write all exceptions that fit, as CSV or for a spreadsheet."""
    _check(given)
    with opened(database_url) as (settings, database), database.read() as connection:
        found = (row for part in lists.parts(connection, lists.exceptions_of(**_wanted(given, settings))) for row in part)
        rows = (
            {**(one := exception_document(row)), "since": row["opened_at"], "text": tables.detail_text(one["detail"])}
            | {"resolution": row["resolution"]}
            for row in found
        )
        write_export("Exceptions", EXPORTED, rows, settings.timezone, form, out, separator)


@app.command()
def show(
    exception: Annotated[int, typer.Argument(metavar="ID", help="The exception's id.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show one exception, open or settled."""
    with opened(database_url) as (settings, database), database.read() as connection:
        row = lists.exception_by_id(connection, exception)
        if row is None:
            raise Failure(f"there is no exception {exception}", Status.REJECTED)
        document = exception_document(row)
        if as_json:
            print_json(document)
            return
        out = console()
        out.print(tables.exceptions([document], settings.timezone, title=None))
        if row["resolved_at"] is not None:
            words = " ".join(filter(None, (row["resolution"], f"by {row['resolved_by']}" if row["resolved_by"] else None)))
            out.print(f"settled {moment(row['resolved_at'], settings.timezone)} {words}".rstrip())


@app.command()
def resolve(
    exception: Annotated[int, typer.Argument(metavar="ID", help="The exception's id.")],
    resolution: Annotated[str, typer.Option("--resolution", metavar="TEXT", help="What was decided.")],
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="A comment for the order's history.")] = None,
    actor: Actor = None,
    reason: Reason = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Settle an exception as it stands; more of the same opens it again. Needs the role supervisor."""
    how = How(actor, reason, direct=direct, timeout=timeout, amqp_url=amqp_url, database_url=database_url)
    data = {"exception": exception, "resolution": resolution, **({"note": note} if note is not None else {})}
    show_answers(send([address("exception.resolve", None, data, how)], how), as_json=as_json)
