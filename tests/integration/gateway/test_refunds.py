"""Money goes back once, whatever happens to the answer; and a release of what nobody captured."""

import uuid
from typing import Any

import orjson
import pytest

from hub.engine.engine import Engine
from hub.engine.verify import verify
from hub.errors import TransientError
from tests.fake_provider import Answer, Asked, FakeProvider
from tests.integration.gateway.books import Charge, PagarmeBooks, PixBooks
from tests.integration.gateway.world import Clock, engine_at, gateway_of
from tests.traffic import START, Message, charge, devolution, end_to_end_id, pix, placed
from tests.world import command, feed, open_exceptions, published, query


def refund(number: str, cents: int | None = None, **data: Any) -> Any:
    given = {"mode": "online", **({} if cents is None else {"extra_cents": cents}), **data}
    return command("refund.create", number, id=str(uuid.uuid4()), data=given)


def paid(engine: Engine, number: str = "1001") -> Charge:
    """Place and pay an order by card at Pagar.me, 119,70."""
    told = charge(number, "paid", status="paid", at=START, transaction="captured", hook="p", paid_amount=11970)
    feed(engine, [placed(number, method="card"), told])
    return Charge(f"ch_{number}", 11970)


def partly_refunded() -> Message:
    """Pagar.me's hook that 30,00 went back."""
    figures = {"paid_amount": 11970, "canceled_amount": 3000}
    return charge("1001", "partial_canceled", status="paid", at=START, transaction="partial_refunded", hook="r", **figures)


def row(engine: Engine) -> list[tuple[Any, ...]]:
    return query(engine, "SELECT action, state FROM outbound_requests ORDER BY id")


def money(engine: Engine, number: str = "1001") -> tuple[Any, ...]:
    return query(engine, "SELECT captured_cents, refunded_cents, state FROM orders WHERE number = :number", number=number)[0]


def refunds(engine: Engine) -> list[tuple[Any, ...]]:
    return query(engine, "SELECT id, state, amount_cents FROM refunds ORDER BY created_at, id")


def events(engine: Engine) -> list[str]:
    return [one["routing_key"] for one in published(engine) if one["routing_key"].startswith("refund.")]


async def tried(engine: Engine, request: int = 1, times: int = 1, adapter: str = "payments.pagarme") -> None:
    gateway = gateway_of(engine)
    for _ in range(times):
        try:
            await gateway.perform(adapter, request)
        except TransientError:
            continue
        break
    await gateway.close()


async def test_an_online_refund_is_pending_until_the_provider_says_done(any_database_url: str) -> None:
    books = PagarmeBooks()
    with FakeProvider(books) as provider:
        engine = engine_at(any_database_url, provider.url)
        books.charges["ch_1001"] = paid(engine)
        (outcome,) = feed(engine, [refund("1001", 3000)])
        assert outcome.reply is not None
        assert (outcome.reply.body["outcome"], outcome.reply.body["result"]["refund"]) == ("accepted", "R1")
        assert money(engine) == (11970, 0, "processing")
        assert refunds(engine) == [("R1", "pending", 3000)]
        assert row(engine) == [("refund", "queued")]
        (second,) = feed(engine, [refund("1001", 1000)])
        assert second.reply is not None and second.reply.body["code"] == "refund_pending"
        await tried(engine)
        assert money(engine) == (11970, 3000, "processing")
        assert refunds(engine)[0] == ("R1", "done", 3000)
        assert events(engine) == ["refund.requested", "refund.done"]
        (asked,) = provider.asked
        assert asked.headers["authorization"] == "Basic c2tfdGVzdF9zZWNyZXQ6"
        assert orjson.loads(asked.body) == {"amount": 3000}
        # The hook of the same refund, later: nothing moves.
        hook = charge(
            "1001",
            "partial_canceled",
            status="paid",
            at=START,
            transaction="partial_refunded",
            hook="r",
            paid_amount=11970,
            canceled_amount=3000,
        )
        feed(engine, [hook])
        assert money(engine) == (11970, 3000, "processing")
        assert events(engine) == ["refund.requested", "refund.done"]
        feed(engine, [refund("1001")])
        await tried(engine, 2)
        assert money(engine) == (11970, 11970, "closed")
        assert books.charges["ch_1001"].refunds == [3000, 8970]
        assert verify(engine.database).findings == []


