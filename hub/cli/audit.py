"""`hub audit`: who did what by hand, when, why, and what it changed."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import typer
from rich.markup import escape

from hub.cli.options import AsJson, DatabaseUrl, Limit, Page, day_begins, day_ends, opened, parse_day
from hub.cli.output import console, moment, print_json, table
from hub.cli.tables import short
from hub.engine import audit as acting


def audit(
    actor: Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Done by this name, or by this broker user.")] = None,
    since: Annotated[date | None, typer.Option("--from", metavar="DAY", parser=parse_day, help="Done on this day or later.")] = None,
    until: Annotated[date | None, typer.Option("--to", metavar="DAY", parser=parse_day, help="Done on this day or before.")] = None,
    order: Annotated[str | None, typer.Option("--order", metavar="NUMBER", help="Done to this order.")] = None,
    command: Annotated[
        list[str] | None, typer.Option("--command", metavar="NAME", help="This command, as refund.create; may be given many times.")
    ] = None,
    limit: Limit = 50,
    page: Page = 1,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List what people did by hand, the newest first: who, in which role, why, before and after. Refused commands are not in it."""
    with opened(database_url) as (settings, database), database.read() as connection:
        zone = settings.timezone
        wanted = acting.Wanted(
            actor,
            day_begins(since, zone) if since else None,
            day_ends(until, zone) if until else None,
            order,
            tuple(command or ()),
        )
        found = acting.acts(connection, wanted, limit=limit, offset=(page - 1) * limit)
    if as_json:
        print_json(found)
        return
    made = table("when", "who", "role", "command", "order", "before", "after", "reason")
    for one in found:
        who = one["actor"] if one["user"] in (None, one["actor"]) else f"{one['actor']} ({one['user']})"
        made.add_row(
            moment(one["at"], zone), escape(who), one["role"], one["command"], escape(one["order"] or ""), _told(one["before"]),
            _told(one["after"]), short(one["reason"], 40),
        )  # fmt: skip
    console().print(made)


def _told(values: Mapping[str, Any]) -> str:
    return short(", ".join(f"{name} {_plain(value)}" for name, value in values.items()), 60)


def _plain(value: Any) -> str:
    return "/".join(map(str, value)) or "-" if isinstance(value, list) else str(value)
