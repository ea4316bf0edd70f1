"""Correios: the table against the totals of its source, numbers of S10, what is asked."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.carriers.correios.numbers import is_valid, normalized
from adapters.carriers.correios.statuses import FAMILIES, OUTCOMES, PAIRS, meaning_of_code
from adapters.carriers.correios.translate import build_fetch
from adapters.contract import Fetch
from adapters.tracking_words import meaning_of


def test_every_pair_is_mapped() -> None:
    # Counted by hand from the published table: 84 statuses of an outcome, in three families, and 84 pairs of the others.
    assert Counter(family for family, _ in PAIRS) == {
        "BDE": 84, "BDI": 84, "BDR": 84, "PO": 3, "CO": 14, "OEC": 4, "LDE": 2, "LDI": 8, "FC": 12, "BLQ": 16, "PAR": 11,
        "IDC": 7, "EST": 7,
    }  # fmt: skip
    assert Counter(meaning.kind.removeprefix("shipment.") for meaning in PAIRS.values()) == {
        "delivered": 16, "delivery_difficulty": 38, "returning": 67, "in_transit": 48, "delayed": 8, "ready_for_pickup": 13, "on_hold": 75,
        "returned": 3, "lost_suspected": 9, "lost": 25, "damaged": 10, "posted": 4, "label_created": 7, "canceled": 3,
        "out_for_delivery": 3, "correction": 7,
    }  # fmt: skip


def test_only_these_codes_deliver() -> None:
    delivering = {pair for pair, meaning in PAIRS.items() if meaning.kind == "shipment.delivered"}
    assert delivering == {(family, status) for family in OUTCOMES for status in (0, 1, 67, 70, 79)} | {("CO", 8)}


def test_an_outcome_abroad_is_not_a_difficulty() -> None:
    kinds = [meaning.kind for family in OUTCOMES if (meaning := meaning_of_code(family, 82))]
    assert kinds == ["shipment.delivery_difficulty", "shipment.in_transit", "shipment.delivery_difficulty"]


@pytest.mark.parametrize("family", [*FAMILIES, "XYZ"])
def test_an_unlisted_status_is_never_a_delivery(family: str) -> None:
    meaning = meaning_of_code(family, 9999)
    assert meaning is None or meaning.kind in {"shipment.in_transit", "shipment.on_hold"}


@pytest.mark.parametrize("number", ["AA123456785BR", "AA000000014BR", "AA987654326BR", "AA100000025BR", "AA100000140BR"])
def test_a_right_check_digit_is_accepted(number: str) -> None:
    assert is_valid(number)
    assert is_valid(normalized(f" {number[:2].lower()} {number[2:]} "))


@pytest.mark.parametrize("number", ["AA123456784BR", "ME26008X4K7BR", "AA12345678BR", "", "AA\uff1123456785BR"])
def test_what_is_not_of_s10_is_not_asked(number: str) -> None:
    assert not is_valid(number)


@given(st.text())
def test_any_text_may_be_checked(number: str) -> None:
    assert is_valid(normalized(number)) in {True, False}


def test_other_carriers_numbers_are_left_out_of_the_call() -> None:
    request = build_fetch(Fetch("tracking", "AA123456785BR,ME26008X4K7BR,aa000000014br"))
    assert request.url == "/srorastro/v1/objetos?codigosObjetos=AA123456785BR&codigosObjetos=AA000000014BR&resultado=T"
    with pytest.raises(ValueError, match="not 0"):
        build_fetch(Fetch("tracking", "ME26008X4K7BR"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Objeto será devolvido ao remetente", "returning"),
        ("Objeto devolvido ao remetente", "returned"),
        ("Objeto entregue ao remetente", "returned"),
        ("Objeto não pode ser entregue", "delivery_difficulty"),
        ("O objeto poderá ser devolvido ao remetente", "on_hold"),
        ("Objeto não coletado", None),
        ("Objeto entregue ao destinatário", None),
        ("Entrega efetuada", None),
        ("", None),
    ],
)
def test_a_text_decides_only_what_it_says(text: str, kind: str | None) -> None:
    meaning = meaning_of(text)
    assert (meaning.kind if meaning else None) == (f"shipment.{kind}" if kind else None)


@given(st.lists(st.none() | st.text(), max_size=3))
def test_no_text_delivers(texts: list[str | None]) -> None:
    meaning = meaning_of(*texts)
    assert meaning is None or meaning.kind != "shipment.delivered"
