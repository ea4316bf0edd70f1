"""Labels of carriers as files: kept by who fetches them, read to be printed, erased with the person they name."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select

from hub.store import bulk
from hub.store.tables import shipment_labels

CONTENT_TYPES: Final = ("application/pdf", "image/png", "image/jpeg")
"""What can be printed. A printer's own language (ZPL, EPL) goes to the printer, not through here."""


@dataclass(frozen=True, slots=True)
class StoredLabel:
    """One label. `label_id` is the carrier's; `shipment_id` the order's own, None when who stores it does not know it."""

    order_number: str
    provider: str
    label_id: str
    content_type: str
    body: bytes
    stored_at: datetime
    shipment_id: str | None = None


def store(connection: Connection, label: StoredLabel) -> None:
    """Keep a label; an older one of the same name gives way. Raises: ValueError for a content type that cannot be printed."""
    content_type = label.content_type.partition(";")[0].strip().lower()
    if content_type not in CONTENT_TYPES:
        raise ValueError(f"content_type: label {label.label_id} of order {label.order_number} is none of {', '.join(CONTENT_TYPES)}")
    bulk.upsert(connection, shipment_labels, [{**asdict(label), "content_type": content_type}])


def of_order(connection: Connection, number: str) -> list[StoredLabel]:
    """Read the labels of one order, the oldest first."""
    statement = (
        select(shipment_labels)
        .where(shipment_labels.c.order_number == number)
        .order_by(shipment_labels.c.stored_at, shipment_labels.c.provider, shipment_labels.c.label_id)
    )
    return [StoredLabel(**{str(name): value for name, value in row.items()}) for row in connection.execute(statement).mappings()]


def erase(connection: Connection, numbers: Sequence[str]) -> int:
    """Delete the labels of some orders: they show the customer's name and address. Returns how many there were."""
    return connection.execute(delete(shipment_labels).where(shipment_labels.c.order_number.in_(numbers))).rowcount
