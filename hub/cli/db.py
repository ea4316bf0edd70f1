"""`hub db`: the database's schema."""

from typing import Annotated, Final

import typer
from sqlalchemy import select

from hub.bootstrap import build_engine, open_database
from hub.cli.failures import Status
from hub.cli.options import AsJson, DatabaseUrl, opened
from hub.cli.output import console, print_json, progress
from hub.config import load_settings
from hub.engine.operations import refold_order
from hub.store import schema
from hub.store.tables import orders

app: Final = typer.Typer(help="The database's schema and folds: upgrade, current, refold.", no_args_is_help=True)


@app.command()
def upgrade(database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema of this program; there is no way back. Makes a new SQLite file if there is none."""
    with open_database(load_settings(database_url=database_url)) as database:
        before, after = schema.upgrade(database)
    console().print(f"schema {after}" + (" already" if before == after else f", was {before or 'empty'}"), highlight=False)


@app.command()
def current(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Show the database's schema and the one this program needs; status 3 when they differ."""
    with open_database(load_settings(database_url=database_url)) as database:
        found, needed = schema.current(database), schema.newest()
    if as_json:
        print_json({"current": found, "needed": needed})
    else:
        console().print(f"database {found or 'empty'}, program {needed}", highlight=False)
    if found != needed:
        raise typer.Exit(Status.INFRASTRUCTURE)


@app.command()
def refold(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="NUMBER", help="Only these orders; default all.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Fold logs anew and write what differs, after an upgrade that changed the fold (`hub verify` says `refold`). Publishes nothing."""
    with opened(database_url) as (settings, database):
        engine = build_engine(database, settings)
        if numbers:
            wanted = list(numbers)
        else:
            with database.read() as connection:
                wanted = [row[0] for row in connection.execute(select(orders.c.number).order_by(orders.c.number))]
        changed = 0
        with progress("refold", len(wanted)) as bar:
            for number in wanted:
                changed += refold_order(engine, number)
                bar.advance(bar.tasks[0].id)
    if as_json:
        print_json({"orders": len(wanted), "changed": changed})
    else:
        console().print(f"{len(wanted)} orders folded, {changed} differed", highlight=False)
