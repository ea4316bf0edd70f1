"""Facts by state: every cell of order-lifecycle 3.4. Facts are never refused; what a person must decide becomes an exception."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Final

import pytest

from schemas.facts import Fact
from tests.cells import FACT_CELLS, FACT_COLUMNS, FACTS, Cell
from tests.unit.domain.orders import (
    TOTAL,
    TXID,
    boleto,
    canceled,
    card,
    exception_set,
    paper,
    parcel,
    payment,
    pix,
    pix_paid,
    placed,
    seen,
    story,
)

NEW: Final = [placed(pix())]
WAITING: Final = [placed(boleto()), payment("pending", key="nosso_numero=237:12345678", provider="cnab")]
REVIEWED: Final = [placed(card()), payment("in_review", key="charge_id=c", provider="pagarme")]
PAID: Final = [placed(pix()), pix_paid()]
SENT: Final = [*PAID, parcel("posted", 30)]
ARRIVED: Final = [*SENT, parcel("delivered", 40)]
REFUNDED: Final = payment("refunded", 45, cumulative_cents=TOTAL)
CLOSED: Final = [*PAID, REFUNDED]
CANCELED: Final = [placed(pix()), canceled(35)]
PART: Final = placed(pix(), items=[{"sku": "CAM-01", "quantity": 3, "unit_price_cents": 3000}])


def gateway(kind: str, minutes: float, charge: str = "ch_2", **fields: Any) -> Fact:
    return payment(kind, minutes, key=f"charge_id={charge}", provider="pagarme", method="card", **fields)


def pix_word(kind: str, minutes: float) -> Fact:
    return payment(kind, minutes, key="e2e=E0", refs=[f"txid={TXID}"], method="pix")


@dataclass(frozen=True)
class Case:
    """Facts before, the facts of the cell, and what comes of them. `held`: the order is held by a person before the facts of the cell."""

    row: str
    column: str
    before: Sequence[Fact]
    facts: Sequence[Fact]
    state: str
    open: Sequence[str] = ()
    held: bool = False
    fulfilment: str | None = None
    fiscal: str | None = None
    payment: str | None = None


def case(row: str, column: str, before: Sequence[Fact], fact: Fact | Sequence[Fact], state: str, *open_: str, **more: Any) -> Case:
    facts: Sequence[Fact] = fact if isinstance(fact, Sequence) else [fact]
    return Case(row, column, before, facts, state, open_, **more)


def _attempts() -> list[Case]:
    cases = []
    for word, state in (("pending", "pending_payment"), ("authorized", "pending_payment"), ("in_review", "payment_review")):
        row = f"payment.{word}"
        late = gateway(word, 60)
        cases += [
            case(row, "unpaid", NEW, pix_word(word, 20), state, payment=word),
            case(row, "unpaid", WAITING, gateway(word, 60), "payment_review" if word == "in_review" else "pending_payment"),
            case(row, "paid", PAID, late, "processing", payment="paid"),
            case(row, "paid", PAID, pix_word(word, 5), "processing", payment="paid"),
            case(row, "paid", SENT, late, "complete", payment="paid"),
            case(row, "CL", CLOSED, late, "closed", payment="refunded"),
            case(row, "CA", CANCELED, pix_word(word, 60), "canceled", "live_attempt_on_canceled", payment=word),
            case(row, "H", NEW, pix_word(word, 20), state, held=True, payment=word),
        ]
    for word in ("failed", "expired", "voided"):
        row = f"payment.{word}"
        cases += [
            case(row, "unpaid", NEW, pix_word(word, 20), "new", payment=word),
            case(row, "unpaid", WAITING, payment(word, 90, key="nosso_numero=237:12345678", provider="cnab"), "new", payment=word),
            case(row, "unpaid", REVIEWED, payment(word, 90, key="charge_id=c", provider="pagarme"), "new", payment=word),
            case(row, "paid", PAID, payment(word, 60), "processing", payment="paid"),
            case(row, "paid", PAID, gateway(word, 60), "processing", payment="paid"),
            case(row, "CL", CLOSED, payment(word, 60), "closed", payment="refunded"),
            case(row, "CA", CANCELED, pix_word(word, 60), "canceled", payment=word),
            case(row, "H", NEW, pix_word(word, 20), "new", held=True, payment=word),
        ]
    return cases


CAPTURES: Final = [
    case("payment.captured", "unpaid", NEW, pix_paid(60), "processing", payment="paid"),
    case("payment.captured", "unpaid", NEW, pix_paid(60, amount=8000), "pending_payment", "underpaid", payment="partially_paid"),
    case("payment.captured", "unpaid", REVIEWED, payment("captured", 60, key="charge_id=c", provider="pagarme", amount_cents=TOTAL),
         "processing", payment="paid"),
    case("payment.captured", "paid", PAID, pix_paid(60), "processing", payment="paid"),
    case("payment.captured", "paid", PAID, pix_paid(60, e2e="E2"), "processing", "overpaid", payment="overpaid"),
    case("payment.captured", "paid", SENT, pix_paid(60, e2e="E2"), "complete", "overpaid"),
    case("payment.captured", "CL", CLOSED, pix_paid(60), "closed", payment="refunded"),
    case("payment.captured", "CL", CLOSED, pix_paid(60, e2e="E2"), "processing", "paid_after_close", payment="paid"),
    case("payment.captured", "CA", CANCELED, pix_paid(60), "canceled", "paid_after_cancel", payment="paid"),
    case("payment.captured", "H", NEW, pix_paid(60), "processing", held=True, payment="paid"),
    case("payment.captured (above due)", "unpaid", NEW, pix_paid(60, amount=TOTAL + 1), "processing", "overpaid", payment="overpaid"),
    case("payment.captured (above due)", "paid", PAID, pix_paid(60, amount=TOTAL + 1), "processing", "overpaid", payment="overpaid"),
    case("payment.captured (above due)", "CL", CLOSED, pix_paid(60, e2e="E2", amount=TOTAL + 1), "processing",
         "overpaid", "paid_after_close"),
    case("payment.captured (above due)", "CA", CANCELED, pix_paid(60, amount=TOTAL + 1), "canceled", "paid_after_cancel"),
    case("payment.captured (above due)", "H", NEW, pix_paid(60, amount=TOTAL + 1), "processing", "overpaid", held=True),
]  # fmt: skip

GONE: Final = [
    case("payment.refunded", "unpaid", NEW, payment("refunded", 60, cumulative_cents=500), "new", "refund_before_paid"),
    case("payment.refunded", "unpaid", NEW, [payment("refunded", 60, cumulative_cents=500), pix_paid(90)], "processing",
         payment="partially_refunded"),
    case("payment.refunded", "paid", PAID, payment("refunded", 60, cumulative_cents=500), "processing", payment="partially_refunded"),
    case("payment.refunded", "paid", SENT, payment("refunded", 60, cumulative_cents=500), "complete", fulfilment="shipped"),
    case("payment.refunded", "paid", PAID, payment("refunded", 60, cumulative_cents=TOTAL), "closed", payment="refunded"),
    case("payment.refunded", "CL", CLOSED, payment("refunded", 60, cumulative_cents=TOTAL), "closed"),
    case("payment.refunded", "CL", CLOSED, payment("refunded", 60, cumulative_cents=TOTAL + 1), "closed", "over_refunded"),
    case("payment.refunded", "CA", [*CANCELED, pix_paid(50)], payment("refunded", 60, cumulative_cents=TOTAL), "canceled",
         payment="refunded"),
    case("payment.refunded", "H", PAID, payment("refunded", 60, cumulative_cents=TOTAL), "closed", held=True),
    case("payment.chargeback_opened", "unpaid", NEW, payment("chargeback_opened", 60), "new", "chargeback"),
    case("payment.chargeback_opened", "paid", PAID, payment("chargeback_opened", 60), "processing", "chargeback", payment="paid"),
    case("payment.chargeback_opened", "paid", SENT, payment("chargeback_opened", 60), "complete", "chargeback"),
    case("payment.chargeback_opened", "CL", [*SENT, REFUNDED], payment("chargeback_opened", 60), "closed", "chargeback"),
    case("payment.chargeback_opened", "CA", CANCELED, payment("chargeback_opened", 60), "canceled", "chargeback"),
    case("payment.chargeback_opened", "H", PAID, payment("chargeback_opened", 60), "processing", "chargeback", held=True),
    case("payment.chargeback_lost", "unpaid", NEW, payment("chargeback_lost", 60), "new", "chargeback"),
    case("payment.chargeback_lost", "paid", PAID, payment("chargeback_lost", 60), "closed", "chargeback", payment="charged_back"),
    case("payment.chargeback_lost", "paid", PAID, payment("chargeback_lost", 60, amount_cents=500), "processing", "chargeback"),
    case("payment.chargeback_lost", "CL", CLOSED, payment("chargeback_lost", 60, amount_cents=1), "closed", "chargeback"),
    case("payment.chargeback_lost", "CA", [*CANCELED, pix_paid(50)], payment("chargeback_lost", 60), "canceled", "chargeback"),
    case("payment.chargeback_lost", "H", PAID, payment("chargeback_lost", 60), "closed", "chargeback", held=True),
    case("payment.chargeback_won", "unpaid", [*NEW, payment("chargeback_opened", 20)], payment("chargeback_won", 60), "new"),
    case("payment.chargeback_won", "paid", [*PAID, payment("chargeback_opened", 20, funds_withdrawn=True)],
         payment("chargeback_won", 60), "processing", payment="paid"),
    case("payment.chargeback_won", "CL", [*CLOSED, payment("chargeback_opened", 50)], payment("chargeback_won", 60), "closed"),
    case("payment.chargeback_won", "CA", [*CANCELED, payment("chargeback_opened", 50)], payment("chargeback_won", 60), "canceled"),
    case("payment.chargeback_won", "H", [*PAID, payment("chargeback_opened", 20)], payment("chargeback_won", 60), "processing", held=True),
]  # fmt: skip

CHEAP: Final = {"total_cents": 9000}
PAPERS: Final = [
    case("fiscal.issued", "unpaid", NEW, paper("issued"), "new", "nf_before_payment", fiscal="issued"),
    case("fiscal.issued", "unpaid", WAITING, paper("issued"), "pending_payment", "nf_before_payment", fiscal="issued"),
    case("fiscal.issued", "unpaid", NEW, [paper("issued"), pix_paid(60)], "processing", fiscal="issued"),
    case("fiscal.issued", "paid", PAID, paper("issued"), "processing", fiscal="issued"),
    case("fiscal.issued", "paid", SENT, paper("issued"), "complete", fiscal="issued", fulfilment="shipped"),
    case("fiscal.issued", "CL", CLOSED, paper("issued", 60), "closed", "nf_after_refund", fiscal="issued"),
    case("fiscal.issued", "CL", CLOSED, paper("issued", 20), "closed", fiscal="issued"),
    case("fiscal.issued", "CA", CANCELED, paper("issued", 60), "canceled", "nf_on_canceled", fiscal="issued"),
    case("fiscal.issued", "CA", CANCELED, paper("issued", 5), "canceled", "nf_on_canceled", fiscal="issued"),
    case("fiscal.issued", "H", PAID, paper("issued", 60), "processing", held=True, fiscal="issued"),
    case("fiscal.rejected", "unpaid", NEW, paper("rejected"), "new", "nf_rejected", fiscal="rejected"),
    case("fiscal.rejected", "paid", PAID, paper("rejected"), "processing", "nf_rejected", fiscal="rejected"),
    case("fiscal.rejected", "paid", PAID, paper("denied"), "processing", "nf_rejected", fiscal="denied"),
    case("fiscal.rejected", "paid", PAID, [paper("rejected"), paper("issued", 60)], "processing", fiscal="issued"),
    case("fiscal.rejected", "CL", CLOSED, paper("rejected", 60), "closed", fiscal="rejected"),
    case("fiscal.rejected", "CA", CANCELED, paper("rejected", 60), "canceled", fiscal="rejected"),
    case("fiscal.rejected", "H", PAID, paper("rejected", 60), "processing", "nf_rejected", held=True, fiscal="rejected"),
    case("fiscal.canceled", "unpaid", [*NEW, paper("issued")], paper("canceled", 60), "new", fiscal="canceled"),
    case("fiscal.canceled", "paid", [*PAID, paper("issued")], paper("canceled", 60), "processing", fiscal="canceled"),
    case("fiscal.canceled", "paid", [*SENT, paper("issued", 20)], paper("canceled", 60), "complete", "nf_canceled_after_ship",
         fiscal="canceled"),
    case("fiscal.canceled", "paid", [*PAID, paper("issued", 20), parcel("posted", 90)], paper("canceled", 60), "complete",
         fiscal="canceled"),
    case("fiscal.canceled", "CL", [*CLOSED, paper("issued", 60)], paper("canceled", 70), "closed", fiscal="canceled"),
    case("fiscal.canceled", "CA", [*CANCELED, paper("issued", 60)], paper("canceled", 70), "canceled", fiscal="canceled"),
    case("fiscal.canceled", "H", [*PAID, paper("issued", 20)], paper("canceled", 60), "processing", held=True, fiscal="canceled"),
]  # fmt: skip

ONE: Final = ("CAM-01*1",)
PARCELS: Final = [
    case("shipment.posted", "unpaid", NEW, parcel("posted"), "new", "shipped_unpaid", fulfilment="shipped"),
    case("shipment.posted", "unpaid", WAITING, parcel("posted", items=ONE), "pending_payment", "shipped_unpaid",
         fulfilment="partially_shipped"),
    case("shipment.posted", "unpaid", NEW, [parcel("posted"), pix_paid(200)], "complete", fulfilment="shipped"),
    case("shipment.posted", "paid", PAID, parcel("posted"), "complete", fulfilment="shipped"),
    case("shipment.posted", "paid", PAID, parcel("posted", items=ONE), "processing", fulfilment="partially_shipped"),
    case("shipment.posted", "CL", CLOSED, parcel("posted"), "closed", "shipped_after_refund", fulfilment="shipped"),
    case("shipment.posted", "CL", CLOSED, parcel("posted", 20), "closed", fulfilment="shipped"),
    case("shipment.posted", "CA", CANCELED, parcel("posted"), "canceled", "shipped_after_cancel", fulfilment="shipped"),
    case("shipment.posted", "CA", CANCELED, parcel("posted", 5), "canceled", "shipped_after_cancel", fulfilment="shipped"),
    case("shipment.posted", "H", PAID, parcel("posted"), "complete", "shipped_while_held", held=True, fulfilment="shipped"),
    case("shipment.posted", "H", PAID, parcel("posted", 20), "complete", held=True, fulfilment="shipped"),
    *[
        one
        for word, shown in (("in_transit", "in_transit"), ("delivery_difficulty", "difficulty"), ("delivered", "delivered"))
        for row in (f"shipment.{word} before posted",)
        for one in (
            case(row, "unpaid", NEW, parcel(word), "new", "shipped_unpaid", fulfilment=shown),
            case(row, "paid", PAID, parcel(word), "complete", fulfilment=shown),
            case(row, "paid", PAID, [parcel(word), parcel("posted", 60)], "complete", fulfilment=shown),
            case(row, "CL", CLOSED, parcel(word), "closed", "shipped_after_refund", fulfilment=shown),
            case(row, "CA", CANCELED, parcel(word), "canceled", "shipped_after_cancel", fulfilment=shown),
            case(row, "H", PAID, parcel(word), "complete", "shipped_while_held", held=True, fulfilment=shown),
        )
    ],
    *[
        one
        for word in ("posted", "in_transit")
        for row in (f"shipment.{word} after delivered",)
        for one in (
            case(row, "unpaid", [*NEW, parcel("delivered", 30)], parcel(word), "new", "shipped_unpaid", fulfilment="delivered"),
            case(row, "paid", ARRIVED, parcel(word), "complete", fulfilment="delivered"),
            case(row, "CL", [*ARRIVED, REFUNDED], parcel(word), "closed", fulfilment="delivered"),
            case(row, "CA", [*CANCELED, parcel("delivered", 40)], parcel(word), "canceled", "shipped_after_cancel",
                 fulfilment="delivered"),
            case(row, "H", PAID, [*ARRIVED[2:], parcel(word)], "complete", "shipped_while_held", held=True, fulfilment="delivered"),
        )
    ],
    case("shipment.returned", "unpaid", NEW, parcel("returned"), "new", "decide_refund_or_resend", "shipped_unpaid",
         fulfilment="returned"),
    case("shipment.returned", "paid", SENT, parcel("returned"), "complete", "decide_refund_or_resend", fulfilment="returned"),
    case("shipment.returned", "paid", ARRIVED, parcel("returned"), "complete", "decide_refund_or_resend", fulfilment="returned"),
    case("shipment.returned", "CL", [*SENT, REFUNDED], parcel("returned"), "closed", fulfilment="returned"),
    case("shipment.returned", "CA", [*CANCELED, parcel("posted", 40)], parcel("returned"), "canceled", fulfilment="returned"),
    case("shipment.returned", "H", PAID, [*SENT[2:], parcel("returned")], "complete", "decide_refund_or_resend", "shipped_while_held",
         held=True, fulfilment="returned"),
]  # fmt: skip

CANCELLATIONS: Final = [
    case("order.canceled", "unpaid", NEW, canceled(), "canceled"),
    case("order.canceled", "unpaid", WAITING, canceled(), "canceled", "live_attempt_on_canceled"),
    case("order.canceled", "unpaid", REVIEWED, canceled(), "canceled", "live_attempt_on_canceled"),
    case("order.canceled", "paid", PAID, canceled(), "canceled", "paid_after_cancel"),
    case("order.canceled", "paid", SENT, canceled(), "canceled", "paid_after_cancel", "shipped_after_cancel"),
    case("order.canceled", "CL", CLOSED, canceled(), "canceled", payment="refunded"),
    case("order.canceled", "CA", CANCELED, canceled(), "canceled"),
    case("order.canceled", "H", PAID, canceled(), "canceled", "paid_after_cancel", held=True),
]

CASES: Final = [*_attempts(), *CAPTURES, *GONE, *PAPERS, *PARCELS, *CANCELLATIONS]


@pytest.mark.parametrize(
    "one", [pytest.param(one, marks=pytest.mark.cell("3.4", one.row, one.column), id=f"{one.row}-{one.column}") for one in CASES]
)
def test_a_fact_in_a_state(one: Case) -> None:
    order = story(*one.before)
    if one.held:
        order.ask("order.hold", 25)
        assert order.view.state == "holded"
    events = len(order.events)
    order.tell(*one.facts)
    now = order.view
    assert (now.base_state, [exception.kind for exception in now.exceptions]) == (one.state, list(one.open))
    for expected, found in (
        (one.fulfilment, now.fulfilment_state),
        (one.fiscal, now.fiscal_state),
        (one.payment, now.payment_state),
    ):
        assert expected in (None, found)
    if one.held and one.state != "canceled":
        assert (now.state, now.hold_reasons[-1]) == ("holded", "operator")
        deferred = [event.routing_key for event in order.events[events:]]
        assert not [key for key in deferred if key.startswith(("invoice.", "order.status_changed.", "stock.", "notification."))]
        return
    assert now.state == ("holded" if "dispute" in now.hold_reasons else one.state)
    if one.held:
        assert now.hold_reasons == ()
        return
    # Whatever came first: the same ledgers, the same state, the same open exceptions.
    backwards = seen(*reversed(one.facts), *reversed(one.before), one.before[0])
    assert (backwards, exception_set(backwards)) == (now, exception_set(now))


def test_a_dispute_holds_what_is_paid_and_not_shipped() -> None:
    assert story(*PAID, payment("chargeback_opened", 60)).view.state == "holded"
    assert story(*SENT, payment("chargeback_opened", 60)).view.state == "complete"
    assert story(*NEW, payment("chargeback_opened", 60)).view.state == "new"


def test_no_fact_of_a_cell_is_forgotten() -> None:
    assert {Cell("3.4", one.row, one.column) for one in CASES} == set(FACT_CELLS)
    assert set(FACTS) == {one.row for one in CASES}
    assert {one.column for one in CASES} == set(FACT_COLUMNS)


@pytest.mark.parametrize("facts", [[*ARRIVED[2:], paper("issued", 20), REFUNDED, payment("chargeback_opened", 60)]])
def test_facts_of_different_families_commute(facts: list[Fact]) -> None:
    expected = seen(*PAID, *facts)
    for order in permutations([*PAID, *facts][:6]):
        rest = [fact for fact in (*PAID, *facts) if fact not in order]
        assert seen(*order, *rest) == expected


@pytest.mark.parametrize("one", [one for one in CASES if not one.held], ids=lambda one: f"{one.row}-{one.column}")
def test_hold_facts_release_is_as_if_there_had_been_no_hold(one: Case) -> None:  # I13
    free = story(*one.before)
    free.tell(*one.facts)
    order = story(*one.before)
    order.ask("order.hold", 25)
    order.tell(*one.facts)
    order.ask("order.release", 500)
    assert (order.view.state, order.view.status, order.view.base_state) == (free.view.state, free.view.status, free.view.base_state)
    assert exception_set(order.view) == exception_set(free.view)
    assert ("invoice" in order.done) == ("invoice" in free.done)
    assert replace(order.ledger, holds={}) == free.ledger
