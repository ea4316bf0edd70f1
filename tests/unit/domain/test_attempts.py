"""Which attempt a payment belongs to, rule by rule (rules.md, Payments), and what counts on it."""

from itertools import permutations
from typing import Any

import pytest

from hub.domain.judge import Accepted
from hub.domain.view import AttemptView, View
from schemas.facts import Fact
from tests.unit.domain.orders import TOTAL, at, boleto, card, fold, kinds, payment, pix, pix_paid, placed, seen, story


def captured(key: str | None, amount: int = TOTAL, minutes: float = 10, **fields: Any) -> Fact:
    return payment("captured", minutes, key=key, amount_cents=amount, **fields)


def sums(now: View) -> dict[str, int]:
    return {attempt.id: attempt.captured_cents for attempt in now.attempts}


def only(now: View) -> AttemptView:
    assert len(now.attempts) == 1
    return now.attempts[0]


# -- rule 1: the attempt that holds the payment key ---------------------------------------------------------------------------------


def test_facts_of_one_key_are_one_payment() -> None:
    now = seen(placed(card()), captured("charge_id=ch_1", provider="pagarme"), payment("refunded", 20, key="charge_id=ch_1",
               provider="pagarme", cumulative_cents=TOTAL))  # fmt: skip
    assert (only(now).id, only(now).state) == ("p1", "refunded")


def test_a_key_that_another_record_names_leads_to_its_attempt() -> None:
    first = captured("charge_id=ch_1", provider="pagarme", method="card")
    other = payment("pending", 11, key="payment_id=tran_9", refs=["charge_id=ch_1"], provider="pagarme", method="card")
    assert sums(seen(placed(card(), card()), first, other)) == {"p1": TOTAL, "p2": 0}


# -- rule 2: the attempt that declared one of the references -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "reported"),
    [
        ({"reference": "abc"}, "txid=abc"),
        ({"reference": "abc"}, "external_reference=abc"),
        ({"references": [{"kind": "gateway_order_id", "value": "abc"}]}, "gateway_order_code=abc"),
        ({"reference": "237:00012345678"}, "nosso_numero=237:12345678"),
        ({"reference": "00012345678"}, "nosso_numero=237:12345678"),
        ({"reference": "12345678"}, "nosso_numero=237:00012345678"),
        ({"references": [{"kind": "nosso_numero", "value": "237:12345678"}]}, "nosso_numero=237:0012345678"),
        ({"references": [{"kind": "nosso_numero", "value": "12345678"}]}, "nosso_numero=341:12345678"),
    ],
)
def test_declared_references_match_by_value(declared: dict[str, Any], reported: str) -> None:
    now = seen(placed(card(), pix(**{"reference": None, **declared})), captured("charge_id=c", refs=[reported], provider="elsewhere"))
    assert sums(now) == {"p1": 0, "p2": TOTAL}


@pytest.mark.parametrize(
    ("declared", "reported"),
    [
        ("237:12345678", "nosso_numero=341:12345678"),
        ("abc", "txid=ABC"),
        ("0012", "txid=12"),
        ("abc", "order_number=abc"),
    ],
)
def test_other_values_do_not_match(declared: str, reported: str) -> None:
    now = seen(placed(pix(declared)), captured("charge_id=c", refs=[reported], provider="elsewhere", method="pix"))
    assert sums(now) == {"p1": 0, "elsewhere:c": TOTAL}


def test_the_key_itself_may_be_the_declared_reference() -> None:
    now = seen(placed(card(), boleto()), captured("nosso_numero=237:12345678", provider="cnab", method="boleto"))
    assert sums(now) == {"p1": 0, "p2": TOTAL}


def test_a_hybrid_boleto_is_paid_once_by_either_way() -> None:
    hybrid = boleto(reference=None, references=[{"kind": "nosso_numero", "value": "237:00012345678"}, {"kind": "txid", "value": "tx9"}])
    now = seen(
        placed(hybrid),
        captured("e2e=E9", refs=["txid=tx9"], provider="pix"),
        captured("nosso_numero=237:12345678", minutes=30, provider="cnab"),
    )
    assert sums(now) == {"p1": TOTAL}
    assert (now.payment_state, kinds(now)) == ("paid", [])


def test_two_charges_of_one_gateway_order_go_to_the_cards_of_their_amounts() -> None:
    order = [{"kind": "gateway_order_id", "value": "or_1"}]
    facts = [
        captured("charge_id=ch_b", 4000, 10, refs=["gateway_order_id=or_1"], provider="pagarme", method="card"),
        captured("charge_id=ch_a", 7970, 11, refs=["gateway_order_id=or_1"], provider="pagarme", method="card"),
    ]
    now = seen(placed(card(references=order, amount_cents=7970), card(references=order, amount_cents=4000)), *facts)
    assert sums(now) == {"p1": 7970, "p2": 4000}


