"""The programs under test, each a process of its own that is told a broker and a database and ends at SIGTERM."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PREFETCHES: Final = (1, 20, 100)
BATCH: Final = 256
_STOP_TIMEOUT_S: Final = 20.0
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG
_LIBC: Final = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class System:
    """One program under test. `arguments` may hold {amqp} and {database}."""

    name: str
    title: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def plain(prefetch: int) -> System:
    """Peer A with one prefetch; its pool is as large."""
    arguments = ("benchmarks.peers.plain", "--amqp-url", "{amqp}", "--database-url", "{database}", "--prefetch", str(prefetch))
    return System(f"plain-{prefetch}", f"A plain handler, prefetch {prefetch}", arguments)


def bare() -> System:
    """Peer B."""
    arguments = ("benchmarks.peers.bare", "--amqp-url", "{amqp}", "--database-url", "{database}", "--batch-max", str(BATCH))
    return System("bare", f"B bare ceiling, batch {BATCH}", arguments)


def hub(*, raw: bool, workers: int = 1) -> System:
    """The hub as a user runs it, relay in the same process; raw messages kept as by default, or not, as the peers do."""
    environment = {} if raw else {"HUB_RETAIN_RAW": "0"}
    name, title = ("hub-raw", "hub, raw messages kept (its default)") if raw else ("hub", "hub, raw messages not kept (as the peers)")
    if workers > 1:
        name, title = f"{name}-{workers}", f"{title}, {workers} workers"
    return System(name, title, ("hub", "run", "--workers", str(workers)), environment)


@dataclass(slots=True)
class Running:
    """A started program."""

    system: System
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def require_alive(self) -> None:
        """Raises: ProgramEnded with the end of its log."""
        if self.process.poll() is not None:
            raise ProgramEnded(f"{self.system.name} ended with status {self.process.returncode}:\n{self.tail()}")

    def tail(self, characters: int = 3_000) -> str:
        """Return the end of what it has printed."""
        return self.log.read_text(errors="replace")[-characters:]


class ProgramEnded(RuntimeError):
    """A program under test ended by itself."""


def clean_environment() -> dict[str, str]:
    """Give this process's environment without settings of a hub."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}


def _die_with_parent() -> None:
    # However this process ends, no program under test must go on knocking at servers that are gone.
    _LIBC.prctl(_DIE_WITH_PARENT, signal.SIGKILL)


@contextmanager
def started(system: System, amqp_url: str, database_url: str, log: Path) -> Iterator[Running]:
    """Run a program for a block; it is asked to end, and after a while made to."""
    arguments = [part.format(amqp=amqp_url, database=database_url) for part in system.arguments]
    given = {"HUB_AMQP_URL": amqp_url, "HUB_DATABASE_URL": database_url, "HUB_ENV_FILE": "", **system.environment}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**clean_environment(), **given},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        yield Running(system, process, log)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_TIMEOUT_S)
        # Its whole session: workers of its own would outlive it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
