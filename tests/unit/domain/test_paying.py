"""Money by hand in detail: order.approve, the review of a payment, and order.cancel; which state refuses what is in test_command_cells."""

from typing import Any

import pytest

from hub.domain.judge import Accepted, Rejected
from tests.unit.domain.orders import TOTAL, Story, boleto, card, kinds, payment, pix, pix_paid, placed, story

PAID = [placed(pix()), pix_paid()]


def test_actions_are_listed_in_a_stable_order() -> None:
    assert story(placed(pix())).view.allowed_actions == (
        "order.get", "order.approve", "order.cancel", "order.hold", "order.edit", "order.reorder", "order.set_address", "order.set_status",
        "order.comment", "notify.resend",
    )  # fmt: skip
    assert story(*PAID).view.allowed_actions == (
        "order.get", "order.hold", "order.start_production", "fiscal.mark_issued", "shipment.create", "refund.create", "order.reorder",
        "order.set_address", "order.set_status", "order.comment", "notify.resend",
    )  # fmt: skip


# -- order.approve in detail -------------------------------------------------------------------------------------------------------


def approve(order: Story, **data: Any) -> Accepted:
    verdict = order.ask("order.approve", **data)
    assert isinstance(verdict, Accepted), verdict
    return verdict


def test_approval_captures_the_rest_on_the_only_live_attempt_and_names_it() -> None:
    order = story(placed(boleto()))
    assert approve(order).result == {"payment": "p1", "method": "boleto", "amount_cents": TOTAL, "remaining_cents": 0}
    assert (order.view.state, order.view.payment_state, order.view.captured_cents) == ("processing", "paid", TOTAL)
    assert [attempt.state for attempt in order.view.attempts] == ["captured"]


def test_approval_of_another_method_makes_an_attempt_of_it() -> None:
    order = story(placed(boleto()))
    assert approve(order, method="cash").result["payment"] == "m1"
    assert [(one.id, one.method, one.provider, one.captured_cents) for one in order.view.attempts] == [
        ("p1", "boleto", "cnab", 0),
        ("m1", "cash", "manual", TOTAL),
    ]


def test_provider_money_that_confirms_an_approval_counts_once() -> None:
    order = story(placed(boleto()))
    approve(order, method="pix")
    published = order.tell(payment("captured", 90, key="e2e=E7", method="pix", amount_cents=TOTAL))
    assert [(one.id, one.captured_cents) for one in order.view.attempts] == [("p1", 0), ("m1", TOTAL)]
    assert (published, kinds(order.view), len(order.invoices)) == (["payment.captured"], [], 1)


def test_money_that_was_known_before_an_approval_does_not_confirm_it() -> None:
    stray = payment("captured", 5, key="e2e=E7", method="pix", amount_cents=970)
    order = story(placed(boleto()), stray)
    approve(order, method="pix")
    assert [(one.id, one.captured_cents) for one in order.view.attempts] == [("p1", 0), ("m1", TOTAL - 970), ("pix:E7", 970)]
    assert order.view.payment_state == "paid"


def test_approval_of_a_named_payment_whatever_became_of_it() -> None:
    order = story(placed(card(), boleto()), payment("failed", key="charge_id=c", provider="pagarme", method="card"))
    assert approve(order, payment="p1").result["payment"] == "p1"
    assert order.view.attempts[0].state == "captured"


def test_approval_of_a_named_payment_by_another_method_makes_a_new_attempt() -> None:
    order = story(placed(boleto()))
    assert approve(order, payment="p1", method="transfer").result["payment"] == "m1"


def test_approval_of_a_payment_that_is_not_there() -> None:
    verdict = story(placed(boleto())).ask("order.approve", payment="p9")
    assert isinstance(verdict, Rejected)
    assert verdict.code == "payment_not_found"


def test_of_several_live_attempts_the_farthest_is_approved() -> None:
    order = story(placed(card(), boleto()), payment("pending", key="nosso_numero=237:12345678", provider="cnab"))
    assert approve(order).result["payment"] == "p2"


def test_of_several_live_attempts_the_method_chooses() -> None:
    order = story(placed(card(), boleto()), payment("pending", key="nosso_numero=237:12345678", provider="cnab"))
    assert approve(order, method="card").result["payment"] == "p1"


def test_without_a_live_attempt_the_method_last_used_is_taken() -> None:
    order = story(placed(pix(amount_cents=8000)), pix_paid(amount=8000))
    verdict = approve(order)
    assert verdict.result == {"payment": "m1", "method": "pix", "amount_cents": TOTAL - 8000, "remaining_cents": 0}
    assert order.view.state == "processing"


def test_without_any_attempt_the_method_is_other() -> None:
    assert approve(story(placed())).result["method"] == "other"


def test_money_on_top_of_what_the_provider_told_of_the_same_payment() -> None:
    order = story(placed(boleto()), payment("captured", key="nosso_numero=237:12345678", provider="cnab", amount_cents=8000))
    approve(order, payment="p1")
    assert (order.view.captured_cents, order.view.state) == (TOTAL, "processing")
    assert len(order.view.captures) == 2
    assert sum(capture.amount_cents for capture in order.view.captures) == TOTAL
    # The file tells the whole amount the day after: it was counted already.
    order.tell(payment("captured", 99, key="nosso_numero=237:12345678", provider="cnab", amount_cents=TOTAL))
    assert (order.view.captured_cents, kinds(order.view)) == (TOTAL, [])


