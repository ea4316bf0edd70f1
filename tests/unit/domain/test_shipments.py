"""Parcels: which records are one, where each is, what is inside, and what the order shows (carriers.md 6)."""

from itertools import permutations
from typing import Any

import pytest

from hub.domain.view import ShipmentView, View
from schemas.facts import SHIPMENT_KINDS, Fact
from tests.unit.domain.orders import VIRTUAL, at, canceled, kinds, parcel, payment, pix, pix_paid, placed, seen

FOUR = placed(pix(), items=[{"sku": "A", "quantity": 3, "unit_price_cents": 3000}, {"sku": "B", "quantity": 1, "unit_price_cents": 990}])
PAID = [placed(pix()), pix_paid()]
PAID_FOUR = [FOUR, pix_paid()]


def only(now: View) -> ShipmentView:
    assert len(now.shipments) == 1
    return now.shipments[0]


def where(*facts: Fact) -> str:
    return only(seen(*PAID, *facts)).state


def label(minutes: float = 20, name: str = "L1", **fields: Any) -> Fact:
    return parcel("label_created", minutes, key=f"label_id={name}", provider="melhor_envio", carrier="melhor_envio", **fields)


def me(kind: str, minutes: float, name: str = "L1", **fields: Any) -> Fact:
    return parcel(kind, minutes, key=f"label_id={name}", provider="melhor_envio", **fields)


# -- the steps of one parcel -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("label_created", "label_created"),
        ("label_created posted", "posted"),
        ("posted in_transit out_for_delivery delivered", "delivered"),
        ("posted in_transit out_for_delivery delivery_difficulty out_for_delivery", "out_for_delivery"),  # they may cycle
        ("posted in_transit posted", "in_transit"),  # no way back to the counter
        ("posted ready_for_pickup in_transit", "in_transit"),
        ("posted delivery_difficulty in_transit", "in_transit"),
        ("posted on_hold", "on_hold"),
        ("label_created on_hold", "label_created"),  # paused before anything was posted
        ("posted delayed", "posted"),
        ("posted unknown", "posted"),
        ("posted delivered in_transit out_for_delivery posted delivery_difficulty", "delivered"),
        ("posted delivered lost", "delivered"),
        ("posted delivered returning", "returning"),
        ("posted delivered returned", "returned"),
        ("posted returning in_transit delivery_difficulty posted", "returning"),
        ("posted returning returned", "returned"),
        ("posted returning delivered", "delivered"),
        ("posted returned delivered in_transit", "returned"),
        ("posted lost", "lost"),
        ("posted lost delayed", "lost"),
        ("posted lost lost_suspected", "lost"),
        ("posted lost in_transit", "in_transit"),
        ("posted lost delivered", "delivered"),
        ("posted lost_suspected in_transit", "in_transit"),
        ("label_created canceled", "canceled"),
        ("label_created canceled label_created", "canceled"),
        ("label_created canceled posted", "posted"),
        ("posted canceled", "posted"),
        ("unknown", "label_created"),
        ("damaged", "damaged"),
    ],
)
def test_where_a_parcel_is_after_its_steps(words: str, state: str) -> None:
    steps = [parcel(word, 20 + index) for index, word in enumerate(words.split())]
    assert where(*steps) == state
    for order in list(permutations(steps))[:24]:
        assert where(*order) == state


def test_events_of_one_minute_are_told_apart_by_rank_then_by_their_ids() -> None:
    assert where(parcel("delivered", 20), parcel("posted", 20), parcel("in_transit", 20)) == "delivered"
    assert where(parcel("returned", 20), parcel("returning", 20), parcel("delivered", 20)) == "returned"
    a, b = parcel("in_transit", 20, event_id="a"), parcel("in_transit", 20, event_id="b")
    assert seen(*PAID, a, b) == seen(*PAID, b, a)


