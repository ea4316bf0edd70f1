"""What a notice says: enough to write the e-mail from it, put together only when it is sent."""

from typing import Any

from hub.domain.notices import Around, notices_due
from hub.domain.view import View
from schemas.notices import NoticeContext
from tests.unit.domain.orders import NUMBER, TOTAL, TXID, Story, at, boleto, canceled, card, payment, pix, pix_paid, placed, story

NOTICE = "notification.requested.email."
CODE = "00020126580014br.gov.bcb.pix0136e5f0c2de-0000-4000-8000-000000000001"
LINE = "34191090080123457123845678970000713320000011970"
ITEMS = [{"sku": "CAM-01", "quantity": 2, "unit_price_cents": 4990, "total_cents": 9980}]


def told(order: Story, template: str) -> list[dict[str, Any]]:
    """Bodies of all notices of a template; each context must fit its schema."""
    found = [event.body for event in order.events if event.routing_key == NOTICE + template]
    for body in found:
        NoticeContext.model_validate(body["context"])
    return found


def only(order: Story, template: str) -> dict[str, Any]:
    (body,) = told(order, template)
    return body


def test_a_placed_order_tells_items_sums_and_how_it_is_to_be_paid() -> None:
    declared = pix(due_at=at(1440).isoformat(), instructions={"pix_code": CODE})
    body = only(story(placed(declared, discount_cents=500, total_cents=TOTAL - 500)), "order_placed")
    assert body["key"] == f"{NUMBER}:order_placed"
    assert body["context"] == {
        "label": "Pendente",
        "total_cents": 11_470,
        "items": [{"sku": "CAM-01", "quantity": 2, "unit_price_cents": 4990, "total_cents": 9480}],
        "shipping_cents": 1990,
        "discount_cents": 500,
        "placed_at": at(0).isoformat(),
        "payments": [
            {
                "payment": "p1",
                "method": "pix",
                "amount_cents": TOTAL,
                "due_at": at(1440).isoformat(),
                "instructions": {"pix_code": CODE},
            }
        ],
    }


def test_instructions_belong_to_the_payment_whose_reference_they_bear() -> None:
    first = pix(amount_cents=5000, instructions={"pix_code": CODE})
    second = boleto(amount_cents=6970, instructions={"boleto_line": LINE})
    payments = only(story(placed(first, second)), "order_placed")["context"]["payments"]
    assert [(one["method"], one["instructions"]) for one in payments] == [("pix", {"pix_code": CODE}), ("boleto", {"boleto_line": LINE})]


def test_a_gateways_word_of_a_pending_pix_brings_its_code() -> None:
    order = story(placed(card(method="pix", reference=None)))
    order.tell(
        payment("pending", 5, key="charge_id=ch_1", provider="pagarme", method="pix", amount_cents=TOTAL, due_at=at(60).isoformat(),
                instructions={"pix_code": CODE, "pix_image_url": "https://pagarme.invalid/qr.png"})
    )  # fmt: skip
    body = only(order, "payment_instructions")
    assert body["key"] == f"{NUMBER}:payment_instructions:p1"
    assert body["context"]["instructions"] == {"pix_code": CODE, "pix_image_url": "https://pagarme.invalid/qr.png"}
    assert body["context"]["items"] == ITEMS
    assert (body["context"]["amount_cents"], body["context"]["due_at"]) == (TOTAL, at(60).isoformat())


def test_an_approval_names_its_invoice_and_what_was_paid() -> None:
    body = only(story(placed(pix()), pix_paid()), "order_approved")
    assert body["document"] == {"kind": "invoice", "id": f"F-{NUMBER}"}
    assert body["context"]["captured_cents"] == TOTAL
    assert body["context"]["payments"] == [{"payment": "p1", "method": "pix", "amount_cents": TOTAL}]
    assert body["context"]["items"] == ITEMS


def test_a_forms_comment_rides_along_only_when_the_customer_is_to_be_told() -> None:
    told_so = story(placed(pix()))
    told_so.ask("order.cancel", comment="Sem estoque, desculpe", notify=True)
    context = only(told_so, "canceled")["context"]
    assert (context["comment"], context["reason"], context["items"]) == ("Sem estoque, desculpe", "operator", ITEMS)
    unsaid = story(placed(pix()))
    unsaid.ask("order.cancel", comment="cliente suspeito")
    assert "comment" not in only(unsaid, "canceled")["context"]


def test_a_refund_says_how_much_of_what_goes_back_and_how() -> None:
    order = story(placed(pix()), pix_paid())
    order.ask(
        "refund.create", 90, lines=[{"sku": "CAM-01", "quantity": 1}], shipping_cents=990, mode="offline", method="transfer", notify=True
    )
    body = only(order, "refunded")
    assert body["document"]["kind"] == "refund"
    assert {name: value for name, value in body["context"].items() if name != "label"} == {
        "total_cents": TOTAL,
        "amount_cents": 5980,
        "state": "done",
        "method": "transfer",
        "items": [{"sku": "CAM-01", "quantity": 1}],
        "shipping_cents": 990,
    }
    order.ask("notify.resend", 95, kind="refund")
    again = only(order, "document_resent")
    assert again["context"] == body["context"]
    assert again["document"] == body["document"]
    assert again["key"] != body["key"]


def test_the_notice_of_a_closed_order_says_what_went_back() -> None:
    order = story(placed(pix()), pix_paid())
    order.ask("refund.create", 90, mode="offline", method="pix", notify=True)
    assert only(order, "closed")["context"]["refunded_cents"] == TOTAL


def test_a_resent_invoice_says_what_the_first_one_said() -> None:
    order = story(placed(pix()), pix_paid())
    order.ask("notify.resend", kind="invoice")
    assert only(order, "document_resent")["context"] == only(order, "order_approved")["context"]


def test_paid_and_lapsed_payments_are_sent_again_without_how_to_pay() -> None:
    order = story(placed(pix(instructions={"pix_code": CODE})), pix_paid())
    order.ask("notify.resend", kind="order")
    assert "instructions" not in told(order, "order_placed")[-1]["context"]["payments"][0]


def test_no_context_is_put_together_for_what_was_told_already() -> None:
    order = story(placed(pix()), payment("pending", 5, key="e2e=E0", refs=[f"txid={TXID}"], method="pix"), pix_paid())

    class Untouched(View):
        @property
        def lines(self) -> Any:
            raise AssertionError("looked at")

    assert list(notices_due(Untouched(*order.view), order.done, Around())) == []


def test_the_reason_of_a_cancellation_by_the_shop_is_said() -> None:
    assert only(story(placed(pix()), canceled(5)), "canceled")["context"]["reason"] == "customer_request"
