"""The three documents of an order: invoice (fatura), packing slip (embalagem), refund (reembolso)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from hub.documents.sheet import Box, Boxes, Column, Notes, Sheet, Signatures, Sums, Table
from hub.documents.wording import access_key, address_lines, method, moment, money, quantity, tax_id_with_name
from schemas.documents import FiscalDocumentView, InvoiceView, OrderView, PaymentView, RefundView, ShipmentView
from schemas.orders import Address

ERASED: Final = "Dados pessoais apagados"
"""In place of a customer whose data was erased."""

UNKNOWN: Final = "Não informado"

_REFUND_STATES: Final = {"pending": "em andamento", "done": "feito", "failed": "não realizado"}
_MODES: Final = {"online": "pelo provedor de pagamento", "offline": "pela loja"}


@dataclass(frozen=True, slots=True)
class PrintedOrder:
    """An order to print: its document, and what that does not hold.

    Units: cents. `customer_erased`: its personal data is gone for good.
    """

    order: OrderView
    shipping_cents: int = 0
    discount_cents: int = 0
    customer_erased: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """What is the same for all documents of a shop: its clock, and the carriers' titles by code."""

    zone: ZoneInfo
    carriers: dict[str, str]


# -- invoice -----------------------------------------------------------------------------------------------------------------------


def invoices(printed: PrintedOrder, desk: Desk) -> Iterator[Sheet]:
    """Write an order's sale invoices. They are no tax papers, and say so."""
    order = printed.order
    for invoice in order.invoices:
        yield Sheet(
            title="Fatura",
            number=invoice.number,
            subject=f"Pedido {order.number} - Fatura {invoice.number}",
            subtitle=(f"Emitida em {moment(invoice.created_at, desk.zone)}",),
            facts=(
                ("Pedido", order.number),
                ("Data do pedido", moment(order.placed_at, desk.zone)),
                ("Situação", order.label),
                ("Pagamento", ", ".join(dict.fromkeys(method(one.method) for one in _paid(order))) or UNKNOWN),
            ),
            blocks=(
                Boxes((Box("CLIENTE", _customer(printed)), Box("ENTREGA", _address(printed, order.shipping_address)))),
                Table(
                    (
                        Column("SKU", 16),
                        Column("Produto", 44),
                        Column("Qtd.", 8, True),
                        Column("Preço", 16, True),
                        Column("Total", 16, True),
                    ),
                    [
                        (
                            item.sku,
                            item.name or item.sku,
                            quantity(item.quantity),
                            money(item.unit_price_cents),
                            money(item.unit_price_cents * item.quantity),
                        )
                        for item in order.items
                    ],
                ),
                Sums(_invoice_sums(printed, invoice)),
                Notes([*_notes_of_papers(order), "Esta fatura é um documento da loja e não substitui a nota fiscal."]),
            ),
        )


def _paid(order: OrderView) -> list[PaymentView]:
    return [one for one in order.payments if one.captured_cents]


def _invoice_sums(printed: PrintedOrder, invoice: InvoiceView) -> list[tuple[str, str, bool]]:
    """Lead from the lines to the invoice's total; what the total has and no part explains is shown as an adjustment."""
    order = printed.order
    items = sum(item.unit_price_cents * item.quantity for item in order.items)
    adjustment = order.total_cents - items - printed.shipping_cents + printed.discount_cents
    # The invoice was made of what was due then: units canceled before it are not in it.
    canceled = order.total_cents - invoice.total_cents
    lines = [("Soma dos itens", money(items), False), ("Frete", money(printed.shipping_cents), False)]
    if printed.discount_cents:
        lines.append(("Desconto", money(-printed.discount_cents), False))
    if adjustment:
        lines.append(("Ajuste", money(adjustment), False))
    if canceled:
        lines.append(("Itens cancelados" if canceled > 0 else "Diferença", money(-canceled), False))
    lines.append(("Total da fatura", money(invoice.total_cents), True))
    lines += [(f"Pago, {method(one.method) or UNKNOWN}", money(one.captured_cents), False) for one in _paid(order)]
    if order.refunded_cents:
        lines.append(("Reembolsado", money(-order.refunded_cents), False))
    return lines


def _notes_of_papers(order: OrderView) -> list[str]:
    """Name the valid tax papers of the order."""
    return [_note_of_paper(paper) for paper in order.fiscal_documents if paper.state == "issued"]


def _note_of_paper(paper: FiscalDocumentView) -> str:
    name = " ".join(part for part in ("NF-e", paper.number and f"nº {paper.number}", paper.series and f"série {paper.series}") if part)
    return f"{name}, chave de acesso {access_key(paper.access_key)}" if paper.access_key else name


# -- packing slip ------------------------------------------------------------------------------------------------------------------


