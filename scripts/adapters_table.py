"""Writes the table of adapters into README.md from what the adapters declare. `--check` only compares."""

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from adapters.contract import ENTRY_POINT_GROUP, Adapter, unsigned

_README: Final = Path(__file__).parents[1] / "README.md"
_BEGIN: Final = "<!-- adapters: written by scripts/adapters_table.py, held by a test -->\n"
_END: Final = "<!-- /adapters -->"


def table() -> str:
    """Build the table, one row an adapter."""
    loaded = sorted((entry.load() for entry in entry_points(group=ENTRY_POINT_GROUP)), key=lambda adapter: str(adapter.name))
    lines = ["| Key | Amounts | Times without offset | Authenticity | Asks the provider |", "|---|---|---|---|---|"]
    lines += [_row(adapter) for adapter in loaded]
    return "\n".join(lines) + "\n"


def _row(adapter: Adapter) -> str:
    trust = "the broker user" if adapter.verify is unsigned else "checked"
    asks = ", ".join(adapter.resources) or "-"
    return f"| `{adapter.name}` | {adapter.amount_format or '-'} | {adapter.time_zone or '-'} | {trust} | {asks} |"


def rendered(readme: str) -> str:
    """Return the README with the table as it must be."""
    before, _, rest = readme.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{table()}{_END}{after}"


def main() -> int:
    """Write or check. Returns the exit status."""
    found = _README.read_text()
    wanted = rendered(found)
    if found == wanted:
        return 0
    if "--check" in sys.argv:
        print("README.md: the table of adapters is not what they declare; run python scripts/adapters_table.py")
        return 1
    _README.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
