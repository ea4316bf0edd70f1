"""The two tables of the order machine, and which test tries which cell. `python -m tests.cells` prints them with their tests.

A test, or one case of a parametrised test, says which cell it tries: `@pytest.mark.cell("3.3", "order.approve", "PG")`.
"""

import contextlib
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS: Final = ("N", "PP", "PR", "PG", "PS", "CP", "CL", "CA", "H")
"""3.3: new, pending_payment, payment_review, processing with nothing shipped, processing part shipped, complete, closed, canceled, held."""

FACT_COLUMNS: Final = ("unpaid", "paid", "CL", "CA", "H")
"""3.4: new, pending_payment or payment_review; processing or complete; closed; canceled; held."""


class Cell(NamedTuple):
    """One cell of one table."""

    table: str
    row: str
    column: str


def _same(cell: str) -> tuple[str, ...]:
    return (cell,) * 9


_REVIEW: Final = ("not_in_review", "not_in_review")
_MARK: Final = (*("not_shipped",) * 4, "ok", "ok", "ok", "order_canceled", "order_held")
_TRACK: Final = (*("not_shipped",) * 4, "ok", "ok", "ok", "ok", "ok")

COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "order.get": _same("ok"),
    "order.approve": (
        "->PG", "->PG", "in_payment_review", "already_paid", "already_paid", "already_paid", "order_closed", "order_canceled", "order_held",
    ),
    "review.accept": (*_REVIEW, "->PG", *_REVIEW, *_REVIEW, "not_in_review", "order_held"),
    "review.deny": (*_REVIEW, "->CA", *_REVIEW, *_REVIEW, "not_in_review", "order_held"),
    "order.cancel": (
        "->CA", "->CA", "in_payment_review", "cancel_requires_refund", "cancel_requires_refund", "cancel_requires_refund", "order_closed",
        "=", "order_held",
    ),
    "order.expire": (
        "->CA", "->CA", "in_payment_review", "cancel_requires_refund", "cancel_requires_refund", "cancel_requires_refund",
        "cancel_requires_refund", "=", "ok",
    ),
    "order.expire (timer)": ("->CA", "->CA", "=", "=", "=", "=", "=", "=", "="),
    "order.hold": ("->H", "->H", "in_payment_review", "->H", "->H", "order_complete", "order_closed", "order_canceled", "ok"),
    "order.release": (*("not_held",) * 8, "->PG"),
    "order.start_production": (
        "not_paid", "not_paid", "not_paid", "ok", "ok", "nothing_to_produce", "order_closed", "order_canceled", "order_held",
    ),
    "fiscal.mark_issued": ("not_paid", "not_paid", "not_paid", "ok", "ok", "ok", "order_closed", "order_canceled", "order_held"),
    "shipment.create": (
        "not_paid", "not_paid", "in_payment_review", "->CP", "->CP", "nothing_to_ship", "order_closed", "order_canceled", "order_held",
    ),
    "shipment.create (part)": (
        "not_paid", "not_paid", "in_payment_review", "->PS", "ok", "nothing_to_ship", "order_closed", "order_canceled", "order_held",
    ),
    "shipment.create (force)": (
        "ok", "ok", "in_payment_review", "->CP", "->CP", "nothing_to_ship", "order_closed", "order_canceled", "order_held",
    ),
    "shipment.add_track": _TRACK,
    "shipment.remove_track": _TRACK,
    "shipment.mark_in_transit": _MARK,
    "shipment.mark_difficulty": _MARK,
    "shipment.mark_delivered": _MARK,
    "refund.create (partial)": (
        "not_paid", "not_paid", "in_payment_review", "ok", "ok", "ok", "nothing_to_refund", "order_canceled", "order_held",
    ),
    "refund.create (all that is left)": (
        "not_paid", "not_paid", "in_payment_review", "->CL", "->CL", "->CL", "nothing_to_refund", "order_canceled", "order_held",
    ),
    "order.edit": (
        "->CA", "->CA", "in_payment_review", "edit_requires_refund", "edit_requires_refund", "order_complete", "order_closed",
        "order_canceled", "order_held",
    ),
    "order.reorder": ("ok", "ok", "in_payment_review", "ok", "ok", "ok", "ok", "ok", "order_held"),
    "order.set_address": ("ok", "ok", "ok", "ok", "ok", "ok", "order_closed", "order_canceled", "ok"),
    "order.comment": _same("ok"),
    "order.set_status (assigned)": _same("ok"),
    "order.set_status (not assigned)": _same("status_not_in_state"),
    "notify.resend order": ("ok", "ok", "ok", "ok", "ok", "ok", "ok", "order_canceled", "ok"),
    "notify.resend invoice": _same("document_not_found"),
    "notify.resend shipment": _same("document_not_found"),
    "notify.resend refund": _same("document_not_found"),
}  # fmt: skip
"""3.3 as rules.md and contract.md settle it: `->X` new state, `ok` no other state, `=` no_op, else the rejection code.

`doc.print` is no command. In the rows of notify.resend the document does not exist.
"""

