"""Tables of what listings and replay show: orders in the shop's Portuguese, everything for operators in English."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.table import Table

from hub.cli.output import STATE_STYLES, moment, table
from hub.domain.labels import STATUS_LABELS
from hub.engine.timeline import money
from hub.exports.columns import Column, text_of

Row = Mapping[str, Any]

_LONG_TEXT: Final = 100


def label_of(status: str) -> str:
    """Give the Portuguese label of a status; a status of the shop's own is its own label."""
    return STATUS_LABELS.get(status, status)


def styled_label(row: Row) -> str:
    """Give an order's label in the color of its state."""
    return f"[{STATE_STYLES.get(row['state'], 'white')}]{escape(row.get('label') or label_of(row['status']))}[/]"


def short(text: object, length: int = _LONG_TEXT) -> str:
    """Cut a text for a table, safe to print."""
    line = " ".join(str(text if text is not None else "").split())
    return escape(line if len(line) <= length else f"{line[: length - 1]}…")


def orders(rows: Iterable[Row], zone: ZoneInfo, title: str | None = "Pedidos") -> Table:
    """Show orders, one a line."""
    shown = list(rows)
    # Replay does not look the means up.
    with_methods = any("payment_methods" in row for row in shown)
    names = ("Pedido", "Data", "Cliente", "Total", "Pago", *(("Meio",) if with_methods else ()), "Situação", "Entrega", "Atenção")
    made = table(*names, title=title, right=("Total", "Pago"))
    for row in shown:
        made.add_row(
            escape(row["number"]),
            moment(row["placed_at"], zone),
            short(row["customer"], 30),
            money(row["total_cents"]),
            money(row["captured_cents"] - row["refunded_cents"] - row["charged_back_cents"]) if row["captured_cents"] else "",
            *((", ".join(row["payment_methods"]),) if with_methods else ()),
            styled_label(row) + (f" há {days} dia{'' if days == 1 else 's'}" if (days := row.get("waiting_days")) else ""),
            short(row["shipping_carrier"], 20),
            f"[red]{', '.join(row['exceptions'])}[/]" if row["exceptions"] else "",
        )
    return made


def exceptions(rows: Iterable[Row], zone: ZoneInfo, title: str | None = "Open exceptions") -> Table:
    """Show what waits for a person."""
    made = table("id", "exception", "order", "since", "detail", "resolve with", title=title)
    for row in rows:
        made.add_row(
            str(row["id"]),
            f"[red]{row['kind']}[/]",
            escape(row["order"] or ""),
            moment(row["opened_at"], zone),
            short(detail_text(row["detail"])),
            ", ".join(row["resolve_with"]),
        )
    return made


def detail_text(detail: Mapping[str, Any]) -> str:
    """Write an exception's detail in one line; amounts as money."""
    return ", ".join(
        f"{name.removesuffix('_cents')} {_value(name, value)}" for name, value in detail.items() if value not in (None, [], {})
    )


def _value(name: str, value: Any) -> str:
    if name.endswith("_cents") and isinstance(value, int):
        return money(value)
    if isinstance(value, list | tuple):
        return "/".join(str(item) for item in value)
    return str(value)


def dead_letters(rows: Iterable[Row], zone: ZoneInfo, title: str | None = "Open dead letters") -> Table:
    """Show messages that could not be read or applied."""
    made = table("id", "kind", "from", "last failure", "tries", "cause", title=title, right=("tries",))
    for row in rows:
        made.add_row(
            str(row["id"]),
            f"[red]{row['kind']}[/]",
            escape(row["origin"]),
            moment(row["last_failed_at"], zone),
            str(row["attempts"]),
            short(row["cause"]),
        )
    return made


