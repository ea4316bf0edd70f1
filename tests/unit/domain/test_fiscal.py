"""Tax papers: which records are one paper, its state and evidence, what they amount to, and what they are worth (rules.md, Fiscal)."""

from itertools import permutations
from typing import Any

import pytest

from hub.domain.judge import Accepted, NoOp, Rejected
from hub.domain.view import FiscalDocumentView, View
from schemas.facts import Fact
from tests.unit.domain.orders import NF, TOTAL, at, canceled, kinds, paper, parcel, payment, pix, pix_paid, placed, seen, story

PAID = [placed(pix()), pix_paid()]
OTHER = NF[:-1] + "9"
THIRD = NF[:-1] + "8"
FIVE = [{"sku": "CAM-01", "quantity": 2}]
ONE = [{"sku": "CAM-01", "quantity": 1}]


def only(now: View) -> FiscalDocumentView:
    assert len(now.fiscal_documents) == 1
    return now.fiscal_documents[0]


@pytest.mark.requirement("R9")
def test_a_note_that_is_issued() -> None:
    now = seen(*PAID, paper("issued", number="1234", series="1", issued_at=at(49).isoformat()))
    assert (now.state, now.status, now.fiscal_state) == ("processing", "nf_issued", "issued")
    document = only(now)
    assert (document.id, document.access_key, document.number, document.series) == (NF, NF, "1234", "1")
    assert (document.state, document.evidence, document.total_cents, document.issued_at) == ("issued", "nfe_proc", TOTAL, at(49))


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("requested", "requested"),
        ("requested rejected", "rejected"),
        ("rejected requested", "rejected"),
        ("rejected issued", "issued"),
        ("denied", "denied"),
        ("issued canceled", "canceled"),
        ("canceled", "canceled"),
        ("canceled issued", "canceled"),
        ("issued requested rejected", "issued"),
        ("issued corrected", "issued"),
    ],
)
def test_the_state_of_a_note_only_rises(words: str, state: str) -> None:
    facts = [paper(word, 20 + index) for index, word in enumerate(words.split())]
    for order in permutations(facts):
        now = seen(*PAID, *order)
        assert (only(now).state, now.fiscal_state) == (state, state)


def test_what_the_erp_says_and_the_xml_are_one_paper_and_the_xml_is_believed() -> None:
    notice = paper("issued", 50, provider="bling", document_id="77", evidence="erp_notice", total_cents=999, number="1234")
    xml = paper("issued", 60, number="1234", series="1")
    for facts in permutations([notice, xml]):
        document = only(seen(*PAID, *facts))
        assert (document.evidence, document.total_cents, document.series) == ("nfe_proc", TOTAL, "1")


def test_a_paper_without_key_is_found_again_by_the_erps_own_id() -> None:
    requested = paper("requested", 40, key=None, provider="bling", document_id="77")
    issued = paper("issued", 50, provider="bling", document_id="77", evidence="erp_notice")
    for facts in permutations([requested, issued]):
        assert (only(seen(*PAID, *facts)).id, seen(*PAID, *facts).fiscal_state) == (NF, "issued")
    assert only(seen(*PAID, requested)).id == "bling:77"


STATES: list[tuple[list[Fact], str]] = [
    ([paper("issued"), paper("requested", key=OTHER)], "issued"),
    ([paper("issued"), paper("canceled", 60), paper("requested", 70, key=OTHER)], "canceled"),
    ([paper("issued"), paper("canceled", 60), paper("issued", 70, key=OTHER)], "issued"),
    ([paper("denied"), paper("rejected", key=OTHER)], "denied"),
    ([paper("rejected"), paper("requested", key=OTHER)], "rejected"),
    ([paper("corrected")], "none"),
    ([paper("returned", key=OTHER, original_access_key=NF)], "none"),
    ([paper("issued"), paper("returned", 60, key=OTHER, original_access_key=NF, total_cents=TOTAL)], "returned"),
    ([paper("issued"), paper("returned", 60, key=OTHER, original_access_key=NF, items=FIVE)], "returned"),
    ([paper("issued"), paper("returned", 60, key=OTHER, original_access_key=NF, items=ONE)], "issued"),
    ([paper("issued"), paper("returned", 60, key=OTHER, original_access_key=NF)], "issued"),
    ([paper("issued"), paper("returned", 60, key=OTHER, original_access_key=NF, items=ONE),
      paper("returned", 61, key=THIRD, original_access_key=NF, items=ONE)], "returned"),
    ([paper("issued", items=ONE), paper("returned", 60, key=OTHER, original_access_key=NF, items=ONE)], "returned"),
    ([paper("issued", 60, key=OTHER), paper("corrected", 61, key=OTHER, original_access_key=NF)], "none"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "state"), STATES)
def test_what_the_papers_amount_to(facts: list[Fact], state: str) -> None:
    for order in permutations(facts):
        assert seen(*PAID, *order).fiscal_state == state


