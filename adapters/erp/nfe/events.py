"""Registered events of a note (procEventoNFe) -> fiscal and shipment facts (erp.md 1.6).

Only the authority's answer (retEvento) decides: a request that was refused has the same `evento`. The time is dhRegEvento.
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.contract import Ignored, PayloadMalformed
from adapters.erp.nfe.access_key import MODEL_NFCE, AccessKey
from adapters.erp.nfe.linking import access_key_reference
from adapters.erp.nfe.notes import NFCE, PROVIDER, key_facts, reason_of, times
from adapters.erp.nfe.signature import signature_flags
from adapters.erp.nfe.statuses import EVENT_EFFECTIVE, ONLY_CANCELLATIONS, note_kind
from adapters.erp.nfe.unpack import Found, local_name
from adapters.erp.nfe.wire import EventAnswer, EventDetail, EventRequest, only, read_model, required
from schemas.facts import FiscalFact, FiscalKind, ShipmentFact, ShipmentKind

FISCAL_EVENTS: Final[Mapping[str, FiscalKind]] = {
    "110111": "fiscal.canceled",
    "110112": "fiscal.canceled",  # by another note in its place; NFC-e only
    "110110": "fiscal.corrected",  # Carta de Correção: history, no state
    "110140": "fiscal.requested",  # EPEC: contingency, the note itself is still to come
    # The buyer says that he did not order it, or did not get it. No fact means this, and somebody must look: exception unknown_status.
    "210220": "fiscal.unknown",
    "210240": "fiscal.unknown",
}
FISCAL_FLAGS: Final[Mapping[str, str]] = {
    "110112": "replaced",
    "110140": "contingency",
    "210220": "buyer_does_not_know_the_sale",
    "210240": "buyer_says_it_was_not_completed",
}
SHIPMENT_EVENTS: Final[Mapping[str, ShipmentKind]] = {
    "110130": "shipment.delivered",
    "110192": "shipment.delivery_difficulty",
    "110131": "shipment.correction",
    "110193": "shipment.correction",
}
TAKEN_BACK: Final = {"110131": "110130", "110193": "110192"}
"""Event that takes back another one, and which."""

SILENT_EVENTS: Final[Mapping[str, str]] = {
    "110150": "a carrier may fetch the note",
    "210200": "the buyer confirms the sale",
    "210210": "the buyer knows of the note",
}
CANCELLATIONS: Final = frozenset({"110111", "110112"})

FAILED_DELIVERY: Final[Mapping[str, str]] = {
    "1": "1 nobody there",
    "2": "2 refused",
    "3": "3 no such address",
    "4": "4 other",
}
"""tpMotivo of 110192 (leiaute e110192_v1.00)."""

EVENT_TYPES: Final = (*FISCAL_EVENTS, *SHIPMENT_EVENTS, *SILENT_EVENTS)


def read_proc_event(found: Found) -> tuple[FiscalFact | ShipmentFact, ...] | Ignored:
    """Read an event and the authority's answer to it. Raises: PayloadMalformed."""
    place = found.name
    event = required(found.element, "evento", place)
    answer = _read_answer(required(found.element, "retEvento", place), f"{place}.retEvento")
    info = required(event, "infEvento", f"{place}.evento")
    where = f"{place}.evento.infEvento"
    request = read_model(EventRequest, info, where)
    _check(info, request, answer, where)
    detail = only(info, "detEvento", where)
    details = EventDetail() if detail is None else read_model(EventDetail, detail, f"{where}.detEvento")
    signed = signature_flags(event, info, request.chNFe.issuer, checkable=not found.alphabet_guessed)
    return _facts(answer, details, (*found.flags, *signed), "nfe_proc")


def read_bare_answer(found: Found) -> tuple[FiscalFact | ShipmentFact, ...] | Ignored:
    """Read the authority's answer about an event that is not beside it. Raises: PayloadMalformed."""
    answer = _read_answer(found.element, found.name)
    return _facts(answer, EventDetail(), (*found.flags, "answer_only"), "erp_notice")


def read_request(found: Found) -> Ignored:
    """Read what was only asked for."""
    return Ignored(f"{local_name(found.element)}: a request, the answer decides")


