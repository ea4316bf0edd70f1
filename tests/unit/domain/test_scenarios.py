"""The scenarios of order-lifecycle 3.10 that need no edit and no printing, told as a shop would tell them."""

import pytest

from hub.domain.judge import Accepted, NoOp, Rejected
from tests.unit.domain.orders import (
    TOTAL,
    TXID,
    Story,
    at,
    boleto,
    canceled,
    card,
    exception_set,
    kinds,
    paper,
    parcel,
    payment,
    pix,
    pix_paid,
    placed,
    story,
)

DAY = 60 * 24
FOUR = [{"sku": "CAM-01", "name": "Camiseta", "quantity": 4, "unit_price_cents": 2495}]
NOTICE = "notification.requested.email."


def statuses(order: Story) -> list[str]:
    """List the statuses the order went through."""
    return [key.removeprefix("order.status_changed.") for key in order.keys if key.startswith("order.status_changed.")]


def mails(order: Story) -> list[str]:
    """List what the customer was sent."""
    return [key.removeprefix(NOTICE) for key in order.keys if key.startswith(NOTICE)]


def do(order: Story, command: str, minutes: float, **form: object) -> Accepted:
    """Give a command that is accepted."""
    verdict = order.ask(command, minutes, **form)  # type: ignore[arg-type]
    assert isinstance(verdict, Accepted), verdict
    return verdict


PIX_DAY = [
    placed(pix()),
    payment("pending", 1, key=None, refs=[f"txid={TXID}"], method="pix"),
    pix_paid(5),
    paper("issued", 60),
    parcel("posted", 120),
    parcel("in_transit", DAY),
    parcel("delivered", 2 * DAY),
]


@pytest.mark.requirement("R11")
def test_a_pix_from_the_cart_to_the_door() -> None:
    order = story(*PIX_DAY)
    assert statuses(order) == ["pending", "pending_payment", "processing", "nf_issued", "shipped", "in_transit", "delivered"]
    assert mails(order) == ["order_placed", "payment_instructions", "order_approved", "shipped"]
    assert (order.view.state, order.view.label, kinds(order.view), len(order.invoices)) == ("complete", "Pedido entregue", [], 1)


def test_b_the_same_day_told_backwards_ends_alike() -> None:
    order = story(PIX_DAY[0])
    order.tell(*reversed(PIX_DAY[1:]))
    assert order.view == story(*PIX_DAY).view
    assert mails(order) == ["order_placed", "order_approved"]  # delivered already: nobody is told that it was sent


def test_c_a_boleto_paid_the_day_after_it_was_given_up() -> None:
    order = story(placed(boleto(due_at=at(DAY).isoformat())), payment("pending", 5, key="nosso_numero=237:12345678", provider="cnab"))
    assert isinstance(order.ask("order.expire", 2 * DAY, actor="policy:order.expire"), NoOp)
    do(order, "order.expire", 7 * DAY, actor="policy:order.expire")
    assert (order.view.state, order.keys.count("stock.release_requested")) == ("canceled", 1)
    order.tell(payment("captured", 8 * DAY, key="nosso_numero=237:12345678", provider="cnab", amount_cents=TOTAL))
    assert (order.view.state, kinds(order.view), order.invoices) == ("canceled", ["paid_after_cancel"], [])
    do(order, "refund.create", 9 * DAY, mode="offline", method="transfer", comment="Conta da cliente", notify=True)
    assert (order.view.state, kinds(order.view), order.view.net_cents) == ("canceled", [], 0)
    assert mails(order)[-1] == "refunded"


def test_d_a_card_under_review() -> None:
    review = [placed(card()), payment("in_review", 5, key="charge_id=c", provider="pagarme", method="card")]
    accepted, denied = story(*review), story(*review)
    assert accepted.view.label == "Em análise de pagamento"
    do(accepted, "review.accept", 60)
    assert (accepted.view.state, len(accepted.invoices)) == ("processing", 1)
    do(denied, "review.deny", 60)
    assert (denied.view.state, mails(denied)[-1]) == ("canceled", "canceled")


def test_e_paid_while_held_is_approved_once_and_told_once() -> None:
    order = story(placed(pix()))
    do(order, "order.hold", 2)
    order.tell(pix_paid(5), pix_paid(5))
    assert (order.view.state, order.view.payment_state, mails(order)) == ("holded", "paid", ["order_placed"])
    do(order, "order.release", 10)
    assert (order.view.state, len(order.invoices), mails(order)) == ("processing", 1, ["order_placed", "order_approved"])


def test_f_a_release_gives_the_chosen_status_back() -> None:
    order = story(placed(pix()), pix_paid())
    do(order, "order.start_production", 20)
    do(order, "order.set_status", 21, status="processing")
    do(order, "order.hold", 30)
    do(order, "order.release", 40)
    assert statuses(order)[-2:] == ["holded", "processing"]


def test_g_an_approval_by_hand_from_pending_payment_leads_to_processing() -> None:
    order = story(placed(boleto()), payment("pending", 5, key="nosso_numero=237:12345678", provider="cnab"))
    assert order.view.state == "pending_payment"
    do(order, "order.approve", 60)
    assert (order.view.state, order.view.status) == ("processing", "processing")


