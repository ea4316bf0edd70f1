"""What a notice only hints at is read: through hub.outbound, once per notice that adds something, and again until it is there."""

import asyncio
from typing import Any

import aio_pika
import orjson
import pytest

from hub.bootstrap import build_gateway
from hub.bus.outbound import OutboundOptions
from hub.bus.topology import RETRY_DELAYS_S, apply, build
from hub.engine import operations, outbound
from hub.engine.engine import Engine
from hub.errors import UpstreamNotFound, UpstreamRejected, UpstreamThrottled, UpstreamUnavailable
from tests.fake_provider import Answer, Asked, FakeProvider
from tests.integration.bus.messages import quick
from tests.integration.gateway.world import engine_at, gateway_of
from tests.traffic import Message
from tests.world import feed, kinds, query, states

PLACED = {
    "type": "order.placed.v1",
    "id": "evt-1001",
    "order": {
        "number": "1001",
        "placed_at": "2026-01-22T09:00:00-03:00",
        "currency": "BRL",
        "customer": {"id": "77"},
        "items": [{"sku": "CAM-01", "name": "Camiseta", "quantity": 1, "unit_price_cents": 14990, "virtual": False}],
        "total_cents": 14990,
        "payments": [{"method": "pix", "provider": "mercadopago", "reference": "1001", "amount_cents": 14990}],
    },
}
ORDER = Message("shop.orders", orjson.dumps(PLACED))
PAYMENT: dict[str, Any] = {
    "id": 900000001,
    "status": "approved",
    "status_detail": "accredited",
    "transaction_amount": 149.90,
    "transaction_amount_refunded": 0,
    "currency_id": "BRL",
    "payment_method_id": "pix",
    "payment_type_id": "bank_transfer",
    "external_reference": "1001",
    "captured": True,
    "date_approved": "2026-01-22T10:05:00.000-03:00",
    "date_last_updated": "2026-01-22T10:05:00.000-03:00",
    "refunds": [],
}


def notice(serial: int = 1) -> Message:
    """A webhook that a payment has changed."""
    return Message(
        "payments.mercadopago", orjson.dumps({"id": serial, "type": "payment", "action": "payment.updated", "data": {"id": "900000001"}})
    )


def requests(engine: Engine) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in query(engine, "SELECT request_key, state FROM outbound_requests ORDER BY id")]


def found(asked: Asked) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/v1/payments/900000001")
    assert asked.headers["authorization"] == "Bearer APP_USR-secret"
    return Answer(200, PAYMENT)


async def test_a_notice_is_read_and_its_answer_applied(any_database_url: str) -> None:
    with FakeProvider(found) as provider:
        engine = engine_at(any_database_url, provider.url)
        assert kinds(feed(engine, [ORDER, notice(1), notice(2)])) == ["applied", "fetch", "fetch"]
        assert requests(engine) == [("payment:900000001", "queued")], "a queued read covers a further notice"
        gateway = gateway_of(engine)
        await gateway.perform("payments.mercadopago", 1)
        assert states(engine) == {"1001": ("processing", "paid")}
        assert requests(engine) == [("payment:900000001", "done")]
        await gateway.perform("payments.mercadopago", 1)
        assert len(provider.asked) == 1, "what is done is not done again"
        feed(engine, [notice(3)])
        assert requests(engine)[1:] == [("payment:900000001", "queued")]
        await gateway.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(404), UpstreamNotFound),
        (Answer(429, headers={"Retry-After": "7"}), UpstreamThrottled),
        (Answer(500), UpstreamUnavailable),
        (Answer(503, headers={"Retry-After": "Wed, 25 Nov 2026 12:00:30 GMT"}), UpstreamUnavailable),
        (Answer(401), UpstreamUnavailable),
        (Answer(200, PAYMENT, after_s=1.5), UpstreamUnavailable),
        (Answer(200, PAYMENT, reset=True), UpstreamUnavailable),
        (Answer(400), UpstreamRejected),
        (Answer(302, headers={"Location": "http://elsewhere.invalid/"}), UpstreamRejected),
        (Answer(200, {"id": 1}), UpstreamRejected),
    ],
)
async def test_an_answer_that_is_none(answer: Answer, error: type[Exception]) -> None:
    with FakeProvider(lambda _: answer) as provider:
        engine = engine_at("sqlite://", provider.url)
        feed(engine, [ORDER, notice()])
        gateway = gateway_of(engine)
        with pytest.raises(error) as raised:
            await gateway.perform("payments.mercadopago", 1)
        assert "APP_USR" not in str(raised.value)
        if (after := answer.headers.get("Retry-After")) is not None:
            assert getattr(raised.value, "retry_after_s", None) == (7 if after == "7" else 30)
        assert requests(engine) == [("payment:900000001", "started")]
        provider.respond = found
        await gateway.perform("payments.mercadopago", 1)
        assert states(engine) == {"1001": ("processing", "paid")}, "a read is safe: it is simply made again"
        await gateway.close()


