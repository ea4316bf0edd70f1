"""`hub exceptions`: what waits for a person."""

from typing import Annotated, Final

import typer

from hub.cli import tables
from hub.cli.failures import Failure, Status
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl, Limit, OfOrder, Page, opened
from hub.cli.output import console, moment, print_json
from hub.cli.send import Actor, Direct, How, Reason, Timeout, address, send
from hub.cli.send import show as show_answers
from hub.engine.order_document import exception_document
from hub.store import lists
from schemas.vocabulary import EXCEPTION_KINDS

app: Final = typer.Typer(help="Exceptions: what a person must decide.", no_args_is_help=True)


@app.command("list")
def list_(
    order: OfOrder = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", metavar="KIND", help="Only of this kind; may be given many times.")] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Those that are settled instead of the open ones.")] = False,
    limit: Limit = 50,
    page: Page = 1,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List open exceptions, the oldest first, with the commands that settle them."""
    for word in kind or ():
        if word not in EXCEPTION_KINDS:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(EXCEPTION_KINDS)}", param_hint="--kind")
    with opened(database_url) as (settings, database), database.read() as connection:
        rows = lists.list_exceptions(connection, order=order, kinds=kind or (), resolved=resolved, limit=limit, offset=(page - 1) * limit)
        documents = [exception_document(row) for row in rows]
        if as_json:
            print_json(documents)
        elif documents:
            console().print(tables.exceptions(documents, settings.timezone, title=None))
        else:
            console().print("no exceptions")


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
