"""Work that is due by the clock: each job at its own pace, in a thread beside the engine's."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.bus.thread import OneThread
from hub.errors import TransientError

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every `every_s`. `run` returns how much it did; more than nothing means: again at once."""

    name: str
    every_s: float
    run: Callable[[], int]


class Scheduler:
    """Runs jobs until it is stopped; every worker may, since a job's rows are claimed by locks."""

    def __init__(self, jobs: Sequence[Job], *, did_something: Callable[[], None] = lambda: None) -> None:
        self._jobs = tuple(jobs)
        self._did_something = did_something
        self._thread = OneThread("scheduler")
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Finish the job in hand and end."""
        self._stop.set()

    async def run(self) -> None:
        """Run all jobs until `stop`."""
        try:
            await asyncio.gather(*(self._repeat(job) for job in self._jobs))
        finally:
            self._thread.close()

    async def _repeat(self, job: Job) -> None:
        while not self._stop.is_set():
            done = 0
            try:
                done = await self._thread.run(job.run)
            except (SQLAlchemyError, TransientError, TimeoutError) as error:
                _log.warning("job failed", job=job.name, error=type(error).__name__)
            except Exception:  # a defect in one job must not end the others, nor the worker beside them
                _log.exception("job failed", job=job.name)
            if done:
                _log.info("job done", job=job.name, count=done)
                self._did_something()
                continue
            with contextlib.suppress(TimeoutError):
                # Not in step with the other workers.
                async with asyncio.timeout(job.every_s * random.uniform(0.8, 1.2)):
                    await self._stop.wait()
