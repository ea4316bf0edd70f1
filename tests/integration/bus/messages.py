"""Messages for the tests of the worker, and a hub that is set up around them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import aio_pika
import orjson

from adapters.contract import Adapter
from hub.bootstrap import load_adapters
from hub.bus import topology, worker
from hub.bus.collector import CollectorOptions
from hub.bus.publisher import Depth, Publisher
from hub.bus.relay import RelayOptions
from hub.bus.subscribers import ConsumerOptions
from hub.bus.topology import build
from hub.bus.worker import WorkerOptions
from hub.config import Settings, load_settings
from hub.engine.deliveries import Delivery, Outcome
from hub.engine.engine import Engine
from hub.store.database import Database

PIX_KEY: Final = "payments.pix"
ORDERS_KEY: Final = "shop.orders"


def order(number: str) -> bytes:
    """A placed order that is to be paid by Pix, 119,70."""
    return orjson.dumps(
        {
            "type": "order.placed.v1",
            "id": f"evt-{number}",
            "order": {
                "number": number,
                "placed_at": "2026-11-25T10:00:00-03:00",
                "currency": "BRL",
                "customer": {"id": "77", "name": "Cliente Exemplo", "email": "cliente@exemplo.invalid"},
                "items": [{"sku": "CAM-01", "name": "Camiseta", "quantity": 1, "unit_price_cents": 11970, "virtual": False}],
                "total_cents": 11970,
                "payments": [{"method": "pix", "provider": "pix", "reference": txid(number), "amount_cents": 11970}],
            },
        }
    )


def txid(number: str) -> str:
    """The txid that an order declares."""
    return f"ped{number}a".ljust(30, "0")


def pix(number: str) -> bytes:
    """The bank's notice that an order was paid."""
    paid = {
        "endToEndId": f"E00038166202611251301{int(number):011d}",
        "txid": txid(number),
        "valor": "119.70",
        "horario": "2026-11-25T13:01:00.000Z",
        "chave": "loja@exemplo.invalid",
    }
    return orjson.dumps({"pix": [paid]})


def command(number: str, name: str = "order.get", **fields: Any) -> bytes:
    """A command on an order."""
    return orjson.dumps({"id": f"00000000-0000-4000-8000-{int(number):012d}", "command": name, "order": number, **fields})


class WatchedEngine(Engine):
    """The engine, and a memory of how often each delivery had been delivered before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[Delivery] = []
        self.batches: list[int] = []

    def process(self, batch: Sequence[Delivery]) -> list[Outcome]:
        """Remember and process."""
        self.seen.extend(batch)
        self.batches.append(len(batch))
        return super().process(batch)


def settings_for(amqp_url: str, database_url: str, **given: Any) -> Settings:
    """Settings of a hub on these servers."""
    return load_settings(amqp_url=amqp_url, database_url=database_url, **given)


def engine_for(settings: Settings, database: Database, adapters: Mapping[str, Adapter] | None = None) -> WatchedEngine:
    """An engine with all adapters."""
    return WatchedEngine(database, adapters or load_adapters(), settings, clock=lambda: datetime.now(UTC))


def quick(**collector: Any) -> WorkerOptions:
    """Options of a worker that is impatient."""
    return WorkerOptions(
        collector=CollectorOptions(**{"retry_most_s": 0.3, "defect_pause_s": 0.05, **collector}),
        consumers=ConsumerOptions(watch_s=0.5, quiet_s=0.1),
        relay=RelayOptions(poll_s=0.05, share_s=0.2),
        beat_s=0.3,
        deadline_s=15,
    )


@asynccontextmanager
async def working(engine: Engine, *roles: str, options: WorkerOptions | None = None) -> AsyncIterator[None]:
    """Run a worker process' parts in this one; at the end it must stop in good order."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(engine, roles or ("worker",), stop=stop, options=options or quick()))
    try:
        yield
    finally:
        stop.set()
        status = await asyncio.wait_for(task, 30)
    assert status == 0


async def apply(url: str, adapters: Iterable[Adapter] | None = None, *, delivery_limit: int = topology.DELIVERY_LIMIT) -> None:
    """Declare the topology."""
    applied = await topology.apply(
        url, build(adapters if adapters is not None else load_adapters().values(), delivery_limit=delivery_limit)
    )
    assert applied.drift == ()


async def publish(url: str, messages: Iterable[tuple[str, bytes]], *, exchange: str = "hub.inbound", **properties: Any) -> None:
    """Publish (key, body) pairs, confirmed."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(on_return_raises=True)
        target = await channel.get_exchange(exchange, ensure=False)
        for key, body in messages:
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, **properties)
            await target.publish(message, key, mandatory=True, timeout=20)


async def depth(url: str, queue: str) -> Depth:
    """What a queue holds."""
    publisher = Publisher(url)
    try:
        found = await publisher.depth(queue)
    finally:
        await publisher.close()
    assert found is not None
    return found


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def count(database: Database, table: str, where: str = "true") -> int:
    """Count rows."""
    with database.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {where}").scalar_one())
