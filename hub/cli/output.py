"""How the command line shows things: tables and panels for people, JSON for programs, money and times the Brazilian way."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

# What is not a terminal has no width: a table in a pipe must not be cut to 80 columns.
_PIPE_WIDTH: Final = 200

STATE_STYLES: Final = {
    "new": "yellow",
    "pending_payment": "yellow",
    "payment_review": "magenta",
    "processing": "green",
    "complete": "bold green",
    "closed": "dim",
    "canceled": "red",
    "holded": "bold magenta",
}


def console() -> Console:
    """Return the console of standard output."""
    return Console(emoji=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def errors() -> Console:
    """Return the console of standard error: messages and progress, never results."""
    return Console(stderr=True, emoji=False, width=None if sys.stderr.isatty() else _PIPE_WIDTH)


def table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """Make an empty table; the columns named in `right` hold figures."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made


def print_json(document: Any) -> None:
    """Print a document as indented JSON, alone on standard output."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")


def moment(value: datetime | str | None, zone: ZoneInfo) -> str:
    """Write an instant as shop staff read it: 25/11/2026 10:00 on the shop's clock."""
    if value is None:
        return ""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant.astimezone(zone).strftime("%d/%m/%Y %H:%M")


@contextmanager
def progress(description: str, total: int | None) -> Iterator[Progress]:
    """Show a progress bar on a terminal and nothing elsewhere; its one task has the id 0."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=errors(),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        bar.add_task(description, total=total)
        yield bar
