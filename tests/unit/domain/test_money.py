"""Splitting money over lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.money import spread
from tests.unit.domain.orders import placed, seen

weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], (34, 33, 33)),
        (101, [1, 1, 1], (34, 34, 33)),
        (1, [1, 1], (1, 0)),
        (10, [3, 7], (3, 7)),
        (5, [1, 2, 3], (1, 2, 2)),
        (7, [0, 5, 0], (0, 7, 0)),
        (3, [0, 0], (2, 1)),
        (0, [4, 4], (0, 0)),
        (0, [], ()),
        (-100, [1, 1, 1], (-34, -33, -33)),
        (10**12, [1], (10**12,)),
    ],
)
def test_spread_gives_the_cents_left_over_to_the_largest_remainders(amount: int, weights: list[int], parts: tuple[int, ...]) -> None:
    assert spread(amount, weights) == parts


def test_spread_refuses_what_has_no_answer() -> None:
    with pytest.raises(ValueError, match="negative"):
        spread(10, [5, -1])
    with pytest.raises(ValueError, match="nothing to spread"):
        spread(10, [])


@given(amount=st.integers(-(10**12), 10**12), weights=weights)
def test_no_cent_is_lost_or_made(amount: int, weights: list[int]) -> None:
    assert sum(spread(amount, weights)) == amount


@given(amount=st.integers(0, 10**12), weights=weights)
def test_each_part_is_within_one_cent_of_its_share(amount: int, weights: list[int]) -> None:
    total = sum(weights)
    for part, weight in zip(spread(amount, weights), weights, strict=True):
        if total:
            assert abs(part * total - amount * weight) < total


@given(
    lines=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10**7)), min_size=1, max_size=12),
    shipping=st.integers(0, 10**6),
    discount=st.integers(0, 10**6),
    total=st.integers(0, 10**9),
)
def test_lines_and_freight_make_up_the_total_exactly(lines: list[tuple[int, int]], shipping: int, discount: int, total: int) -> None:
    items = [{"sku": f"S{n}", "quantity": quantity, "unit_price_cents": price} for n, (quantity, price) in enumerate(lines)]
    now = seen(placed(items=items, shipping={"amount_cents": shipping}, discount_cents=discount, total_cents=total))
    assert sum(line.total_cents for line in now.lines) + now.shipping_cents == total
    assert sum(line.discount_cents for line in now.lines) == discount
    assert sum(line.adjustment_cents for line in now.lines) == now.adjustment_cents
    gross = sum(quantity * price for quantity, price in lines)
    assert now.adjustment_cents == total - (gross + shipping - discount)


def test_a_discount_falls_on_lines_by_quantity_times_price() -> None:
    items = [
        {"sku": "A", "quantity": 1, "unit_price_cents": 1000},
        {"sku": "B", "quantity": 2, "unit_price_cents": 1000},
    ]
    now = seen(placed(items=items, shipping={"amount_cents": 500}, discount_cents=100, total_cents=3400))
    assert [(line.sku, line.discount_cents, line.total_cents) for line in now.lines] == [("A", 33, 967), ("B", 67, 1933)]
    assert now.adjustment_cents == 0
