"""What processes cost: processor seconds and resident memory out of /proc, of a process with all its children."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.servers import process_tree

_TICKS: Final = os.sysconf("SC_CLK_TCK")
QUIET_CORES: Final = 0.1
"""What other programs may take, in cores, before a figure stops meaning much."""

_LOOK_S: Final = 2.0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def cpu_s(root: int) -> float:
    """Processor seconds used so far by a process and its descendants, those included that have ended and were waited for."""
    total = 0
    for pid in process_tree(root):
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        total += sum(int(field) for field in text[text.rindex(")") + 2 :].split()[11:15])
    return total / _TICKS


def resident_bytes(root: int) -> int:
    """Resident memory of a process and its descendants; pages they share are counted in each."""
    total = 0
    for pid in process_tree(root):
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


async def quiet(limit_s: float) -> None:
    """Wait until this machine is nearly idle, but not longer than so many seconds."""
    ends_at = time.monotonic() + limit_s
    while time.monotonic() < ends_at:
        before = machine_busy_s()
        await asyncio.sleep(_LOOK_S)
        if machine_busy_s() - before <= QUIET_CORES * _LOOK_S:
            return


def machine_busy_s() -> float:
    """Processor seconds that this machine has spent on anything at all, all cores together."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    user, nice, system, _idle, _iowait, interrupts, soft_interrupts, *_ = fields
    return (user + nice + system + interrupts + soft_interrupts) / _TICKS


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor seconds at one moment, or between two, by who spent them."""

    system: float
    database: float
    broker: float
    conductor: float
    machine: float

    def since(self, earlier: "Cpu") -> "Cpu":
        """Give the difference."""
        return Cpu(
            self.system - earlier.system,
            self.database - earlier.database,
            self.broker - earlier.broker,
            self.conductor - earlier.conductor,
            self.machine - earlier.machine,
        )

    @property
    def strangers(self) -> float:
        """What programs spent that are no part of the measurement."""
        return max(0.0, self.machine - self.system - self.database - self.broker - self.conductor)
