"""How a file of many titles becomes messages of at most 1,000: checked whole first, headers repeated, no title split, no trailer."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from adapters.contract import Cutting, FileLine, FilePart
from adapters.payments.cnab.groups import Group, read_groups
from adapters.payments.cnab.lines import BadLine, Line, physical_lines
from adapters.payments.cnab.titles import Reader

MAX_TITLES: Final = 1000


def cut(lines: Iterable[bytes]) -> Cutting:
    """Check header, trailer and counts of a whole file and say where to cut it; lines are read once and not kept.

    A part never holds titles of two lots, so that its lines keep their distances. Raises: PayloadMalformed.
    """
    digest = hashlib.sha256()
    header, groups = read_groups(physical_lines(_hashed(lines, digest)))
    reader = Reader.of(header)
    counts: Counter[str] = Counter()
    parts: list[FilePart] = []
    start: Group | None = None
    last: Line = header.line
    titles = 0
    for group in groups:
        counts[_word(reader, group)] += 1
        if start is not None and (titles == MAX_TITLES or group.lot is not start.lot):
            parts.append(_part(header.line, start, last, titles))
            start, titles = None, 0
        start = start or group
        titles += 1
        last = group.lines[-1]
    if start is not None:
        parts.append(_part(header.line, start, last, titles))
    told = tuple(
        FileLine(f"{header.layout}:{number}" if number else "", _meaning(reader, number), count) for number, count in sorted(counts.items())
    )
    return Cutting(digest.hexdigest(), sum(counts.values()), tuple(parts) if sum(counts.values()) > MAX_TITLES else (), told)


def _hashed(lines: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for line in lines:
        digest.update(line)
        yield line


def _part(header: Line, first: Group, last: Line, titles: int) -> FilePart:
    head = header.raw + b"\r\n" + (first.lot.raw + b"\r\n" if first.lot is not None else b"")
    start = first.lines[0]
    return FilePart(head, start.offset, last.offset + len(last.raw), start.number, titles)


def _word(reader: Reader, group: Group) -> str:
    try:
        return reader.occurrence(group)[0] if group.cause is None else ""
    except BadLine:
        return ""


def _meaning(reader: Reader, number: str) -> str:
    if not number:
        return "cannot be read"
    occurrence = reader.table.get(number)
    if occurrence is None:
        return "not known"
    return f"{occurrence.words} ({occurrence.kind or 'bookkeeping'})"
