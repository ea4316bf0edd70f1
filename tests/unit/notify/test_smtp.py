"""The line to the mail server, against a real one: what each answer means, and what is known when the line breaks."""

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.notify.smtp import MailDeferred, Mailer, MailRefused, MailServer, MailServerAway, MailUncertain, server_of
from tests.mailbox import DROP, PASSWORD, USER, Mailbox, mailbox

SENDER = "loja@exemplo.invalid"
CUSTOMER = "cliente@exemplo.invalid"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that only its own file vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.invalid")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def at_server(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def mail(text: str = "Olá!\n.uma linha que começa com ponto\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, CUSTOMER, "Pedido"
    message.set_content(text)
    return message


def at(box: Mailbox, *, user: str | None = None, password: str | None = None, tls: bool = False, starttls: bool = False) -> MailServer:
    return MailServer("127.0.0.1", box.port, tls, starttls, user, password, timeout_s=3)


@pytest.fixture
def opened() -> Iterator[list[Mailer]]:
    mailers: list[Mailer] = []
    yield mailers
    for mailer in mailers:
        mailer.drop()


async def send(mailer: Mailer, message: EmailMessage | None = None) -> str:
    return await mailer.send(message or mail(), sender=SENDER, recipient=CUSTOMER)


async def test_a_mail_arrives_as_it_is_and_the_line_stays_open_for_the_next() -> None:
    async with mailbox() as box:
        mailer = Mailer(at(box))
        assert await send(mailer) == "2.0.0 kept"
        await send(mailer)
        await mailer.close()
        assert box.envelopes == [(SENDER, [CUSTOMER], False)] * 2
        assert box.mails[0].get_content().replace("\r\n", "\n") == "Olá!\n.uma linha que começa com ponto\n"
        assert box.sessions == 1


async def test_a_recipient_refused_for_good_or_for_now() -> None:
    async with mailbox() as box:
        mailer = Mailer(at(box))
        box.rcpt = [f"550 5.1.1 <{CUSTOMER}> unknown", "450 4.2.1 busy"]
        with pytest.raises(MailRefused) as refused:
            await send(mailer)
        assert "550 5.1.1" in str(refused.value)
        assert CUSTOMER not in str(refused.value)
        with pytest.raises(MailDeferred, match="450"):
            await send(mailer)
        await send(mailer)
        assert (len(box.mails), box.sessions) == (1, 1)
        await mailer.close()


async def test_a_text_refused_for_good_or_for_now() -> None:
    async with mailbox() as box:
        mailer = Mailer(at(box))
        box.data = ["554 5.7.1 looks like spam", "451 4.3.0 greylisted, try later"]
        with pytest.raises(MailRefused, match="554"):
            await send(mailer)
        with pytest.raises(MailDeferred, match="451"):
            await send(mailer)
        assert box.mails == []
        await send(mailer)
        await mailer.close()


async def test_a_refused_sender_is_never_the_mails_fault() -> None:
    async with mailbox() as box:
        mailer = Mailer(at(box))
        box.sender = ["550 5.7.1 not your domain"]
        with pytest.raises(MailDeferred, match="sender"):
            await send(mailer)
        await mailer.close()


async def test_a_line_that_breaks_after_the_text_leaves_it_uncertain() -> None:
    async with mailbox() as box:
        mailer = Mailer(at(box))
        box.data = [DROP]
        with pytest.raises(MailUncertain):
            await send(mailer)
        assert len(box.mails) == 1
        await send(mailer)
        assert (len(box.mails), box.sessions) == (2, 2)
        await mailer.close()


async def test_an_idle_line_that_the_server_closed_is_opened_again() -> None:
    async with mailbox() as box:
        mailer = Mailer(at(box))
        await send(mailer)
        box.hang_up()
        await asyncio.sleep(0.05)
        await send(mailer)
        assert (len(box.mails), box.sessions) == (2, 2)
        await mailer.close()


async def test_nobody_answers() -> None:
    async with mailbox() as box:
        gone = at(box)
    mailer = Mailer(gone)
    with pytest.raises(MailServerAway):
        await send(mailer)


async def test_starttls_is_required_and_the_certificate_is_checked(at_server: ssl.SSLContext, certificate: Path) -> None:
    async with mailbox(starttls=at_server) as box:
        trusting = Mailer(at(box, starttls=True), tls_context=lambda: ssl.create_default_context(cafile=str(certificate)))
        await send(trusting)
        await trusting.close()
        assert box.envelopes == [(SENDER, [CUSTOMER], True)]
        with pytest.raises(MailServerAway, match="mail server"):
            await send(Mailer(at(box, starttls=True)))
    async with mailbox() as plain:
        with pytest.raises(MailServerAway):
            await send(Mailer(at(plain, starttls=True)))
        assert plain.mails == []


async def test_tls_from_the_start(at_server: ssl.SSLContext, certificate: Path) -> None:
    async with mailbox(tls=at_server) as box:
        mailer = Mailer(at(box, tls=True), tls_context=lambda: ssl.create_default_context(cafile=str(certificate)))
        await send(mailer)
        await mailer.close()
        assert len(box.mails) == 1


async def test_login(at_server: ssl.SSLContext, certificate: Path) -> None:
    async with mailbox(starttls=at_server, login=True) as box:
        trust = lambda: ssl.create_default_context(cafile=str(certificate))  # noqa: E731
        mailer = Mailer(at(box, starttls=True, user=USER, password=PASSWORD), tls_context=trust)
        await send(mailer)
        await mailer.close()
        assert len(box.mails) == 1
        with pytest.raises(MailServerAway, match="login is refused: 535") as refused:
            await send(Mailer(at(box, starttls=True, user=USER, password="errada"), tls_context=trust))
        assert "errada" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.invalid", ("mail.invalid", 587, False, True, None, None)),
        ("smtp://127.0.0.1:2525?starttls=never", ("127.0.0.1", 2525, False, False, None, None)),
        ("smtps://a%40b:s%3Ae@mail.invalid", ("mail.invalid", 465, True, False, "a@b", "s:e")),
        ("smtp://u:p@mail.invalid:25?starttls=required", ("mail.invalid", 25, False, True, "u", "p")),
    ],
)
def test_what_an_url_says(url: str, expected: tuple[object, ...]) -> None:
    server = server_of(url, 30)
    assert (server.host, server.port, server.tls, server.starttls, server.user, server.password) == expected
