"""The engine: batches of deliveries in, one transaction each, outcomes out. Synchronous; one thread per worker runs it.

Trouble is sorted by hub.store.failures: infrastructure raises StoreUnavailable with nothing committed, conflicts are tried again,
and a batch that one message spoils is bisected down to that message, which becomes a dead letter (architecture D4, D6).
"""

import random
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

import structlog

from adapters.contract import Adapter
from hub import faults
from hub.config import Settings
from hub.domain.judgement import Shop
from hub.engine.bank_days import BankDays
from hub.engine.dead_letters import dead_letter_row, insert_dead_letters
from hub.engine.deliveries import COMMANDS_KEY, Delivery, Outcome
from hub.engine.prepare import Death, Prepared, Preparer
from hub.engine.references import Scopes
from hub.engine.transaction import UnitOfWork
from hub.errors import StoreUnavailable
from hub.store.database import Database
from hub.store.failures import Failure, classify

_log: Final = structlog.get_logger(__name__)
_CONFLICT_TRIES: Final = 5
_TRACEBACK_LIMIT: Final = 8 * 1024


class Engine:
    """Applies deliveries to the database."""

    def __init__(self, database: Database, adapters: Mapping[str, Adapter], settings: Settings, *, clock: Callable[[], datetime]) -> None:
        self.database: Final = database
        self.adapters: Final = adapters
        self.settings: Final = settings
        self.clock: Final = clock
        accounts = {adapter.provider: settings.secrets(adapter.provider).accounts for adapter in adapters.values()}
        online = {
            adapter.provider: frozenset[str](adapter.outbound.operations)
            for adapter in adapters.values()
            if adapter.family == "payments" and adapter.outbound is not None
        }
        shop = Shop(frozenset(settings.carriers), BankDays(settings.timezone), online=online)
        self.preparer: Final = Preparer(adapters, settings, Scopes(accounts), settings.order_rules(), shop)

    def process(self, batch: Sequence[Delivery]) -> list[Outcome]:
        """Apply a batch; each delivery gets an outcome, in order. Raises: StoreUnavailable, with nothing committed."""
        now = self.clock()
        prepared = [self.preparer.prepare(delivery, now) for delivery in batch]
        faults.reach("after_translate")
        if not any(one.command is not None and one.command.name.startswith("dead.") for one in prepared):
            return self._settle(prepared)
        # What settles dead letters runs them through this very engine, so it is known only once the engine is.
        from hub.engine import letter_commands

        outcomes: list[Outcome] = []
        for settling, some in groupby(prepared, letter_commands.concerns):
            if not settling:
                outcomes += self._settle(list(some))
                continue
            outcomes += [letter_commands.carry_out(self, one, one.command) for one in some if one.command is not None]
        return outcomes

    def _settle(self, batch: list[Prepared]) -> list[Outcome]:
        """Commit a batch, or the two halves of one that fails for the sake of one message."""
        timed_out = False
        conflicts = 0
        while True:
            try:
                return self._commit(batch)
            except Exception as error:  # every kind is sorted below, none is swallowed
                failure = classify(error)
                if failure is Failure.PAUSE:
                    raise StoreUnavailable(f"{type(error).__name__}: {brief(error)}") from error
                if failure is Failure.CONFLICT:
                    conflicts += 1
                    if conflicts >= _CONFLICT_TRIES:
                        raise StoreUnavailable(f"{conflicts} conflicts in a row: {brief(error)}") from error
                    time.sleep(random.uniform(0.002, 0.01) * 2**conflicts)
                    continue
                if failure is Failure.TIMEOUT and not timed_out:
                    timed_out = True
                    continue
                if len(batch) == 1:
                    return [self._bury(batch[0], error)]
            middle = len(batch) // 2
            return self._settle(batch[:middle]) + self._settle(batch[middle:])

    def _commit(self, batch: Sequence[Prepared]) -> list[Outcome]:
        with self.database.begin() as connection:
            outcomes = UnitOfWork(connection, self.preparer).run(batch)
            faults.reach("before_commit")
        faults.reach("after_commit")
        return outcomes

    def _bury(self, prepared: Prepared, error: Exception) -> Outcome:
        """Keep the one message at fault as a dead letter; its own transaction must succeed, or the batch pauses."""
        trace = "".join(traceback.format_exception(error, limit=-20))[-_TRACEBACK_LIMIT:]
        kind = "invalid_command" if prepared.delivery.key == COMMANDS_KEY else "adapter_error"
        death = Death(kind, f"{type(error).__name__}: {brief(error)}", prepared.delivery.raw.body, trace)
        _log.error("message cannot be applied", key=prepared.delivery.key, body_sha256=prepared.body_sha256, error=type(error).__name__)
        try:
            with self.database.begin() as connection:
                insert_dead_letters(connection, [dead_letter_row(prepared, death, prepared.at)])
        except Exception as second:
            raise StoreUnavailable(f"a dead letter could not be written: {type(second).__name__}: {brief(second)}") from second
        return Outcome("dead_letter", f"{kind}: {death.cause}")


def brief(error: BaseException) -> str:
    """Give the first line of an error, without the statement and its values: they may name a person."""
    origin = getattr(error, "orig", None) or error
    return (str(origin).strip().splitlines() or [""])[0][:300]