async def test_a_port_that_nobody_listens_at_counts_as_ill() -> None:
    with FakeProvider(found) as provider:
        url = provider.url
    engine = engine_at("sqlite://", url)
    feed(engine, [ORDER, notice()])
    gateway = gateway_of(engine)
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable):
            await gateway.perform("payments.mercadopago", 1)
    with pytest.raises(Exception, match="left alone"):
        await gateway.perform("payments.mercadopago", 1)
    await gateway.close()


async def test_what_was_given_up_is_a_letter_that_goes_back(any_database_url: str) -> None:
    with FakeProvider(found) as provider:
        engine = engine_at(any_database_url, provider.url)
        feed(engine, [ORDER, notice()])
        outbound.claim(engine, 1, lease_s=60)
        outbound.give_up(engine, 1, "given up after 6 attempts: not there", attempts=6)
        assert requests(engine) == [("payment:900000001", "failed")]
        letters = query(engine, "SELECT id, kind, origin, attempts, status FROM dead_letters")
        assert letters == [(1, "outbound_exhausted", "hub.out.payments.mercadopago", 6, "open")]
        before = len(query(engine, "SELECT 1 FROM outbox WHERE routing_key LIKE 'hub.outbound/%'"))
        assert operations.redrive(engine, 1, actor="os:ana").outcome == "sent_again"
        assert requests(engine) == [("payment:900000001", "queued")]
        assert len(query(engine, "SELECT 1 FROM outbox WHERE routing_key LIKE 'hub.outbound/%'")) == before + 1
        assert operations.redrive(engine, 1, actor="os:ana").outcome == "not_open"


async def test_the_way_over_the_broker(amqp_url: str, database_url: str) -> None:
    tries = 0

    def at_last(asked: Asked) -> Answer:
        nonlocal tries
        tries += 1
        return Answer(404) if tries == 1 else found(asked)

    with FakeProvider(at_last) as provider:
        engine = engine_at(database_url, provider.url, amqp_url=amqp_url)
        await apply(amqp_url, build(engine.adapters.values()))
        stop = asyncio.Event()
        from hub.bus import worker

        roles = ("worker", "relay", "outbound")
        options = quick()
        task = asyncio.create_task(worker.run(engine, roles, stop=stop, performer=build_gateway(engine), options=options))
        try:
            async with await aio_pika.connect(amqp_url) as connection:
                channel = await connection.channel()
                inbound = await channel.get_exchange("hub.inbound", ensure=False)
                for message in (ORDER, notice()):
                    await inbound.publish(aio_pika.Message(message.body), message.key)
                async with asyncio.timeout(20 + RETRY_DELAYS_S["5s"]):
                    while states(engine) != {"1001": ("processing", "paid")}:
                        await asyncio.sleep(0.1)
                for name in ("hub.out.payments.mercadopago", "hub.retry.5s"):
                    queue = await channel.declare_queue(name, passive=True)
                    assert queue.declaration_result.message_count == 0
        finally:
            stop.set()
            assert await asyncio.wait_for(task, 30) == 0
    assert tries == 2
    assert OutboundOptions().prefetch > 0
