"""What staff do beside the state: comments, addresses, notices sent again, exceptions settled; and what goes to tables of its own."""

from typing import Any

import pytest

from hub.domain.exceptions import RESOLVE, RESOLVE_WITH
from hub.domain.judge import Accepted, Judgement, Rejected
from schemas.commands import COMMANDS
from schemas.facts import Fact
from schemas.vocabulary import EXCEPTION_KINDS
from tests.unit.domain.orders import NUMBER, TOTAL, Story, canceled, kinds, paper, parcel, payment, pix, pix_paid, placed, story

PAID = [placed(pix()), pix_paid()]
SENT = [*PAID, parcel("posted", 20)]


def ask(order: Story, command: str, minutes: float = 60, **data: Any) -> Accepted:
    verdict = order.ask(command, minutes, **data)
    assert isinstance(verdict, Accepted), verdict
    return verdict


def code(verdict: Judgement) -> str:
    assert isinstance(verdict, Rejected), verdict
    return verdict.code


# -- comments ----------------------------------------------------------------------------------------------------------------------


def test_a_comment_is_published_without_its_text_and_kept_beside_the_log() -> None:
    order = story(*PAID)
    before = order.view
    verdict = ask(order, "order.comment", text="Maria ligou", visible=True)
    assert order.view == before
    assert "Maria" not in verdict.decision.model_dump_json()
    assert order.keys[-1] == "order.commented"
    body = order.body("order.commented")
    assert (body["status"], body["notify"], body["visible"], "Maria" in str(body)) == ("processing", False, True, False)
    (texts,) = order.texts
    assert texts.comment is not None
    assert (texts.comment.text, texts.comment.notified, texts.comment.visible, texts.comment.document) == ("Maria ligou", False, True, None)


@pytest.mark.requirement("R56", "R69", "R70")
def test_a_comment_is_told_to_the_customer_only_when_asked_to() -> None:
    order = story(*PAID)
    ask(order, "order.comment", text="Seu pedido atrasou", notify=True)
    ask(order, "order.comment", 61, text="Seu pedido atrasou", notify=True)
    notices = [event.body for event in order.events if event.routing_key == "notification.requested.email.comment"]
    assert [notice["context"]["comment"] for notice in notices] == ["Seu pedido atrasou"] * 2
    assert notices[0]["key"] != notices[1]["key"]


@pytest.mark.parametrize(
    ("document", "text", "expected"),
    [
        ({"kind": "shipment", "id": "correios:AA1"}, "oi", ""),
        ({"kind": "shipment", "id": "S9"}, "oi", "document_not_found"),
        ({"kind": "shipment", "id": "correios:AA1"}, "  ", "comment_required"),
        ({"kind": "invoice", "id": f"F-{NUMBER}"}, "oi", ""),
        ({"kind": "invoice", "id": "F-1"}, "oi", "document_not_found"),
        ({"kind": "refund", "id": "R1"}, "oi", "document_not_found"),
        (None, "", ""),
    ],
)
def test_a_comment_on_a_document(document: dict[str, str] | None, text: str, expected: str) -> None:
    order = story(*SENT)
    verdict = order.ask("order.comment", text=text, document=document)
    assert expected == (verdict.code if isinstance(verdict, Rejected) else "")
    if not expected:
        assert order.body("order.commented").get("document") == document


@pytest.mark.parametrize(
    ("command", "form"),
    [
        ("order.approve", {}),
        ("order.cancel", {}),
        ("order.set_status", {"status": "pending"}),
    ],
)
def test_the_comment_of_any_form_is_one_on_the_order(command: str, form: dict[str, Any]) -> None:
    order = story(placed(pix()))
    ask(order, command, comment="porque sim", visible=True, **form)
    assert order.keys.count("order.commented") == 1
    (texts,) = order.texts
    assert texts.comment is not None
    assert (texts.comment.text, texts.comment.visible) == ("porque sim", True)


def test_a_blank_comment_is_none() -> None:
    order = story(placed(pix()))
    ask(order, "order.cancel", comment="  ")
    assert "order.commented" not in order.keys


# -- addresses ---------------------------------------------------------------------------------------------------------------------


def test_the_decision_on_an_address_holds_only_which_and_its_version() -> None:
    order = story(placed(pix()))
    verdict = ask(order, "order.set_address", type="shipping", address={"street": "Rua B", "city": "Campinas"})
    assert verdict.result == {"version": 2, "changed": ["city", "street"], "warnings": []}
    assert "Rua B" not in verdict.decision.model_dump_json()
    (texts,) = order.texts
    assert texts.address is not None
    assert (texts.address.type, texts.address.version, dict(texts.address.address)) == (
        "shipping", 2, {"street": "Rua B", "city": "Campinas"},
    )  # fmt: skip
    assert "old one" not in verdict.message


@pytest.mark.parametrize("facts", [[parcel("label_created", 20)], [parcel("posted", 20)], [paper("issued")]])
@pytest.mark.requirement("R54")
def test_who_changes_the_address_late_is_warned(facts: list[Fact]) -> None:
    order = story(*PAID, *facts)
    assert "old one" in ask(order, "order.set_address", type="shipping", address={"city": "Campinas"}).message
    assert "old one" not in ask(order, "order.set_address", type="billing", address={"city": "Campinas"}).message


