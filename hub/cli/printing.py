"""What `hub print` puts into its file: the hub's own documents, or the carriers' labels, and what is missing of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, select

from hub.cli.failures import Failure, Status
from hub.cli.output import errors
from hub.cli.print import Kind
from hub.config import Settings
from hub.documents import labels
from hub.documents.papers import Desk, PrintedOrder, invoices, packing_slips, refunds
from hub.documents.sheet import Sheet, render
from hub.documents.shop import Shop
from hub.engine import rows
from hub.engine.order_document import order_document
from hub.store import shipment_labels
from hub.store.tables import orders
from schemas.documents import OrderView, ShipmentView

NOTHING: Final = "no_printable_documents"
"""Code of the refusal when none of the orders has a document of the kind (order-lifecycle 3)."""
_SEPARATOR: Final = "\n  "
_WRITERS: Final[Mapping[Kind, Sequence[Callable[[PrintedOrder, Desk], Iterator[Sheet]]]]] = {
    Kind.INVOICES: (invoices,),
    Kind.PACKING_SLIPS: (packing_slips,),
    Kind.REFUNDS: (refunds,),
    Kind.ALL: (invoices, packing_slips, refunds),
}


# -- the hub's own documents -------------------------------------------------------------------------------------------------------


def papers_of(connection: Connection, numbers: Sequence[str], kind: Kind, settings: Settings) -> tuple[bytes, list[str]]:
    """Write the documents of one kind; return the PDF and what orders lack. Raises: Failure if there is nothing at all."""
    desk = Desk(settings.timezone, dict(settings.carriers))
    sheets: list[Sheet] = []
    lacking: list[str] = []
    for number in numbers:
        printed = _printed(connection, number)
        found = [sheet for write in _WRITERS[kind] for sheet in write(printed, desk)]
        sheets += found
        if not found:
            lacking.append(f"order {number} has no {_named(kind)} yet")
    if not sheets:
        raise Failure(f"{NOTHING}: {_SEPARATOR.join(lacking)}", Status.REJECTED)
    shop = _shop(settings)
    try:
        return render(sheets, shop), lacking
    except ValueError as error:
        raise Failure(f"HUB_SHOP_LOGO: {error}") from error


def _named(kind: Kind) -> str:
    return "document to print" if kind is Kind.ALL else kind.value.rstrip("s").replace("-", " ")


def _printed(connection: Connection, number: str) -> PrintedOrder:
    statement = select(orders.c.shipping_cents, orders.c.discount_cents).where(orders.c.number == number)
    shipping_cents, discount_cents = connection.execute(statement).one()
    _, erased = rows.read_personal(connection, number)
    return PrintedOrder(_view(connection, number), shipping_cents, discount_cents, customer_erased=erased)


def _view(connection: Connection, number: str) -> OrderView:
    return OrderView.model_validate(order_document(connection, number))


def _shop(settings: Settings) -> Shop:
    if not settings.shop_name:
        errors().print("HUB_SHOP_NAME is not set: the documents do not say whose they are", highlight=False, soft_wrap=True)
    logo = None
    if settings.shop_logo is not None:
        try:
            logo = settings.shop_logo.read_bytes()
        except OSError as error:
            raise Failure(f"HUB_SHOP_LOGO: {settings.shop_logo}: {error.strerror or error}") from error
    lines = [line.strip() for line in settings.shop_address.replace("|", "\n").splitlines()]
    return Shop(settings.shop_name, settings.shop_document or "", tuple(line for line in lines if line), logo)


# -- carriers' labels --------------------------------------------------------------------------------------------------------------


def labels_of(connection: Connection, numbers: Sequence[str]) -> tuple[bytes, list[str]]:
    """Merge the stored labels; return the PDF and which shipments have none. Raises: Failure if there is nothing at all."""
    found: list[labels.Label] = []
    lacking: list[str] = []
    for number in numbers:
        stored = shipment_labels.of_order(connection, number)
        parcels = _view(connection, number).shipments
        valid, missing = _sorted_out(stored, parcels)
        found += [labels.Label(f"{one.label_id} of order {number}", one.content_type, one.body) for one in valid]
        lacking += [f"order {number}, shipment {parcel.id}: no label is stored" for parcel in missing]
        if not parcels and not valid:
            lacking.append(f"order {number} has no shipment yet")
    if not found:
        raise Failure(f"{NOTHING}: {_SEPARATOR.join(lacking) or 'every shipment is canceled'}", Status.REJECTED)
    try:
        return labels.merge(found), lacking
    except labels.LabelUnreadable as error:
        raise Failure(str(error), Status.REJECTED) from error


def _sorted_out(
    stored: Iterable[shipment_labels.StoredLabel], parcels: Sequence[ShipmentView]
) -> tuple[list[shipment_labels.StoredLabel], list[ShipmentView]]:
    """Return the labels of parcels that were not canceled, and the parcels without one."""
    by_id = {parcel.id: parcel for parcel in parcels}
    valid: list[shipment_labels.StoredLabel] = []
    labelled: set[str] = set()
    unnamed = 0
    for label in stored:
        # A parcel that its label made known is called by provider and label (hub.domain.references.own_id).
        parcel = by_id.get(label.shipment_id or "") or by_id.get(f"{label.provider}:{label.label_id}")
        if parcel is not None and parcel.state == "canceled":
            continue
        valid.append(label)
        if parcel is None:
            unnamed += 1
        else:
            labelled.add(parcel.id)
    missing = [parcel for parcel in parcels if parcel.state != "canceled" and parcel.id not in labelled]
    # A label that names no parcel can only be meant of the one that is left.
    return valid, [] if len(missing) == 1 and unnamed else missing
