"""A bank file as lines: character sets, line ends, padding, and what kind of file it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from adapters.contract import PayloadMalformed
from adapters.payments.cnab.fields import BadField, Columns, date_or_none

_BOM: Final = b"\xef\xbb\xbf"

_KIND_240: Final = Columns("file code", 143, 143)
_DATE_240: Final = Columns("generation date", 144, 151)
_VERSION_240: Final = Columns("layout version", 164, 166)
_BANK_400: Final = Columns("bank", 77, 79)
_DATE_400: Final = Columns("generation date", 95, 100)


class BadLine(Exception):
    """A line that cannot be read; the message names it."""


class Line(NamedTuple):
    """One line. `number` counts from 1 in the file that the bank sent, `offset` is its first byte in the body at hand; `text` is
    padded to the layout's width, and empty when the line cannot be read."""

    number: int
    offset: int
    raw: bytes
    text: str


class RawLine(NamedTuple):
    """A line before it is read as characters."""

    number: int
    offset: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What the first line says. `generated_on` only stands in where a title has no date."""

    width: int
    bank: str
    version: str
    generated_on: date | None
    line: Line

    @property
    def layout(self) -> str:
        """`237/240`: the bank and the layout, as causes and raw words name them."""
        return f"{self.bank}/{self.width}"


def physical_lines(lines: Iterable[bytes]) -> Iterator[RawLine]:
    """Number the lines and take their ends off; blank lines and a final Ctrl-Z are nothing."""
    offset = 0
    for number, raw in enumerate(lines, start=1):
        bare = raw.removeprefix(_BOM) if number == 1 else raw
        bare = bare.rstrip(b"\r\n\x1a")
        if bare.strip():
            yield RawLine(number, offset, bare)
        offset += len(raw)


def renumbered(lines: Iterable[RawLine], first: int) -> Iterator[RawLine]:
    """Number the lines of a part as they are in the whole file: `first` is the number of the first one behind the headers."""
    shift: int | None = None
    is_400 = False
    for index, line in enumerate(lines):
        if index == 0:
            is_400 = line.raw.startswith(b"02RETORNO")
        if shift is None and not (index == 0 or (not is_400 and line.raw[7:8] in (b"0", b"1"))):
            shift = first - line.number
        yield line._replace(number=line.number + (shift or 0))


def split(body: bytes) -> Iterator[bytes]:
    """Cut a body into lines; a lone CR ends one only where there is no LF at all."""
    end = b"\n" if b"\n" in body or b"\r" not in body else b"\r"
    start = 0
    while start < len(body):
        stop = body.find(end, start) + 1 or len(body)
        yield body[start:stop]
        start = stop


def decode(line: RawLine, width: int) -> Line:
    """Read one line as characters, one a column. Raises: BadLine.

    Banks write ISO-8859-1. A line that somebody saved as UTF-8 has more bytes than columns (or fewer, its trailing blanks being
    trimmed) and reads as UTF-8; a line of exactly as many bytes as columns is taken as it stands.
    """
    number, offset, raw = line
    if raw.isascii() or len(raw) == width:
        text = raw.decode("latin-1")
    else:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    if len(text) != width:
        text = text.rstrip(" ")
        if len(text) > width:
            raise BadLine(f"line {number}: has {len(text)} columns, the layout {width}")
        text = text.ljust(width)
    return Line(number, offset, raw, text)


def read_header(first: RawLine) -> FileHeader:
    """Say by its first line what a file is. Raises: PayloadMalformed."""
    try:
        number = first.number
        width = 400 if first.raw.startswith((b"02RETORNO", b"01REMESSA")) else 240
        line = decode(first, width)
    except BadLine as error:
        raise PayloadMalformed(f"{error}; no return file begins so") from error
    text = line.text
    if width == 400:
        if text[1] == "1":
            raise PayloadMalformed(f"line {number}: is a CNAB 400 file that the shop sends to the bank (remessa), not a return file")
        bank, kind = _BANK_400.of(text), "400"
        if text[9:11] != "01":
            raise PayloadMalformed(f"line {number}: columns 10-11 (service): is not 01, a return file of boletos")
    else:
        bank, kind = text[:3], "240"
        if not (text[3:7] == "0000" and text[7] == "0" and _is_digits(bank)) or _KIND_240.of(text) not in ("1", "2"):
            raise PayloadMalformed(f"line {number}: is no header of a CNAB 240 or CNAB 400 return file")
        if _KIND_240.of(text) == "1":
            raise PayloadMalformed(
                f"line {number}: column 143: is a CNAB 240 file that the shop sends to the bank (remessa), not a return file"
            )
    if not _is_digits(bank):
        raise PayloadMalformed(f"line {number}: the bank's number in the header of this CNAB {kind} file is not three digits")
    try:
        generated_on = date_or_none(text, _DATE_400 if width == 400 else _DATE_240)
    except BadField:  # only informs
        generated_on = None
    return FileHeader(width, bank, "" if width == 400 else _VERSION_240.of(text).strip(), generated_on, line)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
