"""Canonical ERP events: erp.xml and its JSON twin erp.json. Source: schemas/xml/erp-event-1.xsd, which says what every field means.

Amounts: reais as decimal text. Times: ISO 8601 with offset. Event id: EventId, which the ERP keeps when it sends again; an event
about several parcels or notes is several facts, `<EventId>:1`, `<EventId>:2`.

One event sent as XML and as JSON is the same fact: scope of the references is not the format but the ERP that speaks (Source/System).
"""

from typing import Final

from adapters.contract import Adapter, unsigned
from adapters.erp.canonical.translate import translate_json, translate_xml
from schemas.erp import EVENT_WORDS

XML: Final = Adapter(
    name="erp.xml",
    translate=translate_xml,
    verify=unsigned,  # an ERP is an authenticated AMQP user
    docs="schemas/xml/erp-event-1.xsd",
    statuses=EVENT_WORDS,
    body_identifies_event=True,
    amount_format="reais as decimal text",
    time_zone="offset in every time",
)

JSON: Final = Adapter(
    name="erp.json",
    translate=translate_json,
    verify=unsigned,
    docs="schemas/json/erp.event.v1.json",
    statuses=EVENT_WORDS,
    body_identifies_event=True,
    amount_format="reais as decimal text or number",
    time_zone="offset in every time",
)
