"""Computed state (order-lifecycle 3.2), payment state (3.1), shown status and labels (3.7): tables of facts and what they amount to."""

from typing import Any

import pytest

from hub.domain.labels import ACTION_LABELS, ASSIGNED_STATUSES, DEFAULT_STATUS, STATE_LABELS, STATUS_LABELS
from schemas.facts import Fact
from schemas.vocabulary import ORDER_STATES
from tests.unit.domain.orders import TOTAL, TXID, VIRTUAL, at, boleto, canceled, card, kinds, payment, pix, pix_paid, placed, seen


def gateway(kind: str, minutes: float = 5, *, charge: str = "ch_1", method: str | None = "card", **fields: Any) -> Fact:
    return payment(kind, minutes, key=f"charge_id={charge}", provider="pagarme", method=method, **fields)


WAITING = payment("pending", 5, key="e2e=E0", refs=[f"txid={TXID}"], method="pix")
PAID = pix_paid(10)
PART = pix_paid(10, amount=8000)
GIVEN_BACK = payment("refunded", 30, cumulative_cents=TOTAL)

STATES: list[tuple[str, list[Fact], str, str]] = [
    # 1. A cancel record is stronger than anything.
    ("canceled", [placed(pix()), canceled()], "canceled", "none"),
    ("canceled, then paid", [placed(pix()), canceled(5), PAID], "canceled", "paid"),
    ("paid, then canceled", [placed(pix()), PAID, canceled()], "canceled", "paid"),
    ("canceled, paid twice", [placed(pix()), canceled(5), PAID, pix_paid(20, e2e="E2")], "canceled", "overpaid"),
    ("canceled, paid, given back", [placed(pix()), canceled(5), PAID, GIVEN_BACK], "canceled", "refunded"),
    ("canceled with an open dispute", [placed(pix()), PAID, canceled(), payment("chargeback_opened", 200)], "canceled", "paid"),
    # 3. Nothing captured.
    ("placed", [placed(pix())], "new", "none"),
    ("placed without payments", [placed()], "new", "none"),
    ("Pix waits", [placed(pix()), WAITING], "pending_payment", "pending"),
    ("card waits", [placed(card()), gateway("pending")], "new", "pending"),
    ("card authorized", [placed(card()), gateway("authorized")], "new", "authorized"),
    ("boleto authorized", [placed(boleto()), payment("authorized", key="nosso_numero=237:12345678", provider="cnab")],
     "pending_payment", "authorized"),
    ("transfer waits", [placed({"method": "transfer", "provider": "bank"}), payment("pending", provider="bank")],
     "pending_payment", "pending"),
    ("redirect waits", [placed({"method": "wallet", "provider": "mp"}), payment("pending", provider="mp")], "pending_payment", "pending"),
    ("in review", [placed(card()), gateway("in_review")], "payment_review", "in_review"),
    ("in review beside a waiting boleto", [placed(card(), boleto()), gateway("in_review"),
     payment("pending", key="nosso_numero=237:12345678", provider="cnab")], "payment_review", "in_review"),
    ("in review beside an authorized one: the best counts", [placed(card(amount_cents=1), card(amount_cents=2)),
     gateway("in_review", charge="a", amount_cents=1), gateway("authorized", charge="b", amount_cents=2)], "new", "authorized"),
    ("failed", [placed(card()), gateway("failed")], "new", "failed"),
    ("expired", [placed(card()), gateway("expired")], "new", "expired"),
    ("voided", [placed(card()), gateway("voided")], "new", "voided"),
    ("failed, and a boleto waits", [placed(card(), boleto()), gateway("failed"),
     payment("pending", key="nosso_numero=237:12345678", provider="cnab")], "pending_payment", "pending"),
    ("refunded before anything came", [placed(pix()), GIVEN_BACK], "new", "none"),
    # 4. Part of the money.
    ("underpaid", [placed(pix()), PART], "pending_payment", "partially_paid"),
    ("underpaid, part of it given back", [placed(pix()), PART, payment("refunded", 30, cumulative_cents=10)],
     "pending_payment", "partially_paid"),
    ("underpaid with an open dispute", [placed(pix()), PART, payment("chargeback_opened", 30)], "pending_payment", "partially_paid"),
    ("first of two payments", [placed(pix(amount_cents=8000), card(amount_cents=3970)), PART], "pending_payment", "partially_paid"),
    # 5. All the money gone.
    ("all given back", [placed(pix()), PAID, GIVEN_BACK], "closed", "refunded"),
    ("more than all given back", [placed(pix()), PAID, payment("refunded", 30, cumulative_cents=TOTAL + 1)], "closed", "refunded"),
    ("underpaid, all of it given back", [placed(pix()), PART, payment("refunded", 30, cumulative_cents=8000)], "closed", "refunded"),
    ("lost to a chargeback", [placed(pix()), PAID, payment("chargeback_lost", 30)], "closed", "charged_back"),
    ("half refund, half chargeback", [placed(pix()), PAID, payment("refunded", 30, cumulative_cents=TOTAL // 2),
     payment("reversed", 31, amount_cents=TOTAL // 2)], "closed", "charged_back"),
    ("mostly refund", [placed(pix()), PAID, payment("refunded", 30, cumulative_cents=TOTAL - 10),
     payment("reversed", 31, amount_cents=10)], "closed", "refunded"),
    ("given back, and the shop keeps such orders open",
     [placed(pix(), rules={"close_on_full_refund": False}), PAID, GIVEN_BACK], "processing", "refunded"),
    ("taken by the bank, whatever the shop keeps open",
     [placed(pix(), rules={"close_on_full_refund": False}), PAID, payment("reversed", 30)], "closed", "charged_back"),
    # 6. Nothing (left) to ship.
    ("virtual and paid", [placed(pix(), items=VIRTUAL), PAID], "complete", "paid"),
    ("virtual and free", [placed(items=VIRTUAL, total_cents=0)], "complete", "paid"),
    ("virtual, paid, with an open dispute", [placed(pix(), items=VIRTUAL), PAID, payment("chargeback_opened", 30)], "complete", "paid"),
    # 7. Otherwise.
    ("paid", [placed(pix()), PAID], "processing", "paid"),
    ("paid in two parts", [placed(pix(amount_cents=8000), card(amount_cents=3970)), PART, gateway("captured", amount_cents=3970)],
     "processing", "paid"),
    ("overpaid", [placed(pix()), pix_paid(amount=TOTAL + 1)], "processing", "overpaid"),
    ("overpaid and settled", [placed(pix()), pix_paid(amount=TOTAL + 50), payment("refunded", 30, cumulative_cents=50)],
     "processing", "paid"),
    ("partly refunded", [placed(pix()), PAID, payment("refunded", 30, cumulative_cents=10)], "processing", "partially_refunded"),
    ("a free order is paid when it is placed", [placed(total_cents=0)], "processing", "paid"),
    ("captured by the shop", [placed(card(paid_at=at(0).isoformat()))], "processing", "paid"),
    ("dispute won", [placed(pix()), PAID, payment("chargeback_opened", 30, funds_withdrawn=True), payment("chargeback_won", 40)],
     "processing", "paid"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "state", "payment_state"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_the_state_follows_from_the_facts(facts: list[Fact], state: str, payment_state: str) -> None:
    now = seen(*facts)
    assert (now.state, now.base_state, now.payment_state) == (state, state, payment_state)
    assert now.status in ASSIGNED_STATUSES[state]
    assert now == seen(*reversed(facts))


# 2. The hold overlay: the computed reason `dispute`.
HELD: list[tuple[str, list[Fact], str]] = [
    ("dispute opened", [payment("chargeback_opened", 30)], "processing"),
    ("dispute opened and the money gone", [payment("chargeback_opened", 30, funds_withdrawn=True)], "closed"),
    ("dispute opened after all was given back", [GIVEN_BACK, payment("chargeback_opened", 40)], "closed"),
    ("one of two disputes won", [payment("chargeback_opened", 30, dispute_id="a", amount_cents=1),
     payment("chargeback_opened", 31, dispute_id="b", amount_cents=1), payment("chargeback_won", 32, dispute_id="a")], "processing"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "base"), [row[1:] for row in HELD], ids=[row[0] for row in HELD])
def test_an_open_dispute_holds_what_is_not_shipped(facts: list[Fact], base: str) -> None:
    now = seen(placed(pix()), PAID, *facts)
    assert (now.state, now.status, now.label) == ("holded", "holded", "Segurado")
    assert (now.base_state, now.hold_reasons, now.dispute_open) == (base, ("dispute",), True)
    assert "chargeback" in kinds(now)


@pytest.mark.parametrize("word", ["chargeback_won", "chargeback_lost", "reversed"])
def test_a_decided_dispute_holds_no_longer(word: str) -> None:
    now = seen(placed(pix()), PAID, payment("chargeback_opened", 30), payment(word, 40))
    assert now.state == ("processing" if word == "chargeback_won" else "closed")
    assert now.hold_reasons == ()


def test_the_sums_of_an_order() -> None:
    now = seen(placed(pix()), pix_paid(amount=TOTAL + 500), payment("refunded", 30, cumulative_cents=700))
    assert (now.total_cents, now.due_cents, now.captured_cents, now.refunded_cents) == (TOTAL, TOTAL, TOTAL + 500, 700)
    assert (now.net_cents, now.remaining_cents) == (TOTAL - 200, 0)
    assert seen(placed(pix()), PART).remaining_cents == TOTAL - 8000
    assert seen(placed(pix()), GIVEN_BACK).net_cents == 0


def test_every_state_has_its_statuses_and_every_status_its_label() -> None:
    assert set(ORDER_STATES) == set(DEFAULT_STATUS) == set(ASSIGNED_STATUSES) == set(STATE_LABELS)
    for state, status in DEFAULT_STATUS.items():
        assert status in ASSIGNED_STATUSES[state]
    assert {status for statuses in ASSIGNED_STATUSES.values() for status in statuses} == set(STATUS_LABELS)


@pytest.mark.parametrize(
    ("status", "label"),
    [
        ("pending", "Pendente"), ("pending_payment", "Pagamento pendente"), ("payment_review", "Em análise de pagamento"),
        ("fraud", "Suspeita de fraude"), ("processing", "Faturado (aprovado)"), ("in_production", "Pedido em produção"),
        ("nf_issued", "Nota fiscal emitida"), ("shipped", "Pedido enviado"), ("partially_shipped", "Enviado parcialmente"),
        ("in_transit", "Pedido em transporte"), ("delivery_difficulty", "Dificuldade de entrega"), ("delivered", "Pedido entregue"),
        ("returned", "Pedido devolvido"), ("complete", "Completo"), ("closed", "Fechado"), ("canceled", "Cancelado"),
        ("holded", "Segurado"),
    ],
)  # fmt: skip
def test_labels_are_portuguese_with_their_accents(status: str, label: str) -> None:
    assert STATUS_LABELS[status] == label


def test_offered_actions_have_a_button() -> None:
    for facts in ([placed(pix())], [placed(pix()), PAID], [placed(pix()), canceled()]):
        assert set(seen(*facts).allowed_actions) <= set(ACTION_LABELS)


def test_before_an_order_is_placed_there_is_nothing_but_its_facts() -> None:
    now = seen(PAID)
    assert (now.placed, now.state, now.lines, now.invoice_due) == (False, "new", (), False)