def test_one_event_told_with_two_times_counts_at_the_earlier() -> None:
    first, second = parcel("delivered", 40, event_id="e"), parcel("delivered", 30, event_id="e")
    assert only(seen(*PAID, first, second)).updated_at == at(30)
    assert seen(*PAID, first, second) == seen(*PAID, second, first)


def test_a_time_in_the_far_future_hides_nothing_and_is_flagged() -> None:
    far = 60 * 24 * 5000
    now = only(seen(*PAID, parcel("in_transit", far), parcel("delivered", 60 * 24 * 6000)))
    assert (now.state, now.flags) == ("delivered", ("future_time",))
    assert now.updated_at == at(60 * 24 * 400)
    assert where(parcel("in_transit", far), parcel("returned", 50)) == "returned"


def test_a_time_long_before_the_order_counts_as_its_placement() -> None:
    now = only(seen(*PAID, parcel("posted", -60 * 24 * 31), parcel("label_created", -60)))
    assert (now.created_at, now.shipped_at, now.flags) == (at(-60), at(0), ("past_time",))


def test_a_posting_that_nobody_told_of_is_inferred() -> None:
    now = only(seen(*PAID, parcel("in_transit", 40)))
    assert (now.shipped_at, now.inferred) == (at(40), True)
    now = only(seen(*PAID, parcel("in_transit", 40), parcel("posted", 60)))
    assert (now.shipped_at, now.inferred) == (at(40), False)


@pytest.mark.parametrize("kind", [kind.removeprefix("shipment.") for kind in SHIPMENT_KINDS])
def test_every_kind_is_taken_and_unknown_ones_ship_nothing(kind: str) -> None:
    now = seen(*PAID, parcel(kind, 20))
    ships = kind not in ("label_created", "delayed", "on_hold", "canceled", "correction", "unknown")
    assert (now.standing.shipped, now.fulfilment_state != "none") == (ships, ships)


# -- corrections -------------------------------------------------------------------------------------------------------------------


def test_a_correction_takes_back_the_event_before_it() -> None:
    sent, arrived = parcel("posted", 20), parcel("delivered", 40)
    assert where(sent, arrived, parcel("correction", 50)) == "posted"
    assert where(parcel("correction", 50), arrived, sent) == "posted"
    assert where(sent, arrived, parcel("correction", 50), parcel("delivered", 60)) == "delivered"


def test_two_corrections_take_back_two_events() -> None:
    steps = [parcel("posted", 20), parcel("in_transit", 30), parcel("delivered", 40), parcel("correction", 50), parcel("correction", 51)]
    assert where(*steps) == "posted"


def test_a_correction_may_name_its_event() -> None:
    assert where(
        parcel("posted", 20), parcel("delivered", 30, event_id="d"), parcel("in_transit", 40), parcel("correction", 50, corrects="d")
    ) == "in_transit"  # fmt: skip


def test_a_correction_takes_back_nothing_of_another_source() -> None:
    other = parcel("delivered", 40, provider="jadlog")
    assert where(parcel("posted", 20), other, parcel("correction", 50)) == "delivered"


def test_a_posting_that_was_corrected_never_was() -> None:
    now = seen(*PAID, parcel("posted", 20), parcel("correction", 30))
    assert (now.state, now.fulfilment_state, only(now).shipped_at) == ("processing", "none", None)


def test_a_mapped_word_stands_in_the_place_of_the_unknown_one() -> None:
    unknown, mapped = parcel("unknown", 40, event_id="x"), parcel("in_transit", 40, event_id="x#mapped")
    assert where(parcel("posted", 20), unknown, mapped) == "in_transit"
    assert where(parcel("posted", 20), mapped, unknown, parcel("correction", 50)) == "posted"


# -- which records are one parcel --------------------------------------------------------------------------------------------------


def test_label_and_carrier_speak_of_one_parcel_when_they_share_a_number() -> None:
    now = seen(*PAID, label(refs=["tracking=AA1"]), me("posted", 30), parcel("delivered", 60, key="tracking=aa 1"))
    assert (only(now).id, only(now).state, only(now).carrier) == ("melhor_envio:L1", "delivered", "melhor_envio")
    assert [track.number for track in only(now).tracks] == ["AA1"]


