"""Adapters import nothing that reaches outside, nothing of the hub and nothing of each other; and they ask for no time."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FILES: Final = sorted((ROOT / "adapters").rglob("*.py"))

IMPURE: Final = frozenset(
    {"asyncio", "ftplib", "glob", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "smtplib", "socket",
     "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time"}
)  # fmt: skip
THIRD_PARTY: Final = {"pydantic": None, "lxml": None, "cryptography": {"signing"}}
"""Package, and the only modules that may import it; None = all."""

SHARED: Final = frozenset({"adapters.brcode", "adapters.contract", "adapters.parsing", "adapters.signing", "adapters.tracking_words"})
CLOCKS: Final = frozenset({"now", "utcnow", "today"})


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def provider_of(file: Path) -> str:
    """Return the dotted name of the adapter a file belongs to: its package, or itself."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:3])


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_an_adapter_is_pure(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for name in imported(tree):
        package = name.partition(".")[0]
        if package == "adapters":
            assert name in SHARED or name.startswith(provider_of(file)), f"{name}: adapters do not know each other"
        elif package in THIRD_PARTY:
            allowed = THIRD_PARTY[package]
            assert allowed is None or file.stem in allowed, f"{name} is the business of {allowed}"
        elif package != "schemas":
            assert package in sys.stdlib_module_names, f"{name} is not for adapters"
            assert package not in IMPURE, f"{name} reaches outside"
            assert name != "urllib.request", f"{name} reaches outside"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Attribute) and called.attr in CLOCKS), f"line {node.lineno} asks for the time"
            assert not (isinstance(called, ast.Name) and called.id in {"open", "print", "input"}), f"line {node.lineno} does I/O"


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 10
