"""What goes into the engine and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from adapters.contract import RawDelivery

COMMANDS_KEY = "hub.commands"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as the bus, a replay or a re-drive hands it over.

    `key` is the inbound key (`payments.pix`, `shop.orders`) or `hub.commands`. `user_id` is the broker-verified user of a command.
    `at`: the instant the hub takes for its own time (replay); None = the clock.
    """

    key: str
    raw: RawDelivery
    queue: str = ""
    user_id: str | None = None
    reply_to: str | None = None
    correlation_id: str | None = None
    message_id: str | None = None
    delivery_count: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command, published after the commit. `reply_to` is None when nobody asked for it."""

    reply_to: str | None
    correlation_id: str | None
    body: Mapping[str, Any]


OutcomeKind = Literal["applied", "duplicate", "parked", "ignored", "fetch", "dead_letter", "replied"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery. Every outcome is acked: whatever could not be applied is stored."""

    kind: OutcomeKind
    detail: str = ""
    orders: tuple[str, ...] = ()
    reply: Reply | None = None
