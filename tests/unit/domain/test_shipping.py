"""Parcels by hand: shipment.create, tracking numbers, where a person says that a parcel is. States are in test_command_cells."""

from typing import Any

import pytest

from hub.domain.judge import Accepted, Judgement, NoOp, Rejected, Shop
from tests.unit.domain.orders import TOTAL, Story, at, kinds, parcel, payment, pix, pix_paid, placed, story

FOUR = placed(pix(), items=[{"sku": "A", "quantity": 3, "unit_price_cents": 3000}, {"sku": "B", "quantity": 1, "unit_price_cents": 990}])
PAID = [FOUR, pix_paid()]


def ship(order: Story, minutes: float = 60, **form: Any) -> Accepted:
    verdict = order.ask("shipment.create", minutes, **{"carrier": "correios", **form})
    assert isinstance(verdict, Accepted), verdict
    return verdict


def code(verdict: Judgement) -> str:
    assert isinstance(verdict, Rejected), verdict
    return verdict.code


def items(**units: int) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]


@pytest.mark.requirement("R73", "R77")
def test_a_shipment_of_all_that_remains() -> None:
    order = story(*PAID)
    verdict = ship(order, tracks=[{"number": " AA1 ", "title": "PAC", "url": "https://rastreio.exemplo.invalid/AA1"}])
    assert verdict.result == {"shipment": "S1", "items": items(A=3, B=1)}
    (shipment,) = order.view.shipments
    assert (shipment.id, shipment.carrier, shipment.state, shipment.tracks) == ("S1", "correios", "posted", (("AA1", "correios"),))
    assert (order.view.state, order.view.status) == ("complete", "shipped")
    assert order.keys[-3:] == ["shipment.posted", "order.status_changed.shipped", "notification.requested.email.shipped"]
    body = order.body("notification.requested.email.shipped")
    assert body["document"] == {"kind": "shipment", "id": "S1"}
    track = {"number": "AA1", "carrier": "correios", "title": "PAC", "url": "https://rastreio.exemplo.invalid/AA1"}
    assert (body["context"]["tracks"], order.body("shipment.posted")["tracks"]) == ([track], [track])
    assert [(text.number, text.title) for text in order.texts[0].tracks] == [("AA1", "PAC")]


def test_two_shipments_of_parts() -> None:
    order = story(*PAID)
    assert ship(order, items=items(A=2)).result["shipment"] == "S1"
    assert (order.view.status, [line.shipped for line in order.view.lines]) == ("partially_shipped", [2, 0])
    assert ship(order).result == {"shipment": "S2", "items": items(A=1, B=1)}
    assert (order.view.state, order.view.to_ship) == ("complete", {"A": 0, "B": 0})


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"carrier": ""}, "carrier_required"),
        ({"carrier": "pombo"}, "carrier_unknown"),
        ({"carrier": "custom"}, ""),
        ({"tracks": [{"number": ""}]}, "tracking_number_required"),
        ({"tracks": [{"number": "X", "carrier": "pombo"}]}, "carrier_unknown"),
        ({"tracks": [{"number": "X", "carrier": "custom"}]}, ""),
        ({"tracks": []}, ""),
        ({"items": items(A=4)}, "qty_exceeds"),
        ({"items": items(A=2) + items(A=2)}, "qty_exceeds"),
        ({"items": items(C=1)}, "qty_exceeds"),
        ({"items": items(A=3, B=1)}, ""),
    ],
)
@pytest.mark.requirement("R71", "R74")
def test_what_a_shipment_must_say(form: dict[str, Any], expected: str) -> None:
    verdict = story(*PAID).ask("shipment.create", **{"carrier": "correios", **form})
    assert expected == (verdict.code if isinstance(verdict, Rejected) else "")


@pytest.mark.requirement("R72")
def test_the_carriers_are_the_shops() -> None:
    order = story(*PAID)
    order.shop = Shop(carriers=frozenset({"pombo"}))
    assert code(order.ask("shipment.create", carrier="correios")) == "carrier_unknown"
    ship(order, carrier="pombo")


def test_a_shop_that_ships_nothing_without_a_tax_paper() -> None:
    rule = {"require_nf_before_shipping": True}
    order = story(placed(pix(), rules=rule), pix_paid())
    assert code(order.ask("shipment.create", carrier="correios")) == "nf_required"
    order.ask("fiscal.mark_issued", number="1")
    ship(order)


def test_shipping_before_payment_needs_force_and_a_reason() -> None:
    order = story(FOUR)
    assert code(order.ask("shipment.create", carrier="correios")) == "not_paid"
    assert code(order.ask("shipment.create", carrier="correios", force=True)) == "invalid_payload"
    verdict = order.ask("shipment.create", carrier="correios", force=True, reason="paga na entrega")
    assert isinstance(verdict, Accepted)
    assert (order.view.state, order.view.fulfilment_state, kinds(order.view)) == ("new", "shipped", ["shipped_unpaid"])
    order.tell(pix_paid(90))
    assert (order.view.state, kinds(order.view)) == ("complete", [])


