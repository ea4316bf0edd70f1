"""From foreign bytes to values: JSON, XML, money and times, bounded on every side; a fault is a PayloadMalformed that names its place."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from lxml import etree  # type: ignore[import-untyped]
from pydantic import BaseModel, BeforeValidator, StringConstraints, ValidationError, ValidatorFunctionWrapHandler

from adapters.contract import Facts, FailedPart, PayloadMalformed, RawDelivery, none_legible
from schemas.base import MAX_CENTS, Cents, Identifier, Text
from schemas.facts import Fact

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MAX_VALUES: Final = 200_000
"""Values in one document. 8 MiB of `{},` are 2.8 million objects, which took a minute and more to refuse one by one (tried)."""

MAX_DEPTH: Final = 64
"""Levels of objects and lists; the deepest documented webhook has nine."""

_MAX_FACTS: Final = 10_000

SAO_PAULO: Final = ZoneInfo("America/Sao_Paulo")

_MAX_NUMBER_CHARACTERS: Final = 64
_MAX_TEXT: Final = 500
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([a-z0-9-]+)""", re.ASCII)
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252"})

Model = TypeVar("Model", bound=BaseModel)


# --- JSON ---------------------------------------------------------------------------------------------------------------------


def parse_json(model: type[Model], body: bytes, content_type: str | None = None) -> Model:
    """Read a JSON body as a model. Raises: PayloadMalformed."""
    return read(model, load_json(body, content_type))