FACTS: Final[Mapping[str, Sequence[str]]] = {
    **{
        f"payment.{kind}": ("attempt's rank; state by 3.2", "ledger only", "ledger only", "live_attempt_on_canceled", "ledger only")
        for kind in ("pending", "authorized", "in_review")
    },
    **{
        f"payment.{kind}": ("attempt ended; only order.expire cancels", "ignored", "ignored", "ignored", "ledger only")
        for kind in ("failed", "expired", "voided")
    },
    "payment.captured": ("sum", "same: no-op; new: overpaid", "paid_after_close", "paid_after_cancel", "effects at release"),
    "payment.captured (above due)": ("PG, overpaid", "overpaid", "paid_after_close", "paid_after_cancel", "overpaid, effects at release"),
    "payment.refunded": ("refund_before_paid", "sum; all -> CL", "over_refunded", "settles paid_after_cancel", "base may be CL"),
    "payment.chargeback_opened": ("flag", "hold reason dispute", "flag", "flag", "flag"),
    "payment.chargeback_lost": ("flag", "net <= 0 -> CL", "flag", "flag", "base may be CL"),
    "payment.chargeback_won": ("flag off", "dispute reason off", "flag off", "flag off", "other reasons stay"),
    "fiscal.issued": ("nf_before_payment", "issued", "nf_after_refund", "nf_on_canceled", "recorded"),
    "fiscal.rejected": ("kept", "rejected, nf_rejected", "kept", "kept", "recorded"),
    "fiscal.canceled": ("kept", "canceled; shipped: nf_canceled_after_ship", "kept", "clears nf_on_canceled", "recorded"),
    "shipment.posted": ("shipped_unpaid", "PS or CP", "shipped_after_refund", "shipped_after_cancel", "shipped_while_held"),
    **{
        f"shipment.{kind} before posted": ("shipped_unpaid", "inferred", "log", "log", "recorded")
        for kind in ("in_transit", "delivery_difficulty", "delivered")
    },
    "shipment.posted after delivered": ("no regression",) * 5,
    "shipment.in_transit after delivered": ("no regression",) * 5,
    "shipment.returned": ("log", "returned, decide_refund_or_resend", "log", "log", "recorded"),
    "order.canceled": ("->CA", "->CA, paid_after_cancel", "shown CA", "no-op", "->CA, hold dropped"),
}
"""3.4, one row per kind of fact. A fact of an unknown order never comes to the domain: the engine parks it."""

COMMAND_CELLS: Final = tuple(Cell("3.3", row, column) for row in COMMANDS for column in COLUMNS)
FACT_CELLS: Final = tuple(Cell("3.4", row, column) for row in FACTS for column in FACT_COLUMNS)
ALL_CELLS: Final = (*COMMAND_CELLS, *FACT_CELLS)

_TESTS: Final = "tests/unit/domain"


def command_cell(row: str, column: str) -> str:
    """Return what 3.3 says."""
    return COMMANDS[row][COLUMNS.index(column)]


class _Collector:
    """A pytest plugin that takes the cells from what is collected."""

    def __init__(self) -> None:
        self.found: dict[Cell, list[str]] = {}

    def pytest_collection_modifyitems(self, items: Iterable[pytest.Item]) -> None:
        """Note each cell that an item is marked with."""
        for item in items:
            for mark in item.iter_markers("cell"):
                self.found.setdefault(Cell(*mark.args), []).append(item.nodeid.removeprefix(f"{_TESTS}/"))


def tests_of_cells() -> dict[Cell, list[str]]:
    """Collect the domain's tests and return which cell is tried by which. Raises: RuntimeError when they cannot be collected."""
    collector = _Collector()
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence):
        status = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", _TESTS], plugins=[collector])
    if status != pytest.ExitCode.OK:
        raise RuntimeError(silence.getvalue()[-4000:])
    return collector.found


def show(found: Mapping[Cell, Sequence[str]], console: Console) -> None:
    """Print both tables: what each cell says, and by how many tests it is tried."""
    for title, columns, rows in (("3.3 commands x state", COLUMNS, COMMANDS), ("3.4 facts x state", FACT_COLUMNS, FACTS)):
        table = Table("", *columns, title=title, box=box.MINIMAL, show_lines=True)
        for row, cells in rows.items():
            counts = [len(found.get(Cell(title[:3], row, column), ())) for column in columns]
            table.add_row(row, *[f"{cell}\n{count or 'NO TEST'}" for cell, count in zip(cells, counts, strict=True)])
        console.print(table)
    missing = [cell for cell in ALL_CELLS if cell not in found]
    console.print(f"{len(ALL_CELLS)} cells, {sum(len(tests) for tests in found.values())} tests, {len(missing)} cells without one")


def main() -> None:
    """Print the tables; with --json, which test tries which cell."""
    found = tests_of_cells()
    if "--json" in sys.argv:
        print(json.dumps([[*cell, tests] for cell, tests in sorted(found.items())]))
    else:
        show(found, Console(width=270))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
