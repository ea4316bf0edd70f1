"""notices_sent on both databases: one try at a time, what a dead process leaves, and what comes back to the order."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.engine.engine import Engine
from hub.notify import ledger
from hub.notify.bounce import NoBounce, read_bounce
from hub.notify.request import NoticeRequest
from tests.traffic import pix, placed
from tests.world import NOW, feed, open_engine, query

REQUEST = NoticeRequest.model_validate(
    {
        "order": "100",
        "key": "100:order_approved",
        "template": "order_approved",
        "document": {"kind": "invoice", "id": "F-100"},
        "context": {},
    }
)
ID = "<abc@exemplo.invalid>"
DSN = (
    b"From: MAILER-DAEMON@mail.invalid\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nfailed\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.invalid\r\n\r\n"
    b"Final-Recipient: rfc822; cliente@exemplo.invalid\r\nAction: ACTION\r\nStatus: 5.2.2\r\n"
    b"Diagnostic-Code: smtp; 552 cliente@exemplo.invalid full\r\n\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <abc@exemplo.invalid>\r\nSubject: x\r\n\r\n--b--\r\n"
)


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = open_engine(any_database_url)
    feed(engine, [placed("100"), pix("100")])
    yield engine


def begin(engine: Engine, after_s: int = 0) -> tuple[str, int]:
    engine.clock = lambda: NOW + timedelta(seconds=after_s)  # type: ignore[misc]
    claim = ledger.begin(engine, REQUEST, ID, hold_s=60)
    return claim.kind, claim.uncertain


def test_a_try_that_ended_without_a_word_is_repeated_only_after_its_time(engine: Engine) -> None:
    assert begin(engine) == ("begun", 0)
    assert begin(engine, 59) == ("busy", 0)
    assert begin(engine, 61) == ("begun", 1)
    ledger.end(engine, REQUEST, "sent", "250 ok")
    assert begin(engine, 999) == ("over", 0)
    assert query(engine, "SELECT status, attempts, uncertain FROM notices_sent") == [("sent", 2, 1)]
    assert [bool(row[0]) for row in query(engine, "SELECT email_sent FROM invoices")] == [True]


def test_a_deferred_try_is_free_at_once(engine: Engine) -> None:
    begin(engine)
    ledger.end(engine, REQUEST, "deferred", "451")
    assert begin(engine, 1) == ("begun", 0)


def test_a_bounce_is_noted_once(engine: Engine) -> None:
    begin(engine)
    ledger.end(engine, REQUEST, "sent")
    found = read_bounce(DSN.replace(b"ACTION", b"failed"))
    assert (found.message_id, found.detail) == (ID, "5.2.2 smtp; 552 *** full")
    assert ledger.bounced(engine, found.message_id, found.detail) == "100"
    assert ledger.bounced(engine, found.message_id, found.detail) is None
    text = 'E-mail "Pagamento confirmado" devolvido: 5.2.2 smtp; 552 *** full'
    assert query(engine, "SELECT text, actor FROM comments") == [(text, "policy:notify")]


def test_what_is_no_failure_is_no_bounce() -> None:
    for body in (b"", b"Subject: x\r\n\r\nhello", DSN.replace(b"ACTION", b"delayed")):
        with pytest.raises(NoBounce):
            read_bounce(body)
