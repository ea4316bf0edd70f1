"""refund.create by hand: how much, on which payments, which units; and how it meets what providers tell (order-lifecycle 3.6)."""

from typing import Any

import pytest

from hub.domain.decisions import Decision, RefundDone, RefundedUnits, RefundFailed, RefundPart, RefundRequested
from hub.domain.fold import apply_decision
from hub.domain.judge import Accepted, Judgement, Rejected
from hub.domain.view import view
from schemas.facts import Fact
from tests.unit.domain.orders import (
    TOTAL,
    VIRTUAL,
    Story,
    at,
    boleto,
    canceled,
    card,
    kinds,
    parcel,
    payment,
    pix,
    pix_paid,
    placed,
    seen,
    story,
)

ITEMS = [{"sku": "A", "quantity": 3, "unit_price_cents": 3000}, {"sku": "B", "quantity": 1, "unit_price_cents": 980}]
FOUR = placed(pix(), items=ITEMS)
PAID = [FOUR, pix_paid()]
MIXED = placed(pix(amount_cents=8000), card(amount_cents=3970), items=ITEMS)
CARD = payment("captured", 30, key="charge_id=c", provider="pagarme", method="card", amount_cents=3970)
SPLIT = [MIXED, pix_paid(10, amount=8000), CARD]


def give(order: Story, minutes: float = 60, **form: Any) -> Accepted:
    verdict = order.ask("refund.create", minutes, **{"mode": "offline", "method": "deposit", **form})
    assert isinstance(verdict, Accepted), verdict
    return verdict


def code(verdict: Judgement) -> str:
    assert isinstance(verdict, Rejected), verdict
    return verdict.code


def lines(back: bool = False, **units: int) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity, "back_to_stock": back} for sku, quantity in units.items()]


@pytest.mark.requirement("R83")
def test_a_refund_of_everything_closes_the_order() -> None:
    order = story(*PAID)
    assert give(order).result == {
        "refund": "R1",
        "amount_cents": TOTAL,
        "parts": [{"payment": "p1", "amount_cents": TOTAL}],
        "lines": [],
        "left_cents": 0,
    }
    assert (order.view.state, order.view.payment_state, order.view.net_cents) == ("closed", "refunded", 0)
    assert order.keys[-2:] == ["refund.done", "order.status_changed.closed"]
    body = order.body("refund.done")
    assert (body["refund"], body["payment"], body["mode"], body["method"], body["amount_cents"]) == (
        "R1",
        "p1",
        "offline",
        "deposit",
        TOTAL,
    )
    assert code(order.ask("refund.create", mode="offline", method="deposit")) == "nothing_to_refund"


@pytest.mark.requirement("R83")
def test_a_refund_of_an_amount_keeps_state_and_status() -> None:
    order = story(*PAID, parcel("posted", 20), parcel("delivered", 40))
    give(order, extra_cents=500)
    assert (order.view.state, order.view.status, order.view.payment_state) == ("complete", "delivered", "partially_refunded")


def test_three_refunds_of_a_third_leave_nothing() -> None:
    order = story(placed(pix(), total_cents=9999), pix_paid(amount=9999))
    for minutes in (60, 61, 62):
        give(order, minutes, extra_cents=3333)
    assert (order.view.state, order.view.net_cents) == ("closed", 0)
    assert [refund.id for refund in order.view.refunds] == ["R1", "R2", "R3"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"mode": "online", "method": None}, "online_refund_unavailable"),
        ({"extra_cents": TOTAL + 1}, "refund_exceeds_available"),
        ({"extra_cents": 0}, "zero_total_refund"),
        ({"extra_cents": 10, "fee_cents": 10}, "zero_total_refund"),
        ({"lines": []}, "zero_total_refund"),
        ({"shipping_cents": 1991}, "shipping_refund_exceeds"),
        ({"lines": lines(A=4)}, "qty_exceeds"),
        ({"lines": lines(C=1)}, "qty_exceeds"),
        ({"payment": "p9"}, "payment_not_found"),
        ({"lines": lines(A=3, B=1), "shipping_cents": 1990, "extra_cents": 1}, "refund_exceeds_available"),
        ({"lines": lines(A=3, B=1), "shipping_cents": 1990}, ""),
    ],
)
def test_what_a_refund_may_be(form: dict[str, Any], expected: str) -> None:
    verdict = story(*PAID).ask("refund.create", **{"mode": "offline", "method": "deposit", **form})
    assert expected == (verdict.code if isinstance(verdict, Rejected) else "")


