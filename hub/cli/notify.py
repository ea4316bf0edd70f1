"""`hub notify`: e-mail to customers, where the hub sends it itself."""

import sys
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from rich.markup import escape

from hub import observability
from hub.bootstrap import build_engine
from hub.cli.failures import Failure, Status
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl, Limit, OfOrder, opened
from hub.cli.output import console, moment, print_json, table
from hub.config import effective

app: Final = typer.Typer(help="E-mail to customers: run, list, bounce.", no_args_is_help=True)

_log: Final = structlog.get_logger(__name__)


@app.command()
def run(context: typer.Context, amqp_url: AmqpUrl = None, database_url: DatabaseUrl = None) -> None:
    """Send the e-mails that notices ask for until SIGTERM or Ctrl-C. Off unless HUB_NOTIFY_SMTP_URL is set.

    Its queue is made by `hub topology apply`. Several may run beside each other; each notice is mailed by one of them.
    """
    from hub.notify import worker  # the broker's and the mail server's libraries

    debug = bool(context.find_root().params.get("debug"))
    with opened(database_url, amqp_url=amqp_url) as (settings, database):
        observability.configure(settings.log_format, "debug" if debug else settings.log_level)
        _log.info("settings", **{one.name: one.value for one in effective(settings) if one.source != "default"})
        failed = worker.start(build_engine(database, settings))
    if failed:
        raise typer.Exit(Status.INFRASTRUCTURE)


@app.command("list")
def list_sent(
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="started, deferred, sent, failed, bounced or skipped.")
    ] = None,
    order: OfOrder = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List e-mails, the latest first: what was sent, what waits, what failed and why."""
    from hub.notify import ledger

    if status is not None and status not in ledger.STATUSES:
        raise typer.BadParameter(f"{status}: there are {', '.join(ledger.STATUSES)}", param_hint="--status")
    with opened(database_url) as (settings, database):
        with database.read() as connection:
            found = ledger.listed(connection, status=status, order=order, limit=limit)
        if as_json:
            print_json(
                [{name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()} for row in found]
            )
            return
        made = table("order", "template", "status", "tries", "copies", "last", "the server says")
        for row in found:
            copies = str(row["uncertain"] + 1) if row["uncertain"] else ""
            made.add_row(
                escape(row["order_number"]),
                row["template"],
                row["status"],
                str(row["attempts"]),
                f"up to {copies}" if copies else "",
                moment(row["updated_at"], settings.timezone),
                escape(row["detail"] or ""),
            )
        console().print(made)


@app.command()
def bounce(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The returned mail as it came (RFC 3464); - = standard input.")] = "-",
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Note on its order that a mail came back. For the pipe of the mailbox to which bounces go; a report read twice is noted once."""
    from hub.notify import ledger
    from hub.notify.bounce import NoBounce, read_bounce

    body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        found = read_bounce(body)
    except NoBounce as error:
        raise Failure(str(error), Status.REJECTED) from error
    with opened(database_url) as (settings, database):
        order = ledger.bounced(build_engine(database, settings), found.message_id, found.detail)
    if as_json:
        print_json({"order": order, "message_id": found.message_id, "detail": found.detail})
    elif order is None:
        console().print("no mail of this hub, or noted already", highlight=False)
    else:
        console().print(f"noted on order {escape(order)}: {escape(found.detail)}", highlight=False)
