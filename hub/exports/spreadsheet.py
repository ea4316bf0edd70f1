"""XML Spreadsheet 2003 (SpreadsheetML), which Excel and LibreOffice open: typed cells, so no text is ever computed.

Source: the public reference of the XML Spreadsheet format, elements Workbook, Worksheet, Table, Row, Cell, Data (read 2026-11-25).
Amounts are numbers in reais. Instants are the shop's clock, without a zone, as serial days with a date's style, which is what a
spreadsheet keeps anyway: of a cell of type DateTime LibreOffice 7.4 shows either the day or the hour and loses the other (tried).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from hub.exports.columns import Column, Kind, Row, text_of

ROWS_A_SHEET: Final = 1_000_000
"""A sheet of Excel ends at 1,048,576 rows; what is more goes on another sheet, under the same heading."""

CELL_LENGTH: Final = 32_767
"""So many characters Excel keeps in a cell; a file with a longer one it refuses whole. Longer text ends with an ellipsis."""

DAY_ZERO: Final = datetime(1899, 12, 30)  # noqa: DTZ001  a spreadsheet's days have no zone
"""From here a spreadsheet counts days; right for all days since March 1900."""

_BUFFER: Final = 64 * 1024
_STYLES: Final[Mapping[Kind, str]] = {"money": ' ss:StyleID="money"', "instant": ' ss:StyleID="instant"'}

# XML 1.0, production Char: what stands outside cannot be in a document, not even escaped.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# A literal line end would be normalized by every reader of XML, and lost.
_LINE_ENDS: Final = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}

_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
<Styles>
<Style ss:ID="heading"><Font ss:Bold="1"/></Style>
<Style ss:ID="money"><NumberFormat ss:Format="#,##0.00"/></Style>
<Style ss:ID="instant"><NumberFormat ss:Format="[$-416]dd/mm/yyyy\\ hh:mm:ss"/></Style>
</Styles>
"""


def plain(text: str) -> str:
    """Give a text as the file holds it: characters that XML cannot hold become U+FFFD, what Excel cannot hold is cut, visibly."""
    text = _IMPOSSIBLE.sub("\ufffd", text)
    return text if len(text) <= CELL_LENGTH else f"{text[: CELL_LENGTH - 1]}…"


def write(
    title: str, columns: Sequence[Column], rows: Iterable[Row], zone: ZoneInfo, *, rows_a_sheet: int = ROWS_A_SHEET
) -> Iterator[bytes]:
    """Write rows as pieces of a file, some kilobytes each; only one piece is held at a time."""
    writers = [(one.field, _writers(zone)[one.kind], _STYLES.get(one.kind, "")) for one in columns]
    pieces, size, count, sheets = [_HEAD, _sheet(title, 1, columns)], 0, 0, 1
    for row in rows:
        if count == rows_a_sheet:
            sheets += 1
            pieces.append(f"</Table></Worksheet>\n{_sheet(title, sheets, columns)}")
            count = 0
        cells = "".join(
            "<Cell/>" if row[field] is None else f"<Cell{style}>{writer(row[field])}</Cell>" for field, writer, style in writers
        )
        pieces.append(f"<Row>{cells}</Row>\n")
        count += 1
        size += len(cells)
        if size >= _BUFFER:
            yield "".join(pieces).encode()
            pieces, size = [], 0
    yield "".join([*pieces, "</Table></Worksheet>\n</Workbook>\n"]).encode()


def _sheet(title: str, serial: int, columns: Sequence[Column]) -> str:
    # A sheet's name has 31 characters at most.
    name = title if serial == 1 else f"{title} {serial}"
    heading = "".join(f'<Cell ss:StyleID="heading">{_text(one.heading)}</Cell>' for one in columns)
    return f"<Worksheet ss:Name={quoteattr(name)}><Table>\n<Row>{heading}</Row>\n"


def _text(value: Any) -> str:
    return f'<Data ss:Type="String">{escape(plain(text_of(value)), _LINE_ENDS)}</Data>'


def _writers(zone: ZoneInfo) -> Mapping[Kind, Callable[[Any], str]]:
    def money(cents: int) -> str:
        whole, rest = divmod(abs(cents), 100)
        return f'<Data ss:Type="Number">{"-" if cents < 0 else ""}{whole}.{rest:02d}</Data>'

    def instant(at: datetime) -> str:
        passed = at.astimezone(zone).replace(tzinfo=None) - DAY_ZERO
        # Ten digits are a hundredth of a millisecond.
        part = (passed.seconds * 10**10 + passed.microseconds * 10**4) // 86_400
        return f'<Data ss:Type="Number">{passed.days}.{part:010d}</Data>'

    return {
        "text": _text,
        "money": money,
        "number": lambda value: f'<Data ss:Type="Number">{value}</Data>',
        "instant": instant,
        "flag": lambda value: _text("sim" if value else "não"),
    }
