"""Headers and addresses: nothing of a notice becomes a header or a second recipient."""

from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.notify.message import AddressUnusable, build_message, message_id_of, recipient_of
from hub.notify.rendering import Rendered, one_line

SENDER = "Loja Exemplo <loja@exemplo.invalid>"


def built(rendered: Rendered, recipient: str = "cliente@exemplo.invalid", reply_to: str | None = None) -> EmailMessage:
    """Build a message and read it back as it goes over the line."""
    message = build_message(
        rendered, key="100:shipped:s1", recipient=recipient, sender=SENDER, reply_to=reply_to, now=datetime(2026, 11, 25, 13, tzinfo=UTC)
    )
    parsed = BytesParser(policy=policy.default).parsebytes(message.as_bytes())
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_the_whole_message() -> None:
    message = built(Rendered("Seu pedido 100 foi enviado", "Olá!\n", "<p>Olá!</p>\n"), reply_to="Atendimento <sac@exemplo.invalid>")
    assert {name: str(value) for name, value in message.items() if name not in ("Content-Type", "MIME-Version")} == {
        "From": "Loja Exemplo <loja@exemplo.invalid>",
        "To": "cliente@exemplo.invalid",
        "Reply-To": "Atendimento <sac@exemplo.invalid>",
        "Subject": "Seu pedido 100 foi enviado",
        "Date": "Wed, 25 Nov 2026 13:00:00 +0000",
        # printf 100:shipped:s1 | sha256sum | cut -c1-40
        "Message-ID": "<54fe99ad1ed677741b2fe281be71a50dd1222b03@exemplo.invalid>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "pt-BR",
    }
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")


def test_equal_keys_have_equal_ids_and_others_others() -> None:
    assert message_id_of("a", "x@loja.invalid") == message_id_of("a", "x@loja.invalid") != message_id_of("b", "x@loja.invalid")


@pytest.mark.parametrize(
    "value",
    [
        "a@b.invalid\r\nBcc: c@d.invalid",
        "a@b.invalid\nX: y",
        "a@b.invalid, c@d.invalid",
        "a@b.invalid>, <c@d.invalid",
        "Ana <a@b.invalid>",
        "a b@c.invalid",
        "a@b@c.invalid",
        "@b.invalid",
        "a@",
        "a",
        "",
        "a@b..invalid",
        "josé@b.invalid",
        "a@b.invalid\x00",
        '"a@b"@c.invalid',
    ],
)
def test_what_is_not_one_plain_address_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(AddressUnusable) as refused:
        recipient_of(value)
    assert len(value) < 5 or value not in str(refused.value)


def test_addresses_that_are_taken() -> None:
    assert recipient_of(" cliente+loja@exemplo.invalid ") == "cliente+loja@exemplo.invalid"
    assert recipient_of("ana@pão.invalid") == "ana@xn--po-sia.invalid"


@given(st.text(max_size=300))
def test_whatever_a_subject_holds_it_stays_one_header(subject: str) -> None:
    line = one_line(subject.encode("utf-8", "replace").decode())
    message = built(Rendered(line, "t", "h"))
    assert list(message.keys()).count("Subject") == 1
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert str(message["To"]) == "cliente@exemplo.invalid"


def test_no_line_is_longer_than_smtp_allows() -> None:
    long = "0" * 5000
    message = build_message(
        Rendered("s", f"{long}\n", f"<p>{long}</p>"), key="k", recipient="a@b.invalid", sender=SENDER, reply_to=None, now=datetime.now(UTC)
    )
    assert max(len(line) for line in message.as_bytes().split(b"\r\n")) <= 998
    assert message.as_bytes().isascii()
