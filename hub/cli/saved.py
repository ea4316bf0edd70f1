"""`hub orders filters`: filters of the list of orders under a name."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from hub.cli.failures import Failure, Status
from hub.cli.given import takes
from hub.cli.identity import login, require_operator
from hub.cli.options import AsJson, DatabaseUrl, opened
from hub.cli.order_filter import FILTERS, GROUPS, all_saved, words_of
from hub.cli.output import console, moment, print_json, table
from hub.store import saved_filters

app: Final = typer.Typer(help="Saved filters of the list of orders; use one by `hub orders list --saved NAME`.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The filter's name.")]


@app.command("list")
def list_(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """List saved filters: the follow-up groups that every shop has, and the shop's own."""
    with opened(database_url) as (settings, database), database.read() as connection:
        found = all_saved(connection)
    if as_json:
        print_json(found)
        return
    made = table("Nome", "Grupo", "Filtro", "Salvo por", "Quando")
    for one in found:
        label = one["label"] if one["built_in"] else ""
        made.add_row(
            escape(one["name"]), label, escape(_described(one["filter"])), escape(one["saved_by"] or ""),
            moment(one["saved_at"], settings.timezone),
        )  # fmt: skip
    console().print(made)


def _described(words: dict[str, Any]) -> str:
    shown = {"placed_from": "from", "placed_to": "to"}
    return ", ".join(
        f"{shown.get(name, name)}={','.join(value) if isinstance(value, list) else _plain(name, value)}" for name, value in words.items()
    )


def _plain(name: str, value: Any) -> str:
    return f"{value // 100},{value % 100:02d}" if name.endswith(("_min", "_max")) else str(value)


@app.command()
@takes(FILTERS)
def save(given: dict[str, Any], name: Name, database_url: DatabaseUrl = None) -> None:
    """Save the filters given under a name; a filter of that name is replaced. Needs the role operator."""
    words = words_of(given)
    if not words:
        raise Failure("give at least one filter to save")
    if "customer" in words:
        # It would keep a person's name where no erasure looks (personal data lives with the order and in raw messages only).
        raise Failure("a customer's name is not saved with a filter: give --customer when the list is asked for")
    if name in GROUPS:
        raise Failure(f"{name} is a group that every shop has: take another name", Status.REJECTED)
    if not name.strip() or len(name) > 100:
        raise Failure("a name has 1 to 100 characters")
    with opened(database_url) as (settings, database), database.begin() as connection:
        require_operator(settings)
        saved_filters.save(connection, name, words, login(), datetime.now(UTC))
    console().print(f"saved {name}: {_described(words)}", markup=False, highlight=False)


@app.command()
def delete(name: Name, database_url: DatabaseUrl = None) -> None:
    """Forget a saved filter. Needs the role operator."""
    if name in GROUPS:
        raise Failure(f"{name} is a group that every shop has: it cannot be deleted", Status.REJECTED)
    with opened(database_url) as (settings, database), database.begin() as connection:
        require_operator(settings)
        if not saved_filters.remove(connection, name):
            raise Failure(f"there is no saved filter {name}", Status.REJECTED)
    console().print(f"deleted {name}", markup=False, highlight=False)
