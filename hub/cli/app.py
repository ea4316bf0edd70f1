"""The root of the command line: what commands there are, and the options before any of them."""

from importlib.metadata import version
from typing import Annotated, Final

import typer

from hub import observability
from hub.cli import audit as auditing
from hub.cli import db, dead, desk, exceptions, follow_up, notify, operation, order, orders, pix, statuses, topology
from hub.cli import doctor as diagnosing
from hub.cli import print as print_command
from hub.cli import publish as publishing
from hub.cli import replay as replaying
from hub.cli import run as running
from hub.cli import trace as tracing
from hub.cli.failures import HubGroup
from hub.cli.verbs import add_verbs

app: Final = typer.Typer(
    name="hub",
    cls=HubGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"order-hub {version('order-hub')}")
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from, and log in detail.")] = False,
    _version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """The order hub: gateways, carriers and ERPs of a shop folded into one state per order.

    Exit status: 0 done, 1 refused by a rule, 2 wrong usage, 3 infrastructure (database, broker) failed.
    """
    if debug:
        observability.configure("console", "debug")
    else:
        observability.configure_quiet()


app.command()(running.run)
app.command()(replaying.replay)
app.command()(publishing.publish)
app.command()(tracing.trace)
app.command("audit")(auditing.audit)
app.add_typer(orders.app, name="orders")
add_verbs(order.app)
app.add_typer(order.app, name="order")
app.add_typer(desk.reference, name="reference")
app.add_typer(desk.unknowns, name="unknowns")
app.add_typer(desk.carriers, name="carriers")
app.add_typer(exceptions.app, name="exceptions")
app.add_typer(statuses.app, name="statuses")
app.add_typer(dead.app, name="dead")
app.add_typer(follow_up.transactions, name="transactions")
app.add_typer(follow_up.invoices, name="invoices")
app.command("print")(print_command.print_)
app.add_typer(follow_up.shipments, name="shipments")
app.add_typer(follow_up.refunds, name="refunds")
app.add_typer(notify.app, name="notify")
app.add_typer(pix.app, name="pix")
app.add_typer(db.app, name="db")
app.add_typer(topology.app, name="topology")
app.command()(operation.config)
app.command()(diagnosing.doctor)
app.command()(operation.verify)
