"""What to do with outbound work that failed, decided without doing it; and the ladder that carries a message until its next try."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType

from hub.bus.publisher import Publisher
from hub.bus.topology import RETRY_DELAYS_S
from hub.errors import (
    BrokerUnavailable,
    StoreUnavailable,
    TransientError,
    UpstreamBusy,
    UpstreamNotFound,
    UpstreamThrottled,
    UpstreamUnavailable,
    UpstreamUnclear,
)

ATTEMPT_HEADER: Final = "hub-attempt"
USER_HEADER: Final = "hub-user"

# Six rungs, then six hours each: a provider may be ill over a weekend, and a person hears of it after about two and a half days.
MOST_ATTEMPTS: Final = 15

# Right after a notice a resource may not be there yet; after an hour and a quarter it will not come, as that of a simulated notice.
FEW_ATTEMPTS: Final = 6

_RUNGS: Final = tuple(sorted(RETRY_DELAYS_S.values()))
_NAME_OF: Final = {seconds: name for name, seconds in RETRY_DELAYS_S.items()}


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `delay_s`, which is a rung of the ladder."""

    delay_s: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Trying again will not help."""

    cause: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Nothing is left to do."""


Decision = Retry | DeadLetter | Acknowledge


def decide(error: BaseException | None, attempt: int) -> Decision:
    """Decide after try number `attempt` (from 1). None = it succeeded.

    Trouble of our own (database, broker) never uses attempts up: it says nothing about the work.
    """
    match error:
        case None:
            return Acknowledge()
        case StoreUnavailable() | BrokerUnavailable():
            return Retry(_RUNGS[0])
        case UpstreamBusy(retry_after_s=wanted):
            return Retry(_rung_not_below(wanted))
        case UpstreamNotFound() | UpstreamUnclear() if attempt >= FEW_ATTEMPTS:
            return DeadLetter(f"given up after {attempt} attempts: {type(error).__name__}: {error}")
        case TransientError() if attempt >= MOST_ATTEMPTS:
            return DeadLetter(f"given up after {attempt} attempts: {error}")
        case UpstreamThrottled(retry_after_s=float() | int() as wanted) | UpstreamUnavailable(retry_after_s=float() | int() as wanted):
            return Retry(max(_rung_of(attempt), _rung_not_below(wanted)))
        case TransientError():
            return Retry(_rung_of(attempt))
        case _:
            return DeadLetter(f"{type(error).__name__}: {error}")


def _rung_of(attempt: int) -> int:
    return _RUNGS[min(max(attempt, 1), len(_RUNGS)) - 1]


def is_try(error: BaseException) -> bool:
    """Say whether an error counts as a try: trouble of our own, and a provider that was not called, do not."""
    return not isinstance(error, StoreUnavailable | BrokerUnavailable | UpstreamBusy)


def _rung_not_below(seconds: float) -> int:
    return next((rung for rung in _RUNGS if rung >= seconds), _RUNGS[-1])


def attempt_of(headers: Mapping[str, object]) -> int:
    """Number of the try that a message is for: 1, or what the ladder has counted. x-death is the broker's and is not believed."""
    value = headers.get(ATTEMPT_HEADER)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1


def laddered(message: AbstractIncomingMessage, *, attempt: int, own_user: str) -> Message:
    """Copy a message for its next try, number `attempt`.

    AMQP's user_id is checked against the publishing connection, so the original sender moves to the header `hub-user`, and the
    property becomes our own user: only a message that we republished is believed to carry it.
    """
    headers: HeadersType = {
        name: value for name, value in message.headers.items() if not name.startswith("x-") and name not in (ATTEMPT_HEADER, USER_HEADER)
    }
    headers[ATTEMPT_HEADER] = attempt
    sender = message.headers.get(USER_HEADER) if message.user_id == own_user else message.user_id
    if sender:
        headers[USER_HEADER] = sender
    return Message(
        message.body,
        headers=headers,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        delivery_mode=DeliveryMode.PERSISTENT,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        app_id=message.app_id,
        user_id=own_user if sender else None,
    )


async def climb(
    publisher: Publisher, message: AbstractIncomingMessage, *, queue: str, delay_s: int, own_user: str, counted: bool = True
) -> None:
    """Put a message on a rung, from which it comes back to `queue`; the caller acks it afterwards. `counted`: it was a try.

    A crash between both gives the message twice, never not at all.
    Raises: BrokerUnavailable, also when the rung is not there: the message stays where it is.
    """
    rung = f"hub.retry.{_NAME_OF[delay_s]}"
    copy = laddered(message, attempt=attempt_of(message.headers) + counted, own_user=own_user)
    if not await publisher.publish(copy, queue, exchange=rung):
        raise BrokerUnavailable(f"{rung} took no message; run `hub topology apply`")
