"""The supervisor with small processes instead of workers."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hub.bus.supervisor import Supervisor, SupervisorOptions, require_many_writers
from hub.errors import SettingsInvalid
from hub.store.database import Database

ROOT = Path(__file__).parents[3]


def supervising(child: str, *, count: int, options: str = "") -> "subprocess.Popen[str]":
    """Start a supervisor, in a process of its own: it owns the signal handlers."""
    code = f"""
    import sys
    from hub.bus.supervisor import Supervisor, SupervisorOptions
    sys.exit(Supervisor([sys.executable, "-c", {child!r}], {count}, SupervisorOptions({options})).run())
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def said(process: "subprocess.Popen[str]") -> str:
    """The next line of a child; the supervisor's own log lines stand between them."""
    assert process.stdout is not None
    while (line := process.stdout.readline()) and "worker ended" in line:
        pass
    return line.strip()


def test_a_dead_worker_is_started_again_and_a_stop_ends_all_in_good_order() -> None:
    child = "import os, signal, time; signal.signal(signal.SIGTERM, lambda *_: os._exit(0)); print(os.getpid(), flush=True); time.sleep(60)"
    with supervising(child, count=2) as process:
        first, second = int(said(process)), int(said(process))
        os.kill(first, signal.SIGKILL)
        third = int(said(process))
        assert third not in (first, second)
        process.terminate()
        assert process.wait(20) == 0


def test_a_worker_that_dies_at_once_is_started_again_ever_more_slowly() -> None:
    with supervising("print('x', flush=True)", count=1, options="first_wait_s=0.2, most_wait_s=0.4") as process:
        said(process)
        began = time.monotonic()
        for _ in range(4):
            assert said(process) == "x"
        assert time.monotonic() - began > 0.9
        process.terminate()
        assert process.wait(20) in (0, 1)


def test_workers_end_with_a_supervisor_that_is_killed() -> None:
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with supervising(child, count=1) as process:
        worker = int(said(process))
        process.kill()
        process.wait(20)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{worker}").exists() and "Z" not in Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_several_workers_need_a_database_with_several_writers(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/hub.db")
    require_many_writers(database, 1)
    with pytest.raises(SettingsInvalid, match="PostgreSQL"):
        require_many_writers(database, 2)
    database.dispose()


def test_options_have_sane_defaults() -> None:
    assert SupervisorOptions().deadline_s > 25
    assert Supervisor(["true"], 1).options == SupervisorOptions()
