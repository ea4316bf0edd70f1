"""What is published, made and told to the customer, and that each of it happens once."""

from typing import Any

import pytest

from schemas.events import event_model
from schemas.facts import Fact
from tests.unit.domain.orders import (
    NUMBER,
    TOTAL,
    TXID,
    VIRTUAL,
    Story,
    at,
    boleto,
    canceled,
    card,
    payment,
    pix,
    pix_paid,
    placed,
    story,
)

NOTICE = "notification.requested.email."
WAITING = payment("pending", 5, key="e2e=E0", refs=[f"txid={TXID}"], method="pix")


def notices(order: Story) -> list[str]:
    return [key.removeprefix(NOTICE) for key in order.keys if key.startswith(NOTICE)]


# -- the order of events -----------------------------------------------------------------------------------------------------------


def test_a_placed_order() -> None:
    assert story().tell(placed(pix())) == ["order.placed", "order.status_changed.pending", "notification.requested.email.order_placed"]


def test_a_captured_pix() -> None:
    assert story(placed(pix())).tell(pix_paid()) == [
        "payment.captured",
        "invoice.created",
        "order.status_changed.processing",
        "notification.requested.email.order_approved",
    ]


def test_an_order_that_the_shop_has_captured_already() -> None:
    assert story().tell(placed(card(paid_at=at(0).isoformat()))) == [
        "order.placed",
        "payment.captured",
        "invoice.created",
        "order.status_changed.processing",
        "notification.requested.email.order_placed",
        "notification.requested.email.order_approved",
    ]


def test_a_virtual_order_completes_when_it_is_paid() -> None:
    assert story(placed(pix(), items=VIRTUAL)).tell(pix_paid())[2] == "order.status_changed.complete"


def test_a_canceled_order() -> None:
    assert story(placed(pix())).tell(canceled()) == [
        "order.status_changed.canceled",
        "stock.release_requested",
        "notification.requested.email.canceled",
    ]


def test_money_on_a_canceled_order() -> None:
    assert story(placed(pix()), canceled(5)).tell(pix_paid()) == ["payment.captured", "exception.opened.paid_after_cancel"]


def test_a_refund_of_everything() -> None:
    order = story(placed(pix()), canceled(5), pix_paid())
    assert order.tell(payment("refunded", 30, cumulative_cents=TOTAL)) == ["payment.refunded", "exception.resolved.paid_after_cancel"]


def test_approval_by_hand_publishes_what_a_capture_does() -> None:
    order = story(placed(boleto()))
    seen = len(order.events)
    order.ask("order.approve", notify=True)
    assert order.keys[seen:] == [
        "payment.captured",
        "invoice.created",
        "order.status_changed.processing",
        "notification.requested.email.order_approved",
    ]
    body = order.body("payment.captured")
    assert (body["provider"], body["payment"], body["method"], body["amount_cents"]) == ("manual", "p1", "boleto", TOTAL)
    assert body["cause"]["actor"] == "ana"
    assert order.invoices[0].notify


def test_a_repeated_or_stale_fact_publishes_nothing() -> None:
    order = story(placed(pix()), WAITING, pix_paid())
    assert order.tell(placed(pix()), WAITING, pix_paid(), placed(pix(), event_id="evt-0")) == []
    assert order.tell(pix_paid(99), pix_paid(3, amount=100)) == []


def test_a_second_placement_of_the_number_publishes_only_the_conflict() -> None:
    order = story(placed(pix()))
    assert order.tell(placed(pix(), event_id="evt-7", total_cents=1)) == ["exception.opened.conflicting_duplicate"]


# -- bodies ------------------------------------------------------------------------------------------------------------------------


def test_the_body_of_a_status_change() -> None:
    order = story(placed(pix()), pix_paid())
    cause = {"kind": "payment.captured", "source": "payments.pix", "event_id": "pix:e2e=E1:captured:10"}
    assert order.body("order.status_changed.processing") == {
        "from": {"state": "new", "status": "pending"},
        "to": {"state": "processing", "status": "processing"},
        "label": "Faturado (aprovado)",
        "cause": cause,
    }
    assert order.body("order.status_changed.pending")["from"] is None


def test_the_body_of_a_payment() -> None:
    order = story(placed(pix()))
    order.tell(payment("captured", 10, refs=[f"txid={TXID}"], amount_cents=TOTAL, paid_cents=TOTAL + 30, interest_cents=30))
    body = order.body("payment.captured")
    assert body["payment"] == "p1"
    assert body["method"] == "pix"
    assert body["payment_key"] == {"kind": "e2e", "value": "E1"}
    assert (body["amount_cents"], body["paid_cents"], body["interest_cents"]) == (TOTAL, TOTAL + 30, 30)


