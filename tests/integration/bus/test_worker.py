"""The worker with the real engine on a real broker: messages, commands and replies, modes, and a stop in good order."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import orjson
import pytest
from aio_pika.abc import AbstractIncomingMessage
from pamqp.common import FieldTable

from hub.bootstrap import load_adapters
from hub.bus import topology
from hub.bus.subscribers import sources
from hub.store.database import Database
from scripts.servers import PrivateRabbit
from tests.integration.bus.messages import (
    ORDERS_KEY,
    PIX_KEY,
    apply,
    command,
    count,
    depth,
    engine_for,
    order,
    pix,
    publish,
    quick,
    settings_for,
    until,
    working,
)

PAID = "status = 'processing'"


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    opened = Database.open(any_database_url)
    yield opened
    opened.dispose()


async def test_orders_and_their_money_come_in_and_events_go_out(
    amqp_url: str, any_database_url: str, database: Database, sized: Callable[[int, int], int]
) -> None:
    orders = sized(30, 2_000)
    await apply(amqp_url)
    engine = engine_for(settings_for(amqp_url, any_database_url), database)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("subscriber", durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind("hub.events", "order.status_changed.*")
        got: list[AbstractIncomingMessage] = []

        async def collect(message: AbstractIncomingMessage) -> None:
            got.append(message)

        await queue.consume(collect, no_ack=True)
        async with working(engine, "worker", "relay", "scheduler", "archiver"):
            await publish(amqp_url, [(PIX_KEY, pix(f"{n}")) for n in range(orders // 2)])  # the money before its order
            await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(orders)])
            await publish(amqp_url, [(f"{PIX_KEY}.efi", pix(f"{n}")) for n in range(orders // 2, orders)])
            await publish(amqp_url, [(PIX_KEY, pix(f"{n}")) for n in range(orders)])  # and all of it once more
            await until(lambda: count(database, "orders", PAID) == orders, 120)
            await until(lambda: count(database, "outbox") == 0)
            await until(lambda: len(got) == 2 * orders)
            assert count(database, "workers") == 1
    assert {message.routing_key for message in got} == {"order.status_changed.pending", "order.status_changed.processing"}
    for name in ("hub.in.shop.orders", "hub.in.payments.pix"):
        assert (await depth(amqp_url, name)).ready == 0
    assert count(database, "dead_letters") == 0
    assert count(database, "workers") == 0


async def test_a_command_gets_its_reply_straight_to_reply_to(amqp_url: str, any_database_url: str, database: Database) -> None:
    await apply(amqp_url)
    engine = engine_for(settings_for(amqp_url, any_database_url), database)
    await publish(amqp_url, [(ORDERS_KEY, order("1"))])
    async with working(engine), await aio_pika.connect(amqp_url) as connection:
        await until(lambda: count(database, "orders") == 1)
        channel = await connection.channel()
        answers: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        replies = await channel.get_queue("amq.rabbitmq.reply-to", ensure=False)
        await replies.consume(answers.put, no_ack=True)
        exchange = await channel.get_exchange("hub.commands", ensure=False)
        asked = aio_pika.Message(command("1"), reply_to="amq.rabbitmq.reply-to", correlation_id="c-1")
        await exchange.publish(asked, "order.get")
        answer = await asyncio.wait_for(answers.get(), 10)
        body = orjson.loads(answer.body)
        assert (body["outcome"], body["order"], answer.correlation_id, answer.type) == ("accepted", "1", "c-1", "command.reply.v1")
        # A named queue of the caller's own, and one that the hub must not write to.
        mine = await channel.declare_queue("reply.me", exclusive=True)
        other = await channel.declare_queue("victim", exclusive=True)
        await exchange.publish(aio_pika.Message(command("2"), reply_to="victim"), "order.get")
        await exchange.publish(aio_pika.Message(command("3"), reply_to="reply.me"), "order.get")
        found = await mine.get(timeout=10, fail=False)
        while found is None:
            found = await mine.get(timeout=10, fail=False)
        assert orjson.loads(found.body)["code"] == "order_not_found"
        assert await other.get(fail=False) is None
        # Nobody is there any more: the command is done all the same.
        await exchange.publish(aio_pika.Message(command("4"), reply_to="reply.nobody"), "order.get")
        await until(lambda: len(engine.seen) == 5)
        # The hub's own user is not obeyed, and the broker vouches for who it is.
        await exchange.publish(aio_pika.Message(command("5"), reply_to="amq.rabbitmq.reply-to", user_id="guest"), "order.get")
        assert orjson.loads((await asyncio.wait_for(answers.get(), 10)).body)["code"] == "forbidden"
    assert engine.seen[-1].user_id == "guest"
    assert (await depth(amqp_url, "hub.commands")).ready == 0


async def test_a_delivery_carries_the_producers_properties_and_nothing_invented(amqp_url: str, sqlite_url: str) -> None:
    await apply(amqp_url)
    database = Database.open(sqlite_url)
    engine = engine_for(settings_for(amqp_url, sqlite_url), database)
    forged: FieldTable = {"x-delivery-count": 9, "hub-canonical-fact": "payments.pix", "hub-order": "1"}
    async with working(engine), await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=False)
        exchange = await channel.get_exchange("hub.inbound", ensure=False)
        raw = await channel.get_underlay_channel()
        properties = aio_pika.Message(order("1"), headers=forged, content_type="application/json").properties
        properties.message_id = ""  # aiormq makes one up when there is none
        await raw.basic_publish(order("1"), exchange=exchange.name, routing_key=ORDERS_KEY, properties=properties)
        await until(lambda: len(engine.seen) == 1)
    delivery = engine.seen[0]
    assert (delivery.key, delivery.queue, delivery.raw.routing_key) == (ORDERS_KEY, "hub.in.shop.orders", ORDERS_KEY)
    assert (delivery.user_id, delivery.reply_to, delivery.correlation_id) == (None, None, None)
    assert delivery.delivery_count == 0
    assert delivery.raw.headers == {"x-delivery-count": 9, "hub-order": "1"}
    assert delivery.raw.content_type == "application/json"
    database.dispose()


async def test_a_stop_leaves_nothing_unacked(amqp_url: str, any_database_url: str, database: Database) -> None:
    orders = 300
    await apply(amqp_url)
    await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(orders)])
    engine = engine_for(settings_for(amqp_url, any_database_url, prefetch=100), database)
    began = time.monotonic()
    async with working(engine, "worker", "relay", options=quick(batch_max=20)):
        await until(lambda: count(database, "orders") > 20)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    # Each order is either committed and acked, or back in the queue; none hangs on a dead connection.
    left = (await depth(amqp_url, "hub.in.shop.orders")).ready
    assert count(database, "orders") + left == orders
    assert left > 0
    second = engine_for(settings_for(amqp_url, any_database_url), database)
    async with working(second, "worker", "relay"):
        await until(lambda: count(database, "orders") == orders)
        await until(lambda: count(database, "outbox") == 0)
    assert len(second.seen) == left
    assert max(delivery.delivery_count for delivery in second.seen) == 1


async def test_a_batch_grows_while_a_commit_runs(amqp_url: str, sqlite_url: str) -> None:
    await apply(amqp_url)
    await publish(amqp_url, [(ORDERS_KEY, order(f"{n}")) for n in range(200)])
    database = Database.open(sqlite_url)
    engine = engine_for(settings_for(amqp_url, sqlite_url), database)
    async with working(engine):
        await until(lambda: count(database, "orders") == 200)
    # The first delivery comes alone, to show what stands at the head of the queue.
    assert engine.batches[0] == 1
    assert max(engine.batches) > 10
    database.dispose()


def test_large_bodies_are_taken_few_at_a_time_and_commands_first() -> None:
    found = sources(load_adapters().values(), 512)
    assert found[0].queue == "hub.commands"
    assert {source.prefetch for source in found} <= {512, 4}
    large = {adapter.name for adapter in load_adapters().values() if adapter.large_bodies}
    assert {source.key for source in found if source.prefetch == 4} == large


async def test_the_hub_and_its_clients_need_no_more_rights_than_the_export_gives(
    private_rabbit: PrivateRabbit, sqlite_url: str, tmp_path: Path
) -> None:
    passwords = {role.name: secrets.token_hex(8) for role in topology.ROLES}
    file = tmp_path / "definitions.json"
    file.write_text(json.dumps(topology.export(topology.build(load_adapters().values()), passwords)))
    private_rabbit.ctl("import_definitions", str(file))
    parts = urlsplit(private_rabbit.amqp_url())
    url = {name: urlunsplit(parts._replace(netloc=f"{name}:{word}@{parts.hostname}:{parts.port}")) for name, word in passwords.items()}
    database = Database.open(sqlite_url)
    roles = {"erp": "operator", "shop": "viewer"}
    engine = engine_for(settings_for(url["hub"], sqlite_url, roles=roles), database)
    async with working(engine, "worker", "relay", "scheduler", "archiver"):
        await publish(url["shop"], [(ORDERS_KEY, order("1"))], user_id="shop")
        await publish(url["payments"], [(PIX_KEY, pix("1")), ("payments.nobody", b"lost")])
        await until(lambda: count(database, "orders", PAID) == 1)
        await until(lambda: count(database, "outbox") == 0)
        await until(lambda: count(database, "dead_letters", "kind = 'unroutable'") == 1)
        for user, name, code in (("erp", "order.start_production", None), ("shop", "order.hold", "forbidden")):
            async with await aio_pika.connect(url[user]) as connection:
                channel = await connection.channel()
                answers: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
                await (await channel.get_queue("amq.rabbitmq.reply-to", ensure=False)).consume(answers.put, no_ack=True)
                asked = aio_pika.Message(
                    command("1", name, data={}),
                    reply_to="amq.rabbitmq.reply-to",
                    user_id=user,
                )
                await (await channel.get_exchange("hub.commands", ensure=False)).publish(asked, name)
                body = orjson.loads((await asyncio.wait_for(answers.get(), 10)).body)
                assert (body["outcome"], body["code"]) == ("rejected" if code else "accepted", code)
    database.dispose()
