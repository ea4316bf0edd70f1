"""A return file, or a part of one -> canonical payment facts, and the lines that cannot be read."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from adapters.contract import Facts, FailedPart, Ignored, RawDelivery, Translation, none_legible
from adapters.payments.cnab.groups import Group, read_groups
from adapters.payments.cnab.lines import BadLine, FileHeader, physical_lines, renumbered, split
from adapters.payments.cnab.titles import Reader
from schemas.facts import PaymentFact

FIRST_LINE: Final = "hub-file-line"
"""Header of a part: the number that its first line behind the headers has in the whole file."""


def translate(delivery: RawDelivery) -> Translation:
    """Translate a CNAB 240 or CNAB 400 return file of any number of titles, or a part of one.

    Units: digits with two implied decimals are cents as they stand; a day is its first instant in America/Sao_Paulo.
    Raises: PayloadMalformed, naming the line: no return file, a trailer whose counts are wrong, or no title that can be read.
    """
    lines = physical_lines(split(delivery.body))
    first = _first_line(delivery.headers)
    header, groups = read_groups(lines if first is None else renumbered(lines, first))
    reader = Reader.of(header)
    facts: dict[str, PaymentFact] = {}  # in order; the same line twice in one file is one fact
    failed: list[FailedPart] = []
    bookkeeping: Counter[str] = Counter()
    for group in groups:
        try:
            fact = reader.fact(group, delivery.received_at)
        except BadLine as error:
            failed.append(_failed(header, group, str(error)))
            continue
        if fact is None:
            bookkeeping[reader.occurrence(group)[0]] += 1
        else:
            facts.setdefault(fact.event_id, fact)
    if failed and not facts and not bookkeeping:
        raise none_legible(failed)
    if facts or failed:
        return Facts(tuple(facts.values()), tuple(failed))
    told = ", ".join(f"{number} ({count})" for number, count in sorted(bookkeeping.items()))
    return Ignored(f"no title of {header.layout} moves a payment: {f'occurrences {told}' if told else 'the file has none'}")


def _failed(header: FileHeader, group: Group, cause: str) -> FailedPart:
    # A file again, so that it can be mended and run by itself; its line keeps the number it has in the bank's file.
    head = [header.line] if group.lot is None else [header.line, group.lot]
    part = b"".join(line.raw + b"\r\n" for line in (*head, *group.lines))
    return FailedPart(cause, part, {FIRST_LINE: group.lines[0].number})


def _first_line(headers: Mapping[str, object]) -> int | None:
    told = headers.get(FIRST_LINE)
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 12:
        told = int(told)
    return told if isinstance(told, int) and not isinstance(told, bool) and told > 0 else None
