"""One NDJSON line -> one message. What is wrong with the line is the user's mistake; what is wrong in the body is a dead letter."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from schemas.base import Instant

_INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_MAX_KEY: Final = 255  # of a routing key in AMQP


class LineInvalid(ValueError):
    """A line that is not a message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the input, as the edge would have put it on the broker."""

    key: str
    body: bytes
    headers: Mapping[str, object] = field(default_factory=dict)
    received_at: datetime | None = None
    content_type: str | None = None


def _number(_digits: str) -> int:
    # The body is kept as it is written. Its numbers are not ours to read: one of 5,000 digits must not stop the replay.
    return 0


_DECODER: Final = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_number)


def parse_line(line: str, default_key: str | None = None) -> Message:
    """Read one line. The bytes of a body that is a JSON value are the line's own characters. Raises: LineInvalid."""
    spans = dict(_members(line))
    key = _text(line, spans, "key") if "key" in spans else default_key
    if not key or len(key) > _MAX_KEY:
        raise LineInvalid('"key" is missing: the inbound key of the message, such as payments.pix')
    headers = _value(line, spans["headers"]) if "headers" in spans else {}
    if headers is None:
        headers = {}
    if not isinstance(headers, dict):
        raise LineInvalid('"headers" must be an object')
    return Message(key, _body(line, spans), headers, _received_at(line, spans), _text(line, spans, "content_type"))


def _members(line: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Find the members of the line's object and where their values stand."""
    at = _skip(line, 0)
    if line[at : at + 1] != "{":
        raise LineInvalid("is not a JSON object")
    at = _skip(line, at + 1)
    if line[at : at + 1] == "}":
        at += 1
    else:
        while True:
            if line[at : at + 1] != '"':
                raise LineInvalid(f"is not JSON: a name must stand at column {at + 1}")
            try:
                name, at = _DECODER.raw_decode(line, at)
            except json.JSONDecodeError as error:
                raise LineInvalid(f"is not JSON: {error.msg} at column {error.pos + 1}") from error
            at = _skip(line, at)
            if line[at : at + 1] != ":":
                raise LineInvalid(f"is not JSON: a colon must stand at column {at + 1}")
            start = _skip(line, at + 1)
            end = _end_of_value(line, start)
            yield name, (start, end)
            at = _skip(line, end)
            mark = line[at : at + 1]
            at = _skip(line, at + 1)
            if mark == "}":
                break
            if mark != ",":
                raise LineInvalid(f"is not JSON: a comma or a closing brace must stand at column {at}")
    if _skip(line, at) != len(line):
        raise LineInvalid(f"goes on behind its object at column {at + 1}: one message a line")


def _skip(line: str, at: int) -> int:
    match = _SPACE.match(line, at)
    return match.end() if match is not None else at


def _end_of_value(line: str, start: int) -> int:
    try:
        return _DECODER.raw_decode(line, start)[1]
    except json.JSONDecodeError as error:
        raise LineInvalid(f"is not JSON: {error.msg} at column {error.pos + 1}") from error
    except RecursionError:
        return _end_of_deep_value(line, start)


def _end_of_deep_value(line: str, start: int) -> int:
    # A body nested deeper than our reader goes is still a body: what the adapter makes of it is its business.
    depth = 0
    for token in _BRACKETS.finditer(line, start):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
            if depth == 0:
                return token.end()
    raise LineInvalid("is not JSON: a bracket is not closed")


def _value(line: str, span: tuple[int, int]) -> Any:
    try:
        return json.loads(line[span[0] : span[1]])
    except (ValueError, RecursionError) as error:
        raise LineInvalid(f"is not JSON that can be read at column {span[0] + 1}") from error


def _text(line: str, spans: Mapping[str, tuple[int, int]], name: str) -> str | None:
    value = _value(line, spans[name]) if name in spans else None
    if value is not None and not isinstance(value, str):
        raise LineInvalid(f'"{name}" must be text')
    return value


def _body(line: str, spans: Mapping[str, tuple[int, int]]) -> bytes:
    encoded = _text(line, spans, "body_base64")
    span = spans.get("body")
    written = line[span[0] : span[1]] if span is not None else None
    if encoded is not None:
        if written not in (None, "null"):
            raise LineInvalid('"body" and "body_base64" exclude each other')
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise LineInvalid(f'"body_base64" is not base64: {error}') from error
    if span is None or written is None:
        raise LineInvalid('"body" or "body_base64" is missing')
    text = _value(line, span) if written.startswith('"') else written
    # A lone surrogate has no bytes in UTF-8; passed on, the adapter finds the body unreadable and says so.
    return str(text).encode("utf-8", "surrogatepass")


def _received_at(line: str, spans: Mapping[str, tuple[int, int]]) -> datetime | None:
    text = _text(line, spans, "received_at")
    if text is None:
        return None
    try:
        return _INSTANT.validate_python(text)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise LineInvalid(f'"received_at": {problem}') from error