def test_numbers_are_merged_and_never_replaced() -> None:
    facts = [
        label(tracks=[{"number": "ME1", "carrier": "melhor_envio"}]),
        me("posted", 30, tracks=[{"number": "AA1"}]),
        parcel("posted", 40, tracks=[{"number": "AA1", "carrier": "correios"}]),
    ]
    now = only(seen(*PAID, *facts))
    assert sorted(now.tracks) == [("AA1", "correios"), ("ME1", "melhor_envio")]


def test_a_chain_of_names_is_one_parcel_whatever_came_first() -> None:
    facts = [
        label(refs=["tracking=AA1"]),
        parcel("posted", 30, key="tracking=AA1", refs=["tracking=BB2"]),
        parcel("in_transit", 40, key="tracking=BB2", provider="jadlog"),
    ]
    for order in permutations(facts):
        assert only(seen(*PAID, *order)).state == "in_transit"


def test_facts_that_name_no_parcel_speak_of_the_only_one() -> None:
    now = seen(*PAID, label(), parcel("posted", 40, key=None, provider="bling"), parcel("delivered", 90, key=None, provider="bling"))
    assert (only(now).id, only(now).state) == ("melhor_envio:L1", "delivered")


def test_facts_that_name_no_parcel_are_one_themselves_when_there_is_no_other() -> None:
    now = seen(*PAID, parcel("posted", 40, key=None, provider="bling"), parcel("delivered", 90, key=None, provider="tiny"))
    assert (only(now).id, only(now).state, now.state) == ("bling:other", "delivered", "complete")


def test_facts_that_name_no_parcel_speak_of_all_there_were_by_then() -> None:
    facts = [label(20, "L1"), label(21, "L2"), label(95, "L3"), parcel("delivered", 90, key=None, provider="bling")]
    assert [one.state for one in seen(*PAID, *facts).shipments] == ["delivered", "delivered", "label_created"]


def test_a_canceled_label_is_not_meant() -> None:
    facts = [label(20, "L1"), me("canceled", 25, "L1"), label(30, "L2"), parcel("posted", 90, key=None, provider="bling")]
    assert [one.state for one in seen(*PAID, *facts).shipments] == ["canceled", "posted"]


def test_a_tax_paper_tells_of_the_only_parcel_and_of_none_of_several() -> None:
    proof = parcel("delivered", 90, key=f"access_key={'3' * 44}", provider="nfe")
    assert only(seen(*PAID, proof)).state == "delivered"
    assert only(seen(*PAID, label(), proof)).state == "delivered"
    assert [one.state for one in seen(*PAID, label(20, "L1"), label(21, "L2"), proof).shipments] == ["label_created", "label_created"]


# -- what is inside ----------------------------------------------------------------------------------------------------------------


def items(now: View) -> dict[str, dict[str, int]]:
    return {shipment.id: dict(shipment.items) for shipment in now.shipments}


def test_a_parcel_that_says_nothing_carries_all_that_is_left() -> None:
    now = seen(*PAID_FOUR, me("posted", 20, "L1", items=["A*1"]), me("posted", 30, "L2"))
    assert items(now) == {"melhor_envio:L1": {"A": 1}, "melhor_envio:L2": {"A": 2, "B": 1}}
    assert [(line.sku, line.shipped) for line in now.lines] == [("A", 3), ("B", 1)]


def test_what_a_parcel_says_it_carries_goes_before_what_is_left() -> None:
    now = seen(*PAID_FOUR, label(20, "L1"), me("posted", 30, "L2", items=["A*2"]))
    assert items(now) == {"melhor_envio:L1": {"A": 1, "B": 1}, "melhor_envio:L2": {"A": 2}}


