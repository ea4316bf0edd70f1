"""A real SMTP server that keeps what it is given, and answers as a test has it answer."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER: Final = "loja"
PASSWORD: Final = "segredo-da-loja"
DROP: Final = "drop"
"""In place of an answer: the line breaks, and the mail was kept all the same."""


@dataclass
class Mailbox:
    """What came, and what is answered next: `rcpt` and `data` are used up one by one, then everything is taken."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str | None, list[str], bool]] = field(default_factory=list)
    sender: list[str] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    sessions: int = 0
    transports: list[Any] = field(default_factory=list)

    def hang_up(self) -> None:
        """Break all open lines."""
        while self.transports:
            self.transports.pop().abort()

    def ids(self) -> list[str]:
        """Message-IDs of all that came."""
        return [str(mail["Message-ID"]) for mail in self.mails]

    # -- aiosmtpd's hooks; each has the name of its command --------------------------------------------------------------

    async def handle_EHLO(self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]) -> list[str]:
        """Greet."""
        session.host_name = hostname
        self.sessions += 1
        self.transports.append(server.transport)
        return responses

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        """Take a sender, or not."""
        answer = self.sender.pop(0) if self.sender else "250 OK"
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        """Take a recipient, or not."""
        answer = self.rcpt.pop(0) if self.rcpt else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail unless it is refused."""
        answer = self.data.pop(0) if self.data else "250 2.0.0 kept"
        if answer[0] in "45":
            return answer
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.mails.append(BytesParser(policy=policy.default).parsebytes(content))
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos), session.ssl is not None))
        if answer == DROP:
            self.hang_up()
        return answer


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
    right = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def mailbox(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False, port: int = 0
) -> AsyncIterator[Mailbox]:
    """Serve a mailbox on this machine; `login`: nobody gets in without."""
    box = Mailbox()
    options: dict[str, Any] = {"enable_SMTPUTF8": False, "hostname": "mail.invalid", "tls_context": starttls}
    if login:
        options |= {"authenticator": _login, "auth_required": True, "auth_require_tls": starttls is not None}
    make: Callable[[], SMTP] = lambda: SMTP(box, **options)  # noqa: E731
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        box.hang_up()
