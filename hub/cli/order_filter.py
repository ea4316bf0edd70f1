"""The filters of the list of orders (R17 to R25): as options, as what is saved of them, and as the store takes them."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection

from hub.cli.failures import Failure, Status
from hub.cli.options import day_begins, day_ends, parse_amount, parse_day
from hub.domain.labels import Statuses
from hub.engine import status_catalog
from hub.store import saved_filters
from hub.store.lists import OrderFilter
from schemas.vocabulary import EXCEPTION_KINDS

Given = Mapping[str, Any]


def _amount(option: str, words: str) -> Any:
    return Annotated[int | None, typer.Option(option, metavar="REAIS", parser=parse_amount, help=words)]


def _text(option: str, metavar: str, words: str) -> Any:
    return Annotated[str | None, typer.Option(option, metavar=metavar, help=words)]


FILTERS: Final[Mapping[str, Any]] = {
    "number": _text("--number", "NUMBER", "Order number; 1000* finds all that begin so."),
    "product": _text("--product", "TEXT", "An item's name holds this; accents and case do not matter."),
    "sku": _text("--sku", "SKU", "An item has this SKU; CAM* finds all that begin so."),
    "placed_from": Annotated[date | None, typer.Option("--from", metavar="DAY", parser=parse_day, help="Placed on this day or later.")],
    "placed_to": Annotated[date | None, typer.Option("--to", metavar="DAY", parser=parse_day, help="Placed on this day or before.")],
    "customer": _text("--customer", "TEXT", "Names (billing, delivery) or e-mail hold these words; accents and case do not matter."),
    "delivery": _text("--delivery", "TEXT", "Carrier's code, or part of the service's name."),
    "total_min": _amount("--total-min", "Total at least, as in 119,70."),
    "total_max": _amount("--total-max", "Total at most."),
    "paid_min": _amount("--paid-min", "Captured at least."),
    "paid_max": _amount("--paid-max", "Captured at most."),
    "status": Annotated[list[str] | None, typer.Option("--status", metavar="CODE", help="Status, as in pending; many: repeat, or commas.")],
    "exception": Annotated[
        list[str] | None, typer.Option("--exception", metavar="KIND", help="Has an open exception of this kind; may be given many times.")
    ],
}
"""Name -> option. Names and values as JSON are what is saved of a filter."""

SAVED: Final[Mapping[str, Any]] = {
    "saved": _text("--saved", "NAME", "Begin with a saved filter (`hub orders filters list`); options given beside it win.")
}

GROUPS: Final[Mapping[str, tuple[str, Callable[[Statuses], list[str]]]]] = {
    "pending": ("Pendentes", lambda all_: _of(all_, "new", "pending_payment", "payment_review")),
    "approved": (
        "Faturados",
        lambda all_: [code for code in _of(all_, "processing") if code not in ("in_production", "partially_shipped")],
    ),
    "in_production": ("Em produção", lambda _: ["in_production"]),
    "shipped": ("Enviados", lambda _: ["partially_shipped", "shipped", "in_transit", "delivery_difficulty"]),
    "delivered": ("Entregues", lambda _: ["delivered"]),
    "canceled": ("Cancelados", lambda all_: _of(all_, "canceled")),
    "closed": ("Fechados (estornados)", lambda all_: _of(all_, "closed")),
}
"""Saved filters that every shop has (R16): the follow-up groups, by status; a shop's own statuses count with their state."""


def _of(statuses: Statuses, *states: str) -> list[str]:
    return list(dict.fromkeys(code for state in states for code in statuses.assigned.get(state, ())))


def words_of(given: Given) -> dict[str, Any]:
    """Give what was asked for as it is saved: days as text, lists as lists, nothing that is not set. Raises: BadParameter."""
    words: dict[str, Any] = {}
    for name in FILTERS:
        value = given.get(name)
        if value is None or value == []:
            continue
        if name in ("status", "exception"):
            value = [code.strip() for word in value for code in word.split(",") if code.strip()]
        words[name] = value.isoformat() if isinstance(value, date) else value
    for kind in words.get("exception", ()):
        if kind not in EXCEPTION_KINDS:
            raise typer.BadParameter(f"{kind!r} is none of {', '.join(EXCEPTION_KINDS)}", param_hint="--exception")
    return words


def filter_of(connection: Connection, given: Given, zone: ZoneInfo) -> OrderFilter:
    """Build the store's filter from options, and from the saved filter they name. Raises: BadParameter, Failure."""
    words = words_of(given)
    if given.get("saved") is not None:
        words = saved(connection, given["saved"]) | words
    days = {name: date.fromisoformat(words.pop(name)) for name in ("placed_from", "placed_to") if name in words}
    return OrderFilter(
        placed_from=day_begins(days["placed_from"], zone) if "placed_from" in days else None,
        placed_to=day_ends(days["placed_to"], zone) if "placed_to" in days else None,
        statuses=tuple(words.pop("status", ())),
        exceptions=tuple(words.pop("exception", ())),
        **words,
    )


def saved(connection: Connection, name: str) -> dict[str, Any]:
    """Find a saved filter, the shop's own or a group. Raises: Failure."""
    for one in all_saved(connection):
        if one["name"] == name:
            words: dict[str, Any] = one["filter"]
            return dict(words)
    raise Failure(f"there is no saved filter {name}: `hub orders filters list` shows all", Status.REJECTED)


def all_saved(connection: Connection) -> list[dict[str, Any]]:
    """List the groups and the shop's own filters."""
    statuses = status_catalog.load(connection)
    groups = [
        {"name": name, "label": label, "filter": {"status": codes(statuses)}, "built_in": True, "saved_by": None, "saved_at": None}
        for name, (label, codes) in GROUPS.items()
    ]
    return groups + [{**row, "label": row["name"], "built_in": False} for row in saved_filters.read(connection)]
