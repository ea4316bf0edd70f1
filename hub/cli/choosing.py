"""Orders for a command by filter instead of by number: `--where status=processing --where from=01/11/2026`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from hub.cli.failures import Failure, Status
from hub.cli.options import day_begins, day_ends, opened, parse_amount, parse_day
from hub.config import Settings
from hub.store import lists
from schemas.vocabulary import EXCEPTION_KINDS

Numbers = Annotated[
    list[str] | None, typer.Argument(metavar="[NUMBER]...", help="Order numbers; each is a command of its own. Without any, give --where.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="FILTER=VALUE",
        help="Every order that fits instead of numbers, read from the database: status, exception, number, product, sku, customer, "
        "delivery, from, to, total_min, total_max, paid_min, paid_max, as in `hub orders list`; all that are given must fit.",
    ),
]  # fmt: skip

_FIELDS: Final[Mapping[str, tuple[str, Callable[[Settings, str], Any]]]] = {
    **{name: (name, lambda _, value: value) for name in ("number", "product", "sku", "customer", "delivery")},
    **{name: (name, lambda _, value: parse_amount(value)) for name in ("total_min", "total_max", "paid_min", "paid_max")},
    "from": ("placed_from", lambda settings, value: day_begins(parse_day(value), settings.timezone)),
    "to": ("placed_to", lambda settings, value: day_ends(parse_day(value), settings.timezone)),
}
_MANY: Final = {"status": "statuses", "exception": "exceptions"}
_PAGE: Final = 1000


def chosen(numbers: Sequence[str] | None, where: Sequence[str] | None, database_url: str | None) -> list[str]:
    """Say which orders are meant, the oldest first. Raises: Failure when neither or both ways are given, or nothing fits."""
    if bool(numbers) == bool(where):
        raise Failure("give order numbers, or --where")
    if numbers:
        return list(numbers)
    found: list[str] = []
    with opened(database_url) as (settings, database), database.read() as connection:
        wanted = _filter(settings, where or ())
        while True:
            page = lists.list_orders(connection, wanted, sort="placed", limit=_PAGE, offset=len(found))
            found += [row["number"] for row in page]
            if len(page) < _PAGE:
                break
    if not found:
        raise Failure("no order fits --where", Status.REJECTED)
    return found


def _filter(settings: Settings, where: Sequence[str]) -> lists.OrderFilter:
    fields: dict[str, Any] = {}
    for word in where:
        name, equals, value = word.partition("=")
        if not equals or not value or name not in {*_FIELDS, *_MANY}:
            raise Failure(f"--where {word}: give FILTER=VALUE, with one of {', '.join(sorted({*_FIELDS, *_MANY}))}")
        if name == "exception" and value not in EXCEPTION_KINDS:
            raise Failure(f"--where {word}: there is no such exception")
        if name in _MANY:
            fields[_MANY[name]] = (*fields.get(_MANY[name], ()), *value.split(","))
        else:
            field, read = _FIELDS[name]
            try:
                fields[field] = read(settings, value)
            except typer.BadParameter as error:
                raise Failure(f"--where {word}: {error.message}") from error
    return lists.OrderFilter(**fields)
