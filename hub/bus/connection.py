"""One way to connect to RabbitMQ: name, heartbeat and errors are the same everywhere."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError
from yarl import URL

from hub.errors import BrokerUnavailable

HEARTBEAT_S: Final = 10
"""aiormq gives a silent peer up after three heartbeats and a bit: about half a minute."""

CONNECT_TIMEOUT_S: Final = 10.0
CONNECTION_ERRORS: Final = (AMQPError, OSError, TimeoutError, asyncio.IncompleteReadError, RuntimeError)
"""What aio-pika and aiormq raise when broker, connection or channel are gone; RuntimeError is their word for 'closed'."""


def named_url(url: str, name: str) -> str:
    """Add what every connection of the hub has: a name for the broker's lists and a heartbeat, unless the user gave them."""
    parsed = URL(url)
    return str(parsed.update_query({"name": name, "heartbeat": str(HEARTBEAT_S), **parsed.query}))


@contextmanager
def broker_errors() -> Iterator[None]:
    """Turn everything that means "the broker did not do it" into BrokerUnavailable, its cause chained."""
    try:
        yield
    except asyncio.CancelledError:
        # A channel that closes cancels whatever waits on it. Only if nobody cancelled *this* task is it that.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable("RabbitMQ: the channel was closed") from None
    except CONNECTION_ERRORS as error:
        raise BrokerUnavailable(f"RabbitMQ: {type(error).__name__}: {error}") from error


async def connect(url: str, name: str) -> AbstractConnection:
    """Open a connection that does not reopen itself. Raises: BrokerUnavailable.

    What is in flight when a connection breaks has an unknown outcome, and only its owner knows what to do about that: relay,
    publisher and archiver each decide and connect again.
    """
    with broker_errors():
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await aio_pika.connect(named_url(url, name))


async def close(connection: AbstractConnection) -> None:
    """Close a connection, however ill it is, and never wait long for that."""
    with suppress(BrokerUnavailable), broker_errors():
        async with asyncio.timeout(CONNECT_TIMEOUT_S / 2):
            await connection.close()


@asynccontextmanager
async def connected(url: str, name: str) -> AsyncIterator[AbstractConnection]:
    """Hold a connection for a block. Raises: BrokerUnavailable when it can't be opened."""
    connection = await connect(url, name)
    try:
        yield connection
    finally:
        await close(connection)


def backoff(attempt: int, *, first_s: float = 0.2, most_s: float = 5.0) -> float:
    """Seconds to wait before try number `attempt` (from 1): doubling, capped, half of it random so that workers don't march in step."""
    most: float = min(most_s, first_s * 2.0 ** min(attempt - 1, 16))
    return most * random.uniform(0.5, 1.0)