def test_a_canceled_label_gives_its_units_back() -> None:
    facts = [label(20, "L1"), label(25, "L2")]
    assert items(seen(*PAID_FOUR, *facts)) == {"melhor_envio:L1": {"A": 3, "B": 1}, "melhor_envio:L2": {}}
    assert items(seen(*PAID_FOUR, *facts, me("canceled", 30, "L1"))) == {"melhor_envio:L1": {}, "melhor_envio:L2": {"A": 3, "B": 1}}


def test_the_earliest_word_on_the_items_counts() -> None:
    early, late = me("posted", 20, items=["A*1"]), me("in_transit", 30, items=["A*3"])
    for order in permutations([early, late]):
        assert items(seen(*PAID_FOUR, *order)) == {"melhor_envio:L1": {"A": 1}}


def test_more_than_was_ordered_is_not_counted() -> None:
    now = seen(*PAID_FOUR, me("posted", 20, items=["A*9", "C*4"]))
    assert (items(now), now.fulfilment_state) == ({"melhor_envio:L1": {"A": 3}}, "partially_shipped")


def test_two_lines_of_one_item_share_what_was_shipped() -> None:
    twice = placed(pix(), items=[{"sku": "A", "quantity": 2, "unit_price_cents": 1}, {"sku": "A", "quantity": 2, "unit_price_cents": 1}])
    now = seen(twice, pix_paid(), parcel("posted", items=["A*3"]))
    assert [line.shipped for line in now.lines] == [2, 1]


# -- what the order shows ----------------------------------------------------------------------------------------------------------

TWO: list[tuple[str, str, str, str]] = [
    # Two labels of one order that say nothing of their items.
    ("label_created", "label_created", "none", "processing"),
    ("posted", "label_created", "shipped", "shipped"),
    ("posted", "posted", "shipped", "shipped"),
    ("posted", "in_transit", "shipped", "shipped"),
    ("in_transit", "out_for_delivery", "in_transit", "in_transit"),
    ("out_for_delivery", "out_for_delivery", "out_for_delivery", "in_transit"),
    ("ready_for_pickup", "out_for_delivery", "ready_for_pickup", "in_transit"),
    ("in_transit", "delivery_difficulty", "in_transit", "in_transit"),  # does not hide the progress of the other
    ("delivery_difficulty", "on_hold", "difficulty", "delivery_difficulty"),
    ("delivery_difficulty", "returning", "difficulty", "delivery_difficulty"),
    ("returning", "returning", "returning", "delivery_difficulty"),
    ("damaged", "damaged", "difficulty", "delivery_difficulty"),
    ("delivered", "label_created", "partially_delivered", "in_transit"),
    ("delivered", "in_transit", "partially_delivered", "in_transit"),
    ("delivered", "lost", "partially_delivered", "in_transit"),
    ("delivered", "canceled", "delivered", "delivered"),
    ("delivered", "delivered", "delivered", "delivered"),
    ("delivered", "returned", "partially_returned", "delivery_difficulty"),
    ("returned", "returned", "returned", "returned"),
    ("returned", "lost", "returned", "returned"),
    ("returned", "in_transit", "in_transit", "in_transit"),
    ("lost", "lost", "lost", "delivery_difficulty"),
    ("lost", "in_transit", "in_transit", "in_transit"),
]


def at_state(state: str, name: str) -> list[Fact]:
    before = [] if state == "canceled" else [me("posted", 25, name)]
    steps = [label(20, name), *before, me(state, 40, name)]
    return steps[:1] if state == "label_created" else steps


@pytest.mark.parametrize(("one", "other", "fulfilment", "status"), TWO)
def test_what_two_parcels_amount_to(one: str, other: str, fulfilment: str, status: str) -> None:
    for first, second in ((one, other), (other, one)):
        now = seen(*PAID, *at_state(first, "L1"), *at_state(second, "L2"))
        assert (now.fulfilment_state, now.status) == (fulfilment, status)


