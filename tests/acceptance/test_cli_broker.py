"""The command line against a real broker: topology, publish, commands with their answers."""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from adapters.contract import RawDelivery
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine
from tests import bank_files, traffic, world

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str


async def hub(*arguments: str, amqp_url: str, database_url: str = "sqlite:///none.db", **settings: str) -> Done:
    """Run the command line as a user does."""
    environment = {**os.environ, "HUB_ENV_FILE": "", "HUB_AMQP_URL": amqp_url, "HUB_DATABASE_URL": database_url, **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", *arguments, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def queued(amqp_url: str, queue: str) -> list[AbstractIncomingMessage]:
    """Take all messages out of a queue."""
    found: list[AbstractIncomingMessage] = []
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        source = await channel.get_queue(queue, ensure=False)
        while (message := await source.get(fail=False, no_ack=True)) is not None:
            found.append(message)
    return found


@asynccontextmanager
async def answering(amqp_url: str, engine: Engine) -> AsyncIterator[None]:
    """Answer commands as the worker does: through the engine, to reply_to, after the commit."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        source = await channel.get_queue("hub.commands", ensure=False)

        async def take(message: AbstractIncomingMessage) -> None:
            raw = RawDelivery(message.body, dict(message.headers), world.NOW, message.routing_key or "", message.content_type)
            delivery = Delivery(
                "hub.commands", raw, user_id=message.user_id, reply_to=message.reply_to, correlation_id=message.correlation_id
            )
            (outcome,) = engine.process([delivery])
            assert outcome.reply is not None and outcome.reply.reply_to is not None
            body = json.dumps(dict(outcome.reply.body)).encode()
            await channel.default_exchange.publish(
                aio_pika.Message(body, correlation_id=outcome.reply.correlation_id), outcome.reply.reply_to, mandatory=False
            )
            await message.ack()

        await source.consume(take)
        yield


async def test_topology_is_applied_checked_and_then_nothing_is_left_to_do(amqp_url: str) -> None:
    before = await hub("topology", "check", "--json", amqp_url=amqp_url)
    assert before.status == 3
    assert {one["problem"] for one in json.loads(before.out)} == {"missing"}
    applied = await hub("topology", "apply", amqp_url=amqp_url)
    assert applied.status == 0
    assert "created hub.inbound" in applied.out
    again = await hub("topology", "apply", "--json", amqp_url=amqp_url)
    assert json.loads(again.out) == {"created": [], "drift": []}
    check = await hub("topology", "check", amqp_url=amqp_url)
    assert (check.status, check.out.strip()) == (0, "the broker is as declared")


async def test_drift_is_shown_and_is_status_3(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("hub.dead", durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 3})
    applied = await hub("topology", "apply", amqp_url=amqp_url)
    assert applied.status == 3
    assert "different" in applied.out
    doctor = await hub("doctor", "--json", amqp_url=amqp_url)
    checks = {one["check"]: one for one in json.loads(doctor.out)}
    assert checks["broker"]["status"] == "ok"
    assert "hub.dead (different)" in checks["topology"]["detail"]


async def test_published_files_are_in_the_queue_as_an_edge_would_put_them(amqp_url: str, tmp_path: Path) -> None:
    assert (await hub("topology", "apply", amqp_url=amqp_url)).status == 0
    files = []
    for index in range(30):
        files.append(tmp_path / f"{index}.json")
        files[-1].write_bytes(traffic.pix(str(index)).body)
    done = await hub("publish", "payments.pix", *map(str, files), amqp_url=amqp_url)
    assert (done.status, done.out.strip()) == (0, "30 published to payments.pix")
    found = await queued(amqp_url, "hub.in.payments.pix")
    assert sorted(message.body for message in found) == sorted(file.read_bytes() for file in files)
    for message in found:
        assert message.content_type == "application/json"
        assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
        assert "hub-received-at" in message.headers


async def test_a_large_bank_file_is_checked_and_published_in_parts_that_pay_orders(amqp_url: str, sqlite_url: str, tmp_path: Path) -> None:
    assert (await hub("topology", "apply", amqp_url=amqp_url)).status == 0
    lines = list(bank_files.large_240(2500))
    lines[3001] = lines[3001].replace(b"000000000014990000000000014990", b"00000000001X990000000000014990")
    file, broken = tmp_path / "retorno.ret", tmp_path / "cut_off.ret"
    file.write_bytes(b"".join(lines))
    broken.write_bytes(b"".join(lines[:2000] + lines[-2:]))
    refused = await hub("publish", "payments.cnab", str(file), str(broken), amqp_url=amqp_url)
    assert refused.status == 2
    assert "cut_off.ret: line 2001: columns 18-23 (number of records of the lot): says 5002" in refused.err
    assert await queued(amqp_url, "hub.in.payments.cnab") == []
    done = await hub("publish", "payments.cnab", str(file), amqp_url=amqp_url)
    assert done.status == 0, done.err
    assert "2500 titles, 3 messages" in done.out
    assert "237/240:06" in done.out and "3 published to payments.cnab" in done.out
    found = sorted(await queued(amqp_url, "hub.in.payments.cnab"), key=lambda message: str(message.headers["hub-file-part"]))
    assert [message.headers["hub-file-part"] for message in found] == ["1/3", "2/3", "3/3"]
    assert {message.headers["hub-file-sha256"] for message in found} == {hashlib.sha256(b"".join(lines)).hexdigest()}
    engine = world.open_engine(sqlite_url)
    deliveries = [Delivery("payments.cnab", RawDelivery(message.body, dict(message.headers), world.NOW)) for message in found]
    assert [outcome.kind for outcome in engine.process(deliveries)] == ["parked", "dead_letter", "parked"]
    assert world.query(engine, "SELECT cause FROM dead_letters") == [("line 3002: columns 78-92 (amount paid): must be 15 digits",)]
    assert world.query(engine, "SELECT count(*) FROM parked_facts") == [(2499,)]


async def test_a_key_without_a_queue_ends_where_dead_letters_are_made_of_it(amqp_url: str, tmp_path: Path) -> None:
    assert (await hub("topology", "apply", amqp_url=amqp_url)).status == 0
    file = tmp_path / "a.bin"
    file.write_bytes(b"\x00\x01")
    done = await hub("publish", "payments.nobody", str(file), "--force", amqp_url=amqp_url)
    assert done.status == 0
    (message,) = await queued(amqp_url, "hub.unroutable")
    assert message.body == b"\x00\x01"
    assert message.content_type is None


@pytest.mark.parametrize(
    "arguments", [("publish", "payments.pix", "pyproject.toml"), ("order", "get", "1001")], ids=lambda arguments: arguments[0]
)
async def test_without_topology_the_status_is_3_and_the_remedy_is_named(amqp_url: str, arguments: tuple[str, ...]) -> None:
    done = await hub(*arguments, amqp_url=amqp_url)
    assert done.status == 3
    assert "hub topology apply" in done.err
    assert "Traceback" not in done.err


async def test_commands_go_by_the_queue_and_each_gets_its_answer(amqp_url: str, sqlite_url: str) -> None:
    assert (await hub("topology", "apply", amqp_url=amqp_url)).status == 0
    engine = world.open_engine(sqlite_url)
    numbers = [str(number) for number in range(1000, 1100)]
    world.feed(engine, [traffic.placed(number) for number in numbers])
    world.feed(engine, [traffic.pix("1007")])
    async with answering(amqp_url, engine):
        done = await hub("order", "cancel", *numbers, "77", "--yes", "--reason", "teste", "--json", amqp_url=amqp_url)
        assert done.status == 1, done.err
        answers = json.loads(done.out)
        assert [answer["order"] for answer in answers] == [*numbers, "77"]
        refused = {answer["order"]: answer["code"] for answer in answers if answer["outcome"] == "rejected"}
        assert refused == {"1007": "cancel_requires_refund", "77": "order_not_found"}
        get = await hub("order", "get", "1001", amqp_url=amqp_url)
        assert get.status == 0
        assert "Cancelado" in get.out
        assert "teste" in get.out
    world.close_engines()


async def test_an_answer_that_does_not_come_is_status_3_and_says_how_to_get_it(amqp_url: str) -> None:
    assert (await hub("topology", "apply", amqp_url=amqp_url)).status == 0
    done = await hub("order", "approve", "1001", "--timeout", "0.5", "--json", amqp_url=amqp_url)
    assert done.status == 3
    (answer,) = json.loads(done.out)
    assert answer["outcome"] == "unknown"
    (message,) = await queued(amqp_url, "hub.commands")
    command = json.loads(message.body)
    assert command["id"] == answer["id"] == message.correlation_id
    assert message.routing_key == "order.approve"
    assert answer["id"] in answer["message"], "the key to repeat it with"