def test_the_body_of_an_invoice() -> None:
    order = story(placed(pix()), pix_paid())
    body = order.body("invoice.created")
    assert (body["invoice"], body["total_cents"], body["captures"]) == (f"F-{NUMBER}", TOTAL, ["pix|e2:E1:capture"])
    assert body["captures"] == [transaction.key for transaction in order.view.transactions]
    assert order.invoices[0].number == f"F-{NUMBER}"


def test_the_body_of_a_stock_release() -> None:
    items = [
        {"sku": "A", "quantity": 1, "unit_price_cents": 1},
        {"sku": "A", "quantity": 2, "unit_price_cents": 1},
        {"sku": "V", "quantity": 1, "unit_price_cents": 1, "virtual": True},
    ]
    order = story(placed(pix(), items=items), canceled())
    assert order.body("stock.release_requested")["lines"] == [{"sku": "A", "quantity": 3}]
    assert "stock.release_requested" not in story(placed(pix(), items=VIRTUAL), canceled()).keys


def test_the_body_of_a_notice() -> None:
    order = story(placed(boleto()), payment("pending", 5, key="nosso_numero=237:12345678", provider="cnab", method="boleto",
                  due_at=at(1440).isoformat()))  # fmt: skip
    body = order.body(NOTICE + "payment_instructions")
    assert (body["key"], body["template"], body["locale"]) == (f"{NUMBER}:payment_instructions:p1", "payment_instructions", "pt-BR")
    assert body["context"] == {
        "label": "Pagamento pendente",
        "total_cents": TOTAL,
        "items": [{"sku": "CAM-01", "quantity": 2, "unit_price_cents": 4990, "total_cents": 9980}],
        "shipping_cents": 1990,
        "placed_at": at(0).isoformat(),
        "payment": "p1",
        "method": "boleto",
        "amount_cents": TOTAL,
        "due_at": at(1440).isoformat(),
    }


EVERYTHING: list[list[Fact]] = [
    [placed(pix()), WAITING, pix_paid(), payment("chargeback_opened", 30, dispute_id="D"), payment("chargeback_won", 40, dispute_id="D")],
    [placed(pix()), canceled(5), pix_paid(), payment("refund_pending", 20, refund_id="r", amount_cents=TOTAL),
     payment("refunded", 30, refund_id="r", amount_cents=TOTAL)],
    [placed(card()), payment("failed", 5, key="charge_id=c", provider="pagarme", method="card", reason="51"), canceled()],
    [placed(pix()), payment("unknown", raw_word="?"), payment("captured"), pix_paid(amount=1), pix_paid(20, amount=TOTAL + 9)],
    [placed(boleto()), payment("pending", key="nosso_numero=237:1", provider="cnab", due_at=at(99).isoformat(), installments=1)],
]  # fmt: skip


@pytest.mark.parametrize("facts", EVERYTHING)
def test_every_body_is_what_the_schema_says(facts: list[Fact]) -> None:
    order = story(*facts)
    for sequence, event in enumerate(order.events, 1):
        body: dict[str, Any] = {
            "order": NUMBER,
            "sequence": sequence,
            **event.body,
            "occurred_at": event.occurred_at.isoformat(),
            "recorded_at": at(1000).isoformat(),
        }
        if event.routing_key.startswith("order.status_changed"):
            body["status_sequence"] = 1
        if event.routing_key == "order.placed":
            assert set(event.body) == {"cause"}  # the engine adds the content, which names people
            continue
        event_model(event.routing_key).model_validate(body)


# -- invoice -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R2", "R68")
def test_one_invoice_when_captured_first_reaches_due() -> None:
    order = story(placed(pix(amount_cents=8000), card(amount_cents=3970)), pix_paid(amount=8000))
    assert order.invoices == []
    order.tell(payment("captured", 20, key="charge_id=c", provider="pagarme", amount_cents=3970))
    assert [len(invoice.captures) for invoice in order.invoices] == [2]
    order.tell(pix_paid(30, e2e="E2"), payment("refunded", 40, cumulative_cents=8000), pix_paid(50, e2e="E3"))
    assert len(order.invoices) == 1


@pytest.mark.parametrize(
    "facts",
    [
        [canceled(5), pix_paid()],
        [payment("refunded", 30, cumulative_cents=TOTAL), pix_paid()],
        [payment("refunded", 30, cumulative_cents=TOTAL), pix_paid(), pix_paid(50, e2e="E2")],
        [payment("chargeback_opened", 30), pix_paid()],
        [pix_paid(amount=TOTAL - 1)],
    ],
)
def test_no_invoice_for_an_order_that_is_not_to_be_fulfilled(facts: list[Fact]) -> None:
    order = story(placed(pix()), *facts)
    assert order.invoices == []
    assert notices(order) in (["order_placed"], ["order_placed", "canceled"])


