"""Running messages through the engine in batches, and what is remembered of it for the answer."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from adapters.contract import RawDelivery
from hub.engine.deliveries import COMMANDS_KEY, Delivery, Outcome
from hub.engine.engine import Engine
from hub.engine.operations import expire_parked, fire_timers
from hub.errors import StoreUnavailable
from hub.replay.fetched import Answers
from hub.replay.lines import Message
from hub.replay.source import FETCHED

# A batch of 256 bodies of 8 MiB would fill the memory; a batch may be smaller than its cap without anybody noticing.
_BATCH_BYTES: Final = 4 * 1024 * 1024
_PATIENCE_S: Final = 60


@dataclass(slots=True)
class Session:
    """What became of the messages so far."""

    messages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    replies: list[Mapping[str, Any]] = field(default_factory=list)
    orders: set[str] = field(default_factory=set)
    answers: int = 0
    expired: int = 0
    timers: int = 0

    def settle(self, outcomes: Iterable[Outcome]) -> None:
        """Take down a batch."""
        for outcome in outcomes:
            self.messages += 1
            self.outcomes[outcome.kind] += 1
            self.orders.update(outcome.orders)
            if outcome.reply is not None:
                self.replies.append(outcome.reply.body)


def run(
    engine: Engine,
    messages: Iterable[Message],
    *,
    user: str,
    batch_max: int,
    answers: Answers,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> Session:
    """Apply messages in their order. `user` is who the commands come from. Raises: StoreUnavailable after a minute of trying.

    An answer counts from its line on. A command is judged after all reads that came before it have been answered.
    """
    session = Session()
    batch: list[Delivery] = []
    size = 0

    def settle() -> None:
        nonlocal batch, size
        if batch:
            session.settle(_process(engine, batch))
            on_progress(len(batch))
            _answer(answers, batch[-1].at)
        batch, size = [], 0

    for message in messages:
        if message.key.startswith(f"{FETCHED}/"):
            settle()
            answers.add(message.key, message.body)
            _answer(answers, message.received_at)
            continue
        if answers and message.key == COMMANDS_KEY:
            settle()
        batch.append(_delivery(message, user))
        size += len(message.body)
        if len(batch) >= batch_max or size >= _BATCH_BYTES:
            settle()
    settle()
    session.answers = answers.count
    return session


def expire(engine: Engine, session: Session) -> None:
    """Let the timers and the facts whose time is up by the engine's clock do what the scheduler has them do."""
    while count := fire_timers(engine, engine.clock()):
        session.timers += count
    while count := expire_parked(engine, engine.clock()):
        session.expired += count


def _patiently() -> Retrying:
    # Somebody else writes to the same SQLite file, or the server is being restarted: as the running hub, we wait.
    return Retrying(
        retry=retry_if_exception_type(StoreUnavailable),
        stop=stop_after_delay(_PATIENCE_S),
        wait=wait_random_exponential(max=5),
        reraise=True,
    )


def _process(engine: Engine, batch: list[Delivery]) -> list[Outcome]:
    return _patiently()(engine.process, batch)


def _answer(answers: Answers, at: datetime | None) -> None:
    if answers:
        assert at is not None  # ReplayInput.messages sees to it
        _patiently()(answers.give, at)


def _delivery(message: Message, user: str) -> Delivery:
    assert message.received_at is not None  # ReplayInput.messages sees to it
    raw = RawDelivery(message.body, message.headers, message.received_at, message.key, message.content_type)
    is_command = message.key == COMMANDS_KEY
    key = message.key if is_command else ".".join(message.key.split(".")[:2])
    return Delivery(key, raw, user_id=user if is_command else None, at=message.received_at)
