"""The workers table: who is alive and what it is doing. A beat is also the probe of whether the store takes writes."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from hub.bus.collector import State
from hub.bus.thread import OneThread
from hub.errors import StoreUnavailable
from hub.store import bulk
from hub.store.database import Database
from hub.store.tables import workers

_log: Final = structlog.get_logger(__name__)

BEAT_S: Final = 2.0
_FORGOTTEN_AFTER: Final = timedelta(days=1)


class Heartbeat:
    """Writes one row of `workers`, again and again, and removes it at the end."""

    def __init__(
        self,
        database: Database,
        roles: Sequence[str],
        *,
        clock: Callable[[], datetime],
        state: Callable[[], State] = lambda: "idle",
        failed: Callable[[], None] = lambda: None,
        every_s: float = BEAT_S,
    ) -> None:
        """`failed` is told when the store does not take a second beat in a row."""
        self.id: Final = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._database = database
        self._roles = json.dumps(sorted(roles))
        self._clock = clock
        self._state = state
        self._failed = failed
        self._every_s = every_s
        self._started_at = clock()
        self._thread = OneThread("heartbeat")
        self._stop = asyncio.Event()

    def probe(self) -> None:
        """Write the row now, in the caller's thread: reading is no probe, a full or read-only database can do that.

        Raises: StoreUnavailable.
        """
        self._write("pause")

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()

    async def run(self) -> None:
        """Beat until `stop`, then remove the row."""
        failures = 0
        first = True
        while not self._stop.is_set():
            state = self._state()
            try:
                await self._thread.run(lambda: self._write(state, tidy=first))  # noqa: B023  awaited in this round
                first, failures = False, 0
            except StoreUnavailable as error:
                failures += 1
                if failures == 1:
                    _log.warning("heartbeat not written", error=str(error))
                else:
                    # Once may be a busy SQLite, whose engine holds the only writer's place.
                    self._failed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._stop.wait()
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._thread.run(self._remove)
        self._thread.close()

    def _write(self, state: State, *, tidy: bool = False) -> None:
        now = self._clock()
        row = {
            "id": self.id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "roles": self._roles,
            "state": state,
            "started_at": self._started_at,
            "seen_at": now,
        }
        try:
            with self._database.begin() as connection:
                bulk.upsert(connection, workers, [row])
                if tidy:
                    connection.execute(delete(workers).where(workers.c.seen_at < now - _FORGOTTEN_AFTER))
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"heartbeat: {type(error).__name__}") from error

    def _remove(self) -> None:
        try:
            with self._database.begin() as connection:
                connection.execute(delete(workers).where(workers.c.id == self.id))
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"heartbeat: {type(error).__name__}") from error
