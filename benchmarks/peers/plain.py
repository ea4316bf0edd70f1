"""Peer A, the plain handler: FastStream with a typed pydantic body, SQLAlchemy async on asyncpg, one transaction per message.

Per message: inbox, order, log, transaction and invoice rows, commit, then the four events with their confirms awaited together,
then the ack. As many messages at a time as the prefetch allows, a pooled connection for each. It has no outbox: an event whose
confirm is lost is lost, and a crash between commit and publish loses all four.
"""

import argparse
import asyncio
import hashlib
import sys
from datetime import UTC, datetime
from typing import Final

from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from sqlalchemy import bindparam, insert, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from benchmarks.peers.pix import ORDER_COLUMNS, SOURCE, Capture, Event, Order, PixCallback, PixReceived, capture
from hub.bus import topology
from hub.store.tables import inbox, invoices, order_log, orders, transactions

# Built once: what SQLAlchemy makes of them is cached as well, so that a message costs no more than its round trips.
_ENTER: Final = insert_or_skip(inbox).on_conflict_do_nothing()
_ORDER: Final = text(
    f"""
    SELECT {ORDER_COLUMNS}
    FROM order_references r JOIN orders o ON o.number = r.order_number JOIN order_personal p ON p.order_number = o.number
    WHERE r.scope = 'pix' AND r.kind = 'txid' AND r.value = :txid FOR UPDATE OF o
    """
)
_PAID: Final = update(orders).where(orders.c.number == bindparam("order_number"))
_LOG: Final = insert(order_log).inline()
_TRANSACTION: Final = insert(transactions)
_INVOICE: Final = insert(invoices)


async def store(connection: AsyncConnection, received: PixReceived, now: datetime) -> Capture | None:
    """Write one Pix in the open transaction; None when it has been here before."""
    row = {"source": SOURCE, "event_id": received.endToEndId, "body_sha256": "", "received_at": now}
    if (await connection.execute(_ENTER, row)).rowcount == 0:
        return None
    order = Order(*(await connection.execute(_ORDER, {"txid": received.txid})).one())
    done = capture(received, order, now)
    await connection.execute(
        _PAID,
        {
            "order_number": order.number,
            "state": "processing",
            "status": "processing",
            "base_state": "processing",
            "payment_state": "paid",
            "captured_cents": done.cents,
            "version": order.version + 1,
            "sequence": order.sequence + len(done.events),
            "status_sequence": order.status_sequence + 1,
            "updated_at": now,
        },
    )
    await connection.execute(
        _LOG,
        {
            "order_number": order.number,
            "position": order.version + 1,
            "kind": "payment.captured",
            "source": SOURCE,
            "source_event_id": done.event_id,
            "entry_key": hashlib.sha256(done.fact.encode()).hexdigest()[:32],
            "occurred_at": done.occurred_at,
            "recorded_at": now,
            "body": done.fact,
            "fold_version": 1,
            "events": done.log_events,
        },
    )
    await connection.execute(
        _TRANSACTION,
        {
            "order_number": order.number,
            "key": done.transaction_key,
            "kind": "capture",
            "payment": "p1",
            "provider": "pix",
            "method": "pix",
            "amount_cents": done.cents,
            "closed": False,
            "occurred_at": done.occurred_at,
        },
    )
    await connection.execute(
        _INVOICE,
        {
            "number": done.invoice,
            "order_number": order.number,
            "total_cents": order.total_cents,
            "captures": f'["{done.transaction_key}"]',
            "created_at": now,
        },
    )
    return done


def build(amqp_url: str, engine: AsyncEngine, prefetch: int) -> FastStream:
    """Build the application."""
    broker = RabbitBroker(amqp_url, logger=None)
    events = RabbitExchange(topology.EVENTS, type=ExchangeType.TOPIC, durable=True, declare=False)
    queue = RabbitQueue(topology.inbound_queue(SOURCE), queue_type=QueueType.QUORUM, durable=True, declare=False)

    async def publish(event: Event) -> None:
        await broker.publish(
            event.body,
            exchange=events,
            routing_key=event.routing_key,
            message_id=event.message_id,
            content_type="application/json",
            persist=True,
            mandatory=False,
        )

    @broker.subscriber(queue, channel=Channel(prefetch_count=prefetch), ack_policy=AckPolicy.REJECT_ON_ERROR)
    async def handle(callback: PixCallback) -> None:
        now = datetime.now(UTC)
        async with engine.begin() as connection:
            stored = [await store(connection, received, now) for received in callback.pix]
        await asyncio.gather(*(publish(event) for one in stored if one is not None for event in one.events))

    return FastStream(broker, logger=None)


async def serve(amqp_url: str, database_url: str, prefetch: int) -> None:
    """Consume until SIGTERM."""
    engine = create_async_engine(
        database_url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=prefetch, max_overflow=0, pool_timeout=60
    )
    try:
        await build(amqp_url, engine, prefetch).run()
    finally:
        await engine.dispose()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--amqp-url", required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--prefetch", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.amqp_url, options.database_url, options.prefetch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
