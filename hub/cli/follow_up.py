"""`hub transactions` and `hub invoices`: the follow-up lists."""

from typing import Annotated, Any, Final

import typer

from hub.cli import tables
from hub.cli.options import AsJson, DatabaseUrl, Limit, OfOrder, Page, opened
from hub.cli.output import console, print_json
from hub.store import lists

transactions: Final = typer.Typer(help="Movements of money: authorizations, captures, refunds, voids, chargebacks.", no_args_is_help=True)
invoices: Final = typer.Typer(help="The hub's own sale invoices (faturas).", no_args_is_help=True)

_KINDS: Final = ("authorization", "capture", "refund", "void", "chargeback")


@transactions.command("list")
def list_transactions(
    order: OfOrder = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", metavar="KIND", help=f"{', '.join(_KINDS)}; may be given many times.")] = None,
    limit: Limit = 50,
    page: Page = 1,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List movements of money, the newest first. `parent` is the capture that a refund or chargeback takes from."""
    for word in kind or ():
        if word not in _KINDS:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(_KINDS)}", param_hint="--kind")
    with opened(database_url) as (settings, database), database.read() as connection:
        rows = lists.list_transactions(connection, order=order, kinds=kind or (), limit=limit, offset=(page - 1) * limit)
        names = ("key", "kind", "payment", "parent", "provider", "method", "amount_cents", "closed")
        documents: list[dict[str, Any]] = [
            {"order": row["order_number"], **{name: row[name] for name in names}, "at": row["occurred_at"]} for row in rows
        ]
        if as_json:
            print_json(documents)
        else:
            console().print(tables.transactions(documents, settings.timezone, title=None))


@invoices.command("list")
def list_invoices(
    order: OfOrder = None,
    limit: Limit = 50,
    page: Page = 1,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List sale invoices, the newest first."""
    with opened(database_url) as (settings, database), database.read() as connection:
        rows = lists.list_invoices(connection, order=order, limit=limit, offset=(page - 1) * limit)
        names = ("number", "total_cents", "created_at", "email_sent", "placed_at")
        documents: list[dict[str, Any]] = [
            {"order": row["order_number"], "customer": row["name"], **{name: row[name] for name in names}} for row in rows
        ]
        if as_json:
            print_json(documents)
        else:
            console().print(tables.invoices(documents, settings.timezone, title=None))
