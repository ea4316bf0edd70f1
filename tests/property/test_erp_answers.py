"""Whatever an ERP answers to a Fetch: it is read, or refused in one way."""

import json
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.contract import Adapter, AdapterError, Facts, Fetch, HttpResponse
from schemas.facts import parse_fact
from scripts.golden import RECEIVED_AT, Case, cases, registered
from tests.contract.garbage import JUNK, Document, documents

ADAPTERS: Final = {name: adapter for name, adapter in registered().items() if name.startswith("erp.") and adapter.resources}
ANSWERS: Final = documents([case for case in cases() if case.adapter_name in ADAPTERS and case.fetch is not None])

every_adapter = pytest.mark.parametrize("adapter", [pytest.param(adapter, id=name) for name, adapter in sorted(ADAPTERS.items())])
patient = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(adapter: Adapter, fetch: Fetch, body: bytes) -> None:
    assert adapter.parse_response is not None
    try:
        translation = adapter.parse_response(fetch, HttpResponse(200, {}, body), RECEIVED_AT)
    except AdapterError as error:
        assert len(str(error)) < 2000
        assert str(error).isprintable()
        return
    if not isinstance(translation, Facts):
        return
    assert translation.facts or translation.failed
    assert len({fact.event_id for fact in translation.facts}) == len(translation.facts)
    for fact in translation.facts:
        assert parse_fact(json.loads(json.dumps(fact.model_dump(mode="json")))) == fact
        assert fact.references
        assert fact.occurred_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(("case", "document"), [pytest.param(*pair, id=pair[0].name) for pair in ANSWERS])
def test_any_value_of_an_answer_may_be_garbage(case: Case, document: Document) -> None:
    assert case.fetch is not None
    for place in document.places():
        for junk in JUNK:
            read(ADAPTERS[case.adapter_name], case.fetch, document.spoiled(place, junk).body())


@every_adapter
@given(data=st.data())
@patient
def test_garbage_in_several_places_of_an_answer(adapter: Adapter, data: st.DataObject) -> None:
    case, document = data.draw(st.sampled_from([pair for pair in ANSWERS if pair[0].adapter_name == adapter.name]))
    assert case.fetch is not None
    for _ in range(data.draw(st.integers(1, 4))):
        places = document.places()
        if not places:
            break
        document = document.spoiled(data.draw(st.sampled_from(places)), data.draw(st.sampled_from(JUNK) | st.text(max_size=80)))
    read(adapter, case.fetch, document.body())


@every_adapter
@given(body=st.binary(max_size=300), parameters=st.dictionaries(st.sampled_from(["told_at", "account"]), st.text(min_size=1, max_size=40)))
@patient
def test_random_bytes_are_no_answer(adapter: Adapter, body: bytes, parameters: dict[str, str]) -> None:
    for resource in adapter.resources:
        read(adapter, Fetch(resource, "1", parameters), body)


@every_adapter
def test_every_resource_can_be_asked_for(adapter: Adapter) -> None:
    assert adapter.build_fetch is not None
    for resource in adapter.resources:
        request: Any = adapter.build_fetch(Fetch(resource, "17/../1?x=1"))
        assert "/../" not in request.url
        assert "?x=1" not in request.url
