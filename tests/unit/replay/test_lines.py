"""One NDJSON line: what is the user's mistake, and what is left to the adapter."""

import json
from datetime import UTC, datetime

import pytest

from hub.replay.lines import LineInvalid, Message, parse_line


def test_the_bytes_of_a_json_body_are_the_lines_own_characters() -> None:
    body = '{ "pix" :[{"valor": 119.70, "id": 123456789012345678901234567890, "a": "\\u00e9"}]}'
    assert parse_line(f'{{"key": "payments.pix", "body": {body}}}').body == body.encode()


def test_a_text_body_is_the_text() -> None:
    assert parse_line('{"key": "erp.nfe", "body": "<a>\\u00e9</a>"}').body == "<a>é</a>".encode()


def test_a_body_that_is_no_json_is_given_as_text_or_base64() -> None:
    assert parse_line('{"key": "payments.pix", "body": "{bad"}').body == b"{bad"
    assert parse_line('{"key": "payments.pix", "body": null, "body_base64": "/w=="}').body == b"\xff"


def test_null_is_a_json_value() -> None:
    assert parse_line('{"key": "payments.pix", "body": null}').body == b"null"


def test_everything_of_a_line_is_read() -> None:
    line = json.dumps(
        {
            "headers": {"hub-order": "1", "hub-http-headers": {"x-sign": "abc"}},
            "key": "payments.pix",
            "body": [],
            "received_at": "2026-11-25T10:00:00-03:00",
            "content_type": "application/json",
            "note": "other members are ignored",
        }
    )
    assert parse_line(line) == Message(
        "payments.pix",
        b"[]",
        {"hub-order": "1", "hub-http-headers": {"x-sign": "abc"}},
        datetime(2026, 11, 25, 13, tzinfo=UTC),
        "application/json",
    )


def test_a_line_may_leave_the_key_to_the_command_line() -> None:
    assert parse_line('{"body": {}}', "payments.pix").key == "payments.pix"
    assert parse_line('{"key": "shop.orders", "body": {}}', "payments.pix").key == "shop.orders"


def test_a_body_deeper_than_our_reader_goes_is_left_to_the_adapter() -> None:
    deep = "[" * 100_000 + '"]"' + "]" * 100_000
    message = parse_line(f'{{"key": "a.b", "body": {deep}, "headers": {{"x": 1}}}}')
    assert message.body == deep.encode()
    assert message.headers == {"x": 1}


def test_a_number_too_long_to_read_is_left_to_the_adapter() -> None:
    digits = "9" * 5000
    assert parse_line(f'{{"key": "a.b", "body": {digits}}}').body == digits.encode()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "is not a JSON object"),
        ("[]", "is not a JSON object"),
        ('{"body": {}}', '"key" is missing'),
        ('{"key": "", "body": {}}', '"key" is missing'),
        ('{"key": 1, "body": {}}', '"key" must be text'),
        ('{"key": "a.b"}', '"body" or "body_base64" is missing'),
        ('{"key": "a.b", "body": 1, "body_base64": "eA=="}', "exclude each other"),
        ('{"key": "a.b", "body_base64": "?"}', "is not base64"),
        ('{"key": "a.b", "body": 1, "headers": []}', '"headers" must be an object'),
        ('{"key": "a.b", "body": 1, "received_at": "2026-11-25T10:00:00"}', '"received_at"'),
        ('{"key": "a.b", "body": 1, "received_at": 1764072000}', '"received_at" must be text'),
        ('{"key": "a.b", "body": {"x": nul}}', "is not JSON"),
        ('{"key": "a.b", "body": {}', "is not JSON"),
        ('{"key": "a.b", "body": {},}', "is not JSON"),
        ('{"key": "a.b" "body": {}}', "is not JSON"),
        ('{"key": "a.b", "body": {}} {}', "goes on behind its object"),
        ('{"key": "a.b", "body": "open', "is not JSON"),
        ('{"key": "a.b", "body": ' + "[" * 50_000, "is not JSON"),
    ],
)
def test_what_is_not_a_message_is_refused(line: str, problem: str) -> None:
    with pytest.raises(LineInvalid, match=problem.replace("[", r"\[")):
        parse_line(line)
