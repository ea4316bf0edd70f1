"""A notice as it comes from the queue: what notification.requested says that an e-mail needs."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from hub.errors import PermanentError
from schemas.base import Identifier, Lenient, OrderNumber, Text
from schemas.events import DocumentReference
from schemas.vocabulary import NotificationTemplate


class Unreadable(PermanentError):
    """The message is no notice."""


class NoticeRequest(Lenient):
    """notification.requested as a mailer reads it: what it does not know it leaves alone."""

    order: OrderNumber
    key: Identifier
    template: NotificationTemplate
    recipient: Text | None = None
    document: DocumentReference | None = None
    context: dict[str, Any]

    @property
    def due_at(self) -> datetime | None:
        """Until when what it asks for can be done; only a notice that tells how to pay has that."""
        due = self.context.get("due_at") if self.template == "payment_instructions" else None
        try:
            return datetime.fromisoformat(due) if isinstance(due, str) else None
        except ValueError:
            return None


def read_request(body: bytes) -> NoticeRequest:
    """Read a message's body. Raises: Unreadable, naming the field and never its value."""
    try:
        return NoticeRequest.model_validate_json(body)
    except ValidationError as error:
        places = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False, include_context=False)[:5]
        )
        raise Unreadable(f"notification.requested: {places}") from None