def test_h_a_part_given_back_after_the_delivery_changes_no_status() -> None:
    order = story(*PIX_DAY)
    do(order, "refund.create", 3 * DAY, mode="offline", method="pix", extra_cents=1000)
    assert (order.view.status, statuses(order)[-1], order.view.payment_state) == ("delivered", "delivered", "partially_refunded")


def test_i_two_of_four_shipped_and_two_given_back_is_complete() -> None:
    order = story(placed(pix(), items=FOUR), pix_paid())
    do(order, "shipment.create", 60, carrier="correios", items=[{"sku": "CAM-01", "quantity": 2}])
    assert order.view.status == "partially_shipped"
    do(order, "refund.create", 70, mode="offline", method="pix", lines=[{"sku": "CAM-01", "quantity": 2, "back_to_stock": True}])
    assert (order.view.state, order.view.status, order.keys.count("stock.returned")) == ("complete", "shipped", 1)


def test_j_three_refunds_of_a_third_close_the_order_to_the_cent() -> None:
    order = story(placed(pix(amount_cents=9999), total_cents=9999), pix_paid(amount=9999))
    for minutes in (60, 70, 80):
        do(order, "refund.create", minutes, mode="offline", method="pix", extra_cents=3333)
    assert (order.view.state, order.view.net_cents) == ("closed", 0)


def test_l_the_same_capture_twice_is_one_invoice() -> None:
    order = story(placed(pix()), pix_paid(5))
    order.tell(pix_paid(5), pix_paid(6))
    assert (len(order.invoices), order.keys.count("payment.captured"), order.view.captured_cents) == (1, 1, TOTAL)


def test_m_failed_and_pending_that_come_late_change_nothing() -> None:
    order = story(placed(pix()), pix_paid(5))
    before = order.view
    assert order.tell(payment("failed", 3), payment("pending", 4), payment("expired", 9)) == []
    assert (order.view.state, order.view.payment_state) == (before.state, before.payment_state)


def test_n_paid_told_again_after_all_was_given_back_stays_closed() -> None:
    order = story(placed(pix()), pix_paid(5))
    do(order, "refund.create", 60, mode="offline", method="pix")
    order.tell(pix_paid(5), pix_paid(99))
    assert (order.view.state, kinds(order.view)) == ("closed", [])


def test_o_a_chargeback_on_a_canceled_order_leaves_it_canceled() -> None:
    order = story(placed(card()), canceled(10), payment("chargeback_opened", 20, key="charge_id=c", provider="pagarme"))
    order.tell(payment("chargeback_lost", 30, key="charge_id=c", provider="pagarme"))
    assert (order.view.state, kinds(order.view)) == ("canceled", ["chargeback"])


def test_p_all_money_given_back_before_anything_was_shipped() -> None:
    order = story(placed(pix()), pix_paid())
    do(order, "refund.create", 60, mode="offline", method="pix", notify=True)
    assert (order.view.state, order.view.to_ship, mails(order)[-2:]) == ("closed", {}, ["refunded", "closed"])
    verdict = order.ask("shipment.create", 70, carrier="correios")
    assert isinstance(verdict, Rejected)
    assert verdict.code == "order_closed"


def test_q_two_packages_are_delivered_when_both_are() -> None:
    order = story(placed(pix()), pix_paid())
    for minutes, number in ((60, "AA1"), (61, "BB2")):
        units = [{"sku": "CAM-01", "quantity": 1}]
        do(order, "shipment.create", minutes, carrier="correios", items=units, tracks=[{"number": number}])
    order.tell(parcel("delivered", DAY))
    assert (order.view.fulfilment_state, order.view.status) == ("partially_delivered", "in_transit")
    order.tell(parcel("delivered", 2 * DAY, key="tracking=BB2"))
    assert (order.view.fulfilment_state, order.view.status) == ("delivered", "delivered")
    assert [track.number for shipment in order.view.shipments for track in shipment.tracks] == ["AA1", "BB2"]


@pytest.mark.requirement("R12", "R63")
def test_r_a_paid_order_is_refunded_and_not_canceled() -> None:
    order = story(placed(pix()), pix_paid())
    verdict = order.ask("order.cancel")
    assert isinstance(verdict, Rejected)
    assert verdict.code == "cancel_requires_refund"


@pytest.mark.requirement("R14")
def test_the_erp_drives_the_order_as_staff_would() -> None:
    """R14: every manual verb has a twin among the facts, and the end is the same."""
    by_hand = story(placed(pix()), pix_paid())
    do(by_hand, "order.start_production", 20)
    do(by_hand, "fiscal.mark_issued", 30, number="1")
    do(by_hand, "shipment.create", 40, carrier="correios", tracks=[{"number": "AA1"}])
    do(by_hand, "shipment.mark_delivered", 50)
    by_erp = story(placed(pix()), pix_paid(), paper("issued", 30), parcel("posted", 40), parcel("delivered", 50))
    for name in ("state", "status", "fulfilment_state", "fiscal_state", "payment_state"):
        assert getattr(by_hand.view, name) == getattr(by_erp.view, name)
    assert exception_set(by_hand.view) == exception_set(by_erp.view)