@pytest.mark.parametrize("fault", ["429", "500", "reset", "late", "500 after"])
async def test_a_spoilt_answer_never_gives_back_twice(fault: str, any_database_url: str) -> None:
    faults: list[str | None] = [fault, fault, None]
    books = PagarmeBooks(lambda _: faults.pop(0) if faults else None)
    with FakeProvider(books) as provider:
        clock = Clock()
        engine = engine_at(any_database_url, provider.url, clock)
        books.charges["ch_1001"] = paid(engine)
        feed(engine, [refund("1001", 3000)])
        await tried(engine)
        assert row(engine) == [("refund", "queued" if fault == "429" else "started")]
        await tried(engine, times=3)
        assert row(engine) == [("refund", "done")]
        assert books.charges["ch_1001"].refunds == [3000]
        assert len({asked.headers["idempotency-key"] for asked in provider.asked}) == 1
        assert money(engine)[1] == 3000


@pytest.mark.parametrize("was_done", [True, False])
async def test_after_the_key_is_forgotten_the_charge_is_asked_first(was_done: bool) -> None:
    faults: list[str | None] = ["reset" if was_done else "500"]
    books = PagarmeBooks(lambda _: faults.pop(0) if faults else None)
    with FakeProvider(books) as provider:
        clock = Clock()
        engine = engine_at("sqlite://", provider.url, clock)
        books.charges["ch_1001"] = paid(engine)
        feed(engine, [refund("1001", 3000)])
        await tried(engine)
        books.keys.clear()
        clock.forward(hours=24)
        await tried(engine)
        assert [asked.method for asked in provider.asked] == (["DELETE", "GET"] if was_done else ["DELETE", "GET", "DELETE"])
        assert books.charges["ch_1001"].refunds == [3000]
        assert (money(engine)[1], row(engine)) == (3000, [("refund", "done")])


async def test_a_refused_repeat_frees_nothing_before_the_charge_is_asked() -> None:
    """The first try was done and its answer lost; the provider has lost the key too and refuses the second: that is no failure."""
    faults: list[str | None] = ["reset"]
    books = PagarmeBooks(lambda _: faults.pop(0) if faults else None)
    with FakeProvider(books) as provider:
        engine = engine_at("sqlite://", provider.url)
        books.charges["ch_1001"] = paid(engine)
        feed(engine, [refund("1001", 8000)])
        await tried(engine)
        books.keys.clear()
        await tried(engine)
        assert [asked.method for asked in provider.asked] == ["DELETE", "DELETE", "GET"]
        assert refunds(engine) == [("R1", "done", 8000)]
        assert (money(engine)[1], row(engine)) == (8000, [("refund", "done")])
        assert "refund.failed" not in events(engine)


async def test_a_refusal_frees_the_money() -> None:
    books = PagarmeBooks()
    with FakeProvider(books) as provider:
        engine = engine_at("sqlite://", provider.url)
        books.charges["ch_1001"] = paid(engine)
        books.charges["ch_1001"].canceled = 11970
        feed(engine, [refund("1001", 3000)])
        await tried(engine)
        assert refunds(engine) == [("R1", "failed", 3000)]
        assert row(engine) == [("refund", "failed")]
        assert events(engine) == ["refund.requested", "refund.failed"]
        assert money(engine)[1] == 0


async def test_a_slow_refund_ends_with_the_hook() -> None:
    books = PagarmeBooks()
    books.slow = True
    with FakeProvider(books) as provider:
        engine = engine_at("sqlite://", provider.url)
        books.charges["ch_1001"] = paid(engine)
        feed(engine, [refund("1001", 3000)])
        await tried(engine)
        assert (refunds(engine)[0][1], row(engine)) == ("pending", [("refund", "done")])
        hook = charge(
            "1001",
            "partial_canceled",
            status="paid",
            at=START,
            transaction="partial_refunded",
            hook="r",
            paid_amount=11970,
            canceled_amount=3000,
        )
        feed(engine, [hook])
        assert (refunds(engine)[0][1], money(engine)[1]) == ("done", 3000)
        assert events(engine) == ["refund.requested", "refund.done"]


