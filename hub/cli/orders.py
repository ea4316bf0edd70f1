"""`hub orders`: the list with the panel's filters, and one order whole."""

from datetime import date
from typing import Annotated, Any, Final

import typer

from hub.cli import order_page, tables
from hub.cli.failures import Failure, Status
from hub.cli.options import AsJson, DatabaseUrl, Limit, Page, day_begins, day_ends, opened, parse_amount, parse_day
from hub.cli.output import console, print_json
from hub.domain.labels import ACTION_LABELS
from hub.engine.order_document import order_document
from hub.store import lists
from schemas.vocabulary import EXCEPTION_KINDS

app: Final = typer.Typer(help="Orders: list, show, allowed actions.", no_args_is_help=True)


@app.command("list")
def list_(
    number: Annotated[str | None, typer.Option("--number", help="Order number; 1000* finds all that begin so.")] = None,
    product: Annotated[
        str | None, typer.Option("--product", metavar="TEXT", help="An item's name holds this; accents and case do not matter.")
    ] = None,
    sku: Annotated[str | None, typer.Option("--sku", help="An item has this SKU; CAM* finds all that begin so.")] = None,
    placed_from: Annotated[
        date | None, typer.Option("--from", metavar="DAY", parser=parse_day, help="Placed on this day or later.")
    ] = None,
    placed_to: Annotated[date | None, typer.Option("--to", metavar="DAY", parser=parse_day, help="Placed on this day or before.")] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="TEXT", help="Name or e-mail holds these words; accents and case do not matter.")
    ] = None,
    delivery: Annotated[
        str | None, typer.Option("--delivery", metavar="TEXT", help="Carrier's code, or part of the service's name.")
    ] = None,
    total_min: Annotated[
        int | None, typer.Option("--total-min", metavar="REAIS", parser=parse_amount, help="Total at least, as in 119,70.")
    ] = None,
    total_max: Annotated[int | None, typer.Option("--total-max", metavar="REAIS", parser=parse_amount, help="Total at most.")] = None,
    paid_min: Annotated[int | None, typer.Option("--paid-min", metavar="REAIS", parser=parse_amount, help="Captured at least.")] = None,
    paid_max: Annotated[int | None, typer.Option("--paid-max", metavar="REAIS", parser=parse_amount, help="Captured at most.")] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", metavar="CODE", help="Status, as in pending; many: repeat, or commas.")
    ] = None,
    exception: Annotated[
        list[str] | None, typer.Option("--exception", metavar="KIND", help="Has an open exception of this kind; may be given many times.")
    ] = None,
    sort: Annotated[
        str, typer.Option("--sort", metavar="COLUMN", help=f"{', '.join(lists.SORTS)}; with - in front the other way round.")
    ] = "-placed",
    limit: Limit = 50,
    page: Page = 1,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List orders, newest first. All filters given must fit."""
    if sort.removeprefix("-") not in lists.SORTS:
        raise typer.BadParameter(f"{sort!r} is none of {', '.join(lists.SORTS)}", param_hint="--sort")
    for kind in exception or ():
        if kind not in EXCEPTION_KINDS:
            raise typer.BadParameter(f"{kind!r} is none of {', '.join(EXCEPTION_KINDS)}", param_hint="--exception")
    with opened(database_url) as (settings, database), database.read() as connection:
        zone = settings.timezone
        wanted = lists.OrderFilter(
            number=number,
            product=product,
            sku=sku,
            placed_from=day_begins(placed_from, zone) if placed_from else None,
            placed_to=day_ends(placed_to, zone) if placed_to else None,
            customer=customer,
            delivery=delivery,
            total_min=total_min,
            total_max=total_max,
            paid_min=paid_min,
            paid_max=paid_max,
            statuses=tuple(code.strip() for word in status or () for code in word.split(",") if code.strip()),
            exceptions=tuple(exception or ()),
        )
        rows = lists.list_orders(connection, wanted, sort=sort, limit=limit, offset=(page - 1) * limit)
        if as_json:
            print_json([{**row, "label": tables.label_of(row["status"])} for row in rows])
            return
        total = lists.count_orders(connection, wanted)
        out = console()
        out.print(tables.orders(rows, zone, title=None))
        pages = max(1, -(-total // limit))
        out.print(f"{total} pedido{'' if total == 1 else 's'}, página {page} de {pages}", style="dim")


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
            order_page.show(console(), document, settings.timezone)


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
