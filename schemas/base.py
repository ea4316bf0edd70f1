"""Field types every message shares: money, instants, text, and the frozen base models."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

MAX_CENTS: Final = 10**12
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2100


def _in_range(value: datetime) -> datetime:
    value = value.astimezone(UTC)
    if not _FIRST_YEAR <= value.year < _LAST_YEAR:
        raise ValueError(f"must lie between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return value


def _storable(value: str) -> str:
    # PostgreSQL refuses both later, in the middle of a batch, where it hurts (architecture D11).
    if "\x00" in value:
        raise ValueError("must not hold a NUL character")
    if not value.isascii() and any("\ud800" <= ch <= "\udfff" for ch in value):
        raise ValueError("must not hold a lone surrogate")
    return value


Cents = Annotated[int, Field(strict=True, ge=0, le=MAX_CENTS)]
"""Money in integer centavos, 0..10^12."""

Instant = Annotated[AwareDatetime, AfterValidator(_in_range)]
"""An aware instant between 2000 and 2100, held in UTC. Naive times are refused: an adapter gives them a zone."""

Text = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_storable)]
"""Free text that any of the databases can hold."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)]
"""An identifier; always text, left zeros kept."""

OrderNumber = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_storable)]
"""The shop's order number, as the customer knows it."""

Quantity = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]

PaymentMethod = Literal["card", "pix", "boleto", "transfer", "cash", "wallet", "other"]
"""How the customer pays. Lives here because orders and payment facts both speak of it and facts import orders."""

Seconds = Annotated[int, Field(strict=True, ge=0, le=100 * 366 * 86_400)]
"""A duration in whole seconds, at most a hundred years."""


class Message(BaseModel):
    """Frozen model that refuses unknown fields: what the hub itself writes, and commands."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Lenient(BaseModel):
    """Frozen model that ignores unknown fields: what other systems write."""

    model_config = ConfigDict(frozen=True, extra="ignore")
