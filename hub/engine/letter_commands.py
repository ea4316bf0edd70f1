"""dead.redrive and dead.discard by the queue: each letter in a transaction of its own, then the answer in another.

They stand outside the batch, because a letter that is run again may touch any order, also one that the batch has open. A crash
half way is harmless: letters that are settled already say so when the command comes again.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from hub.engine import commands, operations
from hub.engine.deliveries import COMMANDS_KEY, Outcome
from hub.engine.prepare import Prepared
from hub.engine.roles import authenticated_user
from hub.engine.transaction import UnitOfWork
from hub.errors import StoreUnavailable
from hub.store import lists
from hub.store.failures import Failure, classify
from schemas.commands import Command, DeadLetterChoice, DiscardDeadLetters, RedriveDeadLetters

if TYPE_CHECKING:
    from hub.engine.engine import Engine

FAMILY: Final = "dead."
_TOLD: Final = 1000
"""So many letters are named one by one in a reply; the counts are of all."""


def carry_out(engine: "Engine", prepared: Prepared, command: Command) -> Outcome:
    """Carry out one of the two. Raises: StoreUnavailable."""
    try:
        with engine.database.begin() as connection:
            work = UnitOfWork(connection, engine.preparer)
            refused = commands.refused_or_answered(work, prepared, command)
            work.flush()
            chosen = [] if refused is not None else _chosen(work, command.data)
        if refused is not None:
            return refused
        verdict = _run(engine, prepared, command, chosen)
        with engine.database.begin() as connection:
            work = UnitOfWork(connection, engine.preparer)
            outcome = commands.answer_letters(work, prepared, command, verdict)
            work.flush()
        return outcome
    except StoreUnavailable:
        raise
    except Exception as error:
        if classify(error) in (Failure.DATA, Failure.DEFECT):
            raise
        raise StoreUnavailable(f"{type(error).__name__} while settling dead letters") from error


def _chosen(work: UnitOfWork, data: object) -> list[int]:
    assert isinstance(data, DeadLetterChoice)
    return list(dict.fromkeys(data.ids)) if data.ids is not None else lists.dead_letter_ids(work.connection, data.filter)


def _run(engine: "Engine", prepared: Prepared, command: Command, chosen: list[int]) -> dict[str, Any]:
    actor = command.envelope.actor or authenticated_user(prepared.delivery, engine.settings).name or "unknown"
    told: list[dict[str, Any]] = []
    match command.data:
        case RedriveDeadLetters(dry_run=dry_run):
            for letter in chosen:
                result = operations.redrive(engine, letter, actor=actor, dry_run=dry_run)
                told.append({"id": letter, "outcome": result.outcome, "detail": result.detail, "orders": list(result.orders)})
        case DiscardDeadLetters(note=note):
            settled = set(operations.discard(engine, chosen, actor=actor, note=note))
            with engine.database.read() as connection:
                known = {letter for letter in chosen if letter in settled or lists.dead_letter_by_id(connection, letter) is not None}
            outcomes = {letter: "discarded" if letter in settled else "not_open" for letter in known}
            told = [{"id": letter, "outcome": outcomes.get(letter, "not_found")} for letter in chosen]
    return {"letters": told[:_TOLD], "counts": dict(Counter(one["outcome"] for one in told))}


def concerns(prepared: Prepared) -> bool:
    """Say whether a delivery is one of the two commands."""
    return prepared.delivery.key == COMMANDS_KEY and prepared.command is not None and prepared.command.name.startswith(FAMILY)