def test_less_than_what_is_missing_is_accepted_and_leaves_the_order_underpaid() -> None:
    order = story(placed(boleto()))
    assert approve(order, amount_cents=970).result["remaining_cents"] == TOTAL - 970
    assert (order.view.state, order.view.payment_state, kinds(order.view)) == ("pending_payment", "partially_paid", ["underpaid"])
    assert order.invoices == []
    approve(order)
    assert (order.view.state, kinds(order.view), len(order.invoices)) == ("processing", [], 1)


def test_more_than_what_is_missing_is_an_invalid_payload() -> None:
    order = story(placed(pix(amount_cents=8000)), pix_paid(amount=8000))
    verdict = order.ask("order.approve", amount_cents=TOTAL - 8000 + 1)
    assert isinstance(verdict, Rejected)
    assert verdict.code == "invalid_payload"
    assert order.view.captured_cents == 8000


def test_approval_repeated_by_parts_adds_up() -> None:
    order = story(placed(boleto()))
    for amount in (5000, 5000, 1970):
        approve(order, amount_cents=amount, method="cash")
    assert (order.view.captured_cents, order.view.state) == (TOTAL, "processing")


# -- review.accept, review.deny ----------------------------------------------------------------------------------------------------

REVIEWED = [placed(card()), payment("in_review", key="charge_id=c", provider="pagarme", amount_cents=TOTAL)]


def review(order: Story, verb: str = "accept", minutes: float = 60, **data: Any) -> Accepted:
    verdict = order.ask(f"review.{verb}", minutes, **data)
    assert isinstance(verdict, Accepted), verdict
    return verdict


def test_a_payment_that_is_let_pass_counts_as_captured() -> None:
    order = story(*REVIEWED)
    assert review(order).result == {"payment": "p1", "amount_cents": TOTAL, "remaining_cents": 0}
    assert (order.view.state, order.view.payment_state, len(order.invoices)) == ("processing", "paid", 1)
    assert "notification.requested.email.order_approved" in order.keys


def test_what_the_provider_captures_afterwards_is_the_same_money() -> None:
    order = story(*REVIEWED)
    review(order)
    order.tell(payment("captured", 90, key="charge_id=c", provider="pagarme", amount_cents=TOTAL))
    assert (order.view.captured_cents, kinds(order.view)) == (TOTAL, [])
    order.tell(payment("failed", 95, key="charge_id=c", provider="pagarme"))
    assert (order.view.captured_cents, kinds(order.view)) == (TOTAL, [])


def test_a_provider_that_contradicts_the_review_takes_the_money_back() -> None:
    order = story(*REVIEWED)
    review(order)
    published = order.tell(payment("failed", 90, key="charge_id=c", provider="pagarme"))
    assert (order.view.state, order.view.captured_cents, kinds(order.view)) == ("new", 0, ["review_contradicted"])
    assert "exception.opened.review_contradicted" in published
    review_again = order.ask("review.accept", 95)
    assert isinstance(review_again, Rejected)
    assert review_again.code == "not_in_review"


def test_a_payment_by_hand_is_not_taken_back_by_the_provider() -> None:
    order = story(placed(card()), payment("pending", key="charge_id=c", provider="pagarme"))
    order.ask("order.approve")
    order.tell(payment("failed", 90, key="charge_id=c", provider="pagarme"))
    assert (order.view.state, kinds(order.view)) == ("processing", [])


def test_a_payment_that_is_not_let_pass_cancels_the_order() -> None:
    order = story(*REVIEWED)
    review(order, "deny", comment="cartão de terceiros")
    assert order.view.cancel is not None
    assert (order.view.state, order.view.cancel.reason) == ("canceled", "review_denied")
    assert kinds(order.view) == ["live_attempt_on_canceled"]
    assert order.texts[0].comment is not None


def test_a_review_of_a_payment_that_is_not_there_or_not_under_review() -> None:
    order = story(placed(card(), pix()), *REVIEWED[1:])
    for named, code in (("p9", "payment_not_found"), ("p2", "not_in_review")):
        verdict = order.ask("review.accept", payment=named)
        assert isinstance(verdict, Rejected)
        assert verdict.code == code


def test_void_is_not_offered_by_any_provider_yet() -> None:
    order = story(placed(card()), payment("authorized", key="charge_id=c", provider="pagarme"))
    for named, code in ((None, "void_unavailable"), ("p9", "payment_not_found")):
        verdict = order.ask("payment.void", payment=named)
        assert isinstance(verdict, Rejected)
        assert verdict.code == code
    assert "payment.void" not in order.view.allowed_actions


# -- order.cancel in detail --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R7")
def test_cancel_keeps_a_code_for_the_reason_and_the_words_in_the_log() -> None:
    order = story(placed(pix()))
    verdict = order.ask("order.cancel", reason="Maria Silva desistiu")
    assert isinstance(verdict, Accepted)
    assert verdict.decision.reason == "Maria Silva desistiu"
    assert order.view.cancel is not None
    assert (order.view.cancel.reason, order.view.cancel.by) == ("operator", "order.cancel")


def test_a_held_order_says_that_a_dispute_holds_it() -> None:
    verdict = story(*PAID, payment("chargeback_opened", 30)).ask("order.cancel")
    assert isinstance(verdict, Rejected)
    assert "dispute" in verdict.message


def test_a_command_of_another_kind_is_refused_not_ignored() -> None:
    verdict = story(placed(pix())).ask("status.delete", code="nope")
    assert isinstance(verdict, Rejected)
    assert verdict.code == "invalid_payload"
