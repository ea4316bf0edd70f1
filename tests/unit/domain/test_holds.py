"""Holds, the status a person chooses, and what is deferred until the release (order-lifecycle 2.4, 3.5; rules.md, Orders)."""

from typing import Any

import pytest

from hub.domain.judge import Accepted, NoOp, Rejected
from schemas.facts import Fact
from tests.unit.domain.orders import (
    NF,
    TOTAL,
    Story,
    boleto,
    canceled,
    erp,
    kinds,
    paper,
    parcel,
    payment,
    pix,
    pix_paid,
    placed,
    story,
)

PAID = [placed(pix()), pix_paid()]


def ask(order: Story, command: str, minutes: float = 60, **data: Any) -> Accepted:
    verdict = order.ask(command, minutes, **data)
    assert isinstance(verdict, Accepted), verdict
    return verdict


# -- reasons -----------------------------------------------------------------------------------------------------------------------


def test_an_order_is_held_until_its_last_reason_is_gone() -> None:
    order = story(*PAID)
    ask(order, "order.hold")
    ask(order, "order.hold", hold_reason="fraud")
    assert (order.view.state, order.view.label, order.view.hold_reasons) == ("holded", "Segurado", ("fraud", "operator"))
    ask(order, "order.release", hold_reason="fraud")
    assert (order.view.state, order.view.hold_reasons) == ("holded", ("operator",))
    ask(order, "order.release")
    assert (order.view.state, order.view.status) == ("processing", "processing")


def test_a_release_without_reason_releases_all_but_the_dispute() -> None:
    order = story(*PAID, payment("chargeback_opened", 30))
    ask(order, "order.hold", hold_reason="stock")
    ask(order, "order.hold", hold_reason="fraud")
    assert ask(order, "order.release").result == {"released": ["fraud", "stock"]}
    assert (order.view.state, order.view.hold_reasons) == ("holded", ("dispute",))
    assert isinstance(order.ask("order.release"), Rejected)
    verdict = order.ask("order.release", hold_reason="dispute")
    assert isinstance(verdict, Rejected)
    assert verdict.code == "dispute_open"
    order.tell(payment("chargeback_won", 90))
    assert order.view.state == "processing"


def test_holding_again_after_a_release_at_the_same_instant() -> None:
    order = story(*PAID)
    for command in ("order.hold", "order.release", "order.hold"):
        ask(order, command, 60)
    assert order.view.state == "holded"
    assert isinstance(order.ask("order.hold", 60), NoOp)


def test_a_dispute_holds_only_while_a_unit_is_unshipped() -> None:
    order = story(*PAID, parcel("posted", 20, items=["CAM-01*1"]), payment("chargeback_opened", 30))
    assert order.view.hold_reasons == ("dispute",)
    order.tell(parcel("posted", 40, key="tracking=BB2"))
    assert (order.view.state, len(order.view.hold_reasons), kinds(order.view)) == ("complete", 0, ["chargeback"])


def test_a_canceled_order_is_held_no_longer() -> None:
    order = story(*PAID)
    ask(order, "order.hold")
    published = order.tell(canceled())
    assert (order.view.state, order.view.hold_reasons) == ("canceled", ())
    assert published == [
        "order.status_changed.canceled",
        "stock.release_requested",
        "exception.opened.paid_after_cancel",
        "notification.requested.email.canceled",
    ]


# -- I12: hold; release changes nothing --------------------------------------------------------------------------------------------


def _labelled() -> Story:
    order = story(*PAID)
    ask(order, "order.start_production", 20)
    ask(order, "order.set_status", 25, status="processing")
    return order


HOLDABLE = {
    "new": lambda: story(placed(pix())),
    "pending_payment": lambda: story(placed(boleto()), payment("pending", key="nosso_numero=237:12345678", provider="cnab")),
    "paid": lambda: story(*PAID),
    "in production": lambda: story(*PAID, erp("production_started")),
    "part shipped": lambda: story(*PAID, parcel("posted", 20, items=["CAM-01*1"])),
    "with a note": lambda: story(*PAID, paper("issued")),
    "with a chosen status": _labelled,
}