@pytest.mark.parametrize(("end", "state", "refunded"), [("DEVOLVIDO", "done", 3000), ("NAO_REALIZADO", "failed", 0)])
async def test_a_devolucao_is_ours_by_its_id(end: str, state: str, refunded: int) -> None:
    e2e = end_to_end_id("1001", START)
    bank = PixBooks({e2e: 11970})
    with FakeProvider(bank) as provider:
        engine = engine_at("sqlite://", provider.url)
        feed(engine, [placed("1001"), pix("1001"), refund("1001", 3000)])
        await tried(engine, adapter="payments.pix")
        ((_, refund_id),) = bank.refunds
        assert refunds(engine)[0][:2] == ("R1", "pending")
        told = {**devolution("1001", cents=3000, at=START, status=end), "id": refund_id}
        feed(engine, [pix("1001", refunds=[told])])
        assert (refunds(engine)[0][:2], money(engine)[1]) == (("R1", state), refunded)
        assert verify(engine.database).findings == []


async def test_what_nobody_can_tell_is_for_a_person(any_database_url: str) -> None:
    def broken(_: Asked) -> Answer:
        return Answer(409, {"message": "in work"})

    with FakeProvider(broken) as provider:
        engine = engine_at(any_database_url, provider.url)
        books = paid(engine)
        assert books.amount == 11970
        feed(engine, [refund("1001", 3000)])
        await tried(engine)
        gateway = gateway_of(engine)
        await gateway.give_up(1, "given up after 6 attempts", 6)
        await gateway.close()
        assert row(engine) == [("refund", "unknown")]
        assert open_exceptions(engine) == {("1001", "outbound_unknown", "outbound:1")}
        assert verify(engine.database).findings == []
        ((number,),) = query(engine, "SELECT id FROM exceptions")
        resolve = command("exception.resolve", None, id=str(uuid.uuid4()), data={"exception": number, "resolution": "perhaps"})
        assert feed(engine, [resolve])[0].reply.body["code"] == "invalid_payload"  # type: ignore[union-attr]
        resolve = command("exception.resolve", None, id=str(uuid.uuid4()), data={"exception": number, "resolution": "done"})
        assert feed(engine, [resolve])[0].reply.body["outcome"] == "accepted"  # type: ignore[union-attr]
        assert (row(engine), open_exceptions(engine)) == ([("refund", "done")], set())
        assert (refunds(engine)[0][1], money(engine)[1]) == ("done", 3000)
        assert verify(engine.database).findings == []


async def test_a_canceled_order_releases_its_authorization() -> None:
    books = PagarmeBooks()
    with FakeProvider(books) as provider:
        engine = engine_at("sqlite://", provider.url)
        waiting = charge("1001", "pending", status="pending", at=START, transaction="authorized_pending_capture", hook="a")
        feed(engine, [placed("1001", method="card"), waiting])
        books.charges["ch_1001"] = Charge("ch_1001", 11970, captured=False)
        feed(engine, [command("order.cancel", "1001", id=str(uuid.uuid4()))])
        assert row(engine) == [("void", "queued")]
        assert ("1001", "live_attempt_on_canceled", "p1") in open_exceptions(engine)
        await tried(engine)
        assert row(engine) == [("void", "done")]
        assert open_exceptions(engine) == set()
        (actor,) = query(engine, "SELECT actor FROM order_log WHERE kind = 'payment.void'")
        assert actor == ("policy:void",)
        assert verify(engine.database).findings == []


async def test_online_is_refused_where_the_provider_gives_back_nothing() -> None:
    engine = engine_at("sqlite://", "http://127.0.0.1:9")
    document = orjson.loads(placed("1001").body)
    document["order"]["payments"] = [{"method": "boleto", "provider": "cnab", "amount_cents": 11970, "paid_at": "2026-11-20T12:00:00Z"}]
    (first, second) = feed(engine, [Message("shop.orders", orjson.dumps(document)), refund("1001", 3000)])
    assert first.kind == "applied"
    assert second.reply is not None and second.reply.body["code"] == "online_refund_unavailable"
