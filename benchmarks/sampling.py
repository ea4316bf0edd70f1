"""A sampling profile of this process: where its processor time goes, by function and by part of the program.

A SIGPROF every few milliseconds of processor time notes the stack. Unlike a tracing profiler it costs next to nothing and does not
make small Python functions look dear; time inside C code counts for the Python function that called it.
"""

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

_INTERVAL_S: Final = 0.002
_GENERATED: Final = "<string>"
_ROOT: Final = str(Path(__file__).parents[1]) + "/"

_AREAS: Final = (
    ("hub/domain/", "domain"),
    ("hub/engine/", "engine"),
    ("hub/store/", "store"),
    ("hub/bus/", "bus"),
    ("adapters/", "adapters"),
    ("schemas/", "schemas"),
    ("benchmarks/", "benchmark"),
    ("tests/", "benchmark"),
    ("/pydantic", "pydantic"),
    ("/sqlalchemy/", "SQLAlchemy"),
    ("/psycopg", "psycopg"),
    ("/sqlite3", "sqlite3"),
    ("/aio_pika/", "aio-pika, aiormq"),
    ("/aiormq/", "aio-pika, aiormq"),
    ("/pamqp/", "aio-pika, aiormq"),
    ("/faststream/", "FastStream"),
    ("/fast_depends/", "FastStream"),
    ("/asyncio/", "asyncio"),
    ("/selectors.py", "asyncio"),
)


def area_of(path: str) -> str:
    """Name the part of the program that a source file belongs to."""
    short = path.removeprefix(_ROOT)
    return next((area for start, area in _AREAS if (start in short if start.startswith("/") else short.startswith(start))), "other")


def _name(code_path: str, function: str) -> str:
    if code_path == _GENERATED:
        return function
    short = code_path.removeprefix(_ROOT)
    return f"{short.partition('site-packages/')[2] or short.rpartition('/lib/')[2] or short}:{function}"


def _function(frame: FrameType) -> str:
    code = frame.f_code
    if code.co_filename == _GENERATED and (owner := next(iter(frame.f_locals.values()), None)) is not None:
        return f"dataclass {type(owner).__name__}.{code.co_name}"
    return code.co_qualname


@dataclass(slots=True)
class Profile:
    """Samples: in the function itself, in it or below it, and by area."""

    samples: int = 0
    own: Counter[str] = field(default_factory=Counter)
    cumulative: Counter[str] = field(default_factory=Counter)
    areas: Counter[str] = field(default_factory=Counter)

    def add(self, stack: Sequence[tuple[str, str]]) -> None:
        """Count one stack of (path, function), innermost first."""
        self.samples += 1
        self.own[_name(*stack[0])] += 1
        # What dataclasses generate belongs to those who call it.
        self.areas[next((area_of(path) for path, _ in stack if path != _GENERATED), "other")] += 1
        self.cumulative.update({_name(*frame) for frame in stack})

    def hottest(self, count: int = 15) -> list[tuple[str, float, float]]:
        """Return (function, own share, cumulative share), by own share."""
        return [(name, found / self.samples, self.cumulative[name] / self.samples) for name, found in self.own.most_common(count)]

    def widest(self, count: int = 25, *, within: tuple[str, ...] = ("hub/", "adapters/", "schemas/")) -> list[tuple[str, float]]:
        """Return the functions of this project by cumulative share."""
        found = [(name, share / self.samples) for name, share in self.cumulative.most_common() if name.startswith(within)]
        return found[:count]

    def by_area(self) -> list[tuple[str, float]]:
        """Return own shares by part of the program."""
        return [(area, found / self.samples) for area, found in self.areas.most_common()]


@contextmanager
def sampled() -> Iterator[Profile]:
    """Profile the main thread for a block."""
    profile = Profile()

    def note(_number: int, frame: FrameType | None) -> None:
        stack: list[tuple[str, str]] = []
        while frame is not None:
            stack.append((frame.f_code.co_filename, _function(frame)))
            frame = frame.f_back
        if stack:
            profile.add(stack)

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)
    try:
        yield profile
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
