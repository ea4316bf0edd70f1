"""erp.xml and erp.json say the same: what one format accepts the other does, and the same facts come out."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree  # type: ignore[import-untyped]

from adapters.contract import Facts, PayloadMalformed, RawDelivery, Translation
from adapters.erp.canonical import JSON, XML
from adapters.parsing import dump_json
from schemas.erp import EVENT_WORDS, has_valid_check_digit
from scripts.golden import cases

AT: Final = datetime(2026, 12, 1, tzinfo=UTC)
NAMESPACE: Final = "urn:orderhub:erp-event:1"
KEY: Final = "35261011222333000181550010000012341876543210"
ALPHANUMERIC_KEY: Final = "35261012ABC34501DE35550010000012351876543219"

GOLDEN: Final = {case.name: case for case in cases() if case.adapter_name in {"erp.xml", "erp.json"}}
PAIRS: Final = sorted(name.partition("/")[2] for name in GOLDEN if name.replace("erp.xml/", "erp.json/") in GOLDEN and "xml" in name)


def as_xml(document: Mapping[str, Any]) -> bytes:
    """Write an event as XML; the names stand in the mapping in the order of the XSD."""
    root = etree.Element(f"{{{NAMESPACE}}}ErpEvent", nsmap={None: NAMESPACE})
    _fill(root, document)
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def _fill(element: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            if name in {"sku", "quantity", "version"}:
                element.set(name, str(one))
                continue
            child = etree.SubElement(element, f"{{{NAMESPACE}}}{name}")
            if isinstance(one, dict):
                _fill(child, one)
            else:
                child.text = str(one)


def outcome(translate: Callable[[RawDelivery], Translation], body: bytes) -> Translation | None:
    """Translate, or return None for a body that is refused."""
    try:
        return translate(RawDelivery(body, {}, AT))
    except PayloadMalformed:
        return None


def event(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "EventId": "e-1", "EventType": "order.accepted", "OccurredAt": "2026-10-06T08:30:00-03:00", "Source": {"System": "protheus"},
        "OrderRef": {"ShopOrderNumber": "LOJA-100045"},
    }  # fmt: skip
    return document | changes


# --- Twins --------------------------------------------------------------------------------------------------------------------


def test_every_word_has_a_golden_case_in_both_formats() -> None:
    assert {word.replace(".", "_") for word in EVENT_WORDS} <= set(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_a_golden_case_says_the_same_in_both_formats(name: str) -> None:
    xml, json_ = GOLDEN[f"erp.xml/{name}"], GOLDEN[f"erp.json/{name}"]
    if "error" in xml.expected:
        assert "error" in json_.expected
        return
    assert xml.expected == json_.expected
    assert XML.translate(xml.delivery) == JSON.translate(json_.delivery)


ANY_TEXT: Final = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"), max_size=70)
NAMES: Final = (
    st.sampled_from(["LOJA-100045", "0001|02|004512", " 99 ", "a\n b", "", " ", "ç" * 64, "ç" * 65, "\u00a0", "x y\tz", "1"]) | ANY_TEXT
)
INSTANTS: Final = st.sampled_from(
    [
        "2026-10-06T08:30:00-03:00", "2026-10-06T08:30:00Z", "2026-10-06T08:30:00.123456789Z", "2026-10-06T08:30:00", "2026-10-06",
        "2026-10-06T08:30Z", "2026-02-30T08:30:00Z", "2024-02-29T08:30:00Z", "2026-10-06T24:00:00Z", "2026-10-06T08:30:60Z",
        "2026-10-06T08:30:00+14:00", "2026-10-06T08:30:00+14:30", "2026-10-06T08:30:00-13:59", "1999-12-31T23:00:00Z",
        "2000-01-01T00:00:00+03:00", "2099-12-31T23:59:59-03:00", "2026-10-06t08:30:00z", "2026-10-06 08:30:00Z", "06/10/2026",
        "2026-10-06T08:30:00-0300", "2026-13-01T00:00:00Z", "\u0662026-10-06T08:30:00Z", "2026-10-06T08:30:00.Z", " 2026-10-06T08:30:00Z ",
    ]
)  # fmt: skip
AMOUNTS: Final = st.sampled_from(
    [
        "134.80",
        "134.8",
        "134",
        "0",
        "0.00",
        "-1",
        "+1",
        ".5",
        "5.",
        "1.234",
        "134,80",
        "1e2",
        "9999999999.99",
        "10000000000",
        "INF",
        "٣",
        "",
    ]
)
UNITS: Final = st.sampled_from(["1", "2.0000", "2.00000", "2.5", "0", "-1", "999999", "1000000", "01", "1.", "x", "", 2, 0])
KEYS: Final = st.sampled_from([KEY, ALPHANUMERIC_KEY, KEY[:43] + "1", KEY[:43], ALPHANUMERIC_KEY.lower(), f"NFe{KEY}", f" {KEY} ", ""])
ITEMS: Final = st.lists(st.fixed_dictionaries({"sku": NAMES, "quantity": UNITS}), max_size=2)
ADDRESSES: Final = st.sampled_from(
    ["https://a.invalid/b?c=d&e=f#g", "http://a", "ftp://a", "javascript:x", "https://a b", 'https://a"', "https://ã"]
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with any of the fields, in this order."""
    optional = st.fixed_dictionaries({}, optional=fields)
    return optional.map(lambda values: {name: values[name] for name in fields if name in values})