@pytest.mark.parametrize("name", HOLDABLE)
@pytest.mark.requirement("R33", "R34", "R65")
def test_hold_and_release_with_nothing_between_give_back_state_status_and_label(name: str) -> None:
    order = HOLDABLE[name]()
    before = order.view
    keys = len(order.events)
    ask(order, "order.hold")
    ask(order, "order.release")
    after = order.view
    assert (after.state, after.status, after.label, after.exceptions) == (before.state, before.status, before.label, before.exceptions)
    assert order.keys[keys:] == ["order.status_changed.holded", f"order.status_changed.{before.status}"]


# -- deferred effects --------------------------------------------------------------------------------------------------------------


def test_what_is_paid_while_held_is_approved_at_the_release_once() -> None:
    order = story(placed(pix()))
    ask(order, "order.hold")
    assert order.tell(pix_paid(70)) == ["payment.captured"]
    assert (order.view.base_state, order.view.payment_state, order.invoices) == ("processing", "paid", [])
    seen = len(order.events)
    ask(order, "order.release", 80)
    assert order.keys[seen:] == [
        "invoice.created",
        "order.status_changed.processing",
        "notification.requested.email.order_approved",
    ]
    ask(order, "order.hold", 90)
    ask(order, "order.release", 95)
    assert (order.keys.count("invoice.created"), len(order.invoices)) == (1, 1)
    assert order.keys.count("notification.requested.email.order_approved") == 1


def test_what_is_no_longer_true_at_the_release_is_dropped() -> None:
    order = story(placed(pix()))
    ask(order, "order.hold")
    order.tell(pix_paid(70), payment("refunded", 75, cumulative_cents=TOTAL))
    seen = len(order.events)
    ask(order, "order.release", 80)
    assert (order.view.state, order.invoices) == ("closed", [])
    assert order.keys[seen:] == ["order.status_changed.closed"]


def test_facts_are_published_at_once_even_while_held() -> None:
    order = story(*PAID)
    ask(order, "order.hold")
    assert order.tell(paper("issued", 70)) == ["fiscal.issued"]
    assert order.tell(parcel("posted", 80)) == ["shipment.posted", "exception.opened.shipped_while_held"]
    assert order.tell(payment("chargeback_opened", 90)) == ["payment.chargeback_opened", "exception.opened.chargeback"]
    seen = len(order.events)
    ask(order, "order.release", 100)
    assert order.keys[seen:] == [
        "order.status_changed.shipped",
        "exception.resolved.shipped_while_held",
        "notification.requested.email.shipped",
    ]


def test_comments_and_notices_sent_again_wait_for_no_release() -> None:
    order = story(*PAID)
    ask(order, "order.hold")
    seen = len(order.events)
    ask(order, "order.comment", text="Ligou", notify=True)
    ask(order, "notify.resend", kind="order")
    assert order.keys[seen:] == [
        "order.commented",
        "notification.requested.email.comment",
        "notification.requested.email.order_placed",
    ]


def test_an_order_that_expires_while_held_is_given_up_after_the_release() -> None:
    late = 60 * 24 * 90
    order = story(placed(pix()))
    ask(order, "order.hold")
    accepted = order.ask("order.expire", late)
    assert isinstance(accepted, Accepted)
    assert (accepted.decision.entries, order.view.state) == ((), "holded")
    assert isinstance(order.ask("order.expire", late, actor="policy:order.expire"), NoOp)
    ask(order, "order.release", late + 1)
    ask(order, "order.expire", late + 2, actor="policy:order.expire")
    assert order.view.state == "canceled"


# -- the status a person chooses ---------------------------------------------------------------------------------------------------


def chosen(*facts: Fact, status: str = "processing") -> Story:
    order = story(*PAID, erp("production_started", 20))
    ask(order, "order.set_status", 60, status=status)
    order.tell(*facts)
    return order


@pytest.mark.requirement("R67")
def test_a_chosen_status_is_shown_instead_of_the_computed_one() -> None:
    order = chosen()
    assert (order.view.fulfilment_state, order.view.status) == ("in_production", "processing")
    assert order.keys[-1] == "order.status_changed.processing"


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([payment("refunded", 70, cumulative_cents=500)], "processing"),  # a partial refund keeps it
        ([parcel("label_created", 70)], "processing"),
        ([erp("ready_to_ship", 70)], "in_production"),
        ([paper("issued", 70)], "nf_issued"),
        ([parcel("posted", 70, items=["CAM-01*1"])], "partially_shipped"),
        ([parcel("posted", 70)], "shipped"),
        ([canceled()], "canceled"),
    ],
)
def test_a_chosen_status_is_dropped_when_the_order_moves_on(facts: list[Fact], status: str) -> None:
    assert chosen(*facts).view.status == status


