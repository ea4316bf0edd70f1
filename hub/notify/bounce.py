"""A returned mail (delivery status notification): which of our mails came back for good, and what the receiving server said.

Source: RFC 3464 (message/delivery-status), RFC 3462 (multipart/report: the report, then the mail or its headers).
"""

import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from typing import Final

from hub.errors import PermanentError
from hub.observability import mask_text

_MESSAGE_ID: Final = re.compile(r"<[^<>\s@]{1,120}@[^<>\s@]{1,255}>")
_DETAIL_LIMIT: Final = 300


class NoBounce(PermanentError):
    """The mail is no report of a delivery that failed."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """One mail that came back. `detail` is the status and the server's words, addresses masked."""

    message_id: str
    detail: str


def read_bounce(body: bytes) -> Bounce:
    """Read a report. Raises: NoBounce, also for a delay or a success, of which nothing follows."""
    message = BytesParser(policy=policy.default).parsebytes(body)
    status = original = None
    for part in message.walk():
        match part.get_content_type():
            case "message/delivery-status" if status is None:
                status = _failure(part)
            case "message/rfc822" | "text/rfc822-headers" if original is None:
                original = _message_id(part)
    if status is None:
        raise NoBounce("no part of this mail reports a delivery that failed (message/delivery-status, Action: failed)")
    if original is None:
        raise NoBounce("the report does not hold the Message-ID of the mail that came back")
    return Bounce(original, status)


def _failure(report: Message) -> str | None:
    blocks = report.get_payload()
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, Message) or str(block.get("Action", "")).strip().lower() != "failed":
            continue
        words = [str(block.get(name, "")) for name in ("Status", "Diagnostic-Code")]
        return mask_text(" ".join(" ".join(words).split()))[:_DETAIL_LIMIT] or "failed"
    return None


def _message_id(part: Message) -> str | None:
    content = part.get_payload()
    if isinstance(content, list) and content and isinstance(content[0], EmailMessage | Message):
        found = str(content[0].get("Message-ID", ""))
    else:
        headers = part.get_payload(decode=True)
        inner = BytesParser(policy=policy.default).parsebytes(headers if isinstance(headers, bytes) else b"", headersonly=True)
        found = str(inner.get("Message-ID", ""))
    match = _MESSAGE_ID.search(found)
    return match[0] if match else None