# -- rule 3: the only attempt of that provider and method without a key ------------------------------------------------------------


def test_the_only_attempt_of_provider_and_method_takes_a_payment_without_references() -> None:
    now = seen(placed(pix(), card()), captured("charge_id=ch_1", provider="pagarme", method="card"))
    assert sums(now) == {"p1": 0, "p2": TOTAL}


def test_of_several_the_one_of_equal_amount_takes_it() -> None:
    now = seen(placed(card(amount_cents=7000), card(amount_cents=4970)), captured("charge_id=c", 4970, provider="pagarme", method="card"))
    assert sums(now) == {"p1": 0, "p2": 4970}


def test_of_several_without_equal_amount_the_first_takes_it() -> None:
    now = seen(placed(card(amount_cents=7000), card(amount_cents=4970)), captured("charge_id=c", 5000, provider="pagarme", method="card"))
    assert sums(now) == {"p1": 5000, "p2": 0}


def test_an_attempt_that_has_a_key_takes_no_other_without_reference() -> None:
    facts = [captured("charge_id=a", 5000, 10, provider="pagarme"), captured("charge_id=b", 6970, 11, provider="pagarme")]
    assert sums(seen(placed(card()), *facts)) == {"p1": 5000, "pagarme:b": 6970}


def test_a_method_that_nobody_named_fits() -> None:
    assert sums(seen(placed(card(method="other")), captured("charge_id=a", provider="pagarme", method="card"))) == {"p1": TOTAL}
    assert sums(seen(placed(card()), captured("charge_id=a", provider="pagarme"))) == {"p1": TOTAL}


def test_another_method_does_not_fit() -> None:
    now = seen(placed(card()), captured("charge_id=a", provider="pagarme", method="boleto"))
    assert sums(now) == {"p1": 0, "pagarme:a": TOTAL}


# -- rule 4: a new attempt ---------------------------------------------------------------------------------------------------------


def test_another_provider_without_reference_makes_a_new_attempt() -> None:
    now = seen(placed(pix()), captured("payment_id=77", provider="mercadopago", method="pix"))
    assert [(one.id, one.provider, one.method, one.state) for one in now.attempts] == [
        ("p1", "pix", "pix", "created"),
        ("mercadopago:77", "mercadopago", "pix", "captured"),
    ]
    assert now.state == "processing"


def test_the_name_of_a_new_attempt_fits_the_published_language() -> None:
    order = story(placed(), payment("pending", key="payment_id=" + "9" * 200, provider="p" * 100, method="boleto", event_id="x"))
    verdict = order.ask("order.approve")
    assert isinstance(verdict, Accepted)
    assert len(verdict.result["payment"]) == 200
    assert order.view.state == "processing"


def test_an_order_without_declared_payments_takes_what_comes() -> None:
    assert sums(seen(placed(), pix_paid())) == {"pix:E1": TOTAL}


# -- without a key -----------------------------------------------------------------------------------------------------------------


def test_a_pending_without_key_does_not_take_the_attempt_from_its_payment() -> None:
    waiting = payment("pending", 1, key=None, provider="pagarme", method="card")
    assert sums(seen(placed(card()), waiting, captured("charge_id=c", provider="pagarme", method="card"))) == {"p1": TOTAL}


def test_pending_and_failure_without_key_meet() -> None:
    waiting = payment("pending", 1, key=None, provider="pagarme", method="card")
    failed = payment("failed", 2, key=None, provider="pagarme", method="card")
    assert only(seen(placed(card()), waiting, failed)).state == "failed"


def test_money_without_key_and_reference_counts_per_fact() -> None:
    facts = [captured(None, 5000, minutes, provider="bank", method="transfer", event_id=f"line-{minutes}") for minutes in (1, 2, 2)]
    assert seen(placed({"method": "transfer", "provider": "bank"}), *facts).captured_cents == 10_000


def test_money_without_key_counts_once_per_reference() -> None:
    facts = [captured(None, TOTAL, minutes, refs=["txid=t"], event_id=f"line-{minutes}") for minutes in (1, 2)]
    assert seen(placed(pix()), *facts).captured_cents == TOTAL


# -- amounts -----------------------------------------------------------------------------------------------------------------------


def test_the_largest_figure_of_a_key_counts_whatever_comes_first() -> None:
    facts = [captured("e2e=E1", amount, minutes) for amount, minutes in ((5000, 1), (TOTAL, 2), (9000, 3))]
    for order in permutations(facts):
        assert seen(placed(pix()), *order).captured_cents == TOTAL


