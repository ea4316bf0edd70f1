"""What every adapter promises, run over every adapter that is registered."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.contract import Adapter, Facts, PayloadMalformed, RawDelivery, Secrets, SignatureInvalid, Translation, unsigned
from adapters.parsing import MAX_BODY_BYTES, MAX_VALUES
from schemas.facts import Fact, PaymentFact, parse_fact
from scripts.golden import RECEIVED_AT, Case, cases, registered
from tests.contract.adapter_cases import CASES, OpenWord, Signing, replaced
from tests.contract.garbage import JUNK, Document, documents

ADAPTERS: Final = registered()
GOLDEN: Final = [case for case in cases() if case.adapter_name in ADAPTERS]
QUESTIONS: Final = [case for case in GOLDEN if case.fetch is None]
LEGIBLE: Final = documents(QUESTIONS)

every_adapter = pytest.mark.parametrize("adapter", [pytest.param(adapter, id=name) for name, adapter in sorted(ADAPTERS.items())])
every_case = pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in GOLDEN])
every_signing = pytest.mark.parametrize(
    ("adapter", "signing"),
    [
        pytest.param(ADAPTERS[name], way, id=f"{name}-{way.name}")
        for name, case in CASES.items()
        for way in case.signings
        if name in ADAPTERS
    ],
)
patient = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


def golden(adapter: Adapter, name: str) -> Case:
    return next(case for case in GOLDEN if case.name == f"{adapter.name}/{name}")


def first_golden(adapter: Adapter) -> Case:
    return next(case for case in QUESTIONS if case.adapter_name == adapter.name and "facts" in case.expected)


def translated(adapter: Adapter, body: bytes) -> Translation | None:
    """Translate a body that may be anything. None: it was refused in the one way that is allowed."""
    try:
        translation = adapter.translate(RawDelivery(body, {}, RECEIVED_AT, adapter.name))
    except PayloadMalformed as error:
        assert len(str(error)) < 2000
        assert str(error).isprintable()
        return None
    check(adapter, translation)
    return translation


def check(adapter: Adapter, translation: Translation) -> None:
    """Check everything that holds of whatever an adapter returns."""
    if not isinstance(translation, Facts):
        return
    assert translation.facts or translation.failed, "nothing came out: that is Ignored"
    assert len(set(translation.facts)) == len(translation.facts), "one fact is told twice"
    for fact in translation.facts:
        check_fact(adapter, fact)


def check_fact(adapter: Adapter, fact: Fact) -> None:
    # Built without validation somewhere, it would not survive the log.
    assert parse_fact(json.loads(json.dumps(fact.model_dump(mode="json")))) == fact
    for value in leaves(fact.model_dump()):
        assert not isinstance(value, float | Decimal)
        if isinstance(value, datetime):
            assert value.utcoffset() == timedelta(0)
        if isinstance(value, int):
            assert value >= 0
    assert fact.references, "a fact without references finds no order"
    if isinstance(fact, PaymentFact):
        assert fact.provider == adapter.provider
        assert fact.payment_key is None or fact.payment_key in fact.references
        if fact.kind == "payment.captured":
            assert fact.amount_cents is not None
        if fact.kind in {"payment.refund_pending", "payment.refunded", "payment.refund_failed"}:
            assert fact.cumulative_cents is not None or (fact.refund_id and fact.amount_cents is not None)
        if fact.kind == "payment.unknown":
            assert fact.raw_word


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


# --- Completeness -------------------------------------------------------------------------------------------------------------


def test_every_registered_adapter_has_a_case_and_nothing_else_has() -> None:
    assert set(CASES) == set(ADAPTERS)


@every_adapter
def test_its_declaration_is_whole(adapter: Adapter) -> None:
    assert adapter.family in {"payments", "carriers", "erp", "shop"}
    assert adapter.docs
    assert adapter.amount_format
    assert adapter.time_zone
    assert adapter.statuses
    assert (adapter.verify is unsigned) == (not CASES[adapter.name].signings)
    assert bool(adapter.resources) == (adapter.build_fetch is not None) == (adapter.parse_response is not None)


@every_adapter
def test_every_documented_word_has_a_golden_case(adapter: Adapter) -> None:
    golden = [case for case in GOLDEN if case.adapter_name == adapter.name]
    bodies = b"".join(case.payload for case in golden)
    if CASES[adapter.name].lines:  # Fixed columns hold half a word; the facts hold it whole.
        bodies = json.dumps([case.expected for case in golden]).encode()
    assert [word for word in adapter.statuses if f'"{word}"'.encode() not in bodies and f">{word}<".encode() not in bodies] == []


# --- Signatures ---------------------------------------------------------------------------------------------------------------


@every_signing
@pytest.mark.parametrize("which", [0, 1])
def test_either_secret_is_accepted_during_rotation(adapter: Adapter, signing: Signing, which: int) -> None:
    adapter.verify(signing.delivery(first_golden(adapter).payload, which), signing.secrets)


@every_signing
def test_a_strangers_secret_is_refused(adapter: Adapter, signing: Signing) -> None:
    with pytest.raises(SignatureInvalid):
        adapter.verify(signing.delivery(first_golden(adapter).payload, 2), signing.secrets)


@every_signing
def test_a_missing_signature_is_refused(adapter: Adapter, signing: Signing) -> None:
    bare: tuple[dict[str, object], ...] = (
        {"hub-http-headers": {}},
        {"hub-http-headers": {"content-type": "application/json"}, "hub-http-query": {}},
    )
    for headers in bare:
        with pytest.raises(SignatureInvalid):
            adapter.verify(RawDelivery(first_golden(adapter).payload, headers, RECEIVED_AT), signing.secrets)


@every_signing
def test_one_flipped_byte_of_the_body_is_refused(adapter: Adapter, signing: Signing) -> None:
    body = first_golden(adapter).payload
    headers = signing.sign(body, 0)
    for index in range(0, len(body), max(1, len(body) // 25)):
        changed = body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]
        if signing.covers_body:
            with pytest.raises(SignatureInvalid):
                adapter.verify(RawDelivery(changed, headers, RECEIVED_AT), signing.secrets)
        else:
            adapter.verify(RawDelivery(changed, headers, RECEIVED_AT), signing.secrets)


@every_signing
def test_how_old_a_message_is_does_not_matter_to_its_signature(adapter: Adapter, signing: Signing) -> None:
    # None of these schemes signs a time; a hook may lie in a queue for days.
    delivery = signing.delivery(first_golden(adapter).payload, 0)
    adapter.verify(RawDelivery(delivery.body, delivery.headers, RECEIVED_AT + timedelta(days=30)), signing.secrets)


@every_signing
@given(junk=st.dictionaries(st.text(), st.text() | st.binary() | st.integers() | st.none(), max_size=3), text=st.text())
@patient
def test_garbage_in_place_of_a_signature_is_refused_in_one_way(
    adapter: Adapter, signing: Signing, junk: dict[str, object], text: str
) -> None:
    signed = signing.sign(b"{}", 0)
    for table in ("hub-http-headers", "hub-http-query"):
        given_table = signed.get(table, {})
        assert isinstance(given_table, dict)
        for headers in ({**signed, table: junk}, {**signed, table: dict.fromkeys(given_table, text)}):
            if table in signed:
                delivery = RawDelivery(b"{}", {"hub-http-headers": {}, **headers}, RECEIVED_AT)
                try:
                    adapter.verify(delivery, signing.secrets)
                except SignatureInvalid:
                    continue
                assert table == "hub-http-headers", "accepted without its signature"
                assert delivery.http_query == signed.get("hub-http-query"), "accepted without its signature"


@every_adapter
def test_an_authenticated_publisher_is_trusted_unless_a_signature_is_required(adapter: Adapter) -> None:
    delivery = RawDelivery(b"{}", {}, RECEIVED_AT)
    for secrets in (Secrets(), *(way.secrets for way in CASES[adapter.name].signings)):
        adapter.verify(delivery, secrets)
    with pytest.raises(SignatureInvalid):
        adapter.verify(delivery, Secrets(require_signature=True))


@every_adapter
def test_without_a_secret_unsigned_messages_are_accepted_unless_a_signature_is_required(adapter: Adapter) -> None:
    delivery = RawDelivery(b"{}", {"hub-http-headers": {"user-agent": "x"}}, RECEIVED_AT)
    adapter.verify(delivery, Secrets())
    with pytest.raises(SignatureInvalid):
        adapter.verify(delivery, Secrets(require_signature=True))


# --- Translation --------------------------------------------------------------------------------------------------------------


@every_case
def test_translated_twice_it_says_the_same(case: Case) -> None:
    adapter = ADAPTERS[case.adapter_name]
    if "error" in case.expected:
        return
    first, second = case.translate(adapter), case.translate(adapter)
    assert first == second
    check(adapter, first)
    ids = [fact.event_id for fact in first.facts] if isinstance(first, Facts) else []
    assert len(ids) == len(set(ids)), "two facts of one delivery have two ids"


@every_case
def test_received_later_it_has_the_same_ids(case: Case) -> None:
    adapter = ADAPTERS[case.adapter_name]
    if "facts" not in case.expected or case.fetch is not None:
        return
    delivery = case.delivery
    early = adapter.translate(delivery)
    late = adapter.translate(RawDelivery(delivery.body, delivery.headers, datetime(2027, 1, 1, tzinfo=UTC)))
    assert isinstance(early, Facts)
    assert isinstance(late, Facts)
    assert early.delivery_id == late.delivery_id
    for one, other in zip(early.facts, late.facts, strict=True):
        assert one.event_id == other.event_id
        # Only a time that was assumed may differ.
        assert one == other or (one.occurred_at_assumed and one.model_copy(update={"occurred_at": other.occurred_at}) == other)


@every_case
def test_a_failed_part_is_a_delivery_of_its_own(case: Case) -> None:
    adapter = ADAPTERS[case.adapter_name]
    if "failed" not in case.expected:
        return
    translation = case.translate(adapter)
    assert isinstance(translation, Facts)
    for part in translation.failed:
        again = translated(adapter, part.part)
        assert again is None or (isinstance(again, Facts) and [failed.part for failed in again.failed] == [part.part])


@every_case
def test_payment_facts_name_nobody(case: Case) -> None:
    # The payloads name an invented person; facts end up in a log that is never erased (rules.md, Personal data).
    if not case.adapter_name.startswith("shop.") and "error" not in case.expected:
        text = json.dumps(case.actual(ADAPTERS[case.adapter_name]).get("facts", []), ensure_ascii=False)
        assert "Cliente de Teste" not in text
        assert "12345678909" not in text


@pytest.mark.parametrize(
    ("adapter", "word"),
    [
        pytest.param(ADAPTERS[name], word, id=f"{name}-{word.case}-{word.path[-1]}")
        for name, case in CASES.items()
        for word in case.open_words
        if name in ADAPTERS
    ],
)
def test_an_invented_word_is_unknown_and_never_a_guess(adapter: Adapter, word: OpenWord) -> None:
    document = json.loads(golden(adapter, word.case).payload)
    translation = translated(adapter, json.dumps(replaced(document, word.path, "PALAVRA_INVENTADA")).encode())
    assert isinstance(translation, Facts)
    unknown = [fact for fact in translation.facts if fact.kind.endswith(".unknown")]
    assert len(unknown) == 1
    assert "PALAVRA_INVENTADA" in (unknown[0].raw_word or "")


@every_adapter
@given(body=st.binary(max_size=400))
@patient
def test_random_bytes_are_refused_in_one_way(adapter: Adapter, body: bytes) -> None:
    translated(adapter, body)


@every_adapter
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["pix", "data", "type", "id", "status", "txid", "order", "charges", "valor"]), inner, max_size=5
            )
        ),
        max_leaves=25,
    )
)
@patient
def test_random_documents_are_refused_in_one_way(adapter: Adapter, value: object) -> None:
    translated(adapter, json.dumps(value).encode())


@every_case
def test_a_truncated_body_is_refused_in_one_way(case: Case) -> None:
    adapter, body = ADAPTERS[case.adapter_name], case.payload
    for cut in range(1, len(body.rstrip()), max(1, len(body) // 60)):
        translation = translated(adapter, body[:cut])
        assert translation is None or CASES[adapter.name].lines


@pytest.mark.parametrize(("case", "document"), [pytest.param(*pair, id=pair[0].name) for pair in LEGIBLE])
def test_any_value_may_be_garbage(case: Case, document: Document) -> None:
    adapter = ADAPTERS[case.adapter_name]
    for place in document.places():
        for junk in JUNK:
            translated(adapter, document.spoiled(place, junk).body())


@every_adapter
@given(data=st.data())
@patient
def test_garbage_in_several_places(adapter: Adapter, data: st.DataObject) -> None:
    document = data.draw(st.sampled_from([document for case, document in LEGIBLE if case.adapter_name == adapter.name]))
    for _ in range(data.draw(st.integers(1, 4))):
        places = document.places()
        if not places:
            break
        document = document.spoiled(data.draw(st.sampled_from(places)), data.draw(st.sampled_from(JUNK) | st.text(max_size=8)))
    translated(adapter, document.body())


@every_adapter
@pytest.mark.parametrize("items", [MAX_VALUES // 2 - 100, MAX_BODY_BYTES // 3 - 100])
def test_garbage_as_large_as_allowed_takes_bounded_time(adapter: Adapter, items: int) -> None:
    filler = b"[" + b"{}," * items + b"{}]"
    for body in (
        b"[" * MAX_BODY_BYTES,
        b'{"a":' * (MAX_BODY_BYTES // 5),
        b'"' + b"a" * (MAX_BODY_BYTES - 2) + b'"',
        b'{"pix": ' + filler + b"}",
        b'{"id": "hook_1", "type": "order.paid", "data": {"id": "or_1", "charges": ' + filler + b"}}",
        b'{"type": "order.placed.v1", "id": "e", "order": {"items": ' + filler + b"}}",
    ):
        started = time.process_time()
        with pytest.raises(PayloadMalformed) as caught:
            adapter.translate(RawDelivery(body, {}, RECEIVED_AT))
        assert len(str(caught.value)) < 2000
        assert time.process_time() - started < 15


@every_adapter
def test_a_byte_order_mark_and_a_content_type_change_nothing(adapter: Adapter) -> None:
    body = first_golden(adapter).payload
    plain = adapter.translate(RawDelivery(body, {}, RECEIVED_AT))
    assert adapter.translate(RawDelivery(b"\xef\xbb\xbf" + body, {}, RECEIVED_AT, content_type="text/plain; charset=utf-8")) == plain
