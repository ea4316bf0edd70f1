"""One line to the mail server: what it answers becomes sent, refused for good, not now, or nobody knows.

The steps are taken one by one, since what an error means depends on when it comes. Before the text is handed over nothing was sent,
and the try may be repeated freely. After it, without an answer, the mail may be on its way (RFC 5321, section 4.5.3.2.6).
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib
import structlog
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from hub.errors import PermanentError, TransientError, UpstreamUnavailable
from hub.observability import mask_text

_log: Final = structlog.get_logger(__name__)
_LOST: Final = (SMTPServerDisconnected, SMTPTimeoutError, OSError, TimeoutError, asyncio.IncompleteReadError)
_ANSWER_LIMIT: Final = 300


class MailServerAway(UpstreamUnavailable):
    """The mail server can't be reached, or does not let us in; no mail is at fault."""


class MailDeferred(TransientError):
    """The mail server does not take this mail now."""


class MailUncertain(TransientError):
    """The line broke after the text was handed over: the mail may have been sent."""


class MailRefused(PermanentError):
    """The mail server refuses this mail for good."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where, and how to get in. `timeout_s`: for each answer."""

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str | None
    password: str | None
    timeout_s: float

    @property
    def longest_try_s(self) -> float:
        """More than a whole try can take: connecting, TLS, greeting, login, sender, recipient, text and the answer to it."""
        return self.timeout_s * 10 + 30


def server_of(url: str, timeout_s: float) -> MailServer:
    """Read HUB_NOTIFY_SMTP_URL, which the settings have checked."""
    parts = urlsplit(url)
    tls = parts.scheme == "smtps"
    starttls = not tls and dict(parse_qsl(parts.query)).get("starttls") != "never"
    user, password = (unquote(word) if word else None for word in (parts.username, parts.password))
    return MailServer(parts.hostname or "", parts.port or (465 if tls else 587), tls, starttls, user, password, timeout_s)


class Mailer:
    """Sends one mail after the other over a line that stays open while there is work."""

    def __init__(self, server: MailServer, *, tls_context: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> None:
        self._server = server
        self._tls_context = tls_context
        self._client: aiosmtplib.SMTP | None = None

    async def open(self) -> None:
        """Connect, with TLS and login as configured, unless the line is open. Raises: MailServerAway."""
        if self._client is not None and self._client.is_connected:
            return
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=server.starttls,
            tls_context=self._tls_context() if server.tls or server.starttls else None,
            timeout=server.timeout_s,
            username=None,
            password=None,
        )
        try:
            await client.connect()
            if server.user is not None and server.password is not None:
                await client.login(server.user, server.password)
            else:
                await client.ehlo()
        except SMTPAuthenticationError as error:
            client.close()
            raise MailServerAway(f"mail server: the login is refused: {error.code}") from error
        except (SMTPException, ssl.SSLError, *_LOST) as error:
            client.close()
            raise MailServerAway(f"mail server: {_told(error)}") from error
        self._client = client

    async def send(self, message: EmailMessage, *, sender: str, recipient: str) -> str:
        """Hand one mail over; returns the server's word for it.

        Raises: MailServerAway, MailDeferred, MailUncertain, MailRefused.
        """
        await self.open()
        try:
            await self._envelope(sender, recipient)
        except MailServerAway:
            # An idle line is closed by the server sooner or later; nothing of this mail was sent.
            await self.open()
            try:
                await self._envelope(sender, recipient)
            except MailServerAway as error:
                # It lets us in and hangs up at this mail: others may fare better.
                raise MailDeferred(str(error)) from error
        return await self._text(message)

    async def _envelope(self, sender: str, recipient: str) -> None:
        client = self._client
        assert client is not None
        step = "sender"
        try:
            await client.mail(sender, encoding="ascii")
            step = "recipient"
            await client.rcpt(recipient, encoding="ascii")
        except SMTPResponseException as error:
            await self._reset()
            answer = _answer(error)
            # A sender that is refused says nothing of this mail: the settings are wrong, or the account is, and a person mends that.
            if 500 <= error.code < 600 and step == "recipient":
                raise MailRefused(f"the recipient is refused: {answer}") from error
            raise MailDeferred(f"the {step} is not taken: {answer}") from error
        except _LOST as error:
            self.drop()
            raise MailServerAway(f"mail server: {_told(error)}") from error

    async def _text(self, message: EmailMessage) -> str:
        client = self._client
        assert client is not None
        try:
            answer = await client.data(message.as_bytes())
        except SMTPResponseException as error:
            await self._reset()
            if 500 <= error.code < 600:
                raise MailRefused(f"the mail is refused: {_answer(error)}") from error
            if 400 <= error.code < 500:
                raise MailDeferred(f"the mail is not taken: {_answer(error)}") from error
            raise MailUncertain(f"no legible answer after the text: {_answer(error)}") from error
        except _LOST as error:
            self.drop()
            raise MailUncertain(f"no answer after the text: {_told(error)}") from error
        return _masked(answer.message)

    async def _reset(self) -> None:
        """Leave the line ready for the next mail, or drop it."""
        client = self._client
        if client is None:
            return
        try:
            await client.rset()
        except (SMTPException, *_LOST):
            self.drop()

    def drop(self) -> None:
        """Forget the line without a word."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def close(self) -> None:
        """Say good-bye."""
        client, self._client = self._client, None
        if client is not None and client.is_connected:
            with contextlib.suppress(SMTPException, *_LOST):
                await client.quit()
            client.close()


def _answer(error: SMTPResponseException) -> str:
    return f"{error.code} {_masked(error.message)}"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {_masked(str(error))}"


def _masked(text: str) -> str:
    """Keep a server's words short and without addresses: they repeat the recipient."""
    return mask_text(" ".join(text.split()))[:_ANSWER_LIMIT]