def test_a_free_order_has_its_invoice_at_once() -> None:
    order = story(placed(total_cents=0))
    assert [(invoice.total_cents, invoice.captures) for invoice in order.invoices] == [(0, ())]
    assert notices(order) == ["order_placed", "order_approved"]


# -- hold --------------------------------------------------------------------------------------------------------------------------


def test_while_a_dispute_holds_the_order_invoice_and_notice_wait_for_its_end() -> None:
    order = story(placed(pix()), payment("chargeback_opened", 5))
    assert order.tell(pix_paid()) == ["payment.captured", "order.status_changed.holded"]
    assert order.tell(payment("refunded", 20, cumulative_cents=10)) == ["payment.refunded"]
    assert order.tell(payment("chargeback_won", 30)) == [
        "payment.chargeback_won",
        "invoice.created",
        "order.status_changed.processing",
        "exception.resolved.chargeback",
        "notification.requested.email.order_approved",
    ]


def test_effects_that_are_no_longer_true_at_the_end_of_a_hold_are_dropped() -> None:
    order = story(placed(pix()), payment("chargeback_opened", 5), pix_paid())
    published = order.tell(payment("refunded", 20, cumulative_cents=TOTAL), payment("chargeback_won", 30))
    assert published == ["payment.refunded", "payment.chargeback_won", "order.status_changed.closed", "exception.resolved.chargeback"]
    assert (order.invoices, notices(order)) == ([], ["order_placed"])


def test_a_canceled_order_leaves_its_hold() -> None:
    order = story(placed(pix()), pix_paid(), payment("chargeback_opened", 30))
    assert order.tell(canceled())[:2] == ["order.status_changed.canceled", "stock.release_requested"]
    assert order.body("order.status_changed.canceled")["from"] == {"state": "holded", "status": "holded"}


# -- notices -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("notify", "told"), [(None, False), (False, False), (True, True)])
@pytest.mark.requirement("R66")
def test_an_approval_by_hand_is_told_only_when_asked_for(notify: bool | None, told: bool) -> None:
    order = story(placed(boleto()))
    order.ask("order.approve", notify=notify)
    assert ("order_approved" in notices(order)) is told
    # What the provider says later must not send the notice that nobody wanted.
    order.tell(payment("captured", 99, key="nosso_numero=237:12345678", provider="cnab", amount_cents=TOTAL))
    assert ("order_approved" in notices(order)) is told


@pytest.mark.parametrize(("notify", "told"), [(None, True), (True, True), (False, False)])
def test_a_cancellation_by_hand_is_told_unless_refused(notify: bool | None, told: bool) -> None:
    order = story(placed(pix()))
    order.ask("order.cancel", notify=notify)
    order.tell(payment("expired", 90, refs=[f"txid={TXID}"]))
    assert ("canceled" in notices(order)) is told


def test_instructions_go_out_once_per_waiting_pix_or_boleto() -> None:
    slip = payment("pending", 6, key="nosso_numero=237:12345678", provider="cnab", method="boleto")
    order = story(placed(pix(), boleto(), card()), WAITING, slip)
    order.tell(payment("pending", 7, key="e2e=E0", method="pix", due_at=at(999).isoformat()))
    order.tell(payment("pending", 8, key="charge_id=c", provider="pagarme", method="card"))
    assert notices(order) == ["order_placed", "payment_instructions", "payment_instructions"]


def test_a_refusal_is_told_once_per_payment() -> None:
    order = story(placed(card(), card()))
    for minutes, charge in ((1, "a"), (2, "a"), (3, "b")):
        order.tell(payment("failed", minutes, key=f"charge_id={charge}", provider="pagarme", method="card"))
    assert notices(order) == ["order_placed", "payment_refused", "payment_refused"]


def test_a_refusal_of_a_paid_order_is_not_told() -> None:
    order = story(placed(pix(), card()), pix_paid())
    order.tell(payment("failed", 20, key="charge_id=c", provider="pagarme", method="card"))
    assert notices(order) == ["order_placed", "order_approved"]


def test_an_imported_order_moves_but_nobody_is_told() -> None:
    order = story(placed(pix(), historical=True), WAITING, pix_paid(), canceled())
    assert notices(order) == []
    assert [key for key in order.keys if key.startswith("order.status_changed")] == [
        "order.status_changed.pending",
        "order.status_changed.pending_payment",
        "order.status_changed.processing",
        "order.status_changed.canceled",
    ]


@pytest.mark.requirement("R64")
def test_stock_is_released_once() -> None:
    order = story(placed(pix()), canceled(50))
    order.ask("order.cancel")
    order.tell(canceled(5), pix_paid(), payment("refunded", 60, cumulative_cents=TOTAL))
    assert order.keys.count("stock.release_requested") == 1
