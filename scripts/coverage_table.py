"""Writes docs/coverage.md: every documented status or event of a provider, the fact it becomes, and the golden case that shows it.

The documented rows stand as data beside the adapter's golden cases, tests/golden/<family>/<provider>/documented.json:
    words    what the provider says, all of it in the case's payload
    fact     kind of the fact, `ignored`, or `fetch <resource>`
    case     the golden case
    source   where it is documented
    mark     V read in an official source, S seen in public code or excerpts, U not verified
`--check` only compares.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.golden import ROOT, Case

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "coverage.md"
FILE: Final = "documented.json"

_HEAD: Final = """# What each provider says, and what becomes of it

Written by `python -m scripts.coverage_table` from tests/golden/\\*/\\*/documented.json; a test holds that each row is true of its golden
case and that no documented word of an adapter is without a row. Marks: V read in an official source, S seen in public code, U not
verified.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One documented status or event."""

    adapter: str
    words: tuple[str, ...]
    fact: str
    case: str
    source: str
    mark: str

    def fault(self) -> str | None:
        """Say what is wrong with the row; None = its golden case shows it."""
        case = Case(ROOT.joinpath(*self.adapter.split(".", 1), self.case))
        if not case.folder.is_dir():
            return f"there is no case {self.case}"
        payload = case.payload.decode(errors="replace")
        missing = [word for word in self.words if not re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", payload)]
        if missing:
            return f"{self.case} does not hold {', '.join(missing)}"
        return None if self.fact in outcomes(case.expected) else f"{self.case} does not become {self.fact}"


def outcomes(expected: dict[str, Any]) -> set[str]:
    """Return what a case becomes, in the words of a row."""
    if "fetch" in expected:
        return {f"fetch {expected['fetch']['resource']}"}
    return {"ignored"} if "ignored" in expected else {fact["kind"] for fact in expected.get("facts", ())}


def rows() -> Iterator[Row]:
    """Read the documented rows, adapter by adapter."""
    for file in sorted(ROOT.glob(f"*/*/{FILE}")):
        family, provider = file.relative_to(ROOT).parts[:2]
        for row in json.loads(file.read_text(encoding="utf-8")):
            yield Row(f"{family}.{provider}", tuple(row["words"]), row["fact"], row["case"], row["source"], row["mark"])


def table() -> str:
    """Build the document."""
    lines: list[str] = [_HEAD]
    adapter = ""
    for row in rows():
        if row.adapter != adapter:
            adapter = row.adapter
            lines += [f"\n## {adapter}\n", "| It says | It becomes | Golden case | Documented in | Mark |", "|---|---|---|---|---|"]
        words = " + ".join(f"`{word}`" for word in row.words)
        lines.append(f"| {words} | {row.fact} | {row.case} | {row.source} | {row.mark} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check. Returns the exit status."""
    wanted = table()
    if DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == wanted:
        return 0
    if "--check" in sys.argv:
        print("docs/coverage.md is not what the documented rows say; run python -m scripts.coverage_table")
        return 1
    DOCUMENT.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
