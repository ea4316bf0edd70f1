"""The archiver: what the broker itself gave up becomes rows of dead_letters, and each delivery limit gets one more try, alone.

hub.dead and hub.unroutable hold only what never reached a commit of the engine: messages that passed the delivery limit, and those
under a key that nobody owns.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast

import orjson
import structlog
from aio_pika.abc import AbstractIncomingMessage
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from adapters.contract import Adapter
from hub import faults
from hub.bus.connection import backoff, broker_errors, connected
from hub.bus.subscribers import Source, delivery_of
from hub.bus.thread import OneThread
from hub.bus.topology import DEAD, UNROUTABLE
from hub.engine.dead_letters import insert_dead_letters, letter
from hub.engine.engine import Engine
from hub.engine.operations import Redrive, redrive
from hub.errors import StoreUnavailable, TransientError
from hub.store.database import Database
from hub.store.failures import Failure, classify
from hub.store.tables import dead_letters

_log: Final = structlog.get_logger(__name__)

OFFERED_BY: Final = "policy:offer_again"
_Arrived = asyncio.Queue[tuple[str, AbstractIncomingMessage] | None]
_BROKERS_OWN: Final = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")


@dataclass(frozen=True, slots=True)
class ArchiverOptions:
    """Sizes and times. `offer_s`: how often letters are looked for that a process before us did not offer."""

    prefetch: int = 50
    offer_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Death:
    """How the broker says a message died."""

    queue: str
    reason: str
    at: datetime | None
    routing_key: str


def death_of(message: AbstractIncomingMessage, queue: str) -> Death:
    """Read the newest entry of x-death, or that there is none: a message from the alternate exchange has not died of anything."""
    entries = message.headers.get("x-death")
    newest = entries[0] if isinstance(entries, list) and entries and isinstance(entries[0], Mapping) else None
    if newest is None or queue == UNROUTABLE:
        return Death(queue, "unroutable" if queue == UNROUTABLE else "unknown", None, message.routing_key or "")
    keys = newest.get("routing-keys")
    at = newest.get("time")
    return Death(
        str(newest.get("queue", queue)),
        str(newest.get("reason", "unknown")),
        at if isinstance(at, datetime) else None,
        str(keys[0]) if isinstance(keys, list) and keys else message.routing_key or "",
    )


def cause_of(death: Death, exchange: str | None) -> str:
    """Say in words why a message is here."""
    match death.reason:
        case "unroutable":
            return f"no queue takes the key {death.routing_key!r} on {exchange or 'hub.inbound'}: no adapter of that name is installed"
        case "delivery_limit":
            return f"delivered from {death.queue} up to its limit and never settled: it may be what ends the workers that take it"
        case "expired":
            return f"expired in {death.queue}"
        case "maxlen":
            return f"{death.queue} was full"
        case _:
            return f"given up by {death.queue} ({death.reason})"


def letter_of(message: AbstractIncomingMessage, queue: str, adapters: Mapping[str, Adapter], now: datetime) -> dict[str, Any]:
    """Describe a message as a row of dead_letters."""
    death = death_of(message, queue)
    key = death.queue.removeprefix("hub.in.") if death.queue.startswith("hub.in.") else death.routing_key or death.queue
    delivery = delivery_of(message, Source(death.queue, key, 0), now)
    headers = {name: value for name, value in delivery.raw.headers.items() if not name.startswith(_BROKERS_OWN)}
    delivery = replace(delivery, raw=replace(delivery.raw, headers=headers, routing_key=death.routing_key or key))
    order = headers.get("hub-order")
    row = letter(
        delivery,
        kind="unroutable" if queue == UNROUTABLE else "delivery_limit",
        cause=cause_of(death, message.exchange),
        body=message.body,
        adapter=key if key in adapters else None,
        at=now,
        order=order if isinstance(order, str) and 0 < len(order) <= 64 and order.isprintable() else None,
    )
    place = death.queue if death.at is not None else f"{message.exchange}/{death.routing_key}"
    identity = f"{place}\n{death.reason}\n{death.at.isoformat() if death.at is not None else ''}\n".encode()
    told = {"death_queue": death.queue, "death_reason": death.reason, "death_at": death.at.isoformat() if death.at is not None else None}
    properties = orjson.loads(row["properties"]) | {name: value for name, value in told.items() if value is not None}
    return row | {"dedupe_key": hashlib.sha256(identity + message.body).hexdigest(), "properties": orjson.dumps(properties).decode()}


def store_letters(database: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write letters in one transaction. Raises: StoreUnavailable, or what SQLAlchemy says about a row that it cannot take."""
    try:
        with database.begin() as connection:
            settled = _settled(connection, [row["dedupe_key"] for row in rows if "death_at" in row["properties"]])
            insert_dead_letters(connection, [row for row in rows if row["dedupe_key"] not in settled])
            faults.reach("archiver_before_commit")
    except SQLAlchemyError as error:
        if classify(error) is Failure.DATA:
            raise
        raise StoreUnavailable(f"dead letters: {type(error).__name__}") from error


