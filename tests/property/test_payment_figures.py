"""Figures of payments: whatever the parts, all of the money is all of the debt, and more told is never less counted."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Facts, RawDelivery
from adapters.payments.pagarme import ADAPTER as PAGARME
from adapters.payments.pix import ADAPTER as PIX
from schemas.facts import PaymentFact

AT = datetime(2026, 1, 22, 13, 0, tzinfo=UTC)
CENTS = st.integers(1, 10**9)


def facts(adapter_body: object, provider: str) -> list[PaymentFact]:
    adapter = PIX if provider == "pix" else PAGARME
    translation = adapter.translate(RawDelivery(json.dumps(adapter_body).encode(), {}, AT))
    assert isinstance(translation, Facts)
    assert not translation.failed
    return [fact for fact in translation.facts if isinstance(fact, PaymentFact)]


def reais(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


@st.composite
def pix_with_returns(draw: st.DrawFn) -> tuple[dict[str, object], list[dict[str, object]], int]:
    """A Pix with interest, discount and change, given back whole in some parts."""
    debt, interest, discount, change = draw(CENTS), draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    debt += discount  # never more discount than debt
    money = debt + interest - discount
    cuts = sorted(draw(st.lists(st.integers(0, money), max_size=4)))
    parts = [upper - lower for lower, upper in zip([0, *cuts], [*cuts, money], strict=True)]
    returns: list[dict[str, object]] = [
        {"id": f"r{n}", "valor": reais(part), "status": "DEVOLVIDO", "horario": {"liquidacao": (AT + timedelta(days=n)).isoformat()}}
        for n, part in enumerate(parts)
    ]
    components = {"juros": interest, "desconto": discount, "troco": change}
    document: dict[str, object] = {
        "endToEndId": "E1", "txid": "t1", "valor": reais(money + change), "horario": "2026-01-22T13:00:00Z",
        "componentesValor": {name: {"valor": reais(cents)} for name, cents in components.items() if cents},
    }  # fmt: skip
    return document, returns, debt


@given(pix_with_returns())
def test_a_pix_given_back_whole_leaves_no_debt_settled(drawn: tuple[dict[str, object], list[dict[str, object]], int]) -> None:
    document, returns, debt = drawn
    capture, *refunds = facts({"pix": [{**document, "devolucoes": returns}]}, "pix")
    assert capture.amount_cents == debt
    assert sum(refund.amount_cents or 0 for refund in refunds) == debt


@given(pix_with_returns(), st.data())
def test_what_was_told_of_a_pix_before_is_told_again_the_same(
    drawn: tuple[dict[str, object], list[dict[str, object]], int], data: st.DataObject
) -> None:
    document, returns, _ = drawn
    grown = data.draw(st.permutations(returns))
    known = returns[: data.draw(st.integers(0, len(returns)))]
    before = facts({"pix": [{**document, "devolucoes": known}]}, "pix")
    after = facts({"pix": [{**document, "devolucoes": grown}]}, "pix")
    assert set(before) <= set(after)


@given(
    st.sampled_from(["credit_card", "boleto", "pix"]), CENTS, st.integers(0, 10**6), st.lists(st.integers(0, 10**9), min_size=2, max_size=5)
)
def test_more_canceled_is_never_less_refunded(method: str, paid: int, interest: int, canceled: list[int]) -> None:
    charge = {"id": "ch_1", "status": "paid", "amount": paid, "paid_amount": paid + interest, "payment_method": method}
    charge["interest_and_fine_paid"] = interest
    figures = []
    for cents in sorted(canceled):
        told = facts({"id": "h", "type": "charge.paid", "data": {**charge, "canceled_amount": cents}}, "pagarme")
        assert told[0].amount_cents == paid
        figures.append(told[1].cumulative_cents or 0 if len(told) > 1 else 0)
    assert figures == sorted(figures)


@given(CENTS, st.integers(0, 10**6), st.integers(0, 10**9))
def test_a_charge_refunded_whole_leaves_no_debt_settled(paid: int, interest: int, released: int) -> None:
    charge = {
        "id": "ch_1", "status": "canceled", "amount": paid + released, "paid_amount": paid + interest, "interest_and_fine_paid": interest,
        "canceled_amount": paid + interest + released, "payment_method": "credit_card",
    }  # fmt: skip
    capture, refund = facts({"id": "h", "type": "charge.refunded", "data": charge}, "pagarme")
    assert refund.cumulative_cents == capture.amount_cents == paid