@pytest.mark.requirement("R10", "R76")
def test_a_shipment_by_hand_and_one_by_the_carrier_are_one() -> None:
    by_hand_first = story(*PAID)
    ship(by_hand_first, tracks=[{"number": "AA1"}])
    by_hand_first.tell(parcel("posted", 50), parcel("delivered", 90))
    assert [(one.id, one.state) for one in by_hand_first.view.shipments] == [("S1", "delivered")]
    by_carrier_first = story(*PAID, parcel("label_created", 20))
    ship(by_carrier_first, tracks=[{"number": "aa 1"}])
    by_carrier_first.tell(parcel("delivered", 90))
    assert [(one.id, one.state) for one in by_carrier_first.view.shipments] == [("correios:AA1", "delivered")]
    for order in (by_hand_first, by_carrier_first):
        assert order.keys.count("notification.requested.email.shipped") == 1


def test_a_number_that_is_shipped_already_changes_nothing() -> None:
    order = story(*PAID, parcel("posted", 20, items=["A*1"]))
    assert isinstance(order.ask("shipment.create", carrier="correios", tracks=[{"number": "AA1"}]), NoOp)
    order.tell(parcel("label_created", 30, key="tracking=BB2"), parcel("label_created", 31, key="tracking=CC3"))
    both = [{"number": "BB2"}, {"number": "CC3"}]
    assert code(order.ask("shipment.create", carrier="correios", tracks=both)) == "invalid_payload"


def test_the_labels_own_items_are_shipped() -> None:
    order = story(*PAID, parcel("label_created", 20, items=["A*2"]))
    assert ship(order, tracks=[{"number": "AA1"}]).result == {"shipment": "correios:AA1", "items": items(A=2)}
    assert order.view.status == "partially_shipped"


@pytest.mark.parametrize(("notify", "sent"), [(None, 1), (True, 1), (False, 0)])
@pytest.mark.requirement("R71")
def test_the_customer_is_told_unless_the_form_says_no(notify: bool | None, sent: int) -> None:
    order = story(*PAID)
    ship(order, notify=notify, tracks=[{"number": "AA1"}])
    order.tell(parcel("posted", 90), parcel("in_transit", 91))
    assert order.keys.count("notification.requested.email.shipped") == sent


# -- tracking numbers --------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R78")
def test_a_number_is_added_to_the_only_shipment_with_its_carrier() -> None:
    order = story(*PAID)
    ship(order)
    shipments = len(order.view.shipments)
    verdict = order.ask("shipment.add_track", number="AA1", title="Segunda caixa")
    assert isinstance(verdict, Accepted)
    assert order.view.shipments[0].tracks == (("AA1", "correios"),)
    assert len(order.view.shipments) == shipments
    assert order.keys[-1] == "shipment.label_created"
    assert order.texts[-1].tracks[0].title == "Segunda caixa"
    order.tell(parcel("delivered", 90))
    assert order.view.fulfilment_state == "delivered"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"number": ""}, "tracking_number_required"),
        ({"number": "X", "carrier": "pombo"}, "carrier_unknown"),
        ({"number": "X", "shipment": "S9"}, "document_not_found"),
        ({"number": "BB2", "shipment": "S1"}, "invalid_payload"),
        ({"number": "X"}, "invalid_payload"),
    ],
)
def test_what_a_further_number_must_say(form: dict[str, Any], expected: str) -> None:
    order = story(*PAID)
    ship(order, items=items(A=1), tracks=[{"number": "AA1"}])
    ship(order, items=items(A=1), tracks=[{"number": "BB2"}])
    assert code(order.ask("shipment.add_track", **form)) == expected


def test_a_shipment_without_carrier_needs_one_for_its_number() -> None:
    order = story(*PAID, parcel("posted", 20, key=None, provider="bling"))
    assert code(order.ask("shipment.add_track", number="AA1")) == "carrier_required"
    assert isinstance(order.ask("shipment.add_track", number="AA1", carrier="jadlog"), Accepted)
    assert isinstance(order.ask("shipment.add_track", number="aa1", carrier="jadlog"), NoOp)


@pytest.mark.requirement("R78")
def test_a_wrong_number_is_taken_off_and_what_is_told_of_it_concerns_another_parcel() -> None:
    order = story(*PAID)
    ship(order, tracks=[{"number": "AA1"}])
    order.tell(parcel("delivered", 90))
    assert order.view.fulfilment_state == "delivered"
    assert isinstance(order.ask("shipment.remove_track", number="aa 1"), Accepted)
    assert [(one.id, one.state, one.tracks) for one in order.view.shipments] == [("S1", "posted", ())]
    assert code(order.ask("shipment.remove_track", number="AA1")) == "document_not_found"
    order.ask("shipment.add_track", number="AA1")
    assert order.view.fulfilment_state == "delivered"


