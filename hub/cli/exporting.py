"""Writing a list to a file or to standard output, row by row."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape

from hub.cli.output import errors
from hub.exports import csv_file, spreadsheet
from hub.exports.columns import Column, Row


class Format(StrEnum):
    """What a list can be written as."""

    CSV = "csv"
    XML = "xml"


AsFormat = Annotated[Format, typer.Option("--format", help="csv, or xml: XML Spreadsheet 2003, which Excel and LibreOffice open.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="File to write; without it, or as -, standard output.")]
Separator = Annotated[
    str,
    typer.Option("--separator", metavar="CHARACTER", help="CSV: a comma, or a semicolon for a spreadsheet in Portuguese (1234,56)."),
]


def export(title: str, columns: Sequence[Column], rows: Iterable[Row], zone: ZoneInfo, form: Format, out: Path | None, mark: str) -> None:
    """Write rows in a format. A file appears under its name once it is whole. Raises: BadParameter."""
    counted = _Counted(rows)
    if form is Format.XML:
        pieces = spreadsheet.write(title, columns, counted, zone)
    else:
        separator = next((one for one in csv_file.SEPARATORS if one == mark), None)
        if separator is None:
            raise typer.BadParameter(f"{mark!r} is neither a comma nor a semicolon", param_hint="--separator")
        pieces = csv_file.write(columns, counted, zone, separator)
    if out is None or str(out) == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        # It may hold customers' names: for whoever asked for it, and nobody else on this machine.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(pieces)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    errors().print(f"{counted.count} rows written to {escape(str(out))}", highlight=False)


class _Counted:
    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row