def test_a_return_note_never_counts_as_a_sale_even_if_a_protocol_says_that_it_is_issued() -> None:
    returned = paper("returned", 60, key=OTHER, original_access_key=NF, items=ONE)
    facts = [paper("issued"), returned, paper("issued", 61, key=OTHER, total_cents=None)]
    now = seen(*PAID, *facts)
    assert ([one.state for one in now.fiscal_documents], now.notes_cents, kinds(now)) == (["issued", "returned"], TOTAL, [])
    assert now.fiscal_flags == ("partial_return",)


def test_a_letter_of_correction_is_published_and_moves_nothing() -> None:
    order = story(*PAID, paper("issued"))
    before = order.view
    assert order.tell(paper("corrected", 60)) == ["fiscal.corrected"]
    assert order.tell(paper("corrected", 55)) == []
    assert (order.view.status, order.view.fiscal_documents[0].state) == (before.status, "issued")


def test_notes_of_homologation_move_nothing_in_a_production_shop() -> None:
    now = seen(*PAID, paper("issued", environment="homologation", total_cents=1))
    assert (only(now).state, now.fiscal_state, now.status, kinds(now)) == ("ignored", "none", "processing", [])
    tested = placed(pix(), rules={"homologation": True})
    assert seen(tested, pix_paid(), paper("issued", environment="homologation")).fiscal_state == "issued"
    assert seen(tested, pix_paid(), paper("issued")).fiscal_state == "none"


def test_an_unknown_word_waits_for_a_person_and_is_never_a_note() -> None:
    order = story(*PAID, paper("unknown", raw_word="AUTORIZADA?", event_id="x"))
    assert (order.view.fiscal_state, kinds(order.view)) == ("none", ["unknown_status"])
    assert order.view.exceptions[0].detail == {"provider": "nfe", "word": "AUTORIZADA?"}
    order.tell(paper("requested", event_id="x#mapped"))
    assert (order.view.fiscal_state, kinds(order.view)) == ("requested", [])


# -- value -------------------------------------------------------------------------------------------------------------------------

ABOVE = 12_568  # 5 % above 11.970 is 12.568,5


@pytest.mark.parametrize(
    ("totals", "more", "value", "open_"),
    [
        ([TOTAL], {}, "", []),
        ([TOTAL + 5], {}, "", []),
        ([TOTAL - 5], {}, "", []),
        ([TOTAL + 6], {}, "above", []),
        ([ABOVE], {}, "above", []),
        ([ABOVE + 1], {}, "far_above", ["value_mismatch"]),
        ([TOTAL - 6], {}, "below", ["value_mismatch"]),
        ([TOTAL - 6], {"items": ONE}, "", []),  # there will be another
        ([TOTAL - 6], {"items": FIVE}, "below", ["value_mismatch"]),
        ([TOTAL - 6], {"items": [{"sku": "erp-9", "quantity": 2}]}, "below", ["value_mismatch"]),
        ([TOTAL - 6], {"items": [{"sku": "erp-9", "quantity": 1}]}, "", []),
        ([6000, 5970], {"items": ONE}, "", []),
        ([6000, 5000], {"items": ONE}, "below", ["value_mismatch"]),
        ([None], {}, "", []),
    ],
)
def test_notes_are_compared_with_what_is_due(totals: list[int | None], more: dict[str, Any], value: str, open_: list[str]) -> None:
    keys = (NF, OTHER)
    facts = [paper("issued", 50 + index, key=keys[index], total_cents=total, **more) for index, total in enumerate(totals)]
    now = seen(*PAID, *facts)
    assert (now.fiscal_value, kinds(now), now.fiscal_state) == (value, open_, "issued")
    assert now.fiscal_flags == (("value_above",) if value == "above" else ())


def test_the_tolerance_is_the_shops() -> None:
    wide = placed(pix(), rules={"fiscal_tolerance_cents": 1000})
    assert seen(wide, pix_paid(), paper("issued", total_cents=TOTAL - 1000)).fiscal_value == ""


def test_a_note_far_above_holds_the_order_once() -> None:
    order = story(*PAID)
    published = order.tell(paper("issued", total_cents=2 * TOTAL))
    assert (order.view.state, order.view.base_state, order.view.hold_reasons) == ("holded", "processing", ("fiscal",))
    assert published == [
        "fiscal.issued",
        "order.status_changed.nf_issued",
        "exception.opened.value_mismatch",
        "order.status_changed.holded",
    ]
    assert [(policy.command, policy.actor) for policy, _ in order.policies] == [("order.hold", "policy:value_mismatch")]
    assert order.view.exceptions[0].detail == {"notes_cents": 2 * TOTAL, "due_cents": TOTAL, "difference_cents": TOTAL}
    order.ask("order.release")
    order.tell(parcel("label_created"))
    assert (order.view.state, kinds(order.view)) == ("processing", ["value_mismatch"])