def test_a_comment_keeps_the_chosen_status() -> None:
    order = chosen()
    ask(order, "order.comment", text="oi")
    assert order.view.status == "processing"


def test_the_last_choice_counts_even_at_the_same_instant() -> None:
    order = story(placed(boleto()), payment("in_review", key="nosso_numero=237:12345678", provider="cnab"))
    ask(order, "order.set_status", status="fraud")
    assert order.view.label == "Suspeita de fraude"
    ask(order, "order.set_status", status="payment_review")
    ask(order, "order.set_status", status="fraud")
    assert order.view.status == "fraud"


def test_a_status_chosen_while_held_is_not_that_of_the_order_below() -> None:
    order = chosen()
    ask(order, "order.hold", 70)
    ask(order, "order.set_status", 71, status="holded")
    ask(order, "order.release", 72)
    assert order.view.status == "processing"


def test_what_moved_while_held_drops_the_status_as_it_would_have_without_the_hold() -> None:
    order = chosen()
    ask(order, "order.hold", 70)
    order.tell(paper("issued", 75, key=NF))
    ask(order, "order.release", 80)
    assert order.view.status == "nf_issued"


@pytest.mark.parametrize(
    ("status", "event"),
    [("in_production", None), ("nf_issued", "fiscal.issued")],
)
@pytest.mark.requirement("R41", "R67")
def test_a_linked_status_does_what_it_says(status: str, event: str | None) -> None:
    order = story(*PAID)
    seen = len(order.events)
    decision = ask(order, "order.set_status", status=status, notify=True, comment="Começou").decision
    assert (decision.kind, order.view.status) == ("order.set_status", status)
    expected = [*([event] if event else []), "order.commented", f"order.status_changed.{status}", f"notification.requested.email.{status}"]
    assert order.keys[seen:] == expected


def test_a_label_is_told_to_the_customer_when_asked_to() -> None:
    order = story(*PAID)
    ask(order, "order.set_status", status="processing", notify=True, comment="Tudo certo")
    body = order.body("notification.requested.email.comment")
    assert (body["context"]["comment"], body["context"]["label"]) == ("Tudo certo", "Faturado (aprovado)")


# -- what the ERP and a person say of the making -----------------------------------------------------------------------------------


@pytest.mark.requirement("R8", "R41")
def test_production_of_an_unpaid_order_is_kept_and_counts_once_it_is_paid() -> None:
    order = story(placed(pix()), erp("production_started", 5))
    assert (order.view.fulfilment_state, order.view.status) == ("none", "pending")
    order.tell(pix_paid(20))
    assert (order.view.fulfilment_state, order.view.status) == ("in_production", "in_production")
    order.tell(erp("ready_to_ship", 30))
    assert (order.view.fulfilment_state, order.view.status) == ("ready_to_ship", "in_production")


def test_starting_production_twice_changes_nothing() -> None:
    order = story(*PAID)
    ask(order, "order.start_production", notify=True)
    assert order.keys[-2:] == ["order.status_changed.in_production", "notification.requested.email.in_production"]
    assert isinstance(order.ask("order.start_production"), NoOp)
    assert "order.start_production" not in order.view.allowed_actions


@pytest.mark.parametrize(
    ("facts", "open_"),
    [
        ([erp("rejected", 20)], ["erp_rejected"]),
        ([erp("rejected", 20), erp("accepted", 30)], []),
        ([erp("accepted", 10), erp("rejected", 20)], ["erp_rejected"]),
        ([erp("accepted", 10)], []),
        ([erp("rejected", 20), canceled()], ["paid_after_cancel"]),
    ],
)
def test_what_the_erp_refuses_waits_for_a_person(facts: list[Fact], open_: list[str]) -> None:
    order = story(*PAID, *facts)
    assert kinds(order.view) == open_
    assert order.view.base_state in ("processing", "canceled")


def test_words_of_the_erp_that_move_nothing_are_no_events() -> None:
    order = story(*PAID)
    assert order.tell(erp("accepted", 20)) == []
