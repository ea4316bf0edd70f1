"""A sale by bank transfer, all by hand: once by the command line on the database, once by messages through a worker. Same end."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aio_pika
import pytest

from adapters.contract import RawDelivery
from hub.engine.deliveries import Delivery
from tests import traffic, world
from tests.acceptance.test_cli_broker import hub
from tests.acceptance.test_cli_run import running, until

TRACK: Final = "AA123456785BR"
MORE: Final = "BB123456785BR"

STEPS: Final[Sequence[tuple[tuple[str, ...], str, Mapping[str, Any], str]]] = (
    (("approve", "--method", "transfer"), "order.approve", {"method": "transfer"}, "processing"),
    (("start-production",), "order.start_production", {}, "in_production"),
    (("fiscal-mark-issued", "--number", "12", "--series", "1"), "fiscal.mark_issued", {"number": "12", "series": "1"}, "nf_issued"),
    (
        ("shipment-create", "--carrier", "correios", "--title", "PAC", "--track", TRACK),
        "shipment.create",
        {"carrier": "correios", "title": "PAC", "tracks": [{"number": TRACK}]},
        "shipped",
    ),
    (
        ("shipment-add-track", "--number", MORE, "--carrier", "correios"),
        "shipment.add_track",
        {"number": MORE, "carrier": "correios"},
        "shipped",
    ),
    (("shipment-mark-in-transit",), "shipment.mark_in_transit", {}, "in_transit"),
    (("shipment-mark-delivered",), "shipment.mark_delivered", {}, "delivered"),
    (
        ("refund", "--line", "CAM-01=1:stock", "--method", "transfer", "--yes"),
        "refund.create",
        {"mode": "offline", "method": "transfer", "lines": [{"sku": "CAM-01", "quantity": 1, "back_to_stock": True}]},
        "delivered",
    ),
    (("refund", "--all", "--method", "transfer", "--yes"), "refund.create", {"mode": "offline", "method": "transfer"}, "closed"),
)
"""The verb, the command, its data, and the status that follows."""


def placed(at: datetime) -> bytes:
    """The order of the shop, to be paid by a transfer that no gateway tells of."""
    document = json.loads(traffic.placed("1001", at=at).body)
    document["order"]["payments"] = [{"method": "transfer", "provider": "manual", "amount_cents": 11970}]
    return json.dumps(document).encode()


def timeless(ledger: str) -> Any:
    """Take out of a ledger what two people at two desks cannot have alike: ids of commands, and microseconds."""
    without_ids = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", ledger)
    document = json.loads(re.sub(r"\b1[0-9]{15}\b", "0", without_ids))
    for parcel in document["b"].values():
        parcel["s"] = sorted(parcel["s"].values())  # its keys are hashes of ids
    return document


def told(engine: Any) -> list[tuple[str, Any]]:
    """List what was logged, by kind and published events."""
    rows = world.query(engine, "SELECT kind, events FROM order_log WHERE order_number = '1001' ORDER BY position")
    return [(kind, [event[1] for event in json.loads(events)]) for kind, events in rows]


@pytest.mark.requirement("R4", "R8", "R9", "R48", "R71", "R79", "R81", "R83")
async def test_by_the_command_line_and_by_the_queue(amqp_url: str, database_url: str, sqlite_url: str, tmp_path: Path) -> None:
    # Placed just now: the running hub gives up what has waited too long.
    shop = placed(datetime.now(UTC))
    by_verb = world.open_engine(sqlite_url, policy_expire_settle=timedelta(minutes=15))
    raw = RawDelivery(shop, {}, world.NOW, "shop.orders")
    by_verb.process([Delivery("shop.orders", raw)])
    for verb, _, _, status in STEPS:
        base = ("--direct", "--json", "--actor", "ana", "--reason", "venda por transferência")
        done = await hub("order", verb[0], "1001", *verb[1:], *base, amqp_url=amqp_url, database_url=sqlite_url)
        assert done.status == 0, (verb, done.out, done.err)
        (answer,) = json.loads(done.out)
        assert (answer["outcome"], answer["status"]) == ("accepted", status), answer

    assert (await hub("topology", "apply", amqp_url=amqp_url)).status == 0
    async with running(amqp_url, database_url, tmp_path) as hub_run, await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        replies = await channel.declare_queue("reply.story", exclusive=True)
        inbound = await channel.get_exchange("hub.inbound", ensure=False)
        await inbound.publish(aio_pika.Message(shop, message_id="evt-1001"), "shop.orders")
        by_queue = world.open_engine(database_url)
        await until(lambda: world.states(by_queue).get("1001"), hub_run.log)
        commands = await channel.get_exchange("hub.commands", ensure=False)
        for _, name, data, status in STEPS:
            command_id = str(uuid4())
            document = {
                "id": command_id,
                "command": name,
                "order": "1001",
                "actor": "ana",
                "reason": "venda por transferência",
                "data": data,
            }
            message = aio_pika.Message(
                json.dumps(document).encode(), content_type="application/json", reply_to="reply.story", correlation_id=command_id
            )
            await commands.publish(message, name, mandatory=True)
            reply = await until(lambda: replies.get(fail=False, no_ack=True), hub_run.log)
            answer = json.loads(reply.body)
            assert reply.correlation_id == command_id
            assert (answer["outcome"], answer["status"]) == ("accepted", status), answer
        assert await hub_run.stop() == 0

    assert timeless(world.ledgers(by_queue)["1001"]) == timeless(world.ledgers(by_verb)["1001"])
    assert told(by_queue) == told(by_verb)
    assert [events for kind, events in told(by_verb) if kind == "refund.create"] == [
        ["refund.done", "stock.returned"],
        ["refund.done", "order.status_changed.closed"],
    ]
    for engine, url in ((by_verb, sqlite_url), (by_queue, database_url)):
        acts = world.query(engine, "SELECT command, actor FROM audit ORDER BY id")
        assert acts == [(name, "ana") for _, name, _, _ in STEPS]
        verified = await hub("verify", "--json", amqp_url=amqp_url, database_url=url)
        assert json.loads(verified.out)["findings"] == []
