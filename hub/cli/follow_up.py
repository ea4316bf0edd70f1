"""`hub invoices|shipments|refunds|transactions`: the follow-up lists over all orders (R84 to R87), to look at and to export."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from hub.cli import tables
from hub.cli.exporting import AsFormat, Format, Out, Separator
from hub.cli.exporting import export as write_export
from hub.cli.failures import Failure, Status
from hub.cli.given import takes
from hub.cli.options import AsJson, DatabaseUrl, Limit, Page, day_begins, day_ends, opened, parse_amount, parse_day
from hub.cli.output import console, print_json, table
from hub.config import Settings
from hub.engine.bank_days import BankDays
from hub.engine.timeline import describe_entry, money
from hub.exports.columns import Column
from hub.store import follow_up
from hub.store.follow_up import FollowUp, FollowUpFilter

Row = dict[str, Any]

LATE_DAYS: Final = 5
_KINDS: Final = ("authorization", "capture", "refund", "void", "chargeback")
_REFUND_STATES: Final = {"pending": "em andamento", "done": "feito", "failed": "não realizado"}
_MODES: Final = {"online": "pelo provedor", "offline": "por fora"}

_Order = Annotated[str | None, typer.Option("--order", metavar="NUMBER", help="Only of this order; 1000* of all that begin so.")]
_From = Annotated[date | None, typer.Option("--from", metavar="DAY", parser=parse_day, help="On this day or later.")]
_To = Annotated[date | None, typer.Option("--to", metavar="DAY", parser=parse_day, help="On this day or before.")]
_Customer = Annotated[str | None, typer.Option("--customer", metavar="TEXT", help="Names or e-mail of the order hold these words.")]
_Least = Annotated[int | None, typer.Option("--amount-min", metavar="REAIS", parser=parse_amount, help="Amount at least, as in 119,70.")]
_Most = Annotated[int | None, typer.Option("--amount-max", metavar="REAIS", parser=parse_amount, help="Amount at most.")]
_LateDays = Annotated[
    int | None,
    typer.Option("--late-days", min=1, max=365, metavar="DAYS", help=f"Business days without word that make a parcel late: {LATE_DAYS}."),
]
_COMMON: Final = {"order": _Order, "since": _From, "until": _To, "customer": _Customer}
_AMOUNTS: Final = {"amount_min": _Least, "amount_max": _Most}


def _many(option: str, metavar: str, words: str) -> Any:
    return Annotated[list[str] | None, typer.Option(option, metavar=metavar, help=f"{words}; may be given many times.")]


@dataclass(frozen=True, slots=True)
class Listing:
    """One follow-up list. `words`, `flags`: options that compare a column; `closed`: the only words that an option takes."""

    title: str
    nothing: str
    source: FollowUp
    filters: Mapping[str, Any]
    shown: Sequence[Column]
    exported: Sequence[Column]
    labels: Callable[[Row], Row]
    about: str | None = None
    words: Sequence[str] = ()
    flags: Sequence[str] = ()
    closed: Mapping[str, Sequence[str]] = field(default_factory=dict)


def _invoice(row: Row) -> Row:
    return row


def _shipment(row: Row) -> Row:
    return {
        **row,
        "label": describe_entry(f"shipment.{row['state']}", {}),
        "attention": "dificuldade" if row["trouble"] else "sem notícia" if row["late"] else "",
        "numbers": [track["number"] for track in row["tracks"]],
        "urls": [track["url"] for track in row["tracks"] if track["url"]],
        "contents": [f"{item['quantity']} {item['sku']}" for item in row["items"]],
    }


def _refund(row: Row) -> Row:
    detail = row["detail"]
    return {
        **row,
        "label": _REFUND_STATES.get(row["state"], row["state"]),
        "way": _MODES.get(row["mode"] or "", ""),
        "contents": [f"{quantity} {sku}" for sku, quantity, _ in detail.get("lines", ())],
        "stocked": any(back for _, _, back in detail.get("lines", ())),
        **{name: detail.get(name) for name in ("shipping_cents", "extra_cents", "fee_cents")},
    }


def _transaction(row: Row) -> Row:
    return {**row, "label": tables.TRANSACTION_LABELS.get(row["kind"], row["kind"])}


_ORDER: Final = (Column("order", "Pedido"), Column("placed_at", "Data do pedido", "instant"), Column("customer", "Cliente"))

INVOICES: Final = Listing(
    "Faturas", "no invoices", follow_up.INVOICES,
    {**_COMMON, **_AMOUNTS, "email_sent": Annotated[bool | None, typer.Option("--sent/--unsent", help="Its e-mail was sent, or not.")]},
    (Column("number", "Fatura"), Column("created_at", "Data", "instant"), *_ORDER, Column("total_cents", "Valor", "money")),
    (
        Column("number", "Fatura"), Column("created_at", "Data", "instant"), *_ORDER, Column("total_cents", "Valor", "money"),
        Column("email_sent", "E-mail enviado", "flag"), Column("captures", "Capturas"),
    ),
    _invoice, about="invoice", flags=("email_sent",),
)  # fmt: skip

SHIPMENTS: Final = Listing(
    "Entregas", "no shipments", follow_up.SHIPMENTS,
    {
        **_COMMON,
        "track": Annotated[str | None, typer.Option("--track", metavar="NUMBER", help="Tracking number; LX* finds all that begin so.")],
        "carrier": _many("--carrier", "CODE", "Carrier's code"),
        "state": _many("--state", "STATE", "State of the parcel, as in in_transit"),
        "late": Annotated[bool | None, typer.Option("--late", help="Only those without word for --late-days and not arrived.")],
        "trouble": Annotated[bool | None, typer.Option("--trouble", help="Only those in difficulty; with --late, both.")],
        "late_days": _LateDays,
    },
    (
        Column("attention", "Atenção"), Column("order", "Pedido"), Column("ship_to", "Entregar a"), Column("carrier", "Transportadora"),
        Column("label", "Situação"), Column("updated_at", "Última notícia", "instant"), Column("quantity", "Qtd.", "number"),
        Column("numbers", "Rastreadores"),
    ),
    (
        Column("id", "Entrega"), Column("created_at", "Criada", "instant"), Column("shipped_at", "Enviada", "instant"),
        Column("order", "Pedido"),
        Column("placed_at", "Data do pedido", "instant"), Column("ship_to", "Entregar a"), Column("carrier", "Transportadora"),
        Column("label", "Situação"), Column("state", "Código da situação"), Column("updated_at", "Última notícia", "instant"),
        Column("attention", "Atenção"), Column("quantity", "Qtd.", "number"), Column("contents", "Itens"),
        Column("numbers", "Rastreadores"), Column("urls", "Links"),
    ),
    _shipment, about="shipment", words=("carrier", "state"),
)  # fmt: skip

REFUNDS: Final = Listing(
    "Reembolsos", "no refunds", follow_up.REFUNDS,
    {
        **_COMMON, **_AMOUNTS,
        "state": _many("--state", "STATE", ", ".join(_REFUND_STATES)),
        "mode": _many("--mode", "MODE", "online or offline"),
        "method": _many("--method", "METHOD", "Means, as in pix or deposit"),
    },
    (
        Column("id", "Reembolso"), Column("created_at", "Data", "instant"), *_ORDER, Column("label", "Situação"), Column("way", "Como"),
        Column("method", "Meio"), Column("amount_cents", "Valor", "money"),
    ),
    (
        Column("id", "Reembolso"), Column("created_at", "Data", "instant"), *_ORDER, Column("label", "Situação"), Column("way", "Como"),
        Column("method", "Meio"), Column("amount_cents", "Valor", "money"), Column("contents", "Itens"),
        Column("stocked", "Devolvido ao estoque", "flag"), Column("shipping_cents", "Frete", "money"),
        Column("extra_cents", "Acréscimo", "money"), Column("fee_cents", "Taxa", "money"),
    ),
    _refund, about="refund", words=("state", "mode", "method"),
    closed={"state": tuple(_REFUND_STATES), "mode": tuple(_MODES)},
)  # fmt: skip

TRANSACTIONS: Final = Listing(
    "Transações", "no transactions", follow_up.TRANSACTIONS,
    {
        **_COMMON, **_AMOUNTS,
        "kind": _many("--kind", "KIND", ", ".join(_KINDS)),
        "provider": _many("--provider", "NAME", "Provider, as in pix or pagarme"),
        "method": _many("--method", "METHOD", "Means, as in card"),
        "payment": _many("--payment", "ID", "Payment of the order"),
        "done": Annotated[bool | None, typer.Option("--closed/--open", help="Nothing more can come of it, or something can.")],
    },
    (
        Column("order", "Pedido"), Column("at", "Data", "instant"), Column("label", "Tipo"), Column("method", "Meio"),
        Column("provider", "Provedor"), Column("amount_cents", "Valor", "money"), Column("key", "Chave"), Column("parent", "De"),
    ),
    (
        Column("key", "Chave"), Column("at", "Data", "instant"), *_ORDER, Column("label", "Tipo"), Column("payment", "Pagamento"),
        Column("parent", "De"), Column("provider", "Provedor"), Column("method", "Meio"), Column("amount_cents", "Valor", "money"),
        Column("closed", "Encerrada", "flag"),
    ),
    _transaction, words=("kind", "provider", "method", "payment"), closed={"kind": _KINDS},
)  # fmt: skip


def _check(listing: Listing, given: Mapping[str, Any]) -> None:
    for name, words in listing.closed.items():
        for word in given.get(name) or ():
            if word not in words:
                raise typer.BadParameter(f"{word!r} is none of {', '.join(words)}", param_hint=f"--{name}")


def _filter(listing: Listing, given: Mapping[str, Any], settings: Settings) -> FollowUpFilter:
    flags = {name: given[name] for name in listing.flags if given[name] is not None}
    if given.get("done") is not None:
        flags["closed"] = given["done"]
    since, until = given.get("since"), given.get("until")
    return FollowUpFilter(
        order=given.get("order"),
        since=day_begins(since, settings.timezone) if since else None,
        until=day_ends(until, settings.timezone) if until else None,
        amount_min=given.get("amount_min"),
        amount_max=given.get("amount_max"),
        customer=given.get("customer"),
        words={name: given[name] for name in listing.words if given.get(name)},
        flags=flags,
        track=given.get("track"),
        late_before=BankDays(settings.timezone).ago(datetime.now(UTC), given.get("late_days") or LATE_DAYS),
        only_late=bool(given.get("late")),
        only_trouble=bool(given.get("trouble")),
    )


def _document(row: Row) -> Row:
    names = {"order_number": "order", "occurred_at": "at"}
    return {names.get(name, name): value for name, value in row.items()}


def _app(listing: Listing, words: str, kept: str) -> typer.Typer:
    app = typer.Typer(help=words, no_args_is_help=True)

    @takes(listing.filters)
    def list_(given: Row, limit: Limit = 50, page: Page = 1, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
        _check(listing, given)
        with opened(database_url) as (settings, database), database.read() as connection:
            wanted = _filter(listing, given, settings)
            rows = [_document(row) for row in listing.source.page(connection, wanted, limit=limit, offset=(page - 1) * limit)]
            if as_json:
                print_json(rows)
                return
            count, total = listing.source.sums(connection, wanted)
        out = console()
        if not count:
            out.print(listing.nothing)
            return
        out.print(tables.columns(listing.shown, [listing.labels(row) for row in rows], settings.timezone))
        of_all = "" if total is None else f", {money(total)}"
        out.print(f"{count} no total{of_all}, página {page} de {max(1, -(-count // limit))}", style="dim", highlight=False)

    def show(
        name: Annotated[str, typer.Argument(metavar="NAME", help=kept)], as_json: AsJson = False, database_url: DatabaseUrl = None
    ) -> None:
        with opened(database_url) as (settings, database), database.read() as connection:
            wanted = _filter(listing, dict.fromkeys(listing.filters), settings)
            rows = [_document(row) for row in listing.source.named(connection, name, wanted)]
            if not rows:
                raise Failure(f"{listing.nothing}: {name}", Status.REJECTED)
            if listing.about is not None:
                key = "number" if listing.about == "invoice" else "id"
                for row in rows:
                    row["comments"] = follow_up.remarks(connection, row["order"], listing.about, row[key])
        if as_json:
            print_json(rows)
            return
        for row in rows:
            _print_one(listing, row, settings)

    @takes(listing.filters)
    def export(
        given: Row, form: AsFormat = Format.CSV, out: Out = None, separator: Separator = ",", database_url: DatabaseUrl = None
    ) -> None:
        _check(listing, given)
        with opened(database_url) as (settings, database), database.read() as connection:
            rows = (listing.labels(_document(row)) for row in listing.source.stream(connection, _filter(listing, given, settings)))
            write_export(listing.title, listing.exported, rows, settings.timezone, form, out, separator)

    order = "those in difficulty first, then those that are late" if listing is SHIPMENTS else "the newest first"
    app.command("list", help=f"List them, {order}. All filters given must fit.")(list_)
    app.command("show", help=f"{kept} JSON is always a list.")(show)
    app.command("export", help="Write all rows that fit, every page of the list, as CSV or for a spreadsheet.")(export)
    return app


def _print_one(listing: Listing, row: Row, settings: Settings) -> None:
    made = table("", "")
    labelled = listing.labels(row)
    for column in listing.exported:
        if (text := tables.cell(column, labelled[column.field], settings.timezone)) != "":
            made.add_row(column.heading, text)
    for comment in row.get("comments", ()):
        flags = ", ".join(words for name, words in (("notified", "cliente avisado"), ("visible", "visível no front-end")) if comment[name])
        made.add_row("Comentário", escape(f"{comment['text']} ({', '.join(filter(None, (comment['actor'], flags)))})"))
    console().print(made)


invoices: Final = _app(INVOICES, "The hub's own sale invoices (faturas).", "An invoice by its number, or the one of an order.")
shipments: Final = _app(SHIPMENTS, "Parcels, and what has become of them.", "Parcels of an order, or the one of a tracking number or id.")
refunds: Final = _app(REFUNDS, "Refunds, asked for and done.", "Refunds of an order, or one by its id.")
transactions: Final = _app(
    TRANSACTIONS,
    "Movements of money: authorizations, captures, refunds, voids, chargebacks.",
    "Movements of an order, or one by its key.",
)