def _read_answer(element: Any, place: str) -> EventAnswer:
    return read_model(EventAnswer, required(element, "infEvento", place), f"{place}.infEvento")


def _check(info: Any, request: EventRequest, answer: EventAnswer, place: str) -> None:
    sequence = int(request.nSeqEvento)
    if info.get("Id", "").upper() != f"ID{request.tpEvento}{request.chNFe.text}{sequence:02d}":
        raise PayloadMalformed(f"{place}.Id: is not made of tpEvento, chNFe and nSeqEvento")
    for name in ("chNFe", "tpEvento", "nSeqEvento", "tpAmb"):
        if getattr(request, name) != getattr(answer, name):
            raise PayloadMalformed(f"{place}.{name}: the authority answered about something else")


def _facts(
    answer: EventAnswer, detail: EventDetail, flags: tuple[str, ...], evidence: Any
) -> tuple[FiscalFact | ShipmentFact, ...] | Ignored:
    word, status = answer.tpEvento, answer.cStat
    counts = status in EVENT_EFFECTIVE and (word in CANCELLATIONS or status not in ONLY_CANCELLATIONS)
    if status not in EVENT_EFFECTIVE and note_kind(status) == "fiscal.unknown":
        return (_fiscal("fiscal.unknown", answer, status, flags, evidence),)
    if not counts:
        return Ignored(f"event {word} not registered: {reason_of(status, answer.xMotivo)}")
    flag = EVENT_EFFECTIVE[status]
    flags = flags if flag is None else (*flags, flag)
    if word in SILENT_EVENTS:
        return Ignored(f"event {word}: {SILENT_EVENTS[word]}")
    if word in SHIPMENT_EVENTS:
        if answer.tpAmb != "1":
            # A shipment fact has no environment, and nothing of a test may move a parcel (erp.md R7).
            return Ignored(f"event {word} of a test")
        return (_shipment(SHIPMENT_EVENTS[word], answer, detail),)
    kind = FISCAL_EVENTS.get(word, "fiscal.unknown")
    if word == "110112" and answer.chNFe.model != MODEL_NFCE:
        kind = "fiscal.unknown"
    return (_fiscal(kind, answer, word, (*flags, *_flags_of(word, answer.chNFe)), evidence),)


def _flags_of(word: str, key: AccessKey) -> tuple[str, ...]:
    own = (FISCAL_FLAGS[word],) if word in FISCAL_FLAGS else ()
    return (*own, NFCE) if key.model == MODEL_NFCE else own


def _fiscal(kind: FiscalKind, answer: EventAnswer, word: str, flags: tuple[str, ...], evidence: Any) -> FiscalFact:
    return FiscalFact(
        kind=kind,
        event_id=f"{answer.chNFe.text}:{answer.tpEvento}:{answer.nSeqEvento}",
        references=(access_key_reference(answer.chNFe.text),),
        raw_word=word,
        # What the shop wrote to the buyer (xJust, xCorrecao) may name him, so it stays in the XML.
        reason=reason_of(answer.cStat, answer.xMotivo),
        evidence=evidence,
        flags=flags,
        **key_facts(answer.chNFe, answer.tpAmb),
        **times(answer.dhRegEvento),
    )


def _shipment(kind: ShipmentKind, answer: EventAnswer, detail: EventDetail) -> ShipmentFact:
    # When the parcel was at the door; the event was registered later, perhaps days later.
    moment = detail.dhEntrega or detail.dhTentativaEntrega or answer.dhRegEvento
    taken_back = TAKEN_BACK.get(answer.tpEvento)
    key = answer.chNFe.text
    corrects = f"{key}:{taken_back}:{detail.nProtEvento}" if taken_back and detail.nProtEvento else None
    return ShipmentFact(
        kind=kind,
        # The event that takes this one back names its protocol, and nothing else.
        event_id=f"{key}:{answer.tpEvento}:{answer.nProt or answer.nSeqEvento}",
        provider=PROVIDER,
        references=(access_key_reference(key),),
        shipment_key=access_key_reference(key),
        raw_word=answer.tpEvento,
        raw_code=answer.tpEvento,
        reason=FAILED_DELIVERY.get(detail.tpMotivo or "") or reason_of(answer.cStat, answer.xMotivo),
        corrects=corrects,
        **times(moment),
    )
