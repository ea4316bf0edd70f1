"""Instants and event ids as the ledger keeps them: short in JSON, exact, quick to compare."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

Stamp = tuple[int, str]
"""(microseconds since 1970, event id): the order of facts at their sources."""

MAPPED: Final = "#mapped"
"""Ending of the event id under which the engine applies an unknown fact again, once its word is mapped (rules.md, Unknown words)."""

DAY: Final = 86_400_000_000
"""Microseconds of a day."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT: Final = 24


def to_micros(instant: datetime) -> int:
    """Return an instant as whole microseconds since 1970."""
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """Return the instant again, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def short_id(event_id: str) -> str:
    """Name an event where many are kept: a long id by 12 bytes of its hash. A mapped fact has the name of the unknown one."""
    event_id = event_id.removesuffix(MAPPED)
    if len(event_id) <= _SHORT:
        return event_id
    return base64.urlsafe_b64encode(hashlib.sha256(event_id.encode()).digest()[:12]).decode()