INVOICES: Final = some(
    Chave=KEYS,
    DocumentId=NAMES,
    Number=st.sampled_from(["1234", "000001234", "1234567890", "12a", "0"]),
    Series=st.sampled_from(["1", "001", "0001", "0"]),
    Environment=st.sampled_from(["production", "homologation", " production", "test"]),
    StatusCode=st.sampled_from(["100", "150", "204", "1", "10000"]),
    Protocol=st.sampled_from(["135260000000001", "13526000000000101", "1"]),
    IssuedAt=INSTANTS,
    Total=AMOUNTS,
    ReferencedChave=st.lists(KEYS, max_size=2),
    Item=ITEMS,
    DanfeUrl=ADDRESSES,
    XmlBase64=st.sampled_from(["PG5mZVByb2M+", "PG5m\nZVByb2M+", "PG5mZVByb2M+!", "="]),
)
SHIPMENTS: Final = some(
    ShipmentId=NAMES,
    Carrier=NAMES,
    Service=NAMES,
    TrackingCode=st.sampled_from(["AB123456785BR", "ab123456785br", "AB 123", "x" * 65, ""]),
    TrackingUrl=ADDRESSES,
    Item=ITEMS,
)
SOURCES: Final = some(
    System=st.sampled_from(["protheus", "SAP_B1", "", "a b"]),
    Account=NAMES,
    IssuerDocument=st.sampled_from(["11222333000181", "12ABC34501DE35", "12345678909", "1"]),
)
EVENT: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "EventId": st.sampled_from(["e-1", "erp-77-000981", "a/b#c:d", " e ", "e e", "ç", "", "x" * 65]),
    "EventType": st.sampled_from([*EVENT_WORDS, " order.accepted\n", "order.teleported", "ORDER.ACCEPTED", ""]),
    "OccurredAt": INSTANTS,
    "Sequence": st.sampled_from(["12", "0", "-1", "1" * 19]),
    "Source": SOURCES,
    "OrderRef": some(ShopOrderNumber=NAMES, ErpOrderId=NAMES, ErpOrderNumber=NAMES),
    "Invoice": INVOICES,
    "Shipment": st.lists(SHIPMENTS, max_size=3),
    "Reason": NAMES | st.just("x" * 501),
}
"""In the order of the XSD."""


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an event that is mostly good: up to three fields drawn at random, up to three left out, so that both outcomes are frequent."""
    good = {**event(), "Sequence": "12", "Invoice": {"Chave": KEY}, "Shipment": [{"TrackingCode": "AB123456785BR"}], "Reason": "falta"}
    good["EventType"] = draw(st.sampled_from(EVENT_WORDS))
    wild = draw(st.sets(st.sampled_from(list(EVENT)), max_size=3))
    left_out = draw(st.sets(st.sampled_from(["Sequence", "OrderRef", "Invoice", "Shipment", "Reason"]), max_size=3))
    return {name: draw(EVENT[name]) if name in wild else good[name] for name in EVENT if name not in left_out}


@given(document=events())
@settings(deadline=None, max_examples=1500)
def test_whatever_an_event_holds_both_formats_take_it_alike(document: dict[str, Any]) -> None:
    assert outcome(XML.translate, as_xml(document)) == outcome(JSON.translate, json.dumps(document).encode())


@given(document=events())
@settings(deadline=None, max_examples=300)
def test_numbers_in_json_are_their_digits(document: dict[str, Any]) -> None:
    bare = dump_json({name: int(value) if isinstance(value, str) and value in {"12", "0"} else value for name, value in document.items()})
    assert outcome(JSON.translate, bare) == outcome(XML.translate, as_xml(document))


# --- Messages -----------------------------------------------------------------------------------------------------------------


@given(text=ANY_TEXT.filter(lambda text: len(text.strip()) > 8), field=st.sampled_from(["EventId", "EventType", "OccurredAt"]))
@settings(deadline=None)
def test_a_message_names_the_place_and_not_what_stands_there(text: str, field: str) -> None:
    word = "Maria da Silva ' is not an element of the set " + text
    for translate, body in ((XML.translate, as_xml(event(**{field: word}))), (JSON.translate, json.dumps(event(**{field: word})).encode())):
        with pytest.raises(PayloadMalformed, match=field) as caught:
            translate(RawDelivery(body, {}, AT))
        assert "Silva" not in str(caught.value)


def test_checking_from_many_threads_mixes_nothing_up() -> None:
    def check(number: int) -> bool:
        lines = b"\n" * number
        body = as_xml(event(Reason="" if number % 2 else "falta")).replace(b"<EventId>", lines + b"<EventId>")
        try:
            return isinstance(XML.translate(RawDelivery(body, {}, AT)), Facts) and number % 2 == 0
        except PayloadMalformed as error:
            return number % 2 == 1 and str(error).startswith(f"line {number + 2}, element Reason: ")

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(check, range(400)))


# --- Bounds -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", [XML, JSON])
def test_more_than_four_mebibytes_are_refused_unread(adapter: Any) -> None:
    with pytest.raises(PayloadMalformed, match="more than 4194304"):
        adapter.translate(RawDelivery(b" " * (4 * 1024 * 1024) + b"{", {}, AT))


@pytest.mark.parametrize("change", [{"Shipment": [{"TrackingCode": "A"}] * 51}, {"Invoice": {"Item": [{"sku": "A", "quantity": 1}] * 991}}])
def test_lists_have_an_end(change: dict[str, Any]) -> None:
    assert outcome(XML.translate, as_xml(event(**change))) is None
    assert outcome(JSON.translate, json.dumps(event(**change)).encode()) is None


@pytest.mark.parametrize("items", [1, 50])
def test_garbage_inside_the_right_root_takes_bounded_time(items: int) -> None:
    body = as_xml(event()).replace(b"</ErpEvent>", b"<Shipment>" + b'<Item a="1"/>' * 900 + b"</Shipment>")
    assert outcome(XML.translate, body * items) is None


@pytest.mark.parametrize(("key", "valid"), [(KEY, True), (ALPHANUMERIC_KEY, True), (KEY[:43] + "1", False), (KEY[1:] + "0", False)])
def test_the_check_digit_of_an_access_key(key: str, valid: bool) -> None:
    assert has_valid_check_digit(key) is valid