def test_the_freight_is_given_back_once() -> None:
    order = story(*PAID)
    give(order, shipping_cents=1000)
    assert code(order.ask("refund.create", mode="offline", method="pix", shipping_cents=991)) == "shipping_refund_exceeds"
    give(order, shipping_cents=990)


# -- several payments --------------------------------------------------------------------------------------------------------------


def test_the_newest_capture_goes_first_and_the_refund_is_split() -> None:
    order = story(*SPLIT)
    parts = give(order, extra_cents=5000).result["parts"]
    assert parts == [{"payment": "p2", "amount_cents": 3970}, {"payment": "p1", "amount_cents": 1030}]
    (refund,) = order.view.refunds
    assert (refund.payment, refund.amount_cents, refund.state) == (None, 5000, "done")
    assert [(one.id, one.refunded_cents) for one in order.view.attempts] == [("p1", 1030), ("p2", 3970)]


def test_a_refund_on_one_payment_is_of_that_payment() -> None:
    order = story(*SPLIT)
    assert give(order, payment="p1").result["parts"] == [{"payment": "p1", "amount_cents": 8000}]
    assert code(order.ask("refund.create", mode="offline", method="pix", payment="p1")) == "nothing_to_refund"
    assert give(order).result["parts"] == [{"payment": "p2", "amount_cents": 3970}]
    assert order.view.state == "closed"


# -- what providers tell -----------------------------------------------------------------------------------------------------------


def refunded(amount: int, minutes: float = 90, **fields: Any) -> Fact:
    return payment("refunded", minutes, amount_cents=amount, **{"refund_id": "D1", **fields})


@pytest.mark.parametrize(
    ("method", "told", "gone", "gone_if_told_before"),
    [
        ("pix", [refunded(500)], 500, 1000),  # the same money, told by both; who gives back on top of what is told means other money
        ("pix", [payment("refunded", 90, cumulative_cents=500)], 500, 1000),
        ("pix", [payment("refunded", 90, cumulative_cents=700)], 700, 1200),
        ("pix", [refunded(300)], 800, 800),  # another amount is another refund
        ("pix", [refunded(500), refunded(500, 91, refund_id="D2")], 1000, 1500),
        ("deposit", [refunded(500)], 1000, 1000),  # in another means, of which no provider tells
        ("cash", [payment("refunded", 90, cumulative_cents=500)], 1000, 1000),
        ("card", [refunded(500)], 500, 1000),
    ],
)
def test_a_refund_by_hand_and_one_that_a_provider_tells_of(method: str, told: list[Fact], gone: int, gone_if_told_before: int) -> None:
    order = story(*PAID)
    give(order, method=method, extra_cents=500)
    order.tell(*told)
    assert order.view.refunded_cents == gone
    before = story(*PAID, *told)
    give(before, method=method, extra_cents=500)
    assert before.view.refunded_cents == gone_if_told_before


@pytest.mark.requirement("R80")
def test_pix_is_another_means_for_what_was_no_pix() -> None:
    order = story(placed(boleto()), payment("captured", key="nosso_numero=237:12345678", provider="cnab", amount_cents=TOTAL))
    give(order, method="pix", extra_cents=500)
    order.tell(payment("refunded", 90, key="nosso_numero=237:12345678", provider="cnab", amount_cents=500, refund_id="D1"))
    assert order.view.refunded_cents == 1000


