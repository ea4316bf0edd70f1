"""Melhor Envio beyond single payloads: one milestone told twice, answers that are old news, the two spellings of a signature."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.carriers.melhor_envio import ADAPTER
from adapters.contract import Facts, Fetch, HttpResponse, Ignored, PayloadMalformed, RawDelivery, Secrets, SignatureInvalid
from adapters.signing import hmac_sha256
from schemas.facts import ShipmentFact

AT = datetime(2026, 8, 6, 15, 0, tzinfo=UTC)
LABEL = {
    "id": "9b1f0c52", "status": "posted", "tracking": "AA123456785BR", "tags": [{"tag": "417", "url": None}],
    "created_at": "2026-08-03 10:12:00", "posted_at": "2026-08-04 17:40:31",
}  # fmt: skip


def facts(document: Any, at: datetime = AT) -> tuple[ShipmentFact, ...]:
    translation = ADAPTER.translate(RawDelivery(json.dumps(document).encode(), {}, at))
    assert isinstance(translation, Facts)
    return tuple(fact for fact in translation.facts if isinstance(fact, ShipmentFact))


def hook(event: str, **changes: Any) -> ShipmentFact:
    (fact,) = facts({"event": event, "data": {**LABEL, **changes}})
    return fact


def answer(*labels: dict[str, Any], at: datetime = AT) -> dict[str, ShipmentFact]:
    return {fact.event_id: fact for fact in facts({label["id"]: label for label in labels}, at)}


def test_a_hook_and_an_answer_about_one_posting_are_one_event() -> None:
    told = hook("order.posted")
    polled = answer(LABEL)[told.event_id]
    assert (polled.kind, polled.occurred_at, polled.shipment_key) == (told.kind, told.occurred_at, told.shipment_key)


def test_a_tracking_code_that_becomes_known_later_does_not_make_another_event() -> None:
    before, after = hook("order.posted", tracking=None), hook("order.posted")
    assert before.event_id == after.event_id
    assert [track.number for track in after.tracks] == ["AA123456785BR"]


def test_a_second_undelivered_is_a_second_event_and_a_repeat_is_not() -> None:
    first = hook("order.undelivered", status="undelivered")
    assert hook("order.undelivered", status="undelivered").event_id == first.event_id
    assert hook("order.undelivered", status="undelivered", tracking="AA987654326BR").event_id != first.event_id


def test_other_labels_of_an_answer_do_not_change_the_name_of_an_event() -> None:
    paused = {**LABEL, "status": "paused"}
    alone, together = answer(paused), answer(paused, {**LABEL, "id": "other", "posted_at": "2026-08-05 08:00:00"})
    assert set(alone) < set(together)


def test_an_answer_never_wins_over_a_hook_of_the_last_hour() -> None:
    # Melhor Envio gives the same answer for an hour: this one may have been made before the parcel was delivered.
    delivered = hook("order.delivered", delivered_at="2026-08-06 11:30:00")  # 14:30 UTC, half an hour before the answer is read
    stale = [fact for fact in answer({**LABEL, "status": "undelivered"}).values() if fact.kind == "shipment.delivery_difficulty"]
    assert [fact.occurred_at for fact in stale] == [AT - timedelta(hours=1)]
    assert stale[0].occurred_at < delivered.occurred_at


def test_a_word_nobody_knows_is_unknown_even_if_it_looks_like_success() -> None:
    for event in ("order.delivered_to_neighbour", "delivered", "order.", "order.order.delivered", "ORDER.DELIVERED"):
        assert hook(event, delivered_at="2026-08-06 11:30:00").kind == "shipment.unknown"


def test_a_request_asks_for_several_labels_at_once() -> None:
    assert ADAPTER.build_fetch is not None
    request = ADAPTER.build_fetch(Fetch("tracking", "one,two"))
    assert (request.method, request.url) == ("POST", "/api/v2/me/shipment/tracking")
    assert json.loads(request.body or b"") == {"orders": ["one", "two"]}


def test_an_answer_is_never_taken_for_a_hook() -> None:
    assert ADAPTER.parse_response is not None
    body = json.dumps({"event": {"id": "event", "status": "delivered", "delivered_at": "2026-08-06 11:30:00"}}).encode()
    translation = ADAPTER.parse_response(Fetch("tracking", "event"), HttpResponse(200, {}, body), AT)
    assert isinstance(translation, Facts)
    assert [fact.references[0].value for fact in translation.facts] == ["event"]
    assert isinstance(ADAPTER.parse_response(Fetch("tracking", "x"), HttpResponse(200, {}, b"{}"), AT), Ignored)


def test_an_answer_of_more_labels_than_anybody_asks_for_is_refused() -> None:
    with pytest.raises(PayloadMalformed, match="1001 labels, more than 1000"):
        facts({str(number): {"status": "posted"} for number in range(1001)})


def test_a_hundred_tags_are_twenty_references() -> None:
    tags = [reference for reference in hook("order.posted", tags=[f"T{n}" for n in range(100)]).references if reference.kind != "label_id"]
    assert len(tags) == 1 + 20


@pytest.mark.parametrize("spell", [str, str.upper, lambda digest: base64.urlsafe_b64encode(bytes.fromhex(digest)).decode()])
def test_every_spelling_of_the_digest_is_read(spell: Any) -> None:
    headers = {"hub-http-headers": {"x-me-signature": f" {spell(hmac_sha256('segredo', b'{}'))} "}}
    ADAPTER.verify(RawDelivery(b"{}", headers, AT), Secrets(webhook=("segredo",)))


@pytest.mark.parametrize("given", ["", "abc", "0" * 63, "0" * 64, "A" * 43 + "=", "sha256=" + "0" * 64, "A" * 44])
def test_other_signatures_are_refused(given: str) -> None:
    with pytest.raises(SignatureInvalid):
        ADAPTER.verify(RawDelivery(b"{}", {"hub-http-headers": {"x-me-signature": given}}, AT), Secrets(webhook=("segredo",)))
