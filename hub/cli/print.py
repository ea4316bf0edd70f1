"""`hub print KIND NUMBER...`: documents of orders as one PDF, to be put on paper or kept."""

import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, select

from hub.cli.choosing import Where, chosen
from hub.cli.failures import Failure, Status
from hub.cli.options import DatabaseUrl, opened
from hub.cli.output import errors
from hub.store.tables import orders


class Kind(StrEnum):
    """What can be printed."""

    INVOICES = "invoices"
    PACKING_SLIPS = "packing-slips"
    REFUNDS = "refunds"
    LABELS = "labels"
    ALL = "all"


def print_(
    kind: Annotated[Kind, typer.Argument(help="What to print; all: invoices, packing slips and refunds, order by order.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The PDF; what was there is replaced.")],
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="[NUMBER]...", help="Order numbers, in the order of the pages. Without any, give --where.")
    ] = None,
    where: Where = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write documents of orders into one PDF.

    What an order lacks is named on standard error and makes the exit status 1, though the rest is written. An order that does not
    exist stops everything.
    """
    # The libraries that draw take half a second to load, which no other command should wait for.
    from hub.cli import printing

    wanted = list(dict.fromkeys(chosen(numbers, where, database_url)))
    with opened(database_url) as (settings, database), database.read() as connection:
        if unknown := _unknown(connection, wanted):
            raise Failure(f"there is no order {', '.join(unknown)}", Status.REJECTED)
        written, lacking = (
            printing.labels_of(connection, wanted) if kind is Kind.LABELS else printing.papers_of(connection, wanted, kind, settings)
        )
    _write(out, written)
    errors().print(f"wrote {out}", markup=False, highlight=False, soft_wrap=True)
    for line in lacking:
        errors().print(line, markup=False, highlight=False, soft_wrap=True)
    if lacking:
        raise typer.Exit(Status.REJECTED)


def _unknown(connection: Connection, numbers: list[str]) -> list[str]:
    return [one for one in numbers if connection.execute(select(orders.c.number).where(orders.c.number == one)).first() is None]


def _write(out: Path, body: bytes) -> None:
    """Write the file whole or not at all: half a PDF looks like one."""
    if not out.parent.is_dir():
        raise Failure(f"{out.parent}: there is no such folder")
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(name).chmod(0o600)  # it names customers
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