PARTS: list[tuple[str, str, str]] = [
    ("label_created", "none", "processing"),
    ("posted", "partially_shipped", "partially_shipped"),
    ("in_transit", "partially_shipped", "partially_shipped"),
    ("delivered", "partially_delivered", "partially_shipped"),
    ("returned", "partially_shipped", "partially_shipped"),
]


@pytest.mark.parametrize(("state", "fulfilment", "status"), PARTS)
def test_while_units_are_left_the_order_is_not_complete(state: str, fulfilment: str, status: str) -> None:
    facts = [me("posted", 25, items=["A*1"]), me(state, 40)] if state != "label_created" else [label(20, items=["A*1"])]
    now = seen(*PAID_FOUR, *facts)
    assert (now.state, now.fulfilment_state, now.status) == ("processing", fulfilment, status)


def test_a_label_that_nobody_needs_any_more_does_not_hold_the_delivery_up() -> None:
    now = seen(*PAID_FOUR, label(20, "L1"), me("delivered", 50, "L2", items=["A*3", "B*1"]))
    assert (now.state, now.fulfilment_state) == ("complete", "delivered")


@pytest.mark.parametrize(
    ("words", "attention"),
    [
        ("posted", ()),
        ("posted delivery_difficulty", ("delivery_difficulty",)),
        ("posted on_hold", ("delivery_difficulty",)),
        ("label_created on_hold", ("delivery_difficulty",)),
        ("posted delivery_difficulty delivered", ()),
        ("posted delayed", ("delayed",)),
        ("posted in_transit delayed in_transit", ()),
        ("posted damaged in_transit", ("damaged",)),
        ("posted damaged delivered", ()),
        ("posted returning", ("returning",)),
        ("posted returning damaged", ("damaged", "returning")),
        ("posted lost_suspected", ("lost_suspected",)),
        ("posted lost_suspected lost", ()),
    ],
)
def test_what_staff_must_look_at(words: str, attention: tuple[str, ...]) -> None:
    assert seen(*PAID, *[parcel(word, 20 + index) for index, word in enumerate(words.split())]).attention == attention


def test_virtual_units_are_in_no_parcel() -> None:
    mixed = placed(pix(), items=[*VIRTUAL, {"sku": "A", "quantity": 1, "unit_price_cents": 0}])
    now = seen(mixed, pix_paid(), parcel("posted", items=["A*1", "VALE-100*1"]))
    assert (only(now).items, now.state) == ((("A", 1),), "complete")
    assert seen(placed(pix(), items=VIRTUAL), pix_paid(), parcel("posted")).state == "complete"


# -- exceptions --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([*PAID, parcel("posted", 20), parcel("lost", 30)], ["parcel_lost"]),
        ([*PAID, parcel("posted", 20), parcel("lost", 30), parcel("in_transit", 40)], []),
        ([*PAID, parcel("posted", 20), parcel("returned", 30)], ["decide_refund_or_resend"]),
        ([*PAID, parcel("posted", 20), parcel("returned", 30), payment("refunded", 40, cumulative_cents=11970)], []),
        ([placed(pix()), parcel("posted", 20)], ["shipped_unpaid"]),
        ([placed(pix()), parcel("label_created", 20)], []),
        ([placed(total_cents=0), parcel("posted", 20)], []),
        ([placed(pix()), canceled(5), parcel("posted", 20), parcel("returned", 30)], []),
    ],
)
def test_what_a_person_must_decide(facts: list[Fact], expected: list[str]) -> None:
    assert kinds(seen(*facts)) == expected


def test_two_parcels_are_two_matters() -> None:
    now = seen(placed(pix()), parcel("posted", 20, items=["CAM-01*1"]), parcel("posted", 21, key="tracking=BB2"))
    assert [(one.kind, one.key) for one in now.exceptions] == [("shipped_unpaid", "correios:AA1"), ("shipped_unpaid", "correios:BB2")]
    assert now.exceptions[0].detail == {
        "shipment": "correios:AA1",
        "state": "posted",
        "shipped_at": at(20).isoformat(),
        "tracks": ["AA1"],
    }