def load_json(body: bytes, content_type: str | None = None) -> Any:
    """Read a JSON body as plain values; numbers with a point come as Decimal.

    Refused: more than 8 MiB, 200,000 values or 64 levels, NaN and Infinity, numbers of over 64 characters, a name that stands twice
    in one object (two readers would read two different amounts). Raises: PayloadMalformed.
    """
    text = _decode(body, content_type)
    brackets = text.count("{") + text.count("[")
    # Counts those inside of texts too: an upper bound, and cheap.
    if brackets + text.count(",") > MAX_VALUES:
        raise PayloadMalformed(f"body holds more than {MAX_VALUES} values")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        problem = error.msg.removesuffix(" at")  # "Unterminated string starting at"
        raise PayloadMalformed(f"body is not JSON: {problem} at line {error.lineno}, column {error.colno}") from error
    except RecursionError:
        # Without the chain: it would be a thousand frames long.
        raise PayloadMalformed(f"body is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:  # an integer of thousands of digits
        raise PayloadMalformed("body holds a number too long to read") from error
    # In the usual case a document with so few brackets cannot be deeper.
    if brackets > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise PayloadMalformed(f"body is nested deeper than {MAX_DEPTH} levels")
    return value


def read(model: type[Model], value: object, place: str = "") -> Model:
    """Read plain values as a model; `place` leads the name of the field in the message. Raises: PayloadMalformed."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise PayloadMalformed(_describe(error, place)) from error


def read_object(value: object, place: str) -> dict[str, Any]:
    """Return the value if it is a JSON object. Raises: PayloadMalformed."""
    if not isinstance(value, dict):
        raise PayloadMalformed(f"{place}: must be an object")
    return value


def dump_json(value: object) -> bytes:
    """Write plain values as JSON, numbers digit for digit as they came: for the body of a failed part."""
    return _dump(value).encode("ascii")


def _dump(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(str(name))}: {_dump(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(_dump(item) for item in value) + "]"
        case Decimal():
            return str(value)
        case _:
            return json.dumps(value)


def _decode(body: bytes, content_type: str | None) -> str:
    if len(body) > MAX_BODY_BYTES:
        raise PayloadMalformed(f"body has {len(body)} bytes, more than {MAX_BODY_BYTES}")
    charset = _charset(content_type)
    try:
        # A byte order mark is allowed to be ignored (RFC 8259, 8.1), and files saved on Windows have one.
        return body.decode("utf-8-sig" if charset in {"utf-8", "utf8"} else charset)
    except UnicodeDecodeError as error:
        raise PayloadMalformed(f"body is not {charset}: byte {error.start} cannot be read") from error


def _charset(content_type: str | None) -> str:
    found = _CHARSET.search(content_type.lower()) if content_type else None
    return found[1] if found and found[1] in _CHARSETS else "utf-8"


def _decimal(digits: str) -> Decimal:
    # Decimal("1e999999999") is cheap to hold and ruinous to turn into an int, so it is never made.
    try:
        value = Decimal(digits) if len(digits) <= _MAX_NUMBER_CHARACTERS else None
    except InvalidOperation:
        value = None
    if value is None or not -_MAX_NUMBER_CHARACTERS <= value.adjusted() <= _MAX_NUMBER_CHARACTERS:
        raise PayloadMalformed("body holds a number too long to read")
    return value


def _refuse_constant(word: str) -> None:
    raise PayloadMalformed(f"body holds {word}, which is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PayloadMalformed(f"body holds the name {_first_repeated(pairs)[:60]!a} twice in one object")
    return found


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return ""


_DECODER: Final = json.JSONDecoder(parse_float=_decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _is_deeper(value: object, levels: int) -> bool:
    row = [value]
    for _ in range(levels):
        row = [item for outer in row if isinstance(outer, dict | list) for item in (outer.values() if isinstance(outer, dict) else outer)]
    return any(isinstance(item, dict | list) for item in row)


def _describe(error: ValidationError, place: str) -> str:
    """Say which fields are wrong and how, never with the value: it may name a person."""
    faults = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False)[:5]:
        where = ".".join([place, *(str(step) for step in fault["loc"])] if place else [str(step) for step in fault["loc"]])
        faults.append(f"{where or 'body'}: {fault['msg'].removeprefix('Value error, ')}")
    more = error.error_count() - len(faults)
    return "; ".join(faults) + (f"; and {more} more" if more else "")


def canonical_facts(delivery: RawDelivery, model: type[Model], fact_of: Callable[[Model], Fact]) -> Facts:
    """Read `{"facts": [...]}`, the hub's own words from tools of the shop: each fact stands or falls alone. Raises: PayloadMalformed."""
    document = read_object(load_json(delivery.body, delivery.content_type), "body")
    items = document.get("facts")
    if not isinstance(items, list) or not items:
        raise PayloadMalformed("facts: must be a list of at least one fact")
    if len(items) > _MAX_FACTS:
        raise PayloadMalformed(f"facts: holds {len(items)} facts, more than {_MAX_FACTS}")
    if len(document) > 1:
        raise PayloadMalformed("body: must hold nothing but facts")
    facts: dict[Fact, None] = {}
    failed: list[FailedPart] = []
    for index, item in enumerate(items):
        try:
            facts[fact_of(read(model, item, f"facts[{index}]"))] = None
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({"facts": [item]})))
    if failed and not facts:
        raise none_legible(failed)
    return Facts(tuple(facts), tuple(failed))


# --- XML ----------------------------------------------------------------------------------------------------------------------


def parse_xml(body: bytes, max_bytes: int = MAX_BODY_BYTES) -> Any:
    """Read an XML body and return its root (lxml element).

    Refused: a DOCTYPE (with entities off, `p&x;q` would silently read as `p`), processing instructions inside the document
    (they cut a text in two), text nodes over 10 MB, more than 255 levels. Comments are dropped, so that they cannot cut a text
    either. Raises: PayloadMalformed.
    """
    if len(body) > max_bytes:
        raise PayloadMalformed(f"body has {len(body)} bytes, more than {max_bytes}")
    # A parser per call: an lxml parser keeps the error log of its last document and is not shared between threads.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, attribute_defaults=False,
        huge_tree=False, recover=False, remove_comments=True, remove_pis=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise PayloadMalformed(f"body is not XML: line {line}, column {column}") from error
    except (ValueError, LookupError) as error:
        raise PayloadMalformed("body is not XML") from error
    if root.getroottree().docinfo.doctype or root.getroottree().docinfo.internalDTD is not None:
        raise PayloadMalformed("body has a DOCTYPE, which is refused")
    if next(root.iter(etree.PI, etree.Entity), None) is not None:
        raise PayloadMalformed("body has a processing instruction or an entity inside the document, which is refused")
    return root