def test_the_carriers_own_parcel_stays_when_its_number_is_taken_off() -> None:
    order = story(*PAID, parcel("posted", 20))
    order.ask("shipment.remove_track", number="AA1")
    assert [(one.id, one.state, one.tracks) for one in order.view.shipments] == [("correios:AA1", "posted", ())]


def test_two_shipments_with_a_number_that_is_asked_to_leave_one() -> None:
    order = story(*PAID)
    ship(order, items=items(A=1), tracks=[{"number": "AA1"}])
    ship(order, items=items(A=1))
    assert code(order.ask("shipment.remove_track", number="AA1")) == "invalid_payload"
    assert code(order.ask("shipment.remove_track", number="", shipment="S1")) == "tracking_number_required"
    assert code(order.ask("shipment.remove_track", number="AA1", shipment="S2")) == "document_not_found"


def test_a_number_given_by_hand_is_a_reference_of_the_order_at_its_carrier() -> None:
    order = story(*PAID)
    ship(order, items=items(A=1), tracks=[{"number": "aa 1"}, {"number": "ME9", "carrier": "melhor_envio"}])
    ship(order, items=items(A=1), carrier="custom", tracks=[{"number": "motoboy"}])
    order.ask("shipment.add_track", shipment="S1", number="BB2")
    order.ask("fiscal.mark_issued", access_key="4" * 44)
    assert order.claims == [
        ("correios", "tracking", "AA1"), ("melhor_envio", "tracking", "ME9"), ("correios", "tracking", "BB2"),
        ("nfe", "access_key", "4" * 44),
    ]  # fmt: skip
    order.ask("shipment.remove_track", shipment="S1", number="AA1")
    assert ("correios", "tracking", "AA1") not in order.claims


# -- where it is -------------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R79")
def test_marks_go_to_all_that_are_on_their_way() -> None:
    order = story(*PAID)
    for number in ("AA1", "BB2"):
        ship(order, items=items(A=1), tracks=[{"number": number}])
    order.tell(parcel("delivered", 70))
    verdict = order.ask("shipment.mark_in_transit", 80)
    assert isinstance(verdict, Accepted)
    assert verdict.result == {"shipments": ["S2"]}
    assert [one.state for one in order.view.shipments] == ["delivered", "in_transit"]


@pytest.mark.parametrize(
    ("command", "state", "status", "template"),
    [
        ("shipment.mark_in_transit", "in_transit", "in_transit", "in_transit"),
        ("shipment.mark_difficulty", "delivery_difficulty", "delivery_difficulty", "delivery_difficulty"),
        ("shipment.mark_delivered", "delivered", "delivered", "delivered"),
    ],
)
def test_a_mark_is_published_and_told_when_asked_to(command: str, state: str, status: str, template: str) -> None:
    order = story(*PAID)
    ship(order)
    seen = len(order.events)
    assert isinstance(order.ask(command, 80, notify=True, comment="Deixado na portaria"), Accepted)
    assert order.keys[seen:] == [
        f"shipment.{state}",
        "order.commented",
        f"order.status_changed.{status}",
        f"notification.requested.email.{template}",
    ]
    assert order.body(f"notification.requested.email.{template}")["context"]["comment"] == "Deixado na portaria"
    order.ask(command, 90)
    assert order.keys.count(f"notification.requested.email.{template}") == 1


def test_a_mark_may_be_of_an_earlier_time_but_not_of_a_later_one() -> None:
    order = story(*PAID)
    ship(order, 60)
    assert code(order.ask("shipment.mark_delivered", 80, at=at(81).isoformat())) == "invalid_payload"
    order.ask("shipment.mark_delivered", 80, at=at(70).isoformat())
    assert order.view.shipments[0].updated_at == at(70)


def test_a_mark_of_a_shipment_by_name() -> None:
    order = story(*PAID, parcel("label_created", 20, key="label_id=L9", provider="melhor_envio"))
    ship(order, items=items(A=1))
    assert code(order.ask("shipment.mark_delivered", shipment="S9")) == "document_not_found"
    assert code(order.ask("shipment.mark_delivered", shipment="melhor_envio:L9")) == "not_shipped"
    ship(order, items=items(A=1))
    order.ask("shipment.mark_delivered", shipment="S1")
    assert isinstance(order.ask("shipment.mark_in_transit", shipment="S1"), NoOp)


def test_what_is_lost_may_be_found_by_hand() -> None:
    order = story(*PAID, parcel("posted", 20), parcel("lost", 30))
    assert kinds(order.view) == ["parcel_lost"]
    order.ask("shipment.mark_delivered", 60)
    assert (order.view.fulfilment_state, kinds(order.view)) == ("delivered", [])


def test_marks_on_a_closed_order_are_for_the_log_only() -> None:
    order = story(*PAID, parcel("posted", 20), payment("refunded", 30, cumulative_cents=TOTAL))
    seen = len(order.events)
    order.ask("shipment.mark_delivered", 60)
    assert (order.view.state, order.view.status, order.view.fulfilment_state) == ("closed", "closed", "delivered")
    assert order.keys[seen:] == ["shipment.delivered"]
