"""Peer B, the bare ceiling: aio-pika and asyncpg, one set-based transaction a batch, as little else as the same rows and events need.

No validation beyond pydantic's, no state machine, no parking, no dead letters; it does keep the outbox, so it loses no event
either. Three things overlap: a transaction, the confirms of the batch before it, and arrivals.
"""

import argparse
import asyncio
import contextlib
import hashlib
import signal
import sys
from datetime import UTC, datetime
from typing import Any, Final
from zlib import crc32

import aio_pika
import asyncpg
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from benchmarks.peers.pix import ORDER_COLUMNS, SOURCE, Capture, Event, Order, PixCallback, PixReceived, capture
from hub.bus import topology
from hub.engine.order_state import SHARDS

_INBOX: Final = """
    INSERT INTO inbox (source, event_id, body_sha256, received_at)
    SELECT $1, event_id, '', $3 FROM unnest($2::text[]) AS k(event_id) ORDER BY event_id
    ON CONFLICT DO NOTHING RETURNING event_id
"""
_ORDERS: Final = f"""
    SELECT r.value, {ORDER_COLUMNS}
    FROM unnest($1::text[]) AS k(value)
    JOIN order_references r ON r.scope = 'pix' AND r.kind = 'txid' AND r.value = k.value
    JOIN orders o ON o.number = r.order_number JOIN order_personal p ON p.order_number = o.number
    ORDER BY o.number FOR UPDATE OF o
"""
_UPDATE: Final = """
    UPDATE orders AS o SET state = 'processing', status = 'processing', base_state = 'processing', payment_state = 'paid',
        captured_cents = v.cents, version = o.version + 1, sequence = o.sequence + 4, status_sequence = o.status_sequence + 1,
        updated_at = $3
    FROM unnest($1::text[], $2::bigint[]) AS v(number, cents) WHERE o.number = v.number
"""
_LOG: Final = """
    INSERT INTO order_log (order_number, position, kind, source, source_event_id, entry_key, occurred_at, recorded_at, body,
        fold_version, events)
    SELECT number, position, 'payment.captured', $7, event_id, entry_key, occurred_at, $8, body, 1, events
    FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $9::text[])
        AS v(number, position, event_id, entry_key, occurred_at, body, events)
"""
_TRANSACTIONS: Final = """
    INSERT INTO transactions (order_number, key, kind, payment, provider, method, amount_cents, closed, occurred_at)
    SELECT number, key, 'capture', 'p1', 'pix', 'pix', cents, false, occurred_at
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) AS v(number, key, cents, occurred_at)
"""
_INVOICES: Final = """
    INSERT INTO invoices (number, order_number, total_cents, captures, created_at)
    SELECT invoice, number, cents, captures, $5
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS v(invoice, number, cents, captures)
"""
_OUTBOX: Final = """
    INSERT INTO outbox (shard, order_number, message_id, routing_key, body, created_at)
    SELECT shard, number, message_id, routing_key, body, $6
    FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[]) AS v(shard, number, message_id, routing_key, body)
    RETURNING id
"""
_CONFIRMED: Final = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"

Batch = list[AbstractIncomingMessage]


async def store(connection: "asyncpg.Connection[Any]", bodies: list[bytes]) -> tuple[list[int], list[Event]]:
    """Write a batch in one transaction. Returns the outbox ids and the events that are now due."""
    now = datetime.now(UTC)
    received = {one.endToEndId: one for body in bodies for one in PixCallback.model_validate_json(body).pix}
    async with connection.transaction():
        fresh: list[PixReceived] = [received[row[0]] for row in await connection.fetch(_INBOX, SOURCE, list(received), now)]
        if not fresh:
            return [], []
        found = {row[0]: Order(*row[1:]) for row in await connection.fetch(_ORDERS, [one.txid for one in fresh])}
        done: list[Capture] = [capture(one, found[one.txid], now) for one in fresh]
        numbers = [one.order.number for one in done]
        cents = [one.cents for one in done]
        times = [one.occurred_at for one in done]
        await connection.execute(_UPDATE, numbers, cents, now)
        await connection.execute(
            _LOG,
            numbers,
            [one.order.version + 1 for one in done],
            [one.event_id for one in done],
            [hashlib.sha256(one.fact.encode()).hexdigest()[:32] for one in done],
            times,
            [one.fact for one in done],
            SOURCE,
            now,
            [one.log_events for one in done],
        )
        await connection.execute(_TRANSACTIONS, numbers, [one.transaction_key for one in done], cents, times)
        await connection.execute(
            _INVOICES,
            [one.invoice for one in done],
            numbers,
            [one.order.total_cents for one in done],
            [f'["{one.transaction_key}"]' for one in done],
            now,
        )
        events = [event for one in done for event in one.events]
        owners = [one.order.number for one in done for _ in one.events]
        ids = await connection.fetch(
            _OUTBOX,
            [crc32(number.encode()) % SHARDS for number in owners],
            owners,
            [event.message_id for event in events],
            [event.routing_key for event in events],
            [event.body.decode() for event in events],
            now,
        )
    return [row[0] for row in ids], events


async def publish(exchange: AbstractExchange, event: Event) -> None:
    """Publish one event and await its confirm."""
    await exchange.publish(
        aio_pika.Message(
            event.body,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=event.message_id,
            content_type="application/json",
        ),
        event.routing_key,
        mandatory=False,
    )


async def commit_batches(
    arrived: "asyncio.Queue[AbstractIncomingMessage]",
    due: "asyncio.Queue[tuple[list[int], list[Event]]]",
    connection: "asyncpg.Connection[Any]",
    batch_max: int,
) -> None:
    """Take what has arrived, up to the cap, into a transaction; ack after the commit."""
    while True:
        batch: Batch = [await arrived.get()]
        while len(batch) < batch_max and not arrived.empty():
            batch.append(arrived.get_nowait())
        stored = await store(connection, [message.body for message in batch])
        # One consumer on this channel and batches in arrival order: all lower tags are committed too.
        await batch[-1].ack(multiple=True)
        await due.put(stored)


async def publish_batches(
    due: "asyncio.Queue[tuple[list[int], list[Event]]]", exchange: AbstractExchange, connection: "asyncpg.Connection[Any]"
) -> None:
    """Publish committed events a batch at a time and delete their outbox rows when all are confirmed."""
    while True:
        ids, events = await due.get()
        await asyncio.gather(*(publish(exchange, event) for event in events))
        await connection.execute(_CONFIRMED, ids)


async def serve(amqp_url: str, database_url: str, batch_max: int) -> None:
    """Consume until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    due: asyncio.Queue[tuple[list[int], list[Event]]] = asyncio.Queue(2)
    writing, marking = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=2 * batch_max)
        queue = await channel.get_queue(topology.inbound_queue(SOURCE), ensure=False)
        exchange = await (await connection.channel()).get_exchange(topology.EVENTS, ensure=False)
        work = [
            asyncio.create_task(commit_batches(arrived, due, writing, batch_max)),
            asyncio.create_task(publish_batches(due, exchange, marking)),
            asyncio.create_task(stop.wait()),
        ]
        await queue.consume(arrived.put)
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            task.cancel()
        for task in done:
            task.result()
    for database in (writing, marking):
        with contextlib.suppress(TimeoutError):
            await database.close(timeout=5)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--amqp-url", required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--batch-max", type=int, default=256)
    options = parser.parse_args()
    asyncio.run(serve(options.amqp_url, options.database_url, options.batch_max))
    return 0


if __name__ == "__main__":
    sys.exit(main())
