"""The desk's requirements, what does each, and the tests that prove it: `python -m tests.requirements --write` makes docs/requirements.md.

R1 to R89 are the steps that staff of a Brazilian shop do in its panel. A test says what it proves by `@pytest.mark.requirement("R12")`;
tests/architecture/test_requirements.py fails when a row has no test or the page is old.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
PAGE: Final = TESTS.parent / "docs" / "requirements.md"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row: what staff need, and the command, verb, query or event that does it."""

    id: str
    need: str
    done_by: str


def _rows(*rows: tuple[str, str]) -> tuple[Requirement, ...]:
    return tuple(Requirement(f"R{number}", need, done_by) for number, (need, done_by) in enumerate(rows, 1))


REQUIREMENTS: Final = _rows(
    ("an order placed in the shop is here, as pending", "event order.placed"),
    ("a captured card approves it without anybody", "fact payment.captured"),
    ("unpaid orders are listed with age and method", "hub orders list --status pending"),
    ("a transfer, deposit or Pix by hand is approved", "order.approve, hub order approve"),
    ("a refused card ends in a cancellation", "fact payment.failed, policy order.expire"),
    ("an unpaid boleto or Pix is given up after its time", "timer order.expire"),
    ("a transfer that never came is canceled", "order.cancel, hub order cancel"),
    ("production begins after approval and not before", "order.start_production"),
    ("the NF-e's number, series and key are kept", "fact fiscal.issued, fiscal.mark_issued"),
    ("a dispatch told by ERP and by hand is one", "shipment facts, shipment.create"),
    ("the last parcel delivered ends the order", "fact shipment.delivered"),
    ("a paid order is refunded, never canceled", "refund.create; cancel_requires_refund"),
    ("a refund done elsewhere is recorded", "refund.create mode offline"),
    ("an ERP does by events what staff do by hand", "erp.xml, erp.json, erp.nfe"),
    ("orders are listed, sorted, page by page", "hub orders list"),
    ("the usual questions are saved filters", "hub orders list"),
    ("filter by number, whole or its beginning", "hub orders list --number"),
    ("filter by product name", "hub orders list --product"),
    ("filter by SKU", "hub orders list --sku"),
    ("filter by day", "hub orders list --from --to"),
    ("filter by the customer's name", "hub orders list --customer"),
    ("filter by delivery", "hub orders list --delivery"),
    ("filter by total", "hub orders list --total-min --total-max"),
    ("filter by what was paid", "hub orders list --paid-min --paid-max"),
    ("filter by status, several", "hub orders list --status"),
    ("export CSV", "hub orders export --format csv"),
    ("export XML for spreadsheets", "hub orders export --format xml"),
    ("the columns of the panel's list", "hub orders list"),
    ("many orders into production", "hub order start-production N... or --where"),
    ("many notes marked as issued, of paid orders only", "hub order mark-issued N..."),
    ("many shipments marked as delivered", "hub order mark-delivered N..."),
    ("many orders canceled, with counts", "hub order cancel N..."),
    ("many orders held", "hub order hold N..."),
    ("many orders released", "hub order release N..."),
    ("print invoices", "hub print invoices"),
    ("print packing slips without prices", "hub print packing-slips"),
    ("print refunds", "hub print refunds"),
    ("print all of an order", "hub print all"),
    ("print carriers' labels in one file", "hub print labels"),
    ("what can be done now is what commands accept", "hub orders actions, allowed_actions"),
    ("nothing unpaid goes into production, by any door", "guard not_paid"),
    ("an invoice is printed only when there is one", "hub print invoices"),
    ("one page shows the whole order", "hub orders show, order.get"),
    ("enter the customer's account", "customer.impersonate_link"),
    ("the button that edits an order", "order.edit, hub order edit"),
    ("send the order's e-mail again", "notify.resend kind order"),
    ("the button that approves", "order.approve"),
    ("enter delivery and tracking code", "shipment.create"),
    ("order the same again", "order.reorder"),
    ("the tab with everything at a glance", "hub orders show"),
    ("status, its Portuguese label, state", "JSON of one order"),
    ("the customer's data and id", "JSON of one order"),
    ("edit the billing address, audited", "order.set_address type billing"),
    ("edit the shipping address, with warnings", "order.set_address type shipping"),
    ("payment, shipping and products are shown", "hub orders show"),
    ("history of comments with status and flags", "order.comment"),
    ("only statuses of the present state can be chosen", "order.set_status; status_not_in_state"),
    ("edit: another product", "order.edit"),
    ("edit: a coupon", "order.edit"),
    ("edit: customer and address", "order.edit"),
    ("edit: delivery and freight", "order.edit"),
    ("an edit cancels and places NUMBER-1", "order.edit"),
    ("only unpaid orders are canceled", "order.cancel; cancel_requires_refund"),
    ("cancel asks first, stock is released once", "hub order cancel --yes"),
    ("hold, and release to where it was", "order.hold, order.release"),
    ("approve, with the invoice by e-mail if asked", "order.approve notify"),
    ("choose production or note issued after approval", "order.set_status"),
    ("invoices of an order", "hub invoices list, show"),
    ("tell the customer, or not", "flag notify"),
    ("show it in the customer's panel, or not", "flag visible"),
    ("delivery: carrier, title, number, e-mail", "shipment.create"),
    ("the carriers configured", "hub carriers list"),
    ("a module's title beside the real carrier's name", "shipment.create title"),
    ("a carrier of its own name", "shipment.create carrier custom"),
    ("the link that tracks a parcel", "tracks[].url"),
    ("labels come by themselves, tracking later", "fact shipment.label_created"),
    ("shipped is shown once it is", "fact shipment.posted, shipment.create"),
    ("tracking is corrected", "shipment.add_track, remove_track"),
    ("difficulty, in transit, delivered by hand", "shipment.mark_*"),
    ("money first at the provider, or by agreed means", "refund.create method"),
    ("the refund form", "refund.create"),
    ("a refund at the gateway, told again by it, is one", "refund.create; ADR 6"),
    ("all given back closes the order, a part does not", "refund.create"),
    ("invoices listed and sent again", "hub invoices list, notify.resend kind invoice"),
    ("shipments listed, tracking sent again", "hub shipments list, notify.resend kind shipment"),
    ("refunds listed and sent again", "hub refunds list, notify.resend kind refund"),
    ("movements of money listed", "hub transactions list"),
    ("statuses of the shop's own", "status.*, hub statuses"),
    ("lists and buttons follow the state", "allowed_actions"),
)


def proofs() -> dict[str, list[str]]:
    """Collect the tests by requirement, `file::test` each. Raises: ValueError for a requirement that does not exist."""
    found: dict[str, list[str]] = {row.id: [] for row in REQUIREMENTS}
    for file in sorted(TESTS.rglob("test_*.py")):
        for name, wanted in _marked(file):
            if wanted not in found:
                raise ValueError(f"{file.name}::{name} proves {wanted}, which is no requirement")
            found[wanted].append(f"{file.relative_to(TESTS).with_suffix('').as_posix()}::{name}")
    return found


def _marked(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.requirement":
                    for argument in mark.args:
                        yield node.name, str(ast.literal_eval(argument))


def page() -> str:
    """Write the table."""
    lines = [
        "# What the desk can do, and what proves it",
        "",
        "Made by `python -m tests.requirements --write` from the marks of the tests; a test holds it true.",
        "",
        "| | what staff need | done by | proved by |",
        "|---|---|---|---|",
    ]
    tests = proofs()
    for row in REQUIREMENTS:
        proof = "<br>".join(f"`{test}`" for test in tests[row.id])
        lines.append(f"| {row.id} | {row.need} | {row.done_by} | {proof} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page())
    else:
        print(page())
