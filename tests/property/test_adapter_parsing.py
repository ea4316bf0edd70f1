"""Whatever comes in, parsing answers with a value or with PayloadMalformed; and money keeps every cent."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import PayloadMalformed
from adapters.parsing import SAO_PAULO, decimal_to_cents, dump_json, load_json, parse_xml, read_moment
from schemas.base import MAX_CENTS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_in_one_way(body: bytes) -> None:
    for read in (load_json, parse_xml):
        with contextlib.suppress(PayloadMalformed):
            read(body)


@given(JSON, st.data())
def test_a_truncated_document_is_refused_in_one_way(value: Any, data: st.DataObject) -> None:
    body = json.dumps([value]).encode()
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(PayloadMalformed):
        load_json(body[:cut])


@given(JSON)
def test_what_is_read_is_written_back_the_same(value: Any) -> None:
    assert load_json(dump_json(load_json(json.dumps(value).encode()))) == value


@given(st.integers(0, MAX_CENTS))
def test_every_cent_survives(cents: int) -> None:
    text = f"{cents // 100}.{cents % 100:02d}"
    assert decimal_to_cents(text) == cents
    assert decimal_to_cents(Decimal(text)) == cents
    assert decimal_to_cents(load_json(f"[{text}]".encode())[0]) == cents


@given(st.text() | st.decimals() | st.integers() | st.none() | st.floats())
def test_an_amount_is_exact_or_refused(value: object) -> None:
    try:
        cents = decimal_to_cents(value)
    except ValueError:
        return
    assert 0 <= cents <= MAX_CENTS
    assert Decimal(cents) == Decimal(str(value)) * 100


@given(st.text(alphabet="0123456789-:TZ+. ", max_size=35) | st.datetimes().map(lambda at: at.isoformat()))
def test_a_time_is_aware_and_of_this_century_or_refused(text: str) -> None:
    try:
        moment = read_moment(text, SAO_PAULO)
    except ValueError:
        return
    assert moment.at.tzinfo is not None
    assert 2000 <= moment.at.year < 2100
