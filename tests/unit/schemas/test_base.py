"""The field types every message shares refuse what would hurt later."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.base import MAX_CENTS, Cents, Flag, Identifier, Instant, Message, Text, Word

CENTS: TypeAdapter[int] = TypeAdapter(Cents)
INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)
TEXT: TypeAdapter[str] = TypeAdapter(Text)

ANY_TEXT = st.text(st.characters(), max_size=200)  # surrogates and NUL included


@settings(deadline=None)
@given(st.integers())
def test_cents_are_whole_and_in_range(value: int) -> None:
    if 0 <= value <= MAX_CENTS:
        assert CENTS.validate_python(value) == value
    else:
        with pytest.raises(ValidationError):
            CENTS.validate_python(value)


@pytest.mark.parametrize("value", [10.0, math.nan, math.inf, "10", True, None, -1, 10**12 + 1, 10**400])
def test_what_is_not_integer_cents_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        CENTS.validate_python(value)


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2098, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_an_instant_keeps_its_moment_and_is_held_in_utc(naive: datetime, offset_minutes: int) -> None:
    aware = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    read = INSTANT.validate_python(aware.isoformat())
    assert read == aware
    assert read.tzinfo is UTC
    assert INSTANT.validate_json(INSTANT.dump_json(read)) == read


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-25T10:00:00",  # naive
        "2026-11-25",
        "1764072000",  # seconds since 1970, says pydantic
        "1764072000000",
        1764072000,
        1764072000.5,
        datetime(2026, 11, 25, 10),  # noqa: DTZ001
        "1999-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "0001-01-01T00:00:00+12:00",  # has no UTC
        "9999-12-31T23:59:59-12:00",
        "2026-11-25T25:00:00Z",
        "",
        None,
        True,
    ],
)
def test_what_is_no_aware_instant_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(value)


@settings(deadline=None)
@given(ANY_TEXT)
def test_text_that_passes_can_be_stored(value: str) -> None:
    try:
        kept = TEXT.validate_python(value)
    except ValidationError:
        assert "\x00" in value or any("\ud800" <= ch <= "\udfff" for ch in value)
    else:
        assert kept == value
        assert b"\x00" not in kept.encode("utf-8")


@pytest.mark.parametrize("value", ["yes", "true", 1, 0, "0", None])
def test_a_flag_is_true_or_false_and_nothing_else(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Flag).validate_python(value)


@pytest.mark.parametrize("value", ["", "A", "a.b", "a b", "a\n", "1a", "a" * 65, "ação"])
def test_a_word_fits_into_a_routing_key(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Word).validate_python(value)


@settings(deadline=None)
@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text())))
def test_an_identifier_is_never_made_of_something_else(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Identifier).validate_python(value)


def test_errors_do_not_show_the_value() -> None:
    class Person(Message):
        document: Cents

    with pytest.raises(ValidationError) as caught:
        Person.model_validate({"document": "12345678909"})
    assert "12345678909" not in str(caught.value)
