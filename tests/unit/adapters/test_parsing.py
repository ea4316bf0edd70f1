"""Parsing at the edge: what is refused, what is exact, and that a message never shows the value."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from adapters.contract import PayloadMalformed
from adapters.parsing import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    SAO_PAULO,
    NativeCents,
    NativeId,
    NativeText,
    Reais,
    decimal_to_cents,
    dump_json,
    end_of_day,
    integer_to_cents,
    load_json,
    parse_json,
    parse_xml,
    read_date,
    read_moment,
    start_of_day,
)
from schemas.base import Lenient, Text


class Item(Lenient):
    """A line of the sample model."""

    amount: Reais


class Sample(Lenient):
    """A model with one field of each kind that parsing offers."""

    name: Text = ""
    cents: NativeCents = 0
    reference: NativeId = None
    note: NativeText = None
    items: tuple[Item, ...] = ()


def refused(body: bytes) -> str:
    with pytest.raises(PayloadMalformed) as caught:
        parse_json(Sample, body)
    return str(caught.value)


# --- JSON ---------------------------------------------------------------------------------------------------------------------


def test_numbers_with_a_point_are_decimals_and_never_floats() -> None:
    value = load_json(b'{"a": 149.90, "b": 1e2, "c": 7}')
    assert value == {"a": Decimal("149.90"), "b": Decimal("1E+2"), "c": 7}
    assert [type(item) for item in value.values()] == [Decimal, Decimal, int]


def test_a_byte_order_mark_is_ignored() -> None:
    assert load_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_a_declared_charset_is_honoured_and_an_unknown_one_is_not() -> None:
    body = '{"name": "João"}'.encode("latin-1")
    assert load_json(body, "application/json; charset=ISO-8859-1") == {"name": "João"}
    assert load_json('{"name": "João"}'.encode(), "application/json; charset=x-mac-klingon") == {"name": "João"}
    with pytest.raises(PayloadMalformed, match="not utf-8: byte 12"):
        load_json(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"nonsense", "not JSON"),
        (b'{"a": 1', "line 1, column 8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"x": {"\\ud800": 1, "\\ud800": 2}}', r"'\ud800' twice"),
        (b'{"a": 1e999999999}', "too long"),
        (b'{"a": 1e99999999999999999999999}', "too long"),
        (b'{"a": 0.' + b"1" * 80 + b"}", "too long"),
        (b'{"a": ' + b"1" * 5000 + b"}", "too long"),
        (b'{"a": "\x00"}', "not JSON"),
        ('{"a": 1}'.encode("utf-16"), "not utf-8"),
        (b"[" * 200_000, "nested"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "nested"),
        (b" " * (MAX_BODY_BYTES + 1), "more than"),
    ],
)
def test_json_that_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(PayloadMalformed) as caught:
        load_json(body)
    assert says in str(caught.value)


def test_the_deepest_allowed_document_is_read() -> None:
    assert load_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_a_wide_document_is_not_a_deep_one() -> None:
    assert len(load_json(b"[" + b"{}," * 5000 + b"{}]")) == 5001


def test_a_repeated_name_among_many_is_found_without_comparing_all_with_all() -> None:
    body = b"{" + b",".join(b'"k%d":0' % n for n in range(150_000)) + b',"k149999":1}'
    with pytest.raises(PayloadMalformed, match="'k149999' twice"):
        load_json(body)


def test_the_message_names_the_place_and_never_the_value() -> None:
    message = refused(b'{"items": [{"amount": "1.00"}, {"amount": "12345678909 Maria"}]}')
    assert message.startswith("items.1.amount: must be an amount in reais")
    assert "Maria" not in message
    assert "12345678909" not in message


def test_many_faults_make_a_short_message() -> None:
    assert "and 5 more" in refused(b'{"items": [' + b",".join([b"{}"] * 10) + b"]}")


@pytest.mark.parametrize("body", [b'{"name": "a\\u0000b"}', b'{"name": "\\ud83d"}', b'{"reference": "x\\u0000"}'])
def test_text_that_no_database_holds_is_refused(body: bytes) -> None:
    assert refused(body).startswith(("name: ", "reference: "))


def test_text_that_only_informs_is_mended_instead() -> None:
    assert parse_json(Sample, b'{"note": " a\\u0000\\ud83d "}').note == "a\ufffd\ufffd"
    assert parse_json(Sample, b'{"note": {"not": "text"}}').note is None
    assert len(parse_json(Sample, b'{"note": "' + b"x" * 9000 + b'"}').note or "") == 500


@pytest.mark.parametrize(
    ("given", "held"),
    [(b'"PED1"', "PED1"), (b"100000417", "100000417"), (b'"007"', "007"), (b"null", None), (b'""', None), (b'"  "', None)],
)
def test_identifiers_of_other_systems_become_text(given: bytes, held: str | None) -> None:
    assert parse_json(Sample, b'{"reference": ' + given + b"}").reference == held


@pytest.mark.parametrize("given", [b"true", b"1.5", b'"' + b"x" * 65 + b'"', b"[]"])
def test_what_is_no_identifier_is_refused(given: bytes) -> None:
    assert refused(b'{"reference": ' + given + b"}").startswith("reference: ")


def test_a_failed_part_is_written_digit_for_digit() -> None:
    body = b'{"a": 149.90, "b": [1, true, null, "\\u00e7"], "c": {"d": 1E+2}}'
    assert dump_json(load_json(body)) == body


# --- Money --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reais", "cents"),
    [
        ("149.90", 14990), ("149.9", 14990), ("149", 14900), ("0.01", 1), ("0", 0), ("00010.05", 1005), (Decimal("149.90"), 14990),
        (Decimal("1E+2"), 10000), (Decimal("149.9"), 14990), (7, 700), ("9999999999.99", 999999999999), ("10000000000.00", 10**12),
    ],
)  # fmt: skip
def test_reais_become_cents_exactly(reais: object, cents: int) -> None:
    assert decimal_to_cents(reais) == cents


@pytest.mark.parametrize(
    "reais",
    [
        "1.500", "149.905", "-1.00", "-0.01", "+1.00", "1,50", "1.500,00", "", " 1.00", "1.00 ", "1.", ".50", "1e3", "NaN", "R$ 1.00",
        "10000000000.01", "99999999999999", "\u0661\u0662.00", None, True, 1.5, [], Decimal("-1"), Decimal("1E+30"), Decimal("NaN"),
        Decimal("0.001"), -5,
    ],
)  # fmt: skip
def test_what_is_not_exactly_an_amount_is_refused(reais: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        decimal_to_cents(reais)


@pytest.mark.parametrize(("value", "cents"), [(15300, 15300), ("15300", 15300), (0, 0), ("0", 0), (10**12, 10**12)])
def test_integer_cents_may_be_a_text_of_digits(value: object, cents: int) -> None:
    assert integer_to_cents(value) == cents


@pytest.mark.parametrize("value", [-1, "-1", 1.0, Decimal("153.00"), "153.00", True, None, "", "1 000", 10**12 + 1, 10**40, "\u0661"])
def test_what_is_not_integer_cents_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        integer_to_cents(value)


# --- XML ----------------------------------------------------------------------------------------------------------------------

BOMB = b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">' + b"".join(
    b'<!ENTITY x%d "%s">' % (n, b"&x%d;" % (n - 1) * 10 if n else b"&x;" * 10) for n in range(9)
)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not XML"),
        (b"<a>", "not XML"),
        (b"{}", "not XML"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY x "INT">]><a>p&x;q</a>', "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "DOCTYPE"),
        (BOMB + b"]><a>&x8;</a>", ""),
        (b"<a>12<?x y?>34</a>", "processing instruction"),
        (b"<a>&undeclared;</a>", ""),
        (b"<a>" * 300 + b"</a>" * 300, "not XML"),
        (b"<a>" + b"x" * 200 + b"</a>", "more than 100"),
    ],
)
def test_xml_that_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(PayloadMalformed) as caught:
        parse_xml(body, max_bytes=100 if says == "more than 100" else MAX_BODY_BYTES)
    assert says in str(caught.value)
    assert "root:" not in str(caught.value)


def test_a_comment_does_not_cut_a_text_in_two() -> None:
    assert parse_xml(b"<n><xPed>12<!-- -->34</xPed></n>").findtext("xPed") == "1234"


def test_a_stylesheet_before_the_document_is_harmless() -> None:
    assert parse_xml(b'<?xml version="1.0"?><?xml-stylesheet href="x"?><a>1</a>').text == "1"


# --- Times --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "instant", "assumed"),
    [
        ("2026-01-22T13:05:11.1234567Z", datetime(2026, 1, 22, 13, 5, 11, 123456, UTC), False),
        ("2026-01-22T13:05:10.000Z", datetime(2026, 1, 22, 13, 5, 10, 0, UTC), False),
        ("2026-01-22T10:05:10-03:00", datetime(2026, 1, 22, 13, 5, 10, 0, UTC), False),
        ("2026-01-22 10:05-0300", datetime(2026, 1, 22, 13, 5, 0, 0, UTC), False),
        ("2026-01-22T23:30:00-04", datetime(2026, 1, 23, 3, 30, 0, 0, UTC), False),
        ("2026-01-22T10:05:10.5", datetime(2026, 1, 22, 13, 5, 10, 500000, UTC), True),
        # Summer time in São Paulo, abolished in 2019: two hours behind.
        ("2018-12-01T12:00:00", datetime(2018, 12, 1, 14, 0, 0, 0, UTC), True),
    ],
)
def test_times_become_utc(text: str, instant: datetime, assumed: bool) -> None:
    assert read_moment(text, SAO_PAULO) == (instant, assumed)


def test_a_naive_time_is_in_the_zone_its_adapter_names() -> None:
    assert read_moment("2017-06-29T20:23:47", UTC).at == datetime(2017, 6, 29, 20, 23, 47, 0, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-01-22", "20260122T130510Z", "2026-W04-4T10:00:00Z", "22/01/2026 10:00", "1767225600", 1767225600, None, True,
        "2026-02-30T10:00:00Z", "2026-01-22T24:00:00Z", "2026-01-22T10:60:00Z", "2026-01-22T10:00:00+24:00", "2026-01-22T10:00:00+03:61",
        "0001-01-01T00:00:00", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2099-12-31T23:00:00-03:00", "2000-01-01T00:00:00+03:00",
        "2026-01-22T10:00:00Z\n", "\u0662026-01-22T10:00:00Z",
    ],
)  # fmt: skip
def test_what_is_not_a_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"must|day|hour|minute|second|month"):
        read_moment(text, UTC)


def test_days_begin_and_end_in_sao_paulo() -> None:
    day = read_date("2026-01-20T00:00:00")
    assert day == date(2026, 1, 20)
    assert start_of_day(day) == datetime(2026, 1, 20, 3, 0, 0, 0, UTC)
    assert end_of_day(day) == datetime(2026, 1, 21, 2, 59, 59, 0, UTC)
