"""One order on the terminal, in the words of the shop's panel."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from hub.cli import tables
from hub.cli.output import moment, table
from hub.domain.labels import ACTION_LABELS, STATE_LABELS, STATUS_LABELS
from hub.engine.timeline import describe_entry, money

Document = Mapping[str, Any]

PAYMENT_LABELS: Final[Mapping[str, str]] = {
    "none": "sem pagamento",
    "pending": "pendente",
    "authorized": "autorizado",
    "in_review": "em análise",
    "partially_paid": "pago em parte",
    "paid": "pago",
    "overpaid": "pago a mais",
    "partially_refunded": "estornado em parte",
    "refunded": "estornado",
    "failed": "recusado",
    "expired": "vencido",
    "voided": "cancelado",
    "charged_back": "contestado",
    "created": "iniciado",
    "captured": "confirmado",
}
"""States of an order's money and of a single payment."""

HOLD_LABELS: Final[Mapping[str, str]] = {
    "operator": "operador",
    "dispute": "contestação aberta",
    "fraud": "suspeita de fraude",
    "stock": "estoque",
    "fiscal": "nota fiscal",
}
"""Reasons of a hold that the hub knows; a shop's own words are their own label."""

EVIDENCE_LABELS: Final[Mapping[str, str]] = {"nfe_proc": "XML autorizado", "erp_notice": "aviso do ERP", "manual": "informada à mão"}
"""What a tax paper's state rests on."""


def show(out: Console, order: Document, zone: ZoneInfo, labels: Mapping[str, str] = STATUS_LABELS) -> None:
    """Print everything of an order (R43 to R57). `labels`: of the shop's statuses."""
    out.print(_head(order, zone, labels))
    out.print(_items(order))
    if order["payments"]:
        out.print(_payments(order, zone))
    if order["transactions"]:
        out.print(tables.transactions(({**row, "order": order["number"]} for row in order["transactions"]), zone))
    if order["invoices"]:
        out.print(_invoices(order["invoices"], zone))
    if order["shipments"]:
        out.print(_shipments(order["shipments"], zone))
    if order["fiscal_documents"]:
        out.print(_papers(order["fiscal_documents"], zone))
    if order["refunds"]:
        out.print(_refunds(order["refunds"], zone))
    if order["comments"]:
        out.print(_comments(order, zone, labels))
    if order["exceptions"]:
        out.print(tables.exceptions(order["exceptions"], zone, title="Exceções abertas"))
    out.print(timeline(order["timeline"], zone))


def _head(order: Document, zone: ZoneInfo, labels: Mapping[str, str]) -> Panel:
    lines = [
        f"[bold]{tables.styled_label(order)}[/] ({escape(order['status'])}), estado {STATE_LABELS[order['state']]}"
        f"   pagamento: {PAYMENT_LABELS.get(order['payment_state'], order['payment_state'])}",
        f"Cliente: {escape(_customer(order['customer']))}",
        f"Cobrança: {escape(_address(order['billing_address']))}",
        f"Entrega: {escape(_address(order['shipping_address']))}",
        f"Envio: {escape(_shipping(order['shipping']))}",
        f"Total {money(order['total_cents'])}"
        + (f" (desconto {money(order['discount_cents'])})" if order["discount_cents"] else "")
        + f"   pago {money(order['captured_cents'])}   falta {money(order['remaining_cents'])}"
        + (f"   estornado {money(order['refunded_cents'])}" if order["refunded_cents"] else "")
        + (f"   contestado {money(order['charged_back_cents'])}" if order["charged_back_cents"] else ""),
        f"Ações: {', '.join(ACTION_LABELS.get(name, name) for name in order['allowed_actions'] if name != 'order.get') or 'nenhuma'}",
        f"Situações que se podem escolher: {escape(', '.join(labels.get(code, code) for code in order['statuses']) or 'nenhuma')}",
    ]
    if order["attention"]:
        words = ", ".join(describe_entry(f"shipment.{word}", {}).lower() for word in order["attention"])
        lines.insert(1, f"[bold red]Atenção: {escape(words)}[/]")
    if order["hold_reasons"]:
        reasons = ", ".join(HOLD_LABELS.get(reason, reason) for reason in order["hold_reasons"])
        lines.insert(1, f"[bold magenta]Segurado por: {escape(reasons)}[/]")
    for name, words in (("parent", "Substitui o pedido"), ("child", "Substituído pelo pedido")):
        if order[name]:
            lines.append(f"{words} {escape(order[name])}")
    return Panel(
        "\n".join(lines),
        title=f"Pedido {escape(order['number'])}",
        subtitle=moment(order["placed_at"], zone),
        title_align="left",
        expand=False,
    )


def _customer(customer: Document) -> str:
    who = [str(customer[name]) for name in ("name", "email", "document", "phone") if customer.get(name)]
    # Whoever has no number in the shop bought without an account.
    return ", ".join([*(who or ["sem dados"]), f"cliente {customer['id']}" if customer.get("id") else "visitante"])


def _shipping(shipping: Document) -> str:
    way = " ".join(shipping[name] for name in ("carrier", "service") if shipping[name])
    return f"{way or 'sem transportadora'}, frete {money(shipping['amount_cents'])}"


def _address(address: Mapping[str, str] | None) -> str:
    if not address:
        return "sem endereço"
    name = f"{address['name']}: " if address.get("name") else ""
    street = " ".join(address[name] for name in ("street", "number", "complement") if address.get(name))
    place = ", ".join(address[name] for name in ("district", "city", "state", "postal_code") if address.get(name))
    return f"{name}{', '.join(part for part in (street, place) if part) or 'sem endereço'}"