class XmlSchema:
    """An XSD, compiled once. Checking is safe from several threads."""

    def __init__(self, source: bytes) -> None:
        self._source: Final = source
        self._expected: Final = _documented_types(etree.fromstring(source))
        # A compiled schema keeps the error log of its last document: whoever checks takes one out of the list and puts it back.
        self._idle: Final = [self._compiled()]

    def check(self, root: Any) -> None:
        """Refuse a document that is not valid; the message names line and element, and never a value. Raises: PayloadMalformed."""
        try:
            schema = self._idle.pop()
        except IndexError:  # all are at work
            schema = self._compiled()
        try:
            if schema.validate(root):
                return
            faults = list(dict.fromkeys(self._describe(entry) for entry in schema.error_log))
        finally:
            self._idle.append(schema)
        more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise PayloadMalformed("; ".join(faults[:3]) + more)

    def _compiled(self) -> Any:
        return etree.XMLSchema(etree.fromstring(self._source))

    def _describe(self, entry: Any) -> str:
        found = _XSD_MESSAGE.match(entry.message)
        names = [name for name in (found["element"], found["attribute"]) if name] if found else []
        place = f"line {entry.line}" + (f", element {ascii(names[0][:60])[1:-1]}" if names else "")
        if len(names) == 2:
            place += f", attribute {ascii(names[1][:60])[1:-1]}"
        words = found["words"] if found else ""
        if entry.type_name in _STRUCTURE_FAULTS:
            return f"{place}: {_NAMESPACE.sub('', words)[:400]}"
        listed = _XSD_LISTED.search(words) if entry.type_name == "SCHEMAV_CVC_ENUMERATION_VALID" else None
        if listed:
            return f"{place}: is not one of {listed[1].replace(chr(39), '')}"
        expected = self._expected.get(names[-1]) if names else None
        return f"{place}: is not what belongs here" + (f". {expected}" if expected else "")


_XSD: Final = "{http://www.w3.org/2001/XMLSchema}"
_XSD_MESSAGE: Final = re.compile(
    r"Element '(?:\{[^}]*\})?(?P<element>[^']*)'(?:, attribute '(?:\{[^}]*\})?(?P<attribute>[^']*)')?: (?P<words>.*)", re.DOTALL
)
_XSD_LISTED: Final = re.compile(r".*is not an element of the set \{(.*)\}\.\s*\Z", re.DOTALL)
_NAMESPACE: Final = re.compile(r"\{[^}]*\}")
_STRUCTURE_FAULTS: Final = frozenset(
    {"SCHEMAV_ELEMENT_CONTENT", "SCHEMAV_CVC_COMPLEX_TYPE_2_3", "SCHEMAV_CVC_COMPLEX_TYPE_4", "SCHEMAV_CVC_TYPE_3_1_2"}
)
"""What libxml2 says of these names elements and attributes of the schema only, never what the document holds."""


def _documented_types(schema: Any) -> dict[str, str]:
    """Return what the schema's own documentation says of the type of each element and attribute with a simple type."""
    types = {}
    for node in schema.iterfind(f"{_XSD}simpleType"):
        documentation = node.find(f"{_XSD}annotation/{_XSD}documentation")
        if documentation is not None:
            types[node.get("name")] = " ".join((documentation.text or "").split())
    return {
        node.get("name"): types[node.get("type")] for node in schema.iter(f"{_XSD}element", f"{_XSD}attribute") if node.get("type") in types
    }


# --- Money --------------------------------------------------------------------------------------------------------------------

_REAIS: Final = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,2})?", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,13}", re.ASCII)


def decimal_to_cents(value: object) -> int:
    """Turn reais (`"149.90"`, Decimal, int) into cents, exactly.

    Three decimals are refused even when they are zeros: "1.500" is how a Brazilian writes fifteen hundred.
    Raises: ValueError, so that it can stand in a model; parse_json names the field.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("must be an amount in reais")
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    if not _REAIS.fullmatch(text):
        raise ValueError("must be an amount in reais, not negative, with at most two decimals")
    whole, _, cents = text.partition(".")
    return _bounded(int(whole) * 100 + int(cents.ljust(2, "0")))


def integer_to_cents(value: object) -> int:
    """Turn cents given as an integer or as a text of digits into cents. Raises: ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not _DIGITS.fullmatch(str(value)):
        raise ValueError("must be an amount in integer cents, not negative")
    return _bounded(int(value))


