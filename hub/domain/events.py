"""Bodies of the events that tell of one fact or one entry of a decision. Order, sequences and times are the engine's."""

from typing import Any, Final

from hub.domain.decisions import Commented, Decision, PaperIssued, ParcelMarked, ParcelShipped, TrackAdded
from hub.domain.fold import paper_name
from hub.domain.judgement import TrackText
from hub.domain.papers import paper_key
from hub.domain.parcels import MANUAL, parcel_key
from hub.domain.tracking_pages import tracking_page
from hub.domain.view import RefundView, View
from schemas.facts import FiscalFact, PaymentFact, ShipmentFact

_FACT_FIELDS: Final = (
    "account", "amount_cents", "cumulative_cents", "paid_cents", "interest_cents", "discount_cents", "fee_cents", "refund_id", "dispute_id",
    "installments", "raw_word", "reason",
)  # fmt: skip


_PARCEL_FIELDS: Final = ("carrier", "precision", "location", "raw_code", "raw_word", "reason")

_PAPER_FIELDS: Final = (
    "access_key", "number", "series", "total_cents", "environment", "evidence", "original_access_key", "url", "raw_word", "reason",
)  # fmt: skip


def payment_body(after: View, fact: PaymentFact, attempt_id: str | None, cause: dict[str, Any]) -> dict[str, Any]:
    """Tell of a payment what its source told; the figures are the source's."""
    body: dict[str, Any] = {"kind": fact.kind, "payment": attempt_id, "provider": fact.provider, "method": fact.method}
    if fact.method is None and attempt_id is not None and (attempt := after.attempt(attempt_id)) is not None:
        body["method"] = attempt.method
    if fact.payment_key is not None:
        body["payment_key"] = {"kind": fact.payment_key.kind, "value": fact.payment_key.value}
    for name in _FACT_FIELDS:
        value = getattr(fact, name)
        if value is not None:
            body[name] = value
    if fact.funds_withdrawn:
        body["funds_withdrawn"] = True
    if fact.due_at is not None:
        body["due_at"] = fact.due_at.isoformat()
    if fact.credited_at is not None:
        body["credited_at"] = fact.credited_at.isoformat()
    body["cause"] = cause
    return body


def capture_body(attempt: str, method: str, source: str, amount_cents: int, cause: dict[str, Any]) -> dict[str, Any]:
    """Tell of money that a person or the shop itself has taken."""
    return {
        "kind": "payment.captured",
        "payment": attempt,
        "provider": source,
        "method": method,
        "amount_cents": amount_cents,
        "cause": cause,
    }


def shipment_body(after: View, fact: ShipmentFact, cause: dict[str, Any]) -> dict[str, Any]:
    """Tell of a parcel what its source told, and where the order is by now."""
    body: dict[str, Any] = {"kind": fact.kind, "provider": fact.provider}
    shipment = after.shipment_of.get(parcel_key(fact))
    if shipment:
        body["shipment"] = shipment
    if fact.shipment_key is not None:
        body["shipment_key"] = {"kind": fact.shipment_key.kind, "value": fact.shipment_key.value}
    if fact.tracks:
        body["tracks"] = [_with_page(track.model_dump(exclude_none=True), fact.carrier) for track in fact.tracks]
    if fact.items:
        body["items"] = [item.model_dump() for item in fact.items]
    body["fulfilment_state"] = after.fulfilment_state
    _copy(body, fact, _PARCEL_FIELDS)
    body["cause"] = cause
    return body


def parcel_body(
    after: View, entry: ParcelShipped | TrackAdded | ParcelMarked, texts: tuple[TrackText, ...], cause: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Tell what a person did with a parcel. A further number only makes the tracking known, as a label does."""
    body: dict[str, Any] = {"provider": MANUAL, "shipment": entry.shipment}
    carrier = entry.carrier if isinstance(entry, ParcelShipped) else None
    tracks = [_with_page(_track(text), carrier) for text in texts]
    match entry:
        case ParcelShipped():
            kind = "shipment.posted"
            body |= {"carrier": entry.carrier, "tracks": tracks, "items": [item.model_dump() for item in entry.items]}
        case TrackAdded():
            kind = "shipment.label_created"
            body["tracks"] = tracks
        case ParcelMarked():
            kind = f"shipment.{entry.mark}"
    return kind, {"kind": kind, **body, "fulfilment_state": after.fulfilment_state, "cause": cause}


def _track(text: TrackText) -> dict[str, Any]:
    known = {"number": text.number, "carrier": text.carrier, "title": text.title, "url": text.url}
    return {name: value for name, value in known.items() if value is not None}


def _with_page(track: dict[str, Any], carrier: str | None) -> dict[str, Any]:
    """Add the address of the carrier's page where the source gave none."""
    page = tracking_page(track["number"], track.get("carrier") or carrier)
    return track if page is None or "url" in track else {**track, "url": page}


def fiscal_body(after: View, fact: FiscalFact, cause: dict[str, Any]) -> dict[str, Any]:
    """Tell of a tax paper what its source told, and where the order is by now."""
    body: dict[str, Any] = {"kind": fact.kind, "provider": fact.provider}
    document = after.document_of.get(paper_key(fact))
    if document is not None:
        body["document"] = document
    _copy(body, fact, _PAPER_FIELDS)
    if fact.issued_at is not None:
        body["issued_at"] = fact.issued_at.isoformat()
    body["fiscal_state"] = after.fiscal_state
    flags = (*fact.flags, *after.fiscal_flags)
    if flags:
        body["flags"] = list(dict.fromkeys(flags))
    body["cause"] = cause
    return body


def paper_body(after: View, entry: PaperIssued, key: str, cause: dict[str, Any]) -> dict[str, Any]:
    """Tell of a tax paper on a person's word."""
    body: dict[str, Any] = {"kind": "fiscal.issued", "provider": MANUAL, "evidence": "manual"}
    document = after.document_of.get(paper_name(entry, key))
    if document is not None:
        body["document"] = document
    _copy(body, entry, ("access_key", "number", "series", "url"))
    return {**body, "fiscal_state": after.fiscal_state, "cause": cause}


def refund_body(refund: RefundView, kind: str, cause: dict[str, Any]) -> dict[str, Any]:
    """Tell of a refund that was begun here."""
    body: dict[str, Any] = {"kind": kind, "refund": refund.id, "amount_cents": refund.amount_cents}
    _copy(body, refund, ("payment", "mode", "method"))
    for name in ("shipping_cents", "extra_cents", "fee_cents"):
        if value := getattr(refund, name):
            body[name] = value
    if refund.lines:
        body["lines"] = [line._asdict() for line in refund.lines]
    body["cause"] = cause
    return body


def commented_body(after: View, entry: Commented, decision: Decision, cause: dict[str, Any]) -> dict[str, Any]:
    """Tell that something was noted; the text stays in the hub."""
    body: dict[str, Any] = {"status": after.status, "notify": decision.notify is True, "visible": decision.visible is True}
    if entry.kind is not None:
        body["document"] = {"kind": entry.kind, "id": entry.document}
    body["cause"] = cause
    return body


def _copy(body: dict[str, Any], source: object, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(source, name)
        if value is not None:
            body[name] = value
