"""`hub db`: the database's schema."""

from typing import Final

import typer

from hub.bootstrap import open_database
from hub.cli.failures import Status
from hub.cli.options import AsJson, DatabaseUrl
from hub.cli.output import console, print_json
from hub.config import load_settings
from hub.store import schema

app: Final = typer.Typer(help="The database's schema: upgrade, current.", no_args_is_help=True)


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
