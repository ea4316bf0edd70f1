"""Two hundred refunds while the provider fails at random: each is made once, and the ledgers are its books."""

import asyncio
import random
import uuid
from collections.abc import Callable
from dataclasses import replace

import aio_pika
import orjson
import pytest

from hub.bus import topology, worker
from hub.engine.verify import verify
from hub.gateway.gateway import Gateway
from tests.fake_provider import FakeProvider
from tests.integration.bus.messages import quick
from tests.integration.gateway.books import Charge, PagarmeBooks, at_random
from tests.integration.gateway.world import QUICK, engine_at
from tests.traffic import START, charge, placed
from tests.world import feed, open_exceptions, query

_CENTS = 3000


def _hurried(declared: topology.Topology) -> topology.Topology:
    """Give the ladder rungs of tenths of a second."""
    queues = [
        replace(queue, arguments={**queue.arguments, "x-message-ttl": 100 + index * 50}) if queue.name.startswith("hub.retry.") else queue
        for index, queue in enumerate(declared.queues)
    ]
    return replace(declared, queues=tuple(queues))


@pytest.mark.proof
async def test_a_storm_of_refunds_gives_back_each_once(amqp_url: str, database_url: str, sized: Callable[[int, int], int]) -> None:
    count = sized(60, 200)
    books = PagarmeBooks(at_random(random.Random(7), 0.35))
    numbers = [str(2000 + index) for index in range(count)]
    with FakeProvider(books) as provider:
        engine = engine_at(database_url, provider.url, amqp_url=amqp_url)
        books.charges = {f"ch_{number}": Charge(f"ch_{number}", 11970) for number in numbers}
        told = [
            message
            for number in numbers
            for message in (
                placed(number, method="card"),
                charge(number, "paid", status="paid", at=START, transaction="captured", hook="p", paid_amount=11970),
            )
        ]
        feed(engine, told)
        await topology.apply(amqp_url, _hurried(topology.build(engine.adapters.values())))
        stop = asyncio.Event()
        gateway = Gateway(engine, timeouts=QUICK, rest_s=0.5)
        hub = asyncio.create_task(worker.run(engine, ("worker", "relay", "outbound"), stop=stop, performer=gateway, options=quick()))
        try:
            async with await aio_pika.connect(amqp_url) as connection:
                channel = await connection.channel()
                commands = await channel.get_exchange("hub.commands", ensure=False)
                for number in numbers:
                    document = {
                        "id": str(uuid.uuid4()),
                        "command": "refund.create",
                        "order": number,
                        "data": {"mode": "online", "extra_cents": _CENTS},
                    }
                    await commands.publish(aio_pika.Message(orjson.dumps(document)), "refund.create")
                async with asyncio.timeout(240):
                    ended = 0
                    while ended < count:
                        await asyncio.sleep(0.3)
                        assert not hub.done(), hub.exception()
                        ((ended,),) = query(engine, "SELECT count(*) FROM outbound_requests WHERE state NOT IN ('queued', 'started')")
        finally:
            stop.set()
            await asyncio.wait_for(hub, 30)
        assert query(engine, "SELECT state, count(*) FROM outbound_requests GROUP BY state") == [("done", count)]
        assert {charge.id: charge.refunds for charge in books.charges.values()} == {f"ch_{number}": [_CENTS] for number in numbers}
        assert query(engine, "SELECT number, refunded_cents FROM orders ORDER BY number") == [(number, _CENTS) for number in numbers]
        assert query(engine, "SELECT state, count(*) FROM refunds GROUP BY state") == [("done", count)]
        assert open_exceptions(engine) == set()
        assert query(engine, "SELECT count(*) FROM dead_letters") == [(0,)]
        assert verify(engine.database).findings == []
        asked = [one for one in provider.asked if one.method == "DELETE"]
        assert len(asked) > count, "nothing failed, so nothing was proved"
