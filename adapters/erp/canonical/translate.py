"""One canonical ERP event -> canonical facts: of the order, of its tax paper, or of its parcels."""

from collections.abc import Iterable, Iterator
from typing import Any

from adapters.contract import Facts, RawDelivery
from adapters.erp.canonical.wire import read_json, read_xml
from adapters.parsing import decimal_to_cents
from schemas.erp import ErpEvent, ErpInvoice, ErpItem, ErpShipment
from schemas.facts import Fact, FiscalFact, OrderFact, ShipmentFact
from schemas.facts.shipments import SkuQuantity, Track
from schemas.references import Reference, ReferenceKind


def translate_xml(delivery: RawDelivery) -> Facts:
    """Translate an XML event. Raises: PayloadMalformed."""
    return _facts(read_xml(delivery.body))


def translate_json(delivery: RawDelivery) -> Facts:
    """Translate a JSON event. Raises: PayloadMalformed."""
    return _facts(read_json(delivery.body, delivery.content_type))


def _facts(event: ErpEvent) -> Facts:
    family = event.kind.partition(".")[0]
    if family == "shipment":
        facts: tuple[Fact, ...] = tuple(_shipments(event))
    elif family == "fiscal" and event.invoice is not None:
        facts = tuple(_fiscal(event, event.invoice))
    else:
        facts = (_order(event),)
    return Facts(facts, delivery_id=event.event_id)


def _common(event: ErpEvent, number: int, of: int) -> dict[str, Any]:
    """Return what every fact of an event carries. `number` of `of` facts of one event: each needs an id of its own."""
    return {
        "kind": event.kind,
        "event_id": event.event_id if of == 1 else f"{event.event_id}:{number}",
        "provider": event.source.system.lower(),
        "account": event.source.account,
        "occurred_at": event.occurred_at,
        "raw_word": event.event_type,
        "reason": event.reason,
    }


# --- References ---------------------------------------------------------------------------------------------------------------


def _references(event: ErpEvent, shipments: Iterable[ErpShipment], keys: Iterable[str | None]) -> tuple[Reference, ...]:
    """Return every name of the order, without repeats: its own, those of the given parcels and access keys."""
    names: list[tuple[ReferenceKind, str | None]] = []
    if event.order_ref is not None:
        names.append(("order_number", event.order_ref.shop_order_number))
        names.append(("erp_order_id", event.order_ref.erp_order_id))
        names.append(("erp_order_number", event.order_ref.erp_order_number))
    names.extend(("access_key", key) for key in keys)
    for shipment in shipments:
        names.append(("label_id", shipment.shipment_id))
        names.append(("tracking", _tracking(shipment)))
    return tuple(Reference(kind=kind, value=value) for kind, value in dict.fromkeys(names) if value is not None)


def _tracking(shipment: ErpShipment) -> str | None:
    return shipment.tracking_code.upper() if shipment.tracking_code else None


def _keys(event: ErpEvent) -> tuple[str | None, ...]:
    return (event.invoice.chave, *event.invoice.referenced_chave) if event.invoice is not None else ()


def _items(items: Iterable[ErpItem]) -> tuple[SkuQuantity, ...]:
    return tuple(SkuQuantity(sku=item.sku, quantity=int(item.quantity.partition(".")[0])) for item in items)


# --- Orders, parcels, papers --------------------------------------------------------------------------------------------------


def _order(event: ErpEvent) -> OrderFact:
    return OrderFact(
        **_common(event, 1, 1),
        references=_references(event, event.shipment, _keys(event)),
        number=event.order_ref.shop_order_number if event.order_ref is not None else None,
    )


def _shipments(event: ErpEvent) -> Iterator[ShipmentFact]:
    for number, shipment in enumerate(event.shipment, start=1):
        references = _references(event, (shipment,), _keys(event))
        tracking = _tracking(shipment)
        track = Track(number=tracking, carrier=shipment.carrier, title=shipment.service, url=shipment.tracking_url) if tracking else None
        yield ShipmentFact(
            **_common(event, number, len(event.shipment)),
            references=references,
            shipment_key=next((reference for reference in references if reference.kind in ("label_id", "tracking")), None),
            carrier=shipment.carrier,
            tracks=(track,) if track else (),
            items=_items(shipment.item),
        )


def _fiscal(event: ErpEvent, invoice: ErpInvoice) -> Iterator[FiscalFact]:
    # A return note may take back several sale notes, each perhaps of another order: one fact for each.
    originals = invoice.referenced_chave if event.kind == "fiscal.returned" and invoice.referenced_chave else (None,)
    for number, original in enumerate(originals, start=1):
        keys = (invoice.chave, original) if original is not None else _keys(event)
        yield FiscalFact(
            **_common(event, number, len(originals)) | {"reason": " ".join(filter(None, (invoice.status_code, event.reason))) or None},
            references=_references(event, event.shipment, keys),
            access_key=invoice.chave,
            document_id=invoice.document_id,
            number=_without_left_zeros(invoice.number),
            series=_without_left_zeros(invoice.series),
            total_cents=decimal_to_cents(invoice.total) if invoice.total is not None else None,
            issued_at=invoice.issued_at,
            environment=invoice.environment or "production",
            evidence="erp_notice",
            original_access_key=original,
            # Which of them belong to which sale note is not said.
            items=_items(invoice.item) if len(originals) == 1 else (),
            url=invoice.danfe_url,
        )


def _without_left_zeros(digits: str | None) -> str | None:
    return None if digits is None else digits.lstrip("0") or "0"
