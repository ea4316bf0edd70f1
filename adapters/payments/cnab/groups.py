"""The lines of a bank file, put together into titles, headers and trailers checked. A bad line spoils its own title and no other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from adapters.contract import PayloadMalformed
from adapters.payments.cnab.fields import Columns
from adapters.payments.cnab.lines import BadLine, FileHeader, Line, RawLine, decode, read_header

_SEQUENCE: Final = Columns("sequence number", 9, 13)
_MOVEMENT: Final = Columns("movement code", 16, 17)
_LOT_RECORDS: Final = Columns("number of records of the lot", 18, 23)
_FILE_LOTS: Final = Columns("number of lots", 18, 23)
_FILE_RECORDS: Final = Columns("number of records", 24, 29)
_RECORD_400: Final = Columns("sequence number", 395, 400)


@dataclass(slots=True)
class Group:
    """One title: its line or segments and what follows them. `cause`: why it cannot be read, led by the line's number.

    `lot` is the header of its lot (CNAB 240). In a good group of CNAB 240 the first two lines are segments T and U.
    """

    lot: Line | None
    lines: list[Line] = field(default_factory=list)
    cause: str | None = None

    @property
    def whole(self) -> bool:
        """Whether CNAB 240 has both segments."""
        return len(self.lines) > 1


@dataclass(slots=True)
class _Counts:
    file: int = 1
    lot: int = 0
    lots: int = 0


def read_groups(lines: Iterable[RawLine]) -> tuple[FileHeader, Iterator[Group]]:
    """Read the header; the titles come as they are asked for. Raises: PayloadMalformed, also while titles are read."""
    rest = iter(lines)
    first = next(rest, None)
    if first is None:
        raise PayloadMalformed("line 1: the file is empty")
    header = read_header(first)
    return header, (_groups_240 if header.width == 240 else _groups_400)(rest)


def _groups_400(lines: Iterator[RawLine]) -> Iterator[Group]:
    current: Group | None = None
    count = 1
    ended = False
    for raw in lines:
        _refuse_after_trailer(raw, ended)
        count += 1
        line, cause = _decoded(raw, 400)
        kind = line.text[:1]
        if cause is None and not (kind.isascii() and kind.isdigit()):
            cause = f"line {line.number}: column 1 (record type): must be a digit"
        if cause is not None or kind == "1":
            if current is not None:
                yield current
            current = Group(None, [line], cause)
        elif kind == "0":
            raise PayloadMalformed(f"line {line.number}: a second file header; one file a message")
        elif kind == "9":
            ended = True
            _check_count(line, _RECORD_400, count, "records up to here")
        elif current is not None:
            current.lines.append(line)
    if current is not None:
        yield current


def _groups_240(lines: Iterator[RawLine]) -> Iterator[Group]:
    counts = _Counts()
    lot: Line | None = None
    other_service = False
    current: Group | None = None
    ended = False
    for raw in lines:
        _refuse_after_trailer(raw, ended)
        counts.file += 1
        counts.lot += 1
        line, cause = _decoded(raw, 240)
        kind = line.text[7:8]
        if cause is None and kind not in "0123459":
            cause = f"line {line.number}: column 8 (record type): must be a digit from 0 to 5, or 9"
        if cause is not None:
            # A bad line may be the U of the title before it, when that has none yet; else it begins a title that nobody can read.
            if current is not None and not current.whole and current.cause is None:
                current.lines.append(line)
                current.cause = cause
            else:
                if current is not None:
                    yield current
                current = Group(lot, [line], cause)
        elif kind == "3":
            if other_service:
                continue
            segment = line.text[13]
            if segment == "T":
                if current is not None:
                    yield _closed(current)
                current = Group(lot, [line])
            elif segment == "U":
                if current is None or (current.whole and current.cause is None):
                    if current is not None:
                        yield current
                    current = Group(lot, [], f"line {line.number}: segment U has no segment T before it")
                elif current.cause is None:
                    current.cause = _unpaired(current.lines[0], line)
                current.lines.append(line)
            elif current is not None:
                if not current.whole and current.cause is None:
                    current.cause = f"line {line.number}: segment U is missing between segment T and this segment"
                current.lines.append(line)
        elif kind in "0159":
            if current is not None:
                yield _closed(current)
                current = None
            if kind == "0":
                raise PayloadMalformed(f"line {line.number}: a second file header; one file a message")
            if kind == "1":
                lot, other_service = line, not (line.text[8] == "T" and line.text[9:11] == "01")
                counts.lots, counts.lot = counts.lots + 1, 1
            elif kind == "5":
                _check_count(line, _LOT_RECORDS, counts.lot, "records of the lot")
            else:
                ended = True
                _check_count(line, _FILE_LOTS, counts.lots, "lots")
                _check_count(line, _FILE_RECORDS, counts.file, "records")
    if current is not None:
        yield _closed(current)


def _decoded(raw: RawLine, width: int) -> tuple[Line, str | None]:
    try:
        return decode(raw, width), None
    except BadLine as error:
        return Line(*raw, ""), str(error)


def _closed(group: Group) -> Group:
    if not group.whole and group.cause is None:
        group.cause = f"line {group.lines[0].number}: segment T has no segment U after it"
    return group


def _unpaired(first: Line, second: Line) -> str | None:
    """Say why a U does not belong to the T before it: money must not go to the neighbour of a lost line."""
    if _MOVEMENT.of(first.text) != _MOVEMENT.of(second.text):
        return f"line {second.number}: {_MOVEMENT.bad('differs between segments T and U')}"
    one, other = _SEQUENCE.of(first.text), _SEQUENCE.of(second.text)
    if one.isdecimal() and other.isdecimal() and int(other) != (int(one) + 1) % 100_000:  # five columns: a lot of 50,000 titles begins anew
        return f"line {second.number}: {_SEQUENCE.bad('does not follow that of segment T')}"
    return None


def _check_count(line: Line, field: Columns, count: int, what: str) -> None:
    """Compare a trailer's figure; zeros and blanks say nothing. Raises: PayloadMalformed."""
    told = field.of(line.text)
    if not told.strip(" 0"):
        return
    if not (told.isascii() and told.isdigit()):
        raise PayloadMalformed(f"line {line.number}: {field.bad('must be digits')}")
    if int(told) != count:
        raise PayloadMalformed(f"line {line.number}: {field.bad(f'says {int(told)} {what}, there are {count}')}: the file is not whole")


def _refuse_after_trailer(raw: RawLine, ended: bool) -> None:
    if ended:
        raise PayloadMalformed(f"line {raw.number}: stands behind the file trailer")
