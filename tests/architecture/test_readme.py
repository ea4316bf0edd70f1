"""The README says what is there."""

import re
from pathlib import Path

from scripts.adapters_table import rendered

_ROOT = Path(__file__).parents[2]


def test_the_table_of_adapters_is_what_they_declare() -> None:
    readme = (_ROOT / "README.md").read_text()
    assert readme == rendered(readme)


def test_files_that_documents_link_to_exist() -> None:
    for document in (_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_example_files_that_the_readme_publishes_exist() -> None:
    for path in re.findall(r"examples/\S+\.json", (_ROOT / "README.md").read_text()):
        assert (_ROOT / path).is_file(), path