def parked(rows: Sequence[Row], zone: ZoneInfo, title: str | None = "Facts waiting for their order") -> Table:
    """Show facts whose order has not come yet."""
    made = table("from", "fact", "since", "references", title=title)
    for row in rows:
        names = ", ".join(f"{item['kind']} {item['value']}" for item in row["references"])
        made.add_row(escape(row["key"]), row["kind"], moment(row["since"], zone), short(names))
    return made


def fetches(rows: Iterable[Row], title: str | None = "To be fetched from providers") -> Table:
    """Show resources that a notice only hinted at."""
    made = table("adapter", "resource", "id", "state", title=title)
    for row in rows:
        made.add_row(row["adapter"], row["resource"], escape(row["resource_id"]), row["state"])
    return made


def replies(rows: Iterable[Row], title: str | None = None) -> Table:
    """Show answers to commands."""
    made = table("Pedido", "Comando", "Resultado", "Situação", "Mensagem", title=title)
    styles = {"accepted": "green", "no_op": "yellow", "rejected": "red", "unknown": "bold red"}
    for row in rows:
        outcome = row["outcome"] if row["code"] is None else f"{row['outcome']}: {row['code']}"
        made.add_row(
            escape(row["order"] or ""),
            row["command"] or "",
            f"[{styles[row['outcome']]}]{outcome}[/]",
            escape(label_of(row["status"])) if row["status"] else "",
            short(row["message"]),
        )
    return made


def refunds_previewed(rows: Iterable[Row], title: str | None = "Reembolso: prévia") -> Table:
    """Show what refunds would give back, before anybody agrees to them."""
    made = table("Pedido", "Itens", "Por pagamento", "Total", "Resta depois", title=title, right=("Total", "Resta depois"))
    for row in rows:
        result = row["result"]
        if row["outcome"] != "accepted":
            made.add_row(escape(row["order"] or ""), f"[red]{escape(row['code'] or row['outcome'])}[/]", short(row["message"]), "", "")
            continue
        lines = ", ".join(f"{one['sku']} {money(one['amount_cents'])}" for one in result["lines"])
        parts = ", ".join(f"{one['payment']} {money(one['amount_cents'])}" for one in result["parts"])
        made.add_row(
            escape(row["order"] or ""), short(lines), short(parts), money(result["amount_cents"]), money(result["left_cents"])
        )  # fmt: skip
    return made


def transactions(rows: Iterable[Row], zone: ZoneInfo, title: str | None = "Transações") -> Table:
    """Show movements of money."""
    made = table("Pedido", "Data", "Tipo", "Meio", "Provedor", "Valor", "Chave", title=title, right=("Valor",))
    for row in rows:
        made.add_row(
            escape(row["order"]),
            moment(row["at"], zone),
            TRANSACTION_LABELS.get(row["kind"], row["kind"]),
            row["method"] or "",
            escape(row["provider"] or ""),
            money(row["amount_cents"]) if row["amount_cents"] is not None else "",
            short(row["key"], 60),
        )
    return made


TRANSACTION_LABELS: Final[Mapping[str, str]] = {
    "authorization": "autorização",
    "capture": "captura",
    "refund": "estorno",
    "void": "cancelamento",
    "chargeback": "contestação",
}


def columns(wanted: Sequence[Column], rows: Iterable[Row], zone: ZoneInfo) -> Table:
    """Show rows by the columns that an export would have."""
    figures = tuple(one.heading for one in wanted if one.kind in ("money", "number"))
    made = table(*(one.heading for one in wanted), right=figures)
    for row in rows:
        made.add_row(*(cell(one, row[one.field], zone) for one in wanted))
    return made


def cell(column: Column, value: Any, zone: ZoneInfo) -> str:
    """Write one value for a person, safe to print."""
    if value is None:
        return ""
    match column.kind:
        case "money":
            return money(value)
        case "instant":
            return moment(value, zone)
        case "flag":
            return "sim" if value else ""
        case "number":
            return str(value)
        case "text":
            return short(text_of(value), 60)
        case _:
            assert_never(column.kind)
