"""Decisions: what an accepted command put into the ledgers. The body of its log row, folded again without guards.

`entry` has no default, because log rows leave defaults out and the kind of an entry must stand there.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from schemas.base import Cents, Identifier, Instant, Message, PaymentMethod, Text


class NewAttempt(Message):
    """A payment attempt that no provider knows of (yet). `known` are the payments that were there: none of them confirms it."""

    entry: Literal["new_attempt"]
    id: Identifier
    method: PaymentMethod
    known: tuple[Text, ...] = ()


class ManualCapture(Message):
    """Money that a person says has come on an attempt: one more payment of the source `manual`.

    Sources are compared, not added up. Money that comes on top of what a provider has told of the attempt already says so.
    """

    entry: Literal["manual_capture"]
    attempt: Identifier
    method: PaymentMethod
    amount_cents: Cents
    on_top_of_cents: Cents = 0


class CancelRecord(Message):
    """The order is canceled; `reason` is a code (operator, expired, edited, ...)."""

    entry: Literal["cancel"]
    reason: Identifier


Entry = NewAttempt | ManualCapture | CancelRecord


class Decision(Message):
    """An accepted command as the log keeps it: its ledger entries, who and when, but never its request."""

    kind: Identifier = Field(description="the command's name")
    command_id: Identifier
    at: Instant
    actor: Identifier | None = None
    reason: Text | None = None
    notify: bool | None = Field(default=None, description="whether the form asked for a customer notice; null = as the notice table says")
    visible: bool | None = Field(default=None, description="whether the customer may see the timeline entry")
    entries: tuple[Annotated[Entry, Field(discriminator="entry")], ...] = ()


_DECISION: Final[TypeAdapter[Decision]] = TypeAdapter(Decision)


def parse_decision(document: object) -> Decision:
    """Read a decision back from its JSON document. Raises: pydantic.ValidationError."""
    return _DECISION.validate_python(document)
