"""`hub orders`: the list with the panel's filters, and one order whole."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from hub.cli import order_page, saved, tables
from hub.cli.exporting import AsFormat, Format, Out, Separator
from hub.cli.exporting import export as write_export
from hub.cli.failures import Failure, Status
from hub.cli.given import takes
from hub.cli.options import AsJson, DatabaseUrl, Limit, Page, opened
from hub.cli.order_filter import FILTERS, SAVED, filter_of, words_of
from hub.cli.output import console, print_json
from hub.domain.labels import ACTION_LABELS
from hub.engine import status_catalog
from hub.engine.order_document import order_document, payment_methods
from hub.exports.columns import Column
from hub.store import lists

app: Final = typer.Typer(help="Orders: list, show, export, allowed actions, saved filters.", no_args_is_help=True)


app.add_typer(saved.app, name="filters")

Sort = Annotated[str, typer.Option("--sort", metavar="COLUMN", help=f"{', '.join(lists.SORTS)}; with - in front the other way round.")]

EXPORTED: Final = (
    Column("number", "Pedido"),
    Column("placed_at", "Data", "instant"),
    Column("customer", "Cliente"),
    Column("ship_to", "Entregar a"),
    Column("total_cents", "Total", "money"),
    Column("captured_cents", "Pago", "money"),
    Column("refunded_cents", "Estornado", "money"),
    Column("charged_back_cents", "Contestado", "money"),
    Column("label", "Situação"),
    Column("status", "Código da situação"),
    Column("shipping_carrier", "Transportadora"),
    Column("shipping_service", "Serviço"),
    Column("products", "Produtos"),
    Column("skus", "SKUs"),
    Column("exceptions", "Exceções"),
    Column("updated_at", "Atualizado", "instant"),
)
"""The list's columns, with those of the panel that a terminal has no room for."""


@app.command("list")
@takes({**FILTERS, **SAVED})
def list_(
    given: dict[str, Any],
    sort: Sort = "-placed",
    limit: Limit = 50,
    page: Page = 1,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List orders, newest first. All filters given must fit."""
    _check_sort(sort)
    words_of(given)  # wrong words are refused before anything is opened
    with opened(database_url) as (settings, database), database.read() as connection:
        wanted = filter_of(connection, given, settings.timezone)
        labels = status_catalog.load(connection).labels
        found = lists.list_orders(connection, wanted, sort=sort, limit=limit, offset=(page - 1) * limit)
        methods = payment_methods(connection, [row["number"] for row in found])
        rows = [
            {**row, "label": labels.get(row["status"], row["status"]), "payment_methods": methods[row["number"]]}
            | _age(row, datetime.now(UTC))
            for row in found
        ]
        if as_json:
            print_json(rows)
            return
        total = lists.count_orders(connection, wanted)
        out = console()
        out.print(tables.orders(rows, settings.timezone, title=None))
        pages = max(1, -(-total // limit))
        out.print(f"{total} pedido{'' if total == 1 else 's'}, página {page} de {pages}", style="dim")


def _age(row: dict[str, Any], now: datetime) -> dict[str, int | None]:
    """Say for how many days an order has waited for its money (R3); nothing when it does not."""
    waits = row["state"] in ("new", "pending_payment", "payment_review")
    return {"waiting_days": max(0, (now - row["placed_at"]).days) if waits else None}


def _check_sort(sort: str) -> None:
    if sort.removeprefix("-") not in lists.SORTS:
        raise typer.BadParameter(f"{sort!r} is none of {', '.join(lists.SORTS)}", param_hint="--sort")


@app.command()
@takes({**FILTERS, **SAVED})
def export(
    given: dict[str, Any],
    sort: Sort = "-placed",
    form: AsFormat = Format.CSV,
    out: Out = None,
    separator: Separator = ",",
    database_url: DatabaseUrl = None,
) -> None:
    """Write all orders that fit, every page of the list, as CSV or for a spreadsheet."""
    _check_sort(sort)
    words_of(given)  # wrong words are refused before anything is opened
    with opened(database_url) as (settings, database), database.read() as connection:
        wanted = filter_of(connection, given, settings.timezone)
        labels = status_catalog.load(connection).labels
        rows = ({**row, "label": labels.get(row["status"], row["status"])} for row in lists.stream_orders(connection, wanted, sort=sort))
        write_export("Pedidos", EXPORTED, rows, settings.timezone, form, out, separator)


@app.command()
def show(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Order number.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show one order whole: items, payments, papers, exceptions, timeline."""
    with opened(database_url) as (settings, database), database.read() as connection:
        document = order_document(connection, number)
        if document is None:
            raise Failure(f"there is no order {number}", Status.REJECTED)
        if as_json:
            print_json(document)
        else:
            order_page.show(console(), document, settings.timezone, status_catalog.load(connection).labels)


@app.command()
def actions(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Order number.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show which commands the order would accept now."""
    with opened(database_url) as (_, database), database.read() as connection:
        document: dict[str, Any] | None = order_document(connection, number)
    if document is None:
        raise Failure(f"there is no order {number}", Status.REJECTED)
    if as_json:
        print_json(document["allowed_actions"])
        return
    for name in document["allowed_actions"]:
        console().print(f"{name:28} {ACTION_LABELS.get(name, '')}".rstrip(), highlight=False)