def test_the_document_of_a_refund_that_both_tell_of_is_one() -> None:
    order = story(*PAID)
    give(order, method="pix", extra_cents=500)
    order.tell(refunded(500), refunded(300, 95, refund_id="D2"))
    assert [(one.id, one.mode, one.amount_cents) for one in order.view.refunds] == [("R1", "offline", 500), ("D2", None, 300)]


def test_money_given_back_to_an_order_that_was_paid_after_it_was_over() -> None:
    order = story(*PAID, payment("refunded", 30, cumulative_cents=TOTAL), pix_paid(50, e2e="E2"))
    assert (order.view.state, kinds(order.view), order.invoices[1:]) == ("processing", ["paid_after_close"], [])
    give(order)
    assert (order.view.state, kinds(order.view)) == ("closed", [])


# -- units -------------------------------------------------------------------------------------------------------------------------


def test_units_given_back_need_not_be_shipped() -> None:
    order = story(*PAID, parcel("posted", 20, items=["A*2"]))
    give(order, lines=lines(A=1, B=1))
    assert (order.view.state, order.view.fulfilment_state, order.view.status) == ("complete", "shipped", "shipped")
    assert [(line.shipped, line.refunded) for line in order.view.lines] == [(2, 1), (0, 1)]


def test_when_every_unit_is_given_back_the_order_is_closed_though_the_freight_is_kept() -> None:
    order = story(*PAID)
    give(order, lines=lines(A=3, B=1))
    assert (order.view.state, order.view.net_cents, order.view.payment_state) == ("closed", 1990, "partially_refunded")
    give(order, shipping_cents=1990)
    assert (order.view.state, order.view.net_cents) == ("closed", 0)


def test_money_that_comes_after_all_units_are_back_leaves_the_order_closed() -> None:
    order = story(*PAID)
    give(order, lines=lines(A=3, B=1))
    order.tell(pix_paid(90, e2e="E2"))
    assert (order.view.state, kinds(order.view)) == ("closed", ["overpaid", "paid_after_close"])


def test_all_refunds_of_a_line_add_up_to_what_was_paid_for_it() -> None:
    order = story(placed(pix(), items=[{"sku": "A", "quantity": 3, "unit_price_cents": 3327}], total_cents=11_970), pix_paid())
    total = order.view.lines[0].total_cents
    amounts = [give(order, minutes, lines=lines(A=1)).result["amount_cents"] for minutes in (60, 61, 62)]
    assert (sum(amounts), amounts) == (total, [3326, 3327, 3327])


def test_a_unit_is_given_back_once() -> None:
    order = story(*PAID)
    give(order, lines=lines(A=2))
    assert code(order.ask("refund.create", mode="offline", method="pix", lines=lines(A=2))) == "qty_exceeds"
    assert give(order, lines=lines(A=1)).result["amount_cents"] == 3000


@pytest.mark.requirement("R81")
def test_units_go_back_to_stock_once_and_only_those_that_are_said_to() -> None:
    order = story(placed(pix(), items=[*ITEMS, {**VIRTUAL[0], "unit_price_cents": 0}]), pix_paid())
    give(order, lines=[*lines(True, A=2), *lines(False, B=1), *lines(True, **{"VALE-100": 1})])
    assert order.body("stock.returned")["lines"] == [{"sku": "A", "quantity": 2}]
    assert order.body("stock.returned")["refund"] == "R1"
    give(order, extra_cents=1)
    assert order.keys.count("stock.returned") == 1


def test_a_canceled_order_keeps_what_was_given_back_and_releases_the_rest() -> None:
    order = story(*PAID)
    give(order, lines=lines(True, A=2))
    order.tell(parcel("posted", 70, items=["B*1"]), canceled())
    assert order.body("stock.release_requested")["lines"] == [{"sku": "A", "quantity": 1}]
    assert [(line.shipped, line.refunded, line.canceled) for line in order.view.lines] == [(0, 2, 1), (1, 0, 0)]