@pytest.mark.parametrize(
    ("before", "policies"),
    [
        ([placed(pix(), rules={"hold_on_value_mismatch": "never"}), pix_paid()], 0),
        ([placed(pix(), historical=True), pix_paid()], 0),
        ([*PAID, canceled()], 0),
        ([placed(pix())], 1),
    ],
)
def test_which_orders_are_held(before: list[Fact], policies: int) -> None:
    order = story(*before, paper("issued", total_cents=2 * TOTAL))
    assert len(order.policies) == policies
    assert (order.view.state == "holded") == bool(policies)


def test_an_order_that_cannot_be_held_is_an_exception_only() -> None:
    order = story(*PAID, parcel("posted", 20), paper("issued", total_cents=2 * TOTAL))
    assert (order.view.state, kinds(order.view)) == ("complete", ["value_mismatch"])
    assert isinstance(order.policies[0][1], Rejected)


def test_a_second_note_of_the_whole_order_is_a_duplicate() -> None:
    now = seen(*PAID, paper("issued", 50), paper("issued", 60, key=OTHER))
    assert [(one.kind, one.key) for one in now.exceptions] == [("duplicate_fiscal_document", OTHER), ("value_mismatch", "order")]
    assert kinds(seen(*PAID, paper("issued", 50), paper("issued", 60, key=OTHER), paper("canceled", 70))) == []


# -- exceptions --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "open_"),
    [
        ([placed(pix()), paper("issued")], ["nf_before_payment"]),
        ([placed(pix()), paper("requested")], []),
        ([placed(total_cents=0), paper("issued", total_cents=0)], []),
        ([*PAID, canceled(), paper("issued")], ["nf_on_canceled", "paid_after_cancel"]),
        ([*PAID, canceled(), paper("issued"), paper("returned", 60, key=OTHER, original_access_key=NF, total_cents=TOTAL)],
         ["paid_after_cancel"]),
        ([*PAID, paper("rejected"), paper("rejected", key=OTHER)], ["nf_rejected", "nf_rejected"]),
        ([*PAID, paper("rejected"), paper("denied", key=OTHER)], ["nf_rejected", "nf_rejected"]),
        ([*PAID, parcel("posted", 20), paper("canceled", 60)], ["nf_canceled_after_ship"]),
        ([*PAID, payment("refunded", 40, cumulative_cents=TOTAL), paper("issued", 50)], ["nf_after_refund"]),
        ([*PAID, payment("refunded", 40, cumulative_cents=TOTAL), paper("issued", 50), paper("canceled", 60)], []),
    ],
)  # fmt: skip
def test_what_a_person_must_decide(facts: list[Fact], open_: list[str]) -> None:
    assert kinds(seen(*facts)) == open_


# -- fiscal.mark_issued ------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R9", "R30")
def test_a_person_says_that_the_note_exists() -> None:
    order = story(*PAID)
    verdict = order.ask("fiscal.mark_issued", number="1234", series="1", url="https://nf.exemplo.invalid/1", notify=True)
    assert isinstance(verdict, Accepted)
    assert (order.view.status, only(order.view).evidence, only(order.view).number) == ("nf_issued", "manual", "1234")
    assert order.keys[-3:] == ["fiscal.issued", "order.status_changed.nf_issued", "notification.requested.email.nf_issued"]
    assert order.body("fiscal.issued")["url"] == "https://nf.exemplo.invalid/1"
    order.tell(paper("issued", 90, number="1234", series="1"))
    assert (only(order.view).id, only(order.view).evidence, kinds(order.view)) == (NF, "nfe_proc", [])


def test_a_note_marked_without_anything_is_the_one_that_comes() -> None:
    order = story(*PAID)
    order.ask("fiscal.mark_issued")
    order.tell(paper("issued", 90, number="77"))
    assert (only(order.view).id, kinds(order.view)) == (NF, [])


def test_a_note_marked_by_another_number_is_another_note() -> None:
    order = story(*PAID)
    order.ask("fiscal.mark_issued", number="1")
    order.tell(paper("issued", 90, number="2"))
    assert len(order.view.fiscal_documents) == 2
    assert kinds(order.view) == ["duplicate_fiscal_document"]


@pytest.mark.parametrize("form", [{}, {"access_key": NF}, {"number": "1234"}, {"number": "1234", "series": "1"}])
def test_marking_twice_changes_nothing(form: dict[str, Any]) -> None:
    order = story(*PAID, paper("issued", number="1234", series="1"))
    assert isinstance(order.ask("fiscal.mark_issued", **form), NoOp)


def test_a_canceled_note_is_not_issued_again() -> None:
    order = story(*PAID, paper("issued"), paper("canceled", 55))
    verdict = order.ask("fiscal.mark_issued", access_key=NF)
    assert isinstance(verdict, Rejected)
    assert verdict.code == "invalid_payload"
    assert isinstance(order.ask("fiscal.mark_issued", access_key=OTHER), Accepted)
