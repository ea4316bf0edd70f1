"""What every fact carries."""

from pydantic import Field

from schemas.base import Identifier, Instant, Message, Text
from schemas.references import Reference


class FactBase(Message):
    """The common part of a fact.

    `event_id` names the fact at its source and is stable over redeliveries; two facts of one delivery have two ids.
    `provider` is the system it speaks of (`pix`, `pagarme`, `shop`); with `account` it gives the scope of the references.
    """

    event_id: Identifier
    provider: Identifier
    account: Identifier | None = None
    references: tuple[Reference, ...] = ()
    occurred_at: Instant
    occurred_at_assumed: bool = Field(
        default=False, description="the source gave no usable time: the time of receipt, or a zone assumed by the adapter"
    )
    raw_word: Text | None = Field(default=None, description="the source's own status or event word")
    reason: Text | None = Field(default=None, description="the source's reason, code first")
