"""Golden bodies with garbage in them, whether they are JSON, XML or lines of fixed width."""

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final, Protocol, Self
from xml.sax.saxutils import escape

from lxml import etree  # type: ignore[import-untyped]

from scripts.golden import Case
from tests.contract.adapter_cases import replaced

JUNK: Final[tuple[object, ...]] = (
    None, True, -1, 0, 10**30, 1.5, "", " ", "x" * 70, "x" * 5000, "\x00", "\ud800", "a\x00b", "-1.00", "1e9", "\u0661",
    "0001-01-01T00:00:00", "9999-12-31T23:59:59Z", "2026-13-40T25:61:61Z", [], {}, [None], [[]], {"id": None}, {"valor": None},
    [{"id": "x"}] * 3,
)  # fmt: skip


class Document(Protocol):
    """A body that can be spoiled place by place."""

    def places(self) -> Sequence[Any]:
        """Return every place that holds a value."""
        ...

    def spoiled(self, place: Any, junk: object) -> Self:
        """Return it with garbage at a place."""
        ...

    def body(self) -> bytes:
        """Return the bytes."""
        ...


class JsonDocument:
    """A place is the path to a value."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def places(self) -> Sequence[tuple[str | int, ...]]:
        """Return the path of every value but the whole."""
        return self._paths(self._value, ())

    def _paths(self, value: object, here: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
        if not isinstance(value, dict | list):
            return []
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        return [path for step, item in steps for path in [(*here, step), *self._paths(item, (*here, step))]]

    def spoiled(self, place: tuple[str | int, ...], junk: object) -> "JsonDocument":
        """Return it with another value at the path."""
        return JsonDocument(replaced(self._value, place, junk))

    def body(self) -> bytes:
        """Return the bytes."""
        return json.dumps(self._value).encode()


class XmlDocument:
    """A place is an element, by its number in the document, or one of its attributes."""

    def __init__(self, root: Any, texts: dict[str, str] | None = None) -> None:
        self._root = root
        self._texts = texts or {}

    def places(self) -> Sequence[tuple[int, str | None]]:
        """Return every element but the root, and every attribute."""
        return [
            place
            for number, element in enumerate(self._root.iter(etree.Element))
            for place in [(number, None)] * (number > 0) + [(number, name) for name in element.attrib]
        ]

    def spoiled(self, place: tuple[int, str | None], junk: object) -> "XmlDocument":
        """Return it with an element gone (None), three times there (a list), holding another (an object), or another text."""
        root, texts = deepcopy(self._root), dict(self._texts)
        number, name = place
        element = list(root.iter(etree.Element))[number]
        text = junk if isinstance(junk, str) else json.dumps(junk)
        # lxml refuses to write what no XML may hold, so that a stand-in is written and the garbage put in its place.
        stand_in = chr(0xE000 + len(texts))
        if name is not None:
            if junk is None:
                del element.attrib[name]
            else:
                element.set(name, stand_in)
        elif junk is None:
            element.getparent().remove(element)
        elif isinstance(junk, list):
            for _ in range(2):
                element.addnext(deepcopy(element))
        elif isinstance(junk, dict):
            etree.SubElement(element, "x").text = stand_in
        else:
            for child in element:
                element.remove(child)
            element.text = stand_in
        return XmlDocument(root, texts | {stand_in: text})

    def body(self) -> bytes:
        """Return the bytes; some of them no XML may hold."""
        text: str = etree.tostring(self._root, encoding="unicode")
        for stand_in, junk in self._texts.items():
            text = text.replace(stand_in, escape(junk, {'"': "&quot;"}))
        return text.encode("utf-8", "surrogatepass")


class LinesDocument:
    """A body of fixed-width lines. A place is ten columns of a line."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    def places(self) -> Sequence[tuple[int, int]]:
        """Return every tenth column of every line."""
        return [(number, start) for number, line in enumerate(self._lines) for start in range(0, len(line), 10)]

    def spoiled(self, place: tuple[int, int], junk: object) -> "LinesDocument":
        """Return it with other bytes in the columns, of the same length but for text, a line gone (None), or there twice (a list)."""
        number, start = place
        line = self._lines[number]
        text = (junk if isinstance(junk, str) else json.dumps(junk)).encode("utf-8", "surrogatepass")
        if junk is None:
            made = []
        elif isinstance(junk, list):
            made = [line, line]
        else:
            filling = text if isinstance(junk, str) else text[:10].ljust(10)
            made = [line[:start] + filling + line[start + 10 :]]
        return LinesDocument([*self._lines[:number], *made, *self._lines[number + 1 :]])

    def body(self) -> bytes:
        """Return the bytes."""
        return b"\r\n".join(self._lines)


def document_of(case: Case) -> Document | None:
    """Return the body of a golden case for spoiling; None = it cannot be read as it is."""
    try:
        if case.is_json:
            return JsonDocument(json.loads(case.payload))
        if case.is_lines:
            return LinesDocument(case.payload.splitlines())
        return XmlDocument(etree.fromstring(case.payload, etree.XMLParser(resolve_entities=False)))
    except (ValueError, etree.XMLSyntaxError):
        return None


def documents(cases: Sequence[Case]) -> list[tuple[Case, Document]]:
    """Return the cases whose body can be read, each with it."""
    return [(case, document) for case in cases if (document := document_of(case)) is not None]