# -- requests that wait (the forms of them come with online refunds) ---------------------------------------------------------------


def pending(order: Story, *entries: RefundRequested | RefundDone | RefundFailed, minutes: float = 60) -> None:
    decision = Decision(kind="refund.create", command_id=f"c{minutes}", at=at(minutes), entries=entries)
    apply_decision(order.ledger, decision)
    order.now = view(order.ledger)


def requested(amount: int = 6000, *, units: int = 2) -> RefundRequested:
    return RefundRequested(
        entry="refund_requested",
        refund="R1",
        mode="online",
        parts=(RefundPart(payment="p1", amount_cents=amount),),
        lines=(RefundedUnits(sku="A", quantity=units),),
    )


def test_money_and_units_of_a_pending_refund_count_for_guards_and_not_for_the_state() -> None:
    order = story(*PAID)
    pending(order, requested())
    now = order.view
    assert (now.state, now.refunded_cents, now.refund_pending_cents, now.lines[0].refund_pending) == ("processing", 0, 6000, 2)
    assert code(order.ask("refund.create", mode="offline", method="pix", extra_cents=5971)) == "refund_exceeds_available"
    two = [{"sku": "A", "quantity": 2}]
    assert code(order.ask("shipment.create", carrier="correios", items=two)) == "refund_pending"
    assert code(order.ask("refund.create", mode="offline", method="pix", lines=lines(A=2))) == "qty_exceeds"


def test_an_order_all_of_which_is_on_its_way_back_is_not_shipped() -> None:
    order = story(*PAID)
    whole = RefundRequested.model_validate(
        {**requested().model_dump(), "lines": [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 1}]},
    )
    pending(order, whole)
    assert code(order.ask("shipment.create", carrier="correios")) == "refund_pending"
    assert "shipment.create" not in order.view.allowed_actions


@pytest.mark.parametrize(
    ("outcome", "state", "refunded_cents", "pending_cents"),
    [
        (RefundDone(entry="refund_done", refund="R1"), "done", 6000, 0),
        (RefundDone(entry="refund_done", refund="R1", payment="p1"), "done", 6000, 0),
        (RefundFailed(entry="refund_failed", refund="R1", payment="p1"), "failed", 0, 0),
        (RefundFailed(entry="refund_failed", refund="R1"), "failed", 0, 0),
    ],
)
def test_what_becomes_of_a_request(outcome: RefundDone | RefundFailed, state: str, refunded_cents: int, pending_cents: int) -> None:
    order = story(*PAID)
    pending(order, requested())
    pending(order, outcome, minutes=70)
    now = order.view
    assert [(one.id, one.state) for one in now.refunds] == [("R1", state)]
    assert (now.refunded_cents, now.refund_pending_cents) == (refunded_cents, pending_cents)
    assert now.lines[0].refunded == (2 if state == "done" else 0)


@pytest.mark.requirement("R82")
def test_what_the_provider_tells_of_closes_the_request() -> None:
    order = story(*PAID)
    pending(order, requested())
    order.tell(refunded(6000))
    now = order.view
    assert [(one.id, one.state) for one in now.refunds] == [("R1", "done")]
    assert (now.refunded_cents, now.refund_pending_cents, now.lines[0].refunded) == (6000, 0, 2)
    assert order.keys[-2:] == ["payment.refunded", "refund.done"]


def test_an_attempt_that_no_longer_stands_keeps_its_refund() -> None:
    order = story(*SPLIT)
    give(order, payment="p2")
    order.tell(placed(boleto(), event_id="evt-0", items=ITEMS))
    assert order.view.refunded_cents == 3970
    assert seen(*SPLIT).refunded_cents == 0