def test_two_pix_under_one_txid_are_two_payments() -> None:
    now = seen(placed(pix()), pix_paid(10, e2e="E1"), pix_paid(11, e2e="E2"))
    assert sums(now) == {"p1": 2 * TOTAL}
    assert (now.payment_state, kinds(now)) == ("overpaid", ["overpaid"])
    assert now.exceptions[0].detail["surplus_cents"] == TOTAL


def test_gateway_and_bank_file_that_tell_of_one_boleto_count_once() -> None:
    now = seen(
        placed(boleto()),
        captured("charge_id=ch", provider="pagarme", refs=["nosso_numero=237:12345678"]),
        captured("nosso_numero=237:00012345678", provider="cnab"),
    )
    assert sums(now) == {"p1": TOTAL}
    assert len(now.transactions) == 2
    assert [capture.source for capture in now.captures] == ["cnab"]


def test_a_boleto_approved_by_hand_and_then_paid_counts_once() -> None:
    order = story(placed(boleto()))
    order.ask("order.approve")
    published = order.tell(captured("nosso_numero=237:12345678", minutes=99, provider="cnab", method="boleto"))
    assert sums(order.view) == {"p1": TOTAL}
    assert (order.view.payment_state, kinds(order.view), len(order.invoices)) == ("paid", [], 1)
    assert published == ["payment.captured"]


def test_the_shop_itself_captures_a_payment_with_paid_at() -> None:
    gift = {"method": "other", "provider": "manual", "amount_cents": 5000, "paid_at": at(0).isoformat()}
    now = seen(placed(gift, pix(amount_cents=TOTAL - 5000)))
    assert sums(now) == {"p1": 5000, "p2": 0}
    assert (now.state, now.payment_state) == ("pending_payment", "partially_paid")


def test_a_payment_of_the_shop_that_its_provider_tells_of_too_counts_once() -> None:
    paid = card(paid_at=at(0).isoformat())
    assert sums(seen(placed(paid), captured("charge_id=c", provider="pagarme"))) == {"p1": TOTAL}


def test_the_only_payment_without_amount_pays_what_the_others_leave() -> None:
    now = seen(placed(pix(amount_cents=970), card(amount_cents=None)))
    assert [attempt.amount_cents for attempt in now.attempts] == [970, TOTAL - 970]


def test_a_capture_without_any_amount_is_no_money_but_a_question() -> None:
    now = seen(placed(pix()), payment("captured", key="e2e=E1"))
    assert (now.captured_cents, kinds(now)) == (0, ["unknown_status"])


@pytest.mark.parametrize(("tolerance", "state"), [(0, "pending_payment"), (9, "pending_payment"), (10, "processing")])
def test_the_tolerance_of_the_order_decides_whether_it_is_paid(tolerance: int, state: str) -> None:
    now = seen(placed(pix(), rules={"amount_tolerance_cents": tolerance}), pix_paid(amount=TOTAL - 10))
    assert now.state == state


# -- refunds and chargebacks -------------------------------------------------------------------------------------------------------


def refunded(minutes: float = 20, **fields: Any) -> Fact:
    return payment("refunded", minutes, **fields)


@pytest.mark.parametrize(
    ("facts", "amount"),
    [
        ([refunded(cumulative_cents=100)], 100),
        ([refunded(20, cumulative_cents=100), refunded(21, cumulative_cents=300)], 300),
        ([refunded(20, refund_id="a", amount_cents=100), refunded(21, refund_id="b", amount_cents=50)], 150),
        ([refunded(20, refund_id="a", amount_cents=100), refunded(21, refund_id="a", amount_cents=100)], 100),
        ([refunded(20, refund_id="a", amount_cents=100), refunded(21, cumulative_cents=100)], 100),
        ([refunded(20, refund_id="a", amount_cents=100), refunded(21, cumulative_cents=130)], 130),
        ([payment("refund_pending", 20, refund_id="a", amount_cents=100)], 0),
        ([payment("refund_pending", 20, refund_id="a", amount_cents=100), refunded(21, refund_id="a", amount_cents=100)], 100),
        ([payment("refund_failed", 20, refund_id="a", amount_cents=100)], 0),
        ([refunded(20, refund_id="a", amount_cents=100), payment("refund_failed", 21, refund_id="a", amount_cents=100)], 100),
        ([refunded(20, refund_id="a")], TOTAL),
        ([refunded(20, refund_id="a", cumulative_cents=40)], 40),
    ],
)
def test_refunded_is_the_sum_by_id_or_the_largest_total(facts: list[Fact], amount: int) -> None:
    for order in permutations(facts):
        now = seen(placed(pix()), pix_paid(), *order)
        assert now.refunded_cents == amount
        assert sum(refund.amount_cents for refund in now.refunds if refund.state == "done") == amount