def _bounded(cents: int) -> int:
    if cents > MAX_CENTS:
        raise ValueError(f"must be at most {MAX_CENTS} cents")
    return cents


Reais = Annotated[Cents, BeforeValidator(decimal_to_cents)]
"""Field of a wire model: an amount in reais, held in cents."""

NativeCents = Annotated[Cents, BeforeValidator(integer_to_cents)]
"""Field of a wire model: integer cents, or a text of digits."""


# --- Text of other systems ----------------------------------------------------------------------------------------------------


def _identifier(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40:
        return str(value)
    return None if isinstance(value, str) and not value.strip() else value


def _harmless(value: object) -> object:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    clean = "".join("\ufffd" if ch == "\x00" or "\ud800" <= ch <= "\udfff" else ch for ch in value.strip()[:_MAX_TEXT])
    return clean or None


def or_none(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
    """Wrap validator: a field that only informs becomes None when it is not what we expect, and never costs a payment."""
    try:
        return handler(value)
    except ValueError:
        return None


ShortIdentifier = Annotated[Identifier, StringConstraints(max_length=64)]
"""Identifier of another system; short enough that three of them, joined, are an event id."""

NativeId = Annotated[ShortIdentifier | None, BeforeValidator(_identifier)]
"""Optional identifier of another system: numbers become text, blank becomes None."""

NativeKey = Annotated[ShortIdentifier, BeforeValidator(_identifier)]
"""Identifier of another system that must be there: numbers become text, blank is refused."""

NativeText = Annotated[Text | None, BeforeValidator(_harmless)]
"""Optional text that only informs: cut at 500 characters, characters no database holds replaced, never refused."""


# --- Times --------------------------------------------------------------------------------------------------------------------

_ISO: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)? ?([Zz]|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)


class Moment(NamedTuple):
    """An instant of another system; `assumed` says that its zone, or all of it, is our assumption."""

    at: datetime
    assumed: bool = False


def read_moment(value: object, naive_zone: tzinfo) -> Moment:
    """Read an ISO 8601 time with any number of fractional digits; one without offset is taken to be in `naive_zone`.

    Raises: ValueError (for models), also for years outside 2000 to 2099.
    """
    found = _ISO.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be an ISO 8601 date and time")
    year, month, day, hour, minute, second = (int(found[group] or 0) for group in range(1, 7))
    microsecond = int((found[7] or "").ljust(6, "0")[:6])
    zone = _offset(found[8]) if found[8] else naive_zone
    if not 2000 <= year <= 2099:
        raise ValueError("must lie between the years 2000 and 2100")
    at = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=zone).astimezone(UTC)
    if not 2000 <= at.year <= 2099:  # the first and last hours, in another zone
        raise ValueError("must lie between the years 2000 and 2100")
    return Moment(at, assumed=not found[8])


def _offset(text: str) -> tzinfo:
    if text in {"Z", "z"}:
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    if int(digits[:2]) > 23 or int(digits[2:]) > 59:
        raise ValueError("must have an offset below 24 hours")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def read_date(value: object) -> date:
    """Read an ISO 8601 calendar date; the time of day after it, if any, is left aside. Raises: ValueError."""
    found = _DATE.match(value) if isinstance(value, str) else None
    if found is None or not 2000 <= int(found[1]) <= 2098:
        raise ValueError("must be a date between the years 2000 and 2099")
    return date(int(found[1]), int(found[2]), int(found[3]))


def start_of_day(day: date, zone: tzinfo = SAO_PAULO) -> datetime:
    """Return the first instant of a calendar day."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def end_of_day(day: date, zone: tzinfo = SAO_PAULO) -> datetime:
    """Return the last whole second of a calendar day: until then a payer may pay what is due on it."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone).astimezone(UTC)


def optional(reader: Callable[[object], Any]) -> Callable[[object], Any]:
    """Return a reader for models that takes null and blank for absent."""

    def read_or_absent(value: object) -> Any:
        return None if value is None or (isinstance(value, str) and not value.strip()) else reader(value)

    return read_or_absent
