"""Commands by state: every cell of order-lifecycle 3.3, as tests/cells.py has it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from hub.domain.judge import Accepted, NoOp, Rejected, offered
from schemas.facts import Fact
from tests.cells import COLUMNS, COMMAND_CELLS, command_cell
from tests.unit.domain.orders import (
    TOTAL,
    VIRTUAL,
    Story,
    at,
    boleto,
    canceled,
    card,
    parcel,
    payment,
    pix,
    pix_paid,
    placed,
    story,
    valid_form,
)

LATE: Final = 60 * 24 * 90
FOUR: Final = [{"sku": "CAM-01", "name": "Camiseta", "quantity": 4, "unit_price_cents": 2495}]

PLACED: Final = placed(pix(), items=FOUR)
PAID: Final = [PLACED, pix_paid()]
WAITING: Final = [placed(boleto(), items=FOUR), payment("pending", key="nosso_numero=237:12345678", provider="cnab")]
REVIEWED: Final = [placed(card(), items=FOUR), payment("in_review", key="charge_id=c", provider="pagarme")]
ONE: Final = parcel("posted", 30, items=("CAM-01*1",))
ALL: Final = parcel("posted", 30)
GIVEN_BACK: Final = payment("refunded", 40, cumulative_cents=TOTAL)


def held(*facts: Fact) -> Story:
    """Hold an order."""
    order = story(*facts)
    assert isinstance(order.ask("order.hold", 45), Accepted)
    return order


STORIES: Final[Mapping[str, Callable[[], Story]]] = {
    "N": lambda: story(PLACED),
    "PP": lambda: story(*WAITING),
    "PR": lambda: story(*REVIEWED),
    "PG": lambda: story(*PAID),
    "PS": lambda: story(*PAID, ONE),
    "CP": lambda: story(*PAID, ALL),
    "CL": lambda: story(*PAID, GIVEN_BACK),
    "CA": lambda: story(PLACED, canceled(40)),
    "H": lambda: held(*PAID),
}
"""An order in each column."""

SHIPPED: Final[Mapping[str, Callable[[], Story]]] = {
    **STORIES,
    "CL": lambda: story(*PAID, ALL, GIVEN_BACK),
    "CA": lambda: story(PLACED, ALL, canceled(40)),
    "H": lambda: held(*PAID, ONE),
}
"""The same, with something shipped wherever the column allows it."""

UNPAID: Final = {**STORIES, "H": lambda: held(PLACED)}

_STORIES_OF: Final[Mapping[str, Mapping[str, Callable[[], Story]]]] = {
    "order.expire": UNPAID,
    "order.expire (timer)": UNPAID,
    **{f"shipment.{verb}": SHIPPED for verb in ("add_track", "remove_track", "mark_in_transit", "mark_difficulty", "mark_delivered")},
}

_FORMS: Final[Mapping[str, dict[str, Any]]] = {
    "shipment.create (part)": {"carrier": "correios", "items": [{"sku": "CAM-01", "quantity": 1}]},
    "shipment.create (force)": {"carrier": "correios", "force": True},
    "refund.create (partial)": {"mode": "offline", "method": "deposit", "extra_cents": 500},
    "order.set_status (not assigned)": {"status": "closed"},
    "notify.resend order": {"kind": "order"},
    **{f"notify.resend {kind}": {"kind": kind, "document": "nope"} for kind in ("invoice", "shipment", "refund")},
}


def _form(row: str, column: str, order: Story) -> dict[str, Any]:
    if (row, column) == ("order.set_status (not assigned)", "CL"):
        return {"status": "canceled"}
    return _FORMS.get(row) or valid_form(row.partition(" ")[0], order.view, order.done)


@pytest.mark.parametrize(("row", "column"), [pytest.param(cell.row, cell.column, marks=pytest.mark.cell(*cell)) for cell in COMMAND_CELLS])
@pytest.mark.requirement("R8", "R12", "R30", "R31", "R41", "R63", "R79")
def test_a_command_in_a_state(row: str, column: str) -> None:
    order = _STORIES_OF.get(row, STORIES)[column]()
    assert order.view.standing.column == column
    command = row.partition(" ")[0]
    minutes = LATE if command == "order.expire" else 60
    before, published, done = order.view, len(order.events), order.done
    actor = "policy:order.expire" if row.endswith("(timer)") else "ana"
    verdict = order.ask(command, minutes, reason="combinado", actor=actor, **_form(row, column, order))
    match verdict:
        case Rejected(code=code):
            assert command_cell(row, column) == code
        case NoOp():
            assert command_cell(row, column) == "="
        case Accepted():
            moved = order.view.standing.column
            assert command_cell(row, column) == ("ok" if moved == column else f"->{moved}")
    if not isinstance(verdict, Accepted):
        assert (order.view, len(order.events), order.done) == (before, published, done)
    if " " not in row:
        assert (command in offered(before, done, at(minutes))) == isinstance(verdict, Accepted)


# -- what a cell adds in brackets, and what lies between two -----------------------------------------------------------------------

PARTLY: Final = [PLACED, pix_paid(amount=8000)]
BETWEEN: Final[list[tuple[str, str, Callable[[], Story], dict[str, Any], str]]] = [
    # Money on an order that is not paid in full, or came after it was over.
    ("order.cancel", "PP", lambda: story(*PARTLY), {}, "cancel_requires_refund"),
    ("order.cancel", "PG", lambda: story(placed(total_cents=0)), {}, "cancel_requires_refund"),
    ("order.cancel", "CA", lambda: story(*PAID, canceled()), {}, "="),
    ("order.approve", "PP", lambda: story(*PARTLY), {}, "->PG"),
    ("order.approve", "PG", lambda: story(placed(total_cents=0)), {}, "already_paid"),
    ("order.approve", "CP", lambda: story(placed(pix(), items=VIRTUAL), pix_paid()), {}, "already_paid"),
    ("order.approve", "CA", lambda: story(*PAID, canceled()), {}, "order_canceled"),
    ("order.approve", "H", lambda: story(*PAID, payment("chargeback_opened", 30)), {}, "order_held"),
    ("order.edit", "PP", lambda: story(*PARTLY), {}, "edit_requires_refund"),
    ("order.expire", "PP", lambda: story(*PARTLY), {}, "cancel_requires_refund"),
    ("order.expire (timer)", "PP", lambda: story(*PARTLY), {}, "="),
    ("order.expire", "PG", lambda: story(placed(total_cents=0)), {}, "="),
    ("order.expire", "H", lambda: held(*PAID), {}, "cancel_requires_refund"),
    ("refund.create (partial)", "PP", lambda: story(*PARTLY), {}, "ok"),
    ("refund.create (all that is left)", "PP", lambda: story(*PARTLY), {}, "->CL"),
    ("refund.create (partial)", "CA", lambda: story(*PAID, canceled()), {}, "ok"),
    ("refund.create (all that is left)", "CA", lambda: story(*PAID, canceled()), {}, "ok"),
    ("refund.create (all that is left)", "CA", lambda: story(*PAID, canceled(), GIVEN_BACK), {}, "nothing_to_refund"),
    ("refund.create (all that is left)", "PG", lambda: story(placed(total_cents=0)), {}, "nothing_to_refund"),
    # What nobody ships, and what is shipped before it is paid.
    ("shipment.create", "CP", lambda: story(placed(pix(), items=VIRTUAL), pix_paid()), {}, "nothing_to_ship"),
    ("shipment.mark_delivered", "CP", lambda: story(placed(pix(), items=VIRTUAL), pix_paid()), {}, "not_shipped"),
    ("shipment.mark_delivered", "N", lambda: story(PLACED, ALL), {}, "ok"),
    ("shipment.mark_delivered", "CP", lambda: story(*PAID, ALL, parcel("delivered", 50)), {}, "="),
    ("shipment.mark_in_transit", "CL", STORIES["CL"], {}, "not_shipped"),
    ("shipment.add_track", "CL", STORIES["CL"], {}, "not_shipped"),
    ("shipment.add_track", "CA", STORIES["CA"], {}, "not_shipped"),
    ("shipment.add_track", "H", STORIES["H"], {}, "not_shipped"),
    ("shipment.add_track", "PG", lambda: story(*PAID, parcel("label_created")), {}, "not_shipped"),
    ("order.start_production", "PG", lambda: story(*PAID, parcel("label_created")), {}, "ok"),
    # An order that the shop keeps open although all money has gone.
    ("shipment.create", "PG", lambda: story(placed(pix(), rules={"close_on_full_refund": False}), pix_paid(), GIVEN_BACK), {}, "not_paid"),
    # Holds.
    ("order.hold", "H", STORIES["H"], {"hold_reason": "operator"}, "="),
    ("order.release", "H", lambda: story(*PAID, payment("chargeback_opened", 30)), {}, "dispute_open"),
    ("order.release", "H", STORIES["H"], {"hold_reason": "fraud"}, "not_held"),
    ("order.release", "H", lambda: held(PLACED), {}, "->N"),
    ("order.release", "H", lambda: held(*PAID, ONE), {}, "->PS"),
    # Linked statuses ask the guard of what they stand for; then they must be of the state.
    ("order.set_status (assigned)", "N", STORIES["N"], {"status": "in_production"}, "not_paid"),
    ("order.set_status (assigned)", "N", STORIES["N"], {"status": "nf_issued"}, "not_paid"),
    ("order.set_status (assigned)", "PG", STORIES["PG"], {"status": "in_production"}, "ok"),
    ("order.set_status (assigned)", "PG", STORIES["PG"], {"status": "nf_issued"}, "ok"),
    ("order.set_status (assigned)", "PG", STORIES["PG"], {"status": "delivered"}, "not_shipped"),
    ("order.set_status (assigned)", "PG", STORIES["PG"], {"status": "shipped"}, "use_shipment"),
    ("order.set_status (assigned)", "PG", STORIES["PG"], {"status": "partially_shipped"}, "use_shipment"),
    ("order.set_status (assigned)", "PG", STORIES["PG"], {"status": "nope"}, "status_unknown"),
    ("order.set_status (assigned)", "PS", STORIES["PS"], {"status": "delivered"}, "status_not_in_state"),
    ("order.set_status (assigned)", "CP", STORIES["CP"], {"status": "in_production"}, "nothing_to_produce"),
    ("order.set_status (assigned)", "CP", STORIES["CP"], {"status": "in_transit"}, "ok"),
    ("order.set_status (assigned)", "CP", STORIES["CP"], {"status": "delivery_difficulty"}, "ok"),
    ("order.set_status (assigned)", "CP", STORIES["CP"], {"status": "delivered"}, "ok"),
    ("order.set_status (assigned)", "H", STORIES["H"], {"status": "in_production"}, "order_held"),
    ("order.set_status (not assigned)", "PG", STORIES["PG"], {"status": "fraud"}, "status_not_in_state"),
    ("order.set_status (assigned)", "PR", STORIES["PR"], {"status": "fraud"}, "ok"),
    # Documents that are there.
    ("notify.resend invoice", "PG", STORIES["PG"], {"kind": "invoice"}, "ok"),
    ("notify.resend invoice", "CA", lambda: story(*PAID, canceled()), {"kind": "invoice"}, "ok"),
    ("notify.resend invoice", "N", STORIES["N"], {"kind": "invoice"}, "document_not_found"),
    ("notify.resend shipment", "PS", STORIES["PS"], {"kind": "shipment"}, "ok"),
    ("notify.resend shipment", "PG", lambda: story(*PAID, parcel("label_created")), {"kind": "shipment"}, "document_not_found"),
    ("notify.resend refund", "CL", STORIES["CL"], {"kind": "refund"}, "ok"),
]


@pytest.mark.parametrize(
    ("row", "build", "form", "expected"),
    [pytest.param(row, *rest, marks=pytest.mark.cell("3.3", row, column)) for row, column, *rest in BETWEEN],
)
def test_what_lies_between_the_cells(row: str, build: Callable[[], Story], form: dict[str, Any], expected: str) -> None:
    order = build()
    column = order.view.standing.column
    command = row.partition(" ")[0]
    actor = "policy:order.expire" if row.endswith("(timer)") else "ana"
    verdict = order.ask(command, LATE if command == "order.expire" else 60, actor=actor, **(form or _form(row, column, order)))
    match verdict:
        case Rejected(code=code):
            assert expected == code
        case NoOp():
            assert expected == "="
        case Accepted():
            moved = order.view.standing.column
            assert expected == ("ok" if moved == column else f"->{moved}")


def test_each_column_is_where_it_says() -> None:
    assert tuple(STORIES) == COLUMNS
    for column, build in (*STORIES.items(), *SHIPPED.items(), *UNPAID.items()):
        assert build().view.standing.column == column
