"""Each cell of the order machine's two tables has a test, and no test names a cell that does not exist."""

import json
import subprocess
import sys
from pathlib import Path

from tests.cells import ALL_CELLS, COLUMNS, COMMANDS, FACT_COLUMNS, FACTS, Cell

ROOT = Path(__file__).parents[2]


def test_each_cell_of_the_tables_has_a_test() -> None:
    # In a process of its own: what this run has collected may be a part, and one run cannot collect within another.
    result = subprocess.run([sys.executable, "-m", "tests.cells", "--json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    found = {Cell(*entry[:3]): entry[3] for entry in json.loads(result.stdout)}
    assert sorted(set(ALL_CELLS) - set(found)) == []
    assert sorted(set(found) - set(ALL_CELLS)) == []


def test_the_tables_are_whole() -> None:
    assert all(len(cells) == len(COLUMNS) for cells in COMMANDS.values())
    assert all(len(cells) == len(FACT_COLUMNS) for cells in FACTS.values())
