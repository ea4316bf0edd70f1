"""Several workers on one machine: starts them as processes, starts dead ones again, and ends them all in good order.

A message that ends its worker is found by being redelivered (architecture D6), so a dead worker comes back at once; only one that
dies again and again right after its start waits longer each time.
"""

import contextlib
import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import structlog

from hub.errors import SettingsInvalid
from hub.store.database import Database

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """Times. A child that lived `steady_s` is started again at once after its death."""

    first_wait_s: float = 0.1
    most_wait_s: float = 5.0
    steady_s: float = 5.0
    deadline_s: float = 28.0


_PR_SET_PDEATHSIG: Final = 1


def _end_with_parent() -> None:
    # In the child, before it becomes the worker: a supervisor that is killed must not leave workers that nobody starts again.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def require_many_writers(database: Database, workers: int) -> None:
    """Refuse several worker processes on a database that has one writer. Raises: SettingsInvalid."""
    if workers > 1 and not database.is_postgres:
        raise SettingsInvalid(
            "--workers above 1 needs PostgreSQL, as SQLite has one writer at a time: "
            "set HUB_DATABASE_URL=postgresql://... or leave --workers out"
        )


@dataclass(slots=True)
class _Child:
    number: int
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_at: float = 0.0
    deaths: int = 0


@dataclass(slots=True)
class Supervisor:
    """Keeps `count` processes of one command alive until it is told to stop."""

    command: Sequence[str]
    count: int
    options: SupervisorOptions = field(default_factory=SupervisorOptions)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; the exit status is 0 when all children ended in good order."""
        previous = {number: signal.signal(number, self._received) for number in (signal.SIGTERM, signal.SIGINT)}
        children = [_Child(number) for number in range(1, self.count + 1)]
        try:
            while not self._stop.is_set():
                for child in children:
                    self._look_after(child)
                self._stop.wait(0.05)
        finally:
            status = self._end(children)
            for number, handler in previous.items():
                signal.signal(number, handler)
        return status

    def stop(self) -> None:
        """End all children and let `run` return."""
        self._stop.set()

    def _received(self, number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            status = child.process.poll()
            if status is None:
                return
            child.process = None
            child.deaths = 1 if now - child.started_at >= self.options.steady_s else child.deaths + 1
            wait_s = 0.0 if child.deaths == 1 else min(self.options.most_wait_s, self.options.first_wait_s * 2 ** min(child.deaths - 2, 10))
            child.start_at = now + wait_s
            _log.error("worker ended; starting it again", worker=child.number, status=status, wait_s=round(wait_s, 1))
        if now >= child.start_at:
            # A process group of its own: Ctrl-C reaches the supervisor alone, which ends its children in good order.
            child.process = subprocess.Popen(
                self.command, start_new_session=True, preexec_fn=_end_with_parent if sys.platform == "linux" else None
            )
            child.started_at = now

    def _end(self, children: Sequence[_Child]) -> int:
        living = [child.process for child in children if child.process is not None]
        for process in living:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self.options.deadline_s
        statuses: list[int] = []
        for process in living:
            try:
                statuses.append(process.wait(max(0.0, deadline - time.monotonic())))
            except subprocess.TimeoutExpired:
                process.kill()
                statuses.append(process.wait())
        return 0 if all(status == 0 for status in statuses) else 1
