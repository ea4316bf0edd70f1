"""Access keys: the check digit by hand, letters in the CNPJ, and no other way to write one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.erp.nfe.access_key import check_digit, read_access_key

# The two keys of the fiscal sheet, checked there against a third implementation.
NUMERIC = "35261011222333000181550010000012341876543210"
LETTERS = "35261012ABC34501DE35550010000012351876543219"


@pytest.mark.parametrize("text", [NUMERIC, LETTERS, LETTERS.lower()])
def test_a_whole_key_is_read_in_capitals(text: str) -> None:
    assert read_access_key(text).text == text.upper()


def test_a_key_says_what_it_is_made_of() -> None:
    key = read_access_key(LETTERS)
    assert (key.state, key.year_month, key.issuer, key.model) == ("35", "2610", "12ABC34501DE35", "55")
    assert (key.series, key.number, key.emission, key.code) == ("1", "1235", "1", "87654321")


def test_series_zero_is_zero() -> None:
    body = NUMERIC[:22] + "000" + NUMERIC[25:43]
    assert read_access_key(body + check_digit(body)).series == "0"


def test_a_remainder_below_two_gives_zero() -> None:
    assert check_digit("0" * 43) == "0"
    assert check_digit("0" * 36 + "3" + "0" * 6) == "9"  # weight 8: 24 leaves 2, and 11 - 2 is 9
    assert check_digit("0" * 38 + "2" + "0" * 4) == "0"  # weight 6: 12 leaves 1
    assert check_digit("0" * 38 + "1" + "0" * 4) == "5"  # weight 6 leaves 6


@given(place=st.integers(0, 43), other=st.sampled_from("0123456789"))
def test_one_wrong_digit_is_always_seen_unless_it_falls_into_the_double_zero(place: int, other: str) -> None:
    changed = NUMERIC[:place] + other + NUMERIC[place + 1 :]
    if changed == NUMERIC:
        return
    try:
        read_access_key(changed)
    except ValueError:
        return
    # Remainders 0 and 1 share the digit 0: the scheme's own blind spot.
    assert changed[43] == "0"


@pytest.mark.parametrize(
    "text",
    [
        "", NUMERIC[:43], NUMERIC + "0", NUMERIC.replace("5500", "55A0", 1), "A" + NUMERIC[1:], NUMERIC[:-1] + "\u0660", " " + NUMERIC,
        None, 35,
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be an access key"):
        read_access_key(text)
