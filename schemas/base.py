"""Field types every message shares: money, instants, text, and the frozen base models."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

MAX_CENTS: Final = 10**12
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2100
_RANGE: Final = f"must lie between the years {_FIRST_YEAR} and {_LAST_YEAR}"


def _in_range(value: object, read: ValidatorFunctionWrapHandler) -> datetime:
    # Left alone, pydantic reads 1764072000 as seconds and 1764072000000 as milliseconds since 1970, even as text: a guess.
    if not isinstance(value, datetime) and not (isinstance(value, str) and len(value) > 10 and value[10] in "Tt "):
        raise ValueError("must be ISO 8601 with date, time and offset")
    instant: datetime = read(value)
    try:
        instant = instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(_RANGE) from None
    if not _FIRST_YEAR <= instant.year < _LAST_YEAR:
        raise ValueError(_RANGE)
    return instant


def storable(value: str) -> str:
    """Return the text, or refuse what no database holds. Raises: ValueError."""
    # PostgreSQL refuses both later, in the middle of a batch, where it hurts (architecture D11).
    if "\x00" in value:
        raise ValueError("must not hold a NUL character")
    if not value.isascii() and any("\ud800" <= ch <= "\udfff" for ch in value):
        raise ValueError("must not hold a lone surrogate")
    return value


Cents = Annotated[int, Field(strict=True, ge=0, le=MAX_CENTS)]
"""Money in integer centavos, 0..10^12."""

Instant = Annotated[AwareDatetime, WrapValidator(_in_range)]
"""An aware instant between 2000 and 2100, held in UTC. Naive times and bare numbers are refused: an adapter gives them a zone."""

Text = Annotated[str, StringConstraints(max_length=4096), AfterValidator(storable)]
"""Free text that any of the databases can hold."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]
"""An identifier; always text, left zeros kept."""

OrderNumber = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(storable)]
"""The shop's order number, as the customer knows it."""

Quantity = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]

PaymentMethod = Literal["card", "pix", "boleto", "transfer", "cash", "wallet", "other"]
"""How the customer pays. Lives here because orders and payment facts both speak of it and facts import orders."""

Seconds = Annotated[int, Field(strict=True, ge=0, le=100 * 366 * 86_400)]
"""A duration in whole seconds, at most a hundred years."""


Flag = Annotated[bool, Field(strict=True)]
"""true or false, and not the words "yes" or "0"."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A code in lower case. No dots: it becomes one word of a routing key."""


# Errors never show the value: it may be somebody's name or document, and errors end in logs, replies and dead letters.
class Message(BaseModel):
    """Frozen model that refuses unknown fields: what the hub itself writes, and commands."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Lenient(BaseModel):
    """Frozen model that ignores unknown fields: what other systems write."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
