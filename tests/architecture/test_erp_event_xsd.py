"""The XSD of ERP events can be written from alone, and it is the twin of the model in schemas/erp.py."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from lxml import etree  # type: ignore[import-untyped]
from pydantic import BaseModel

from adapters.contract import Facts, RawDelivery
from adapters.erp.canonical import XML
from schemas import erp
from schemas.facts import FACT_KINDS

FILE: Final = Path(erp.__file__).parent / "xml" / "erp-event-1.xsd"
SCHEMA: Final = etree.parse(str(FILE)).getroot()
XS: Final = {"xs": "http://www.w3.org/2001/XMLSchema"}
MODELS: Final[dict[str, type[BaseModel]]] = {
    "ErpEvent": erp.ErpEvent,
    "Source": erp.ErpSource,
    "OrderRef": erp.ErpOrderRef,
    "Invoice": erp.ErpInvoice,
    "Shipment": erp.ErpShipment,
    "Item": erp.ErpItem,
}


def documentation(node: Any) -> str:
    return " ".join((node.findtext("xs:annotation/xs:documentation", "", XS)).split())


def words() -> dict[str, str]:
    return {node.get("value"): documentation(node) for node in SCHEMA.iterfind("xs:simpleType[@name='EventType']//xs:enumeration", XS)}


def test_everything_in_it_is_explained() -> None:
    for node in SCHEMA.iter(*(f"{{{XS['xs']}}}{name}" for name in ("element", "attribute", "complexType", "simpleType", "enumeration"))):
        assert documentation(node), f"line {node.sourceline}: {node.get('name') or node.get('value')} is not explained"
    assert documentation(SCHEMA)


def test_every_type_is_used_and_none_is_built_in() -> None:
    used = {node.get("type") for node in SCHEMA.iter() if node.get("type")}
    assert used == {node.get("name") for node in SCHEMA if node.get("name")}


def test_its_words_are_those_of_the_model() -> None:
    assert tuple(words()) == erp.EVENT_WORDS


def test_every_word_is_a_fact_kind_or_explained_by_one() -> None:
    for word, meaning in words().items():
        kind = erp.SYNONYMS.get(word)
        assert kind in FACT_KINDS if kind else word in FACT_KINDS
        assert (meaning == f"Means {kind}.") == (kind is not None)


@pytest.mark.parametrize("name", MODELS)
def test_a_group_has_the_fields_of_its_model(name: str) -> None:
    group = SCHEMA.find(f"xs:complexType[@name='{name}']", XS)
    model = MODELS[name]
    fields = {field.alias or attribute: field for attribute, field in model.model_fields.items()}
    parts = group.findall(".//xs:element", XS) + group.findall("xs:attribute", XS)
    assert {part.get("name") for part in parts} == set(fields)
    for part in parts:
        field = fields[part.get("name")]
        required = part.get("use") == "required" if part.tag.endswith("attribute") else part.get("minOccurs") != "0"
        assert field.is_required() == required, part.get("name")
        limits = [fact.max_length for fact in field.metadata if hasattr(fact, "max_length")]
        if "maxOccurs" in part.attrib:
            assert limits == [int(part.get("maxOccurs"))], part.get("name")


def test_the_example_in_it_is_an_event() -> None:
    example = re.search(r"<ErpEvent xmlns.*</ErpEvent>", SCHEMA.findtext("xs:annotation/xs:documentation", "", XS), re.DOTALL)
    assert example is not None
    translation = XML.translate(RawDelivery(example[0].encode(), {}, datetime(2026, 12, 1, tzinfo=UTC)))
    assert isinstance(translation, Facts)
    assert [fact.kind for fact in translation.facts] == ["shipment.posted"]
