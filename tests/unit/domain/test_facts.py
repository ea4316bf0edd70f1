"""Facts by state (order-lifecycle 3.4): facts are never refused; what a person must decide becomes an exception."""

import pytest

from hub.domain.exceptions import RESOLVE_WITH
from hub.domain.ledger import dump
from schemas.commands import COMMANDS
from schemas.facts import Fact
from schemas.vocabulary import EXCEPTION_KINDS
from tests.unit.domain.orders import (
    TOTAL,
    TXID,
    at,
    boleto,
    canceled,
    card,
    exception_set,
    fold,
    kinds,
    payment,
    pix,
    pix_paid,
    placed,
    seen,
    story,
)

REFUNDED = payment("refunded", 30, cumulative_cents=TOTAL)


CASES: list[tuple[str, list[Fact], str, list[str]]] = [
    ("pending on canceled", [placed(pix()), canceled(), payment("pending", 130, refs=[f"txid={TXID}"])],
     "canceled", ["live_attempt_on_canceled"]),
    ("authorized on canceled", [placed(card()), canceled(), payment("authorized", 130, key="charge_id=c", provider="pagarme")],
     "canceled", ["live_attempt_on_canceled"]),
    ("created on canceled counts for nothing", [placed(pix()), canceled(), payment("created", 130, refs=[f"txid={TXID}"])],
     "canceled", []),
    ("live attempt that ended", [placed(pix()), canceled(), payment("pending", 130), payment("expired", 131)], "canceled", []),
    ("captured on paid, same payment", [placed(pix()), pix_paid(10), pix_paid(50)], "processing", []),
    ("captured on paid, another payment", [placed(pix()), pix_paid(10), pix_paid(50, e2e="E2")], "processing", ["overpaid"]),
    ("captured below due", [placed(pix()), pix_paid(amount=1)], "pending_payment", ["underpaid"]),
    ("captured above due", [placed(pix()), pix_paid(amount=TOTAL + 1)], "processing", ["overpaid"]),
    ("captured on canceled", [placed(pix()), canceled(5), pix_paid(10)], "canceled", ["paid_after_cancel"]),
    ("canceled after captured", [placed(pix()), pix_paid(10), canceled(50)], "canceled", ["paid_after_cancel"]),
    ("twice captured on canceled is still one matter", [placed(pix()), canceled(5), pix_paid(10), pix_paid(11, e2e="E2")],
     "canceled", ["paid_after_cancel"]),
    ("captured on canceled, given back", [placed(pix()), canceled(5), pix_paid(10), REFUNDED], "canceled", []),
    ("captured on closed, same payment", [placed(pix()), pix_paid(10), REFUNDED, pix_paid(50)], "closed", []),
    ("captured on closed, another payment", [placed(pix()), pix_paid(10), REFUNDED, pix_paid(50, e2e="E2")],
     "processing", ["paid_after_close"]),
    ("captured on closed, given back too", [placed(pix()), pix_paid(10), REFUNDED, pix_paid(50, e2e="E2"),
     payment("refunded", 60, key="e2e=E2", cumulative_cents=TOTAL)], "closed", []),
    ("two captures, then one given back", [placed(pix()), pix_paid(10), pix_paid(20, e2e="E2"), REFUNDED], "processing", []),
    ("captured after the bank took the money", [placed(pix()), pix_paid(10), payment("reversed", 30), pix_paid(50, e2e="E2")],
     "processing", ["chargeback", "paid_after_close"]),
    ("dispute won after money came anew", [placed(pix()), pix_paid(10), payment("chargeback_opened", 30, funds_withdrawn=True),
     pix_paid(50, e2e="E2"), payment("chargeback_won", 60)], "processing", ["overpaid"]),
    ("refunded before captured", [placed(pix()), REFUNDED], "new", ["refund_before_paid"]),
    ("refunded before captured, then captured", [placed(pix()), REFUNDED, pix_paid(10)], "closed", []),
    ("refunded more than captured", [placed(pix()), pix_paid(), payment("refunded", 30, cumulative_cents=TOTAL + 5)],
     "closed", ["over_refunded"]),
    ("dispute on unpaid", [placed(pix()), payment("chargeback_opened", 30)], "new", ["chargeback"]),
    ("dispute on closed", [placed(pix()), pix_paid(), REFUNDED, payment("chargeback_opened", 40), payment("chargeback_won", 41)],
     "closed", []),
    ("dispute on canceled", [placed(pix()), canceled(5), payment("chargeback_opened", 40)], "canceled", ["chargeback"]),
    ("reversed", [placed(pix()), pix_paid(), payment("reversed", 40)], "closed", ["chargeback"]),
    ("unknown word", [placed(pix()), payment("unknown", raw_word="WEIRD")], "new", ["unknown_status"]),
    ("unknown word, mapped later", [placed(pix()), payment("unknown", raw_word="WEIRD", event_id="x1"),
     payment("pending", event_id="x1#mapped", refs=[f"txid={TXID}"], method="pix")], "pending_payment", []),
    ("same number, other content", [placed(pix()), placed(pix(), event_id="evt-2", total_cents=1)], "new", ["conflicting_duplicate"]),
    ("same number, same content, other id", [placed(pix()), placed(pix(), event_id="evt-2")], "new", []),
    ("canceled by the shop twice", [placed(pix()), canceled(5), canceled(50)], "canceled", []),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "state", "open_"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_a_fact_in_a_state(facts: list[Fact], state: str, open_: list[str]) -> None:
    now = seen(*facts)
    assert (now.base_state, kinds(now)) == (state, open_)
    backwards = seen(*reversed(facts), facts[0])
    assert (backwards, exception_set(backwards)) == (now, exception_set(now))


def test_details_say_how_much_and_which() -> None:
    now = seen(placed(pix()), pix_paid(10), REFUNDED, pix_paid(50, e2e="E2"))
    assert now.exceptions[0].detail == {
        "due_cents": TOTAL,
        "captured_cents": 2 * TOTAL,
        "net_cents": TOTAL,
        "closed_at": at(30).isoformat(),
        "payments": ["p1"],
    }
    underpaid = seen(placed(pix()), pix_paid(amount=8000)).exceptions[0]
    assert (underpaid.key, underpaid.detail["missing_cents"]) == ("order", TOTAL - 8000)
    dispute = seen(placed(pix()), pix_paid(), payment("chargeback_opened", 30, dispute_id="D1", amount_cents=5)).exceptions[0]
    assert dispute.key == "pix|e2:E1|D1"
    assert dispute.detail == {"payment": "p1", "dispute": "D1", "state": "opened", "amount_cents": 5, "funds_withdrawn": False}
    unknown = seen(placed(pix()), payment("unknown", raw_word="WEIRD", event_id="hook-7")).exceptions[0]
    assert (unknown.key, unknown.detail) == ("hook-7", {"provider": "pix", "word": "WEIRD"})


def test_every_kind_is_a_known_word_and_names_real_commands() -> None:
    assert set(RESOLVE_WITH) <= set(EXCEPTION_KINDS)
    for commands in RESOLVE_WITH.values():
        assert commands
        assert set(commands) <= set(COMMANDS)


def test_the_lowest_placement_stands_whatever_came_first() -> None:
    early = placed(pix(), event_id="evt-2", total_cents=500)
    late = placed(pix(), event_id="evt-9", placed_at=at(3).isoformat())
    other = placed(boleto(), event_id="evt-1", placed_at=at(3).isoformat(), total_cents=700)
    for facts in ([early, late, other], [late, other, early], [other, early, late]):
        now = seen(*facts)
        assert now.total_cents == 500
        assert now.exceptions[0].detail == {
            "event_id": "evt-2",
            "total_cents": 500,
            "others": [{"event_id": "evt-1", "total_cents": 700}, {"event_id": "evt-9", "total_cents": TOTAL}],
        }


def test_money_on_an_attempt_that_no_longer_stands_is_kept() -> None:
    order = story(placed(card(), pix(), event_id="evt-5"))
    order.ask("order.approve", payment="p2")
    order.tell(placed(boleto(), event_id="evt-1"))
    assert order.view.captured_cents == TOTAL


def test_an_unknown_word_never_becomes_a_success() -> None:
    now = seen(placed(pix()), payment("unknown", raw_word="PAGO", amount_cents=TOTAL, refs=[f"txid={TXID}"]))
    assert (now.captured_cents, now.payment_state, [attempt.state for attempt in now.attempts]) == (0, "none", ["created"])


def test_free_text_of_a_cancellation_stays_out_of_the_ledger() -> None:
    ledger = fold(placed(pix()), canceled(5, "Maria Silva, 11 99999-0000, desistiu"))
    assert "Maria" not in dump(ledger)
    assert ledger.cancellation is not None
    assert ledger.cancellation.reason == "other"
