"""From bytes to the one model of both formats: XML is checked by the XSD, JSON by the model, and the model checks both."""

from functools import cache
from importlib import resources
from typing import Any, Final

from adapters.contract import PayloadMalformed
from adapters.parsing import XmlSchema, load_json, parse_xml, read, read_object
from schemas.erp import ErpEvent

MAX_BYTES: Final = 4 * 1024 * 1024

_NAMESPACE: Final = "urn:orderhub:erp-event:1"
_ROOT: Final = "ErpEvent"
_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r\n"

_GROUPS: Final = frozenset({"Source", "OrderRef", "Invoice", "Shipment", "Item"})
_LISTS: Final = frozenset({"Shipment", "Item", "ReferencedChave"})


def read_xml(body: bytes) -> ErpEvent:
    """Read an XML event. Raises: PayloadMalformed, with the line and the element at fault."""
    _check_size(body)
    # Queues and editors put blanks before the XML declaration, where XML itself allows none.
    root = parse_xml(body.lstrip(_BLANK).removeprefix(_BOM).lstrip(_BLANK))
    if root.tag != f"{{{_NAMESPACE}}}{_ROOT}":
        raise PayloadMalformed(f"root element is {root.tag[:200]!a}; expected is {_ROOT} in the namespace {_NAMESPACE}")
    _schema().check(root)
    return read(ErpEvent, _values(root))


def read_json(body: bytes, content_type: str | None) -> ErpEvent:
    """Read a JSON event; one that a converter of XML has wrapped in its root's name is read too. Raises: PayloadMalformed."""
    _check_size(body)
    document = read_object(load_json(body, content_type), "body")
    return read(ErpEvent, document[_ROOT] if document.keys() == {_ROOT} else document)


def _check_size(body: bytes) -> None:
    if len(body) > MAX_BYTES:
        raise PayloadMalformed(f"body has {len(body)} bytes, more than {MAX_BYTES}")


@cache
def _schema() -> XmlSchema:
    # Part of the published language and as constant as the code; made on first use, because importing a module does nothing.
    return XmlSchema(resources.files("schemas").joinpath("xml/erp-event-1.xsd").read_bytes())


def _values(element: Any) -> dict[str, Any]:
    """Return the attributes and children of an element that the XSD has passed, by name."""
    values: dict[str, Any] = {name: value for name, value in element.attrib.items() if not name.startswith("{")}  # xsi:schemaLocation
    for child in element:
        name = child.tag.rpartition("}")[2]
        value = _values(child) if name in _GROUPS else child.text or ""
        if name in _LISTS:
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    return values
