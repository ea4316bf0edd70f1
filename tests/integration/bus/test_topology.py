"""The topology on a real broker: applied twice, checked, bent, exported, and the users of the export held to their rights."""

import json
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import pytest
from aio_pika.exceptions import ChannelClosed, PublishError
from aiormq.exceptions import ChannelAccessRefused

from adapters.contract import Adapter, Ignored, RawDelivery, unsigned
from hub.bus import topology
from hub.bus.topology import Drift, build
from hub.errors import BrokerUnavailable
from scripts.servers import PrivateRabbit


def ignore(_: RawDelivery) -> Ignored:
    return Ignored("test")


TOPOLOGY = build((Adapter(name="payments.pix", translate=ignore, verify=unsigned, docs=""),))
NAMES = {item.name for item in TOPOLOGY.objects}


async def test_apply_makes_everything_once(amqp_url: str) -> None:
    assert {drift.problem for drift in await topology.check(amqp_url, TOPOLOGY)} == {"missing"}
    first = await topology.apply(amqp_url, TOPOLOGY)
    assert set(first.created) == NAMES
    assert first.drift == ()
    assert await topology.apply(amqp_url, TOPOLOGY) == topology.Applied((), ())
    assert await topology.check(amqp_url, TOPOLOGY) == []


async def test_drift_is_told_per_object_and_left_alone(amqp_url: str) -> None:
    await topology.apply(amqp_url, TOPOLOGY)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.queue_delete("hub.in.payments.pix")
        await channel.declare_queue("hub.in.payments.pix", durable=True, arguments={"x-queue-type": "classic"})
        await channel.exchange_delete("hub.events")
        await channel.declare_exchange("hub.events", "fanout", durable=True)
        await channel.queue_delete("hub.retry.5s")
    found = {drift.name: drift for drift in await topology.check(amqp_url, TOPOLOGY)}
    assert found.keys() == {"hub.in.payments.pix", "hub.events", "hub.retry.5s"}
    assert found["hub.retry.5s"] == Drift("queue", "hub.retry.5s", "missing")
    assert found["hub.in.payments.pix"].problem == "different"
    assert found["hub.in.payments.pix"].detail.startswith("inequivalent arg")
    assert "type" in found["hub.events"].detail
    again = await topology.apply(amqp_url, TOPOLOGY)
    assert again.created == ("hub.retry.5s",)
    assert {drift.name for drift in again.drift} == {"hub.in.payments.pix", "hub.events"}


async def test_messages_take_the_ways_of_the_contract(amqp_url: str) -> None:
    await topology.apply(amqp_url, TOPOLOGY)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        expected = {
            ("hub.inbound", "payments.pix"): "hub.in.payments.pix",
            ("hub.inbound", "payments.pix.somewhere"): "hub.in.payments.pix",
            ("hub.inbound", "shop.orders"): "hub.in.shop.orders",
            ("hub.inbound", "carriers.nobody"): "hub.unroutable",
            ("hub.commands", "order.get"): "hub.commands",
            ("hub.dead", "any"): "hub.dead",
        }
        for (name, key), queue_name in expected.items():
            exchange = await channel.get_exchange(name, ensure=False)
            await exchange.publish(aio_pika.Message(key.encode()), key, mandatory=True)
            queue = await channel.get_queue(queue_name)
            message = await queue.get(timeout=5)
            assert message.body == key.encode()
            await message.ack()


async def test_a_broker_that_is_away_is_said_to_be(amqp_url: str) -> None:
    nowhere = urlunsplit(urlsplit(amqp_url)._replace(netloc="guest:guest@127.0.0.1:1"))
    with pytest.raises(BrokerUnavailable):
        await topology.check(nowhere, TOPOLOGY)


async def test_the_exported_file_makes_a_broker_whose_users_may_only_what_they_need(private_rabbit: PrivateRabbit, tmp_path: Path) -> None:
    passwords = {role.name: f"{role.name}-password" for role in topology.ROLES}
    file = tmp_path / "definitions.json"
    file.write_text(json.dumps(topology.export(TOPOLOGY, passwords)))
    private_rabbit.ctl("import_definitions", str(file))
    assert await topology.check(private_rabbit.amqp_url(), TOPOLOGY) == []

    def url(role: str) -> str:
        parts = urlsplit(private_rabbit.amqp_url())
        return urlunsplit(parts._replace(netloc=f"{role}:{passwords[role]}@{parts.hostname}:{parts.port}"))

    async def publish(role: str, exchange_name: str, key: str) -> None:
        async with await aio_pika.connect(url(role)) as connection:
            channel = await connection.channel(on_return_raises=True)
            exchange = await channel.get_exchange(exchange_name, ensure=False) if exchange_name else channel.default_exchange
            await exchange.publish(aio_pika.Message(b"{}"), key, mandatory=True, timeout=10)

    for role, exchange_name, key in (
        ("payments", "hub.inbound", "payments.pix"),
        ("shop", "hub.inbound", "shop.orders"),
        ("shop", "hub.commands", "order.cancel"),
        ("erp", "hub.commands", "shipment.create"),
        ("ops", "hub.inbound", "payments.pix"),
        ("hub", "hub.retry.5s", "hub.in.payments.pix"),
        ("hub", "", "hub.commands"),
    ):
        await publish(role, exchange_name, key)
    for role, exchange_name, key in (
        ("payments", "hub.inbound", "shop.orders"),
        ("payments", "hub.commands", "order.approve"),
        ("carriers", "hub.inbound", "payments.pix"),
        ("erp", "hub.commands", "refund.create"),
        ("shop", "hub.events", "order.placed"),
        ("ops", "", "hub.commands"),
        ("hub", "hub.inbound", "payments.pix"),
        ("hub", "hub.commands", "order.approve"),
    ):
        with pytest.raises((ChannelAccessRefused, ChannelClosed, PublishError)):
            await publish(role, exchange_name, key)

    async with await aio_pika.connect(url("erp")) as connection:
        channel = await connection.channel()
        mine = await channel.declare_queue("erp.events", durable=True, arguments={"x-queue-type": "quorum"})
        await mine.bind("hub.events", "order.placed")
        with pytest.raises(ChannelAccessRefused):
            await mine.bind("hub.events", "notification.requested.*.*")
    async with await aio_pika.connect(url("hub")) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("hub.in.payments.pix", passive=True)
        message = await queue.get(timeout=5)
        assert message.user_id is None
        with pytest.raises(ChannelAccessRefused):
            await channel.declare_queue("hub.in.payments.new", durable=True)
    # The hub's own user declares nothing, so it can only tell what is there.
    refused = await topology.check(url("hub"), TOPOLOGY)
    assert {drift.problem for drift in refused} == {"refused"}
