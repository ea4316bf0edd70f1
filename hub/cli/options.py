"""Options that many commands share, and how words of the user become values."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from hub.bootstrap import open_database
from hub.config import Settings, load_settings
from hub.errors import SchemaOutdated
from hub.store import schema
from hub.store.database import Database

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
DatabaseUrl = Annotated[str | None, typer.Option("--database-url", metavar="URL", help="Use this database instead of HUB_DATABASE_URL.")]
AmqpUrl = Annotated[str | None, typer.Option("--amqp-url", metavar="URL", help="Use this broker, and its user, instead of HUB_AMQP_URL.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Rows on a page.")]
Page = Annotated[int, typer.Option("--page", min=1, help="Which page, from 1.")]
OfOrder = Annotated[str | None, typer.Option("--order", metavar="NUMBER", help="Only of this order.")]


@contextmanager
def opened(database_url: str | None = None, *, amqp_url: str | None = None) -> Iterator[tuple[Settings, Database]]:
    """Open the settings' database, which must have the schema that this program needs. Raises: SchemaOutdated."""
    settings = load_settings(database_url=database_url, amqp_url=amqp_url)
    with open_database(settings) as database:
        # Looking would make an empty file.
        if database.path is not None and not Path(database.path).exists():
            raise SchemaOutdated(f"there is no database file {database.path}: run `hub db upgrade`")
        schema.require_current(database)
        yield settings, database


# -- amounts ---------------------------------------------------------------------------------------------------------------------

_AMOUNT: Final = re.compile(r"(?:R\$\s*)?(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d{1,2}))?|(?:R\$\s*)?(\d+)\.(\d{1,2})")


def parse_amount(word: str) -> int:
    """Read an amount in reais as people write it: 119,70, 1.234,56, 119.7 or 119. Units: cents."""
    match = _AMOUNT.fullmatch(word.strip())
    if match is None:
        raise typer.BadParameter(f"{word!r} is not an amount in reais: write 119,70 or 1.234,56")
    reais = (match[1] or match[3]).replace(".", "")
    return int(reais) * 100 + int((match[2] or match[4] or "0").ljust(2, "0"))


# -- days ------------------------------------------------------------------------------------------------------------------------


def parse_day(word: str) -> date:
    """Read a day: 2026-11-25 or 25/11/2026."""
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(word.strip(), form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    raise typer.BadParameter(f"{word!r} is not a day: write 2026-11-25 or 25/11/2026")


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """Give the instant at which a day begins in the shop's zone."""
    return datetime.combine(day, time(), zone)


def day_ends(day: date, zone: ZoneInfo) -> datetime:
    """Give the instant at which a day is over in the shop's zone."""
    return datetime.combine(day + timedelta(days=1), time(), zone)