def test_totals_of_two_payments_of_one_attempt_add_up() -> None:
    facts = [refunded(20, key=f"e2e={e2e}", cumulative_cents=TOTAL) for e2e in ("E1", "E2")]
    now = seen(placed(pix()), pix_paid(10, e2e="E1"), pix_paid(11, e2e="E2"), *facts)
    assert (now.refunded_cents, now.state) == (2 * TOTAL, "closed")


@pytest.mark.parametrize(
    ("facts", "charged_back", "open_"),
    [
        ([payment("chargeback_opened", 20, amount_cents=100)], 0, True),
        ([payment("chargeback_opened", 20, amount_cents=100, funds_withdrawn=True)], 100, True),
        ([payment("chargeback_opened", 20, funds_withdrawn=True)], TOTAL, True),
        ([payment("chargeback_opened", 20, amount_cents=100), payment("chargeback_lost", 30)], 100, False),
        ([payment("chargeback_opened", 20, amount_cents=100), payment("chargeback_won", 30)], 0, False),
        ([payment("chargeback_opened", 20, amount_cents=100, funds_withdrawn=True), payment("chargeback_won", 30)], 0, False),
        ([payment("reversed", 20, amount_cents=70)], 70, False),
        ([payment("reversed", 20, dispute_id="a", amount_cents=70), payment("reversed", 21, dispute_id="b", amount_cents=30)], 100, False),
        ([payment("chargeback_lost", 20, cumulative_cents=60), payment("chargeback_lost", 21, cumulative_cents=90)], 90, False),
        ([payment("chargeback_lost", 20, amount_cents=60), payment("chargeback_won", 30)], 0, False),
        ([payment("chargeback_won", 20), payment("chargeback_lost", 30, amount_cents=60)], 60, False),
    ],
)
def test_money_leaves_by_a_dispute_only_when_it_has_left(facts: list[Fact], charged_back: int, open_: bool) -> None:
    for order in permutations(facts):
        now = seen(placed(pix()), pix_paid(), *order)
        assert (now.charged_back_cents, now.dispute_open) == (charged_back, open_)


# -- attempt states ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "state", "live"),
    [
        ([], "created", True),
        (["created"], "created", True),
        (["pending"], "pending", True),
        (["pending", "in_review"], "in_review", True),
        (["in_review", "pending"], "in_review", True),
        (["authorized", "pending"], "authorized", True),
        (["pending", "failed"], "failed", False),
        (["failed", "pending"], "failed", False),
        (["failed", "expired"], "expired", False),
        (["expired", "voided"], "voided", False),
    ],
)
def test_the_state_of_an_attempt(words: list[str], state: str, live: bool) -> None:
    facts = [payment(word, minutes) for minutes, word in enumerate(words, 1)]
    for order in permutations(facts):
        attempt = only(seen(placed(pix()), *order))
        assert (attempt.state, attempt.live) == (state, live)


@pytest.mark.parametrize("late", ["created", "pending", "in_review", "failed", "expired", "voided"])
@pytest.mark.parametrize("minutes", [1, 99])
def test_what_a_payment_was_before_it_was_captured_is_stale(late: str, minutes: float) -> None:
    order = story(placed(pix()), pix_paid(10))
    before = order.view
    assert order.tell(payment(late, minutes, refs=["txid=" + "ped100000417a0000000000000000"], method="pix")) == []
    assert (order.view.state, order.view.payment_state, order.view.exceptions) == (before.state, before.payment_state, before.exceptions)


def test_a_success_after_a_failure_counts() -> None:
    failed = payment("failed", 5, refs=["txid=ped100000417a0000000000000000"])
    assert seen(placed(pix()), failed, pix_paid(10)).state == "processing"


def test_a_retry_makes_a_failed_attempt_live_again() -> None:
    reference = [{"kind": "gateway_order_id", "value": "or_1"}]
    facts = [
        payment(word, minutes, key=f"charge_id=ch_{minutes}", refs=["gateway_order_id=or_1"], provider="pagarme", method="card")
        for minutes, word in ((1, "failed"), (2, "pending"))
    ]
    assert only(seen(placed(card(references=reference)), *facts)).state == "pending"


def test_references_keep_their_left_zeros_for_people() -> None:
    now = seen(placed(boleto()), captured("nosso_numero=237:00012345678", provider="cnab", method="boleto"))
    assert [(one.kind, one.value) for one in only(now).references] == [("nosso_numero", "237:00012345678")]


def test_a_key_written_with_other_zeros_is_the_same_payment() -> None:
    facts = [captured("nosso_numero=237:00012345678", provider="cnab"), captured("nosso_numero=237:12345678", provider="cnab", minutes=11)]
    assert len(fold(placed(boleto()), *facts).payments) == 1
