"""Jobs at their own pace; one that fails harms no other."""

import asyncio

from hub.bus.scheduler import Job, Scheduler
from hub.errors import StoreUnavailable


async def test_a_job_repeats_at_once_while_there_is_something_to_do_and_a_failing_one_harms_no_other() -> None:
    done: list[int] = []
    failures: list[str] = []

    def work() -> int:
        done.append(1)
        return 1 if len(done) < 4 else 0

    def fail() -> int:
        failures.append("x")
        raise (StoreUnavailable, TimeoutError, RuntimeError)[len(failures) % 3]

    told: list[None] = []
    jobs = (Job("work", 30.0, work), Job("fail", 0.01, fail))
    scheduler = Scheduler(jobs, did_something=lambda: told.append(None))
    task = asyncio.create_task(scheduler.run())
    async with asyncio.timeout(5):
        while len(done) < 4 or len(failures) < 5:
            await asyncio.sleep(0.01)
    scheduler.stop()
    await asyncio.wait_for(task, 5)
    assert len(done) == 4
    assert len(told) == 3
