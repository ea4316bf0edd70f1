"""`hub run`: everything a machine needs, in one process or in several of the same kind."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Annotated, Final

import structlog
import typer

from hub import observability
from hub.bootstrap import build_engine
from hub.cli.failures import Failure, Status
from hub.cli.options import AmqpUrl, DatabaseUrl, opened
from hub.config import Settings, effective

_log: Final = structlog.get_logger(__name__)

_PR_SET_PDEATHSIG: Final = 1
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_QUIET_S: Final = 60.0
_LOOK_S: Final = 0.2


def run(
    context: typer.Context,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, max=64, help="Processes of this kind; PostgreSQL only.")] = 1,
    only: Annotated[
        str | None, typer.Option("--only", metavar="ROLES", help="Some of worker, relay, scheduler, archiver.", show_default="all of them")
    ] = None,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the hub until SIGTERM or Ctrl-C: read the queues, publish the events, store what died.

    Any number of machines may run it on one broker and one PostgreSQL. A stop finishes the batch in hand and gives the rest back.
    """
    from hub.bus import worker

    roles = tuple(word.strip() for word in only.split(",") if word.strip()) if only is not None else worker.ROLES
    if unknown := [role for role in roles if role not in worker.ROLES]:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(worker.ROLES)}", param_hint="--only")
    if not roles:
        raise typer.BadParameter(f"name some of {', '.join(worker.ROLES)}", param_hint="--only")
    with opened(database_url, amqp_url=amqp_url) as (settings, database):
        observability.configure(settings.log_format, "debug" if _debug(context) else settings.log_level)
        if workers > 1 and not database.is_postgres:
            raise Failure("SQLite has one writer: --workers above 1 needs PostgreSQL, see HUB_DATABASE_URL")
        if workers == 1:
            _tell_settings(settings)
            status = worker.start(build_engine(database, settings), roles)
            if status:
                raise typer.Exit(Status.INFRASTRUCTURE)
            return
        _tell_settings(settings)
    raise typer.Exit(Supervisor(_command(context, roles, amqp_url, database_url), workers).run())


def _debug(context: typer.Context) -> bool:
    return bool(context.find_root().params.get("debug"))


def _tell_settings(settings: Settings) -> None:
    """Log what is in force beside the defaults; secrets are masked already."""
    chosen = {one.name: one.value for one in effective(settings) if one.source != "default"}
    _log.info("settings", **chosen)


def _command(context: typer.Context, roles: Sequence[str], amqp_url: str | None, database_url: str | None) -> list[str]:
    command = [sys.executable, "-m", "hub", *(["--debug"] if _debug(context) else []), "run", "--only", ",".join(roles)]
    for option, value in (("--amqp-url", amqp_url), ("--database-url", database_url)):
        if value is not None:
            command += [option, value]
    return command


class Supervisor:
    """Keeps so many processes running: one that dies is started anew, after a pause that grows while it dies at once."""

    def __init__(self, command: Sequence[str], count: int, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._command: Final = list(command)
        self._count: Final = count
        self._sleep: Final = sleep
        self._children: Final[dict[int, subprocess.Popen[bytes]]] = {}
        self._started_at: Final[dict[int, float]] = {}
        self._next_at: Final[dict[int, float]] = {}
        self._pauses: Final[dict[int, float]] = {}
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while True:
            status = self._look()
            if status is not None:
                return status
            self._sleep(_LOOK_S)

    def _look(self) -> int | None:
        for slot in range(self._count):
            child = self._children.get(slot)
            if child is not None and (ended := child.poll()) is not None:
                del self._children[slot]
                if ended == Status.USAGE:
                    self._stop(signal.SIGTERM, None)
                    self._wait()
                    return ended
                if not self._stopping:
                    self._died(slot, ended)
            elif child is None and not self._stopping and time.monotonic() >= self._next_at.get(slot, 0.0):
                self._start(slot)
        if self._stopping:
            return self._wait()
        return None

    def _start(self, slot: int) -> None:
        self._started_at[slot] = time.monotonic()
        self._children[slot] = subprocess.Popen(self._command, preexec_fn=_end_with_parent)
        _log.info("worker process started", slot=slot, pid=self._children[slot].pid)

    def _died(self, slot: int, ended: int) -> None:
        lived = time.monotonic() - self._started_at[slot]
        pause = _FIRST_PAUSE_S if lived > _QUIET_S else min(_LONGEST_PAUSE_S, self._pauses.get(slot, _FIRST_PAUSE_S / 2) * 2)
        self._pauses[slot] = pause
        self._next_at[slot] = time.monotonic() + pause
        _log.error("worker process ended", slot=slot, status=ended, restart_in_s=pause)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for child in self._children.values():
            child.send_signal(number)

    def _wait(self) -> int:
        # A child's own deadline ends it; nothing is lost by that.
        ended = [child.wait() for child in self._children.values()]
        return Status.INFRASTRUCTURE if any(ended) else Status.DONE


def _end_with_parent() -> None:
    """Have the kernel end a child whose parent was killed: it would go on without anybody to stop it. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