def _items(order: Document) -> Any:
    made = table(
        "SKU", "Produto", "Qtd.", "Preço", "Total", "Enviado", "Devolvido", "Cancelado", title="Itens", right=("Qtd.", "Preço", "Total")
    )
    for item in order["items"]:
        made.add_row(
            escape(item["sku"]),
            tables.short(item["name"], 60),
            str(item["quantity"]),
            money(item["unit_price_cents"]),
            money(item["unit_price_cents"] * item["quantity"]),
            *(str(item[name] or "") for name in ("shipped", "refunded", "canceled")),
        )
    return made


def _payments(order: Document, zone: ZoneInfo) -> Any:
    made = table("id", "Meio", "Provedor", "Situação", "Valor", "Pago", "Vence", "Referências", title="Pagamentos", right=("Valor", "Pago"))
    for payment in order["payments"]:
        made.add_row(
            escape(payment["id"]),
            payment["method"] or "",
            escape(payment["provider"] or ""),
            PAYMENT_LABELS.get(payment["state"], payment["state"]),
            money(payment["amount_cents"]) if payment["amount_cents"] is not None else "",
            money(payment["captured_cents"]) if payment["captured_cents"] else "",
            moment(payment["due_at"], zone),
            tables.short(", ".join(f"{item['kind']} {item['value']}" for item in payment["references"]), 80),
        )
    return made


def _invoices(invoices: Iterable[Document], zone: ZoneInfo) -> Any:
    made = table("Fatura", "Data", "Valor", "E-mail enviado", "Capturas", title="Faturas", right=("Valor",))
    for invoice in invoices:
        made.add_row(
            escape(invoice["number"]),
            moment(invoice["created_at"], zone),
            money(invoice["total_cents"]),
            "sim" if invoice["email_sent"] else "não",
            tables.short(", ".join(invoice["captures"]), 60),
        )
    return made


def _shipments(shipments: Iterable[Document], zone: ZoneInfo) -> Any:
    made = table("id", "Transportadora", "Situação", "Atualizado", "Itens", "Rastreadores", title="Entregas")
    for one in shipments:
        tracks = [" ".join(word for word in (track["number"], track["title"], track["url"]) if word) for track in one["tracks"]]
        made.add_row(
            escape(one["id"]),  # whole: commands name it
            escape(one["carrier"] or ""),
            escape(describe_entry(f"shipment.{one['state']}", {})),
            moment(one["updated_at"], zone),
            escape(", ".join(f"{item['quantity']} {item['sku']}" for item in one["items"])),
            escape("\n".join(tracks)),
        )
    return made


def _papers(papers: Iterable[Document], zone: ZoneInfo) -> Any:
    made = table("Número", "Série", "Situação", "Valor", "Emitida", "Prova", "Chave de acesso", title="Notas fiscais", right=("Valor",))
    for one in papers:
        made.add_row(
            escape(one["number"] or ""),
            escape(one["series"] or ""),
            "Ignorada (homologação)" if one["state"] == "ignored" else escape(describe_entry(f"fiscal.{one['state']}", {})),
            money(one["total_cents"]) if one["total_cents"] is not None else "",
            moment(one["issued_at"], zone),
            EVIDENCE_LABELS.get(one["evidence"] or "", ""),
            escape(one["access_key"] or ""),
        )
    return made


def _refunds(refunds: Iterable[Document], zone: ZoneInfo) -> Any:
    made = table("id", "Data", "Valor", "Situação", "Como", "Meio", "Itens", title="Reembolsos", right=("Valor",))
    ways = {"online": "pelo provedor", "offline": "por fora"}
    states = {"pending": "em andamento", "done": "feito", "failed": "não realizado"}
    for one in refunds:
        state = states.get(one["state"], one["state"])
        lines = [f"{quantity} {sku}{' (ao estoque)' if back else ''}" for sku, quantity, back in one["detail"].get("lines", ())]
        made.add_row(
            escape(one["id"]), moment(one["created_at"], zone), money(one["amount_cents"]), state, ways.get(one["mode"] or "", ""),
            one["method"] or "", escape(", ".join(lines)),
        )  # fmt: skip
    return made


def _comments(order: Document, zone: ZoneInfo, labels: Mapping[str, str]) -> Any:
    title = f"Comentários (total {money(order['total_cents'])})"
    made = table("Quando", "Quem", "Situação", "Comentário", "Sobre", "Cliente avisado", "Visível", title=title)
    kinds = {"invoice": "fatura", "shipment": "entrega", "refund": "reembolso"}
    for one in order["comments"]:
        about = f"{kinds.get(one['document']['kind'], one['document']['kind'])} {one['document']['id']}" if one["document"] else ""
        flags = ["sim" if one[name] else "não" for name in ("notified", "visible")]
        status = escape(labels.get(one["status"], one["status"]))
        made.add_row(moment(one["at"], zone), escape(one["actor"] or ""), status, escape(one["text"]), escape(about), *flags)
    return made


def timeline(entries: Iterable[Document], zone: ZoneInfo, title: str = "Histórico") -> Any:
    """Show the history of an order."""
    made = table("Quando", "O quê", "Quem", "Evento", title=title)
    for entry in entries:
        made.add_row(
            moment(entry["at"], zone),
            escape(entry["text"]),
            escape(entry["actor"] or entry["source"] or ""),
            tables.short(entry["event_id"], 60),
        )
    return made
