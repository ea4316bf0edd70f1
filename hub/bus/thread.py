"""One thread for blocking calls of one owner, so that a database that hangs for one does not stop the others."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class OneThread:
    """Runs functions one after the other, beside the event loop."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function there. A caller that is cancelled does not stop it: what it does to the database ends as it ends."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    def close(self) -> None:
        """Begin nothing more, and do not wait for what is running."""
        self._pool.shutdown(wait=False, cancel_futures=True)
