"""CSV: RFC 4180 lines in UTF-8, with a heading, in one of two flavors, and no cell that a spreadsheet would compute.

Comma: for programs. Instants are ISO 8601 with the shop's offset, amounts have a point. Semicolon: what a spreadsheet in Brazilian
Portuguese opens by a double click; instants as 25/11/2026 10:00:00, amounts with a comma, and a byte order mark, without which it would
read UTF-8 as Latin-1.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from hub.exports.columns import Column, Kind, Row, text_of

Separator = Literal[",", ";"]
SEPARATORS: Final[tuple[Separator, ...]] = (",", ";")

_BUFFER: Final = 64 * 1024

# OWASP, "CSV Injection" (read 2026-11-25): a cell that begins so is a formula to some spreadsheet; the wide forms count in Excel of
# Japanese and Chinese. The apostrophe is with them so that taking one leading apostrophe away always gives the text back.
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")  # noqa: RUF001  the wide forms are meant


def safe(text: str) -> str:
    """Neutralize a cell that a spreadsheet would take for a formula: an apostrophe in front makes it text."""
    return f"'{text}" if text.startswith(_RISKY) else text


def original(cell: str) -> str:
    """Give back the text that `safe` was given."""
    return cell.removeprefix("'")


def write(columns: Sequence[Column], rows: Iterable[Row], zone: ZoneInfo, separator: Separator = ",") -> Iterator[bytes]:
    """Write rows as pieces of a file, some kilobytes each; only one piece is held at a time."""
    local = separator == ";"
    writers = [(one.field, _writers(zone, local=local)[one.kind]) for one in columns]
    buffer = io.StringIO()
    lines = csv.writer(buffer, delimiter=separator)
    if local:
        buffer.write("\ufeff")
    lines.writerow([safe(one.heading) for one in columns])
    for row in rows:
        lines.writerow(["" if row[field] is None else writer(row[field]) for field, writer in writers])
        if buffer.tell() >= _BUFFER:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _writers(zone: ZoneInfo, *, local: bool) -> Mapping[Kind, Callable[[Any], str]]:
    def money(cents: int) -> str:
        # Our own figure, not somebody's text: its minus needs no guard.
        whole, rest = divmod(abs(cents), 100)
        return f"{'-' if cents < 0 else ''}{whole}{',' if local else '.'}{rest:02d}"

    def instant(at: datetime) -> str:
        there = at.astimezone(zone)
        return there.strftime("%d/%m/%Y %H:%M:%S") if local else there.isoformat()

    return {
        "text": lambda value: safe(text_of(value)),
        "money": money,
        "number": str,
        "instant": instant,
        "flag": lambda value: "sim" if value else "não",
    }
