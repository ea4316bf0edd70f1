"""The e-mail itself: addresses, headers, Message-ID. Nothing of a notice can become a header or a second recipient."""

import hashlib
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from hub.config import is_address, mailbox
from hub.errors import PermanentError
from hub.notify.rendering import Rendered

_POLICY: Final = SMTP.clone(cte_type="8bit", max_line_length=78, raise_on_defect=False)


class AddressUnusable(PermanentError):
    """The customer's e-mail address is none."""


def message_id_of(key: str, sender: str) -> str:
    """Derive the Message-ID from a notice's key: whoever gets a second copy can see that it is one."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2]}>"


def recipient_of(value: str) -> str:
    """Return the one address that this is; a domain with accents in its ASCII form. Raises: AddressUnusable, never showing it."""
    local, _, domain = value.strip().rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        address = ""
    if not is_address(address):
        raise AddressUnusable("the customer's e-mail address is not one that can be written to")
    return address


def build_message(rendered: Rendered, *, key: str, recipient: str, sender: str, reply_to: str | None, now: datetime) -> EmailMessage:
    """Build the e-mail. `sender` and `reply_to` are `Name <address>`; `recipient` comes from recipient_of."""
    name, address = mailbox(sender)
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(addr_spec=recipient)
    if reply_to is not None:
        reply_name, reply_address = mailbox(reply_to)
        message["Reply-To"] = Address(reply_name, addr_spec=reply_address)
    message["Subject"] = rendered.subject
    message["Date"] = now
    message["Message-ID"] = message_id_of(key, address)
    # No out-of-office answers to these (RFC 3834, section 5).
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable passes every relay unchanged, and keeps lines below the 998 octets of RFC 5321, however long a Pix code is.
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    # Last: what is set before goes down into the first part.
    message["Content-Language"] = "pt-BR"
    return message
