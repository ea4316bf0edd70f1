"""The hub ended at each named point, started again, ends as if nothing had happened (architecture, Proof by construction)."""

import asyncio
import json
import subprocess
from pathlib import Path

import aio_pika
import pytest

from hub import faults
from tests.acceptance.stack import CRASHED, running
from tests.fake_provider import FakeProvider
from tests.integration.gateway.books import Charge, PagarmeBooks
from tests.traffic import START, Message, charge, flat, placed, shuffled, stories
from tests.world import command, feed, ledgers, open_engine, open_exceptions

_ARCHIVER = [point for point in faults.POINTS if point.startswith("archiver_")]
_COMMANDS = ["before_reply"]
_GATEWAY = [point for point in faults.POINTS if point.startswith("gateway_")]
_NOTIFY = [point for point in faults.POINTS if point.startswith("notify_")]
_POINTS = [point for point in faults.POINTS if point not in (*_ARCHIVER, *_COMMANDS, *_GATEWAY, *_NOTIFY)]


def _traffic() -> list[Message]:
    return shuffled(list(flat(stories(12, seed=31))), seed=2, duplicates=0.3)


async def _exit_of(process: "subprocess.Popen[bytes]", timeout_s: float = 40.0) -> int:
    return await asyncio.to_thread(process.wait, timeout_s)


@pytest.mark.proof
@pytest.mark.parametrize("point", _POINTS)
async def test_a_crash_at_any_point_leaves_no_trace(point: str, amqp_url: str, any_database_url: str, tmp_path: Path) -> None:
    messages = _traffic()
    undisturbed = open_engine("sqlite://")
    feed(undisturbed, messages)
    async with running(amqp_url, any_database_url, tmp_path, HUB_BATCH_MAX="8", HUB_PREFETCH="16") as stack:
        await stack.publish(messages)
        crashing = stack.start(HUB_TESTING="1", HUB_CRASH_AT=f"{point}:2")
        assert await _exit_of(crashing) == CRASHED, stack.logs()
        stack.start()
        await stack.settle()
        stack.check()
        assert ledgers(stack.engine) == ledgers(undisturbed)
        assert open_exceptions(stack.engine) == open_exceptions(undisturbed)
        assert stack.rows("SELECT count(*) FROM dead_letters") == [(0,)]


@pytest.mark.proof
@pytest.mark.parametrize("point", _ARCHIVER)
async def test_a_crash_of_the_archiver_leaves_one_letter(point: str, amqp_url: str, any_database_url: str, tmp_path: Path) -> None:
    async with running(amqp_url, any_database_url, tmp_path) as stack:
        await stack.publish([Message("payments.nobody", b'{"who": "knows"}')])
        assert await _exit_of(stack.start(HUB_TESTING="1", HUB_CRASH_AT=point)) == CRASHED, stack.logs()
        stack.start()
        await stack.settle(until=lambda: bool(stack.rows("SELECT 1 FROM dead_letters")))
        assert stack.rows("SELECT kind, routing_key, status FROM dead_letters") == [("unroutable", "payments.nobody", "open")]


@pytest.mark.proof
async def test_a_crash_before_the_reply_is_answered_later_with_one_effect(amqp_url: str, any_database_url: str, tmp_path: Path) -> None:
    async with running(amqp_url, any_database_url, tmp_path) as stack:
        feed(stack.engine, [placed("100")])
        command = {"id": "5f0f7c1e-0000-4000-8000-000000000001", "command": "order.approve", "order": "100", "data": {"amount_cents": 5000}}
        async with await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("reply.test", durable=True, arguments={"x-queue-type": "quorum"})
            commands = await channel.get_exchange("hub.commands", ensure=False)
            message = aio_pika.Message(json.dumps(command).encode(), reply_to="reply.test", correlation_id="c1", delivery_mode=2)
            await commands.publish(message, "order.approve")
            assert await _exit_of(stack.start(HUB_TESTING="1", HUB_CRASH_AT="before_reply")) == CRASHED, stack.logs()
            stack.start()
            reply = await queue.get(timeout=30, fail=False)
            for _ in range(300):
                if reply is not None:
                    break
                await asyncio.sleep(0.1)
                reply = await queue.get(fail=False)
            assert reply is not None, stack.logs()
            await reply.ack()
        assert (json.loads(reply.body)["outcome"], reply.correlation_id) == ("accepted", "c1")
        await stack.settle()
        stack.check()
        assert stack.rows("SELECT captured_cents, version FROM orders") == [(5000, 2)]


def test_there_are_at_least_twelve_points() -> None:
    assert len(faults.POINTS) >= 12


@pytest.mark.proof
@pytest.mark.parametrize("point", _GATEWAY)
async def test_a_crash_of_the_gateway_gives_back_once(point: str, amqp_url: str, any_database_url: str, tmp_path: Path) -> None:
    books = PagarmeBooks()
    books.charges["ch_100"] = Charge("ch_100", 11970)
    with FakeProvider(books) as provider:
        account = {"HUB_SECRETS_PAGARME_BASE_URL": provider.url, "HUB_SECRETS_PAGARME_SECRET_KEY": "sk_test", "HUB_OUTBOUND_TIMEOUT": "1s"}
        async with running(amqp_url, any_database_url, tmp_path, **account) as stack:
            paid = charge("100", "paid", status="paid", at=START, transaction="captured", hook="p", paid_amount=11970)
            feed(stack.engine, [placed("100", method="card"), paid])
            asked = {"mode": "online", "extra_cents": 3000}
            feed(stack.engine, [command("refund.create", "100", id="5f0f7c1e-0000-4000-8000-000000000002", data=asked)])
            assert await _exit_of(stack.start(HUB_TESTING="1", HUB_CRASH_AT=point)) == CRASHED, stack.logs()
            stack.start()
            await stack.until(lambda: stack.rows("SELECT state FROM outbound_requests") == [("done",)], timeout_s=60)
            await stack.settle()
            stack.check()
            assert books.charges["ch_100"].refunds == [3000]
            assert stack.rows("SELECT refunded_cents FROM orders") == [(3000,)]
            assert stack.rows("SELECT state FROM refunds") == [("done",)]
            assert stack.rows("SELECT count(*) FROM dead_letters") == [(0,)]