# -- notices sent again ------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R46")
def test_the_order_is_sent_again_under_a_key_of_its_own() -> None:
    order = story(*PAID)
    for minutes in (60, 61):
        ask(order, "notify.resend", minutes, kind="order")
    keys = [event.body["key"] for event in order.events if event.routing_key == "notification.requested.email.order_placed"]
    assert len(set(keys)) == 3
    assert order.body("notification.requested.email.order_placed")["cause"]["actor"] == "ana"


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("invoice", None, f"F-{NUMBER}"),
        ("invoice", f"F-{NUMBER}", f"F-{NUMBER}"),
        ("shipment", None, "correios:BB2"),
        ("shipment", "correios:AA1", "correios:AA1"),
        ("refund", None, "R1"),
    ],
)
@pytest.mark.requirement("R84", "R85", "R86")
def test_a_document_is_sent_again_the_latest_if_none_is_named(kind: str, document: str | None, expected: str) -> None:
    order = story(*PAID, parcel("posted", 20, items=["CAM-01*1"]), parcel("posted", 30, key="tracking=BB2"))
    ask(order, "refund.create", mode="offline", method="pix", extra_cents=500)
    ask(order, "notify.resend", 70, kind=kind, document=document)
    body = order.body("notification.requested.email.document_resent")
    assert body["document"] == {"kind": kind, "id": expected}
    if kind == "shipment":
        assert [track["number"] for track in body["context"]["tracks"]] == [expected.removeprefix("correios:")]


def test_nothing_is_sent_to_a_customer_who_has_been_erased() -> None:
    order = story(*PAID)
    order.erased = True
    assert code(order.ask("notify.resend", kind="order")) == "customer_erased"
    assert code(order.ask("notify.resend", kind="shipment")) == "document_not_found"


def test_historical_orders_are_told_of_only_when_asked_to() -> None:
    order = story(placed(pix(), historical=True), pix_paid(), parcel("posted", 20))
    assert not [key for key in order.keys if key.startswith("notification.")]
    ask(order, "notify.resend", kind="order")
    assert order.keys[-1] == "notification.requested.email.order_placed"


# -- exceptions --------------------------------------------------------------------------------------------------------------------


def test_every_kind_of_the_domain_has_commands_that_settle_it() -> None:
    # The other kinds are the engine's: it knows of references and outbound requests, and of them no ledger does.
    assert set(EXCEPTION_KINDS) - set(RESOLVE_WITH) == {"outbound_unknown", "reference_conflict", "cancel_requested_paid"}
    assert {command for commands in RESOLVE_WITH.values() for command in commands} <= set(COMMANDS)


def resolve(order: Story, kind: str, key: str = "order") -> Judgement:
    return order.ask("exception.resolve", exception=1, resolution="devolvido no balcão", about=(kind, key), note="falei com ela")


SETTLED: list[tuple[str, str, list[Fact], list[Fact]]] = [
    # kind, key, the facts that open it, the facts that open it again
    ("overpaid", "order", [*PAID, pix_paid(20, e2e="E2")], [pix_paid(30, e2e="E3")]),
    ("paid_after_cancel", "order", [placed(pix()), canceled(5), pix_paid(20)], [pix_paid(30, e2e="E3")]),
    ("refund_before_paid", "order", [placed(pix()), payment("refunded", 20, cumulative_cents=5)],
     [payment("refunded", 30, cumulative_cents=9)]),
    ("chargeback", "pix|e2:E1", [*PAID, payment("chargeback_opened", 20)], [payment("chargeback_lost", 30)]),
    ("conflicting_duplicate", "order", [placed(pix()), placed(pix(), event_id="evt-2", total_cents=1)],
     [placed(pix(), event_id="evt-3", total_cents=2)]),
    ("shipped_unpaid", "correios:AA1", [placed(pix()), parcel("posted", 20)], []),
    ("shipped_after_cancel", "correios:AA1", [placed(pix()), canceled(5), parcel("posted", 20)], []),
    ("decide_refund_or_resend", "correios:AA1", [*SENT, parcel("returned", 40)], []),
    ("parcel_lost", "correios:AA1", [*SENT, parcel("lost", 40)], []),
    ("value_mismatch", "order", [*SENT, paper("issued", total_cents=1)], [paper("issued", 70, key="4" * 44, total_cents=2)]),
    ("unknown_status", "x", [placed(pix()), payment("unknown", event_id="x", raw_word="?")], []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "key", "facts", "more"), SETTLED, ids=[row[0] for row in SETTLED])
def test_what_a_person_has_settled_stays_settled_until_there_is_more_of_it(
    kind: str, key: str, facts: list[Fact], more: list[Fact]
) -> None:
    order = story(*facts)
    assert (kind, key) in [(one.kind, one.key) for one in order.view.exceptions]
    assert isinstance(resolve(order, kind, key), Accepted)
    assert kind not in kinds(order.view)
    assert order.body(f"exception.resolved.{kind}")["resolution"] == "devolvido no balcão"
    assert order.texts[-1].comment is not None
    order.tell(*facts)
    assert kind not in kinds(order.view)
    order.tell(*more)
    assert (kind in kinds(order.view)) == bool(more)


def test_an_exception_that_is_not_open_or_not_settled_by_words() -> None:
    order = story(placed(pix()), pix_paid(amount=1))
    assert code(resolve(order, "overpaid")) == "exception_not_found"
    assert code(order.ask("exception.resolve", exception=1, resolution="x")) == "exception_not_found"
    assert code(resolve(order, "underpaid")) == "invalid_payload"
    assert RESOLVE not in order.view.exceptions[0].resolve_with


def test_money_that_came_after_the_close_takes_effect_once_a_person_says_so() -> None:
    order = story(placed(pix()), pix_paid(amount=5), payment("refunded", 30, cumulative_cents=5), pix_paid(50, e2e="E2"))
    assert (order.view.state, kinds(order.view), order.invoices) == ("processing", ["paid_after_close"], [])
    assert isinstance(resolve(order, "paid_after_close"), Accepted)
    assert (len(order.invoices), order.keys[-1]) == (1, "notification.requested.email.order_approved")
    assert order.view.captured_cents == TOTAL + 5