def _settled(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Which of these deaths are done with: the broker dead-letters at least once, and what was settled is not to be opened again.

    Locked, since one of them may just be offered again.
    """
    if not keys:
        return set()
    known = select(dead_letters.c.dedupe_key, dead_letters.c.status).where(dead_letters.c.dedupe_key.in_(keys))
    found = connection.execute(known.order_by(dead_letters.c.id).with_for_update())
    return {key for key, status in found if status != "open"}


_OFFERABLE: Final = (
    select(dead_letters.c.id)
    .where(dead_letters.c.kind == "delivery_limit", dead_letters.c.status == "open", dead_letters.c.offered_again.is_(False))
    .order_by(dead_letters.c.id)
    .limit(1)
)


def offer_next(engine: Engine) -> Redrive | None:
    """Run the next delivery-limit letter through the engine once more; None when there is none. Raises: StoreUnavailable.

    That it is tried is committed before the try: if that ends the process, the letter stays for a person.
    """
    letter_id = _claim(engine.database)
    if letter_id is None:
        return None
    try:
        return redrive(engine, letter_id, actor=OFFERED_BY)
    except StoreUnavailable:
        with contextlib.suppress(SQLAlchemyError):
            _mark(engine.database, letter_id, offered=False)
        raise


def _claim(database: Database) -> int | None:
    try:
        with database.begin() as connection:
            found = connection.execute(_OFFERABLE.with_for_update(skip_locked=True)).scalar()
            if found is not None:
                connection.execute(update(dead_letters).where(dead_letters.c.id == found).values(offered_again=True))
            return cast("int | None", found)
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"dead letters: {type(error).__name__}") from error


def _mark(database: Database, letter_id: int, *, offered: bool) -> None:
    with database.begin() as connection:
        connection.execute(update(dead_letters).where(dead_letters.c.id == letter_id).values(offered_again=offered))


def has_offer(database: Database) -> bool:
    """Say whether a letter waits to be offered again. Raises: StoreUnavailable."""
    try:
        with database.read() as connection:
            return connection.execute(_OFFERABLE).first() is not None
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"dead letters: {type(error).__name__}") from error


class Archiver:
    """Empties the two last queues into the database."""

    def __init__(
        self,
        database: Database,
        amqp_url: str,
        adapters: Mapping[str, Adapter],
        *,
        clock: Callable[[], datetime],
        offer: Callable[[], Awaitable[Redrive | None]],
        options: ArchiverOptions | None = None,
    ) -> None:
        """`offer` is offer_next, run while nothing else is in hand."""
        self.archived = 0
        self._database = database
        self._url = amqp_url
        self._adapters = adapters
        self._clock = clock
        self._offer_next = offer
        self._options = options or ArchiverOptions()
        self._thread = OneThread("archiver")
        self._stop = asyncio.Event()
        self._offer = asyncio.Event()

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stop.set()
        self._offer.set()

    async def run(self) -> None:
        """Archive and offer until `stop`."""
        offering = asyncio.create_task(self._offer_again())
        attempt = 0
        try:
            while not self._stop.is_set():
                try:
                    async with connected(self._url, "order-hub archiver") as connection:
                        with broker_errors():
                            channel = await connection.channel(publisher_confirms=False)
                            await channel.set_qos(prefetch_count=self._options.prefetch)
                            arrived: _Arrived = asyncio.Queue()
                            for name in (DEAD, UNROUTABLE):
                                queue = await channel.declare_queue(name, passive=True)
                                await queue.consume(_into(arrived, name))
                        connection.close_callbacks.add(_end_of(arrived))
                        channel.close_callbacks.add(_end_of(arrived))
                        while (batch := await self._next(arrived)) is not None:
                            attempt = 0
                            await self._archive(batch)
                        if not self._stop.is_set():
                            raise TransientError("the line to the broker is lost")
                except TransientError as error:
                    attempt += 1
                    _log.warning("archiver interrupted", error=str(error), attempt=attempt)
                    await self._sleep(backoff(attempt))
        finally:
            offering.cancel()
            await asyncio.gather(offering, return_exceptions=True)
            self._thread.close()

    async def _next(self, arrived: _Arrived) -> list[tuple[str, AbstractIncomingMessage]] | None:
        """Wait for messages and take all there are; None at the end."""
        getting, stopping = asyncio.create_task(arrived.get()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((getting, stopping), return_when=asyncio.FIRST_COMPLETED)
            first = getting.result() if getting.done() else None
        finally:
            getting.cancel()
            stopping.cancel()
        if first is None or self._stop.is_set():
            return None
        batch = [first]
        while not arrived.empty():
            found = arrived.get_nowait()
            if found is None:
                arrived.put_nowait(None)
                break
            batch.append(found)
        return batch

    async def _archive(self, batch: Sequence[tuple[str, AbstractIncomingMessage]]) -> None:
        """Store and ack. Raises: StoreUnavailable, BrokerUnavailable; then all of it is delivered again."""
        now = self._clock()
        rows = [letter_of(message, queue, self._adapters, now) for queue, message in batch]
        try:
            await self._thread.run(lambda: store_letters(self._database, rows))
        except SQLAlchemyError:
            for row in rows:
                await self._store_one(row)
        faults.reach("archiver_before_ack")
        with broker_errors():
            for _, message in batch:
                await message.ack()
        self.archived += len(batch)
        _log.warning("dead letters archived", letters=len(batch), kinds=sorted({row["kind"] for row in rows}))
        self._offer.set()

    async def _store_one(self, row: Mapping[str, Any]) -> None:
        """Store a letter of a batch that the database refused; if it is the one at fault, keep its body and leave its headers out."""
        try:
            await self._thread.run(lambda: store_letters(self._database, [row]))
        except SQLAlchemyError as error:
            _log.error("dead letter stored without headers", body_sha256=row["body_sha256"], error=type(error).__name__)
            bare = {**row, "headers": "{}", "properties": "{}", "order_number": None, "routing_key": row["origin"]}
            await self._thread.run(lambda: store_letters(self._database, [bare]))

    # -- one more try -------------------------------------------------------------------------------------------------

    async def _offer_again(self) -> None:
        while not self._stop.is_set():
            self._offer.clear()
            try:
                while not self._stop.is_set() and await self._thread.run(lambda: has_offer(self._database)):
                    result = await self._offer_next()
                    if result is None:
                        break
                    _log.info("dead letter offered again", dead_letter=result.id, outcome=result.outcome, detail=result.detail)
            except StoreUnavailable as error:
                _log.warning("no letter can be offered again now", error=str(error))
            except Exception:  # the engine fails on this letter; it is marked, so the next round takes another
                _log.exception("a letter could not be offered again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.offer_s):
                    await self._offer.wait()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


def _into(arrived: _Arrived, name: str) -> Callable[[AbstractIncomingMessage], Awaitable[None]]:
    async def take(message: AbstractIncomingMessage) -> None:
        arrived.put_nowait((name, message))

    return take


def _end_of(arrived: _Arrived) -> Callable[..., None]:
    return lambda *_: arrived.put_nowait(None)