def packing_slips(printed: PrintedOrder, desk: Desk) -> Iterator[Sheet]:
    """Write a packing slip per parcel: what goes into it and to whom, never what it cost."""
    order = printed.order
    parcels = [one for one in order.shipments if one.state != "canceled"]
    for index, parcel in enumerate(parcels, 1):
        lines = _inside(order, parcel)
        yield Sheet(
            title="Embalagem",
            number=f"Pedido {order.number}",
            subject=f"Pedido {order.number} - Embalagem {parcel.id}",
            subtitle=(f"Volume {index} de {len(parcels)}", f"Entrega {parcel.id}"),
            facts=(
                ("Data do pedido", moment(order.placed_at, desk.zone)),
                ("Transportadora", _carrier(parcel, desk)),
                ("Rastreio", ", ".join(track.number for track in parcel.tracks) or "sem código"),
                ("Unidades", quantity(sum(units for _, _, units in lines))),
            ),
            blocks=(
                Boxes((Box("DESTINATÁRIO", _address(printed, order.shipping_address)),)),
                Table(
                    (Column("Conf.", 7), Column("Qtd.", 8, True), Column("SKU", 20), Column("Produto", 65)),
                    [("\N{BALLOT BOX}", quantity(units), sku, name) for sku, name, units in lines],
                ),
                Notes(
                    [
                        *([] if parcel.items else ["O conteúdo deste volume não foi informado: estão listados todos os itens do pedido."]),
                        *_notes_of_papers(order),
                    ],
                    with_next=True,
                ),
                Signatures(("Separado por", "Conferido por")),
            ),
        )


def _carrier(parcel: ShipmentView, desk: Desk) -> str:
    """Name the carrier; of one that is on no list (`custom`) the tracks' titles say more than its code."""
    if parcel.carrier not in (None, "custom"):
        return desk.carriers.get(parcel.carrier, parcel.carrier)
    return ", ".join(dict.fromkeys(track.title for track in parcel.tracks if track.title)) or UNKNOWN


def _inside(order: OrderView, parcel: ShipmentView) -> list[tuple[str, str, int]]:
    """List SKU, name and units in the parcel; in one whose content nobody told, all that was ordered and not canceled."""
    names = {item.sku: item.name or item.sku for item in order.items}
    if parcel.items:
        return [(one.sku, names.get(one.sku, one.sku), one.quantity) for one in parcel.items]
    left = [(item.sku, names[item.sku], item.quantity - item.canceled) for item in order.items if not item.virtual]
    return [line for line in left if line[2] > 0]


# -- refund ------------------------------------------------------------------------------------------------------------------------


def refunds(printed: PrintedOrder, desk: Desk) -> Iterator[Sheet]:
    """Write an order's refunds. `detail` has the lines of those begun at the hub; of others only the amount is known."""
    order = printed.order
    for refund in order.refunds:
        lines = refund.detail.get("lines", [])
        names = {item.sku: item.name or item.sku for item in order.items}
        table = Table(
            (Column("SKU", 18), Column("Produto", 52), Column("Qtd.", 10, True), Column("Volta ao estoque", 20)),
            [(sku, names.get(sku, sku), quantity(units), "Sim" if back else "Não") for sku, units, back in lines],
        )
        yield Sheet(
            title="Reembolso",
            number=refund.id,
            subject=f"Pedido {order.number} - Reembolso {refund.id}",
            subtitle=(f"Registrado em {moment(refund.created_at, desk.zone)}",) if refund.created_at else (),
            facts=(
                ("Pedido", order.number),
                ("Data do pedido", moment(order.placed_at, desk.zone)),
                ("Situação", _REFUND_STATES.get(refund.state, refund.state)),
                ("Meio", method(refund.method or _method_of(order, refund)) or UNKNOWN),
                *([("Devolução", _MODES[refund.mode])] if refund.mode else []),
            ),
            blocks=(
                Boxes((Box("CLIENTE", _customer(printed)),)),
                *((table,) if lines else ()),
                Sums(_refund_sums(refund)),
            ),
        )


def _method_of(order: OrderView, refund: RefundView) -> str | None:
    return next((one.method for one in order.payments if one.id == refund.payment), None)


def _refund_sums(refund: RefundView) -> list[tuple[str, str, bool]]:
    shipping, extra, fee = (int(refund.detail.get(name, 0)) for name in ("shipping_cents", "extra_cents", "fee_cents"))
    items = refund.amount_cents - shipping - extra + fee
    lines = [("Itens", money(items), False)] if refund.detail.get("lines") else []
    lines += [
        (label, money(cents), False) for label, cents in (("Frete", shipping), ("Valor adicional", extra), ("Taxa retida", -fee)) if cents
    ]
    return [*lines, ("Total do reembolso", money(refund.amount_cents), True)]


# -- people ------------------------------------------------------------------------------------------------------------------------


def _customer(printed: PrintedOrder) -> Sequence[str]:
    customer, billing = printed.order.customer, printed.order.billing_address
    if printed.customer_erased:
        return [ERASED]
    lines = [
        customer.name,
        tax_id_with_name(customer.document) if customer.document else None,
        customer.email,
        f"Tel. {customer.phone}" if customer.phone else None,
        *(address_lines(billing) if billing else ()),
    ]
    return list(dict.fromkeys(line for line in lines if line)) or [UNKNOWN]


def _address(printed: PrintedOrder, address: Address | None) -> Sequence[str]:
    """Write to whom something goes: the address's own name, else the customer's."""
    if printed.customer_erased:
        return [ERASED]
    lines = [] if address is None else address_lines(address)
    name = printed.order.customer.name
    if name and (address is None or not address.name):
        lines.insert(0, name)
    return lines or [UNKNOWN]
