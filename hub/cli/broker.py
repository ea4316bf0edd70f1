"""What the command line does on the broker: ask a command's question and wait for the answer, and put raw files on hub.inbound."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple, cast
from urllib.parse import unquote, urlsplit

import orjson
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage, HeadersType
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError

from hub.bus.connection import broker_errors, connected
from hub.bus.topology import COMMANDS, INBOUND
from hub.cli.failures import Failure, Status
from hub.errors import BrokerUnavailable

_GUEST: Final = "guest"
_REPLY_TO: Final = "amq.rabbitmq.reply-to"
_IN_FLIGHT: Final = 64
_CONFIRM_S: Final = 30.0


def user_of(amqp_url: str) -> str | None:
    """Give the user id that the broker will verify. None for guest, whom every fresh broker knows: it names nobody."""
    user = unquote(urlsplit(amqp_url).username or _GUEST)
    return None if user == _GUEST else user


@asynccontextmanager
async def _exchange(amqp_url: str, name: str) -> AsyncIterator[tuple[AbstractChannel, AbstractExchange]]:
    async with connected(amqp_url, "order-hub cli") as connection:
        with broker_errors():
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            try:
                exchange = await channel.get_exchange(name, ensure=True)
            except ChannelNotFoundEntity:
                raise Failure(f"the broker has no exchange {name}: run `hub topology apply`", Status.INFRASTRUCTURE) from None
        yield channel, exchange


# -- commands ------------------------------------------------------------------------------------------------------------------


async def ask(
    amqp_url: str, commands: Sequence[Mapping[str, Any]], *, timeout_s: float, on_reply: Callable[[], None]
) -> list[dict[str, Any] | None]:
    """Send commands and wait for their answers; None where none came in time. Raises: BrokerUnavailable, Failure."""
    loop = asyncio.get_running_loop()
    waiting: dict[str, asyncio.Future[dict[str, Any]]] = {str(command["id"]): loop.create_future() for command in commands}

    async def take(message: AbstractIncomingMessage) -> None:
        answer = waiting.get(message.correlation_id or "")
        if answer is not None and not answer.done():
            answer.set_result(orjson.loads(message.body))
            on_reply()

    async with _exchange(amqp_url, COMMANDS) as (channel, exchange):
        with broker_errors():
            # RabbitMQ's own queue for answers: nothing to declare, nothing to clean up. It belongs to this channel.
            replies = await channel.get_queue(_REPLY_TO, ensure=False)
            await replies.consume(take, no_ack=True)
        gate = asyncio.Semaphore(_IN_FLIGHT)

        async def one(command: Mapping[str, Any]) -> dict[str, Any] | None:
            async with gate:
                await _send(exchange, command, user_of(amqp_url))
                try:
                    return await asyncio.wait_for(waiting[str(command["id"])], timeout_s)
                except TimeoutError:
                    return None

        return list(await asyncio.gather(*(one(command) for command in commands)))


async def _send(exchange: AbstractExchange, command: Mapping[str, Any], user: str | None) -> None:
    message = Message(
        orjson.dumps(command),
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=str(command["id"]),
        correlation_id=str(command["id"]),
        reply_to=_REPLY_TO,
        user_id=user,
    )
    try:
        with broker_errors():
            await exchange.publish(message, str(command["command"]), mandatory=True, timeout=_CONFIRM_S)
    except BrokerUnavailable as error:
        if isinstance(error.__cause__, PublishError):
            raise Failure("no queue takes commands on this broker: run `hub topology apply`", Status.INFRASTRUCTURE) from error
        raise


# -- raw messages ----------------------------------------------------------------------------------------------------------------


class RawFile(NamedTuple):
    """One file, or a piece of one, on its way to hub.inbound; `name` is what problems are told under."""

    name: str
    body: bytes
    content_type: str | None
    headers: Mapping[str, object] = {}


async def publish(
    amqp_url: str, key: str, files: Sequence[Callable[[], RawFile]], *, clock: Callable[[], datetime], on_confirm: Callable[[], None]
) -> dict[str, str]:
    """Put files on hub.inbound, each confirmed by the broker. Returns name -> problem of those it did not take.

    Files are read when their turn comes. Raises: BrokerUnavailable, Failure.
    """
    problems: dict[str, str] = {}
    user = user_of(amqp_url)
    async with _exchange(amqp_url, INBOUND) as (_, exchange):
        gate = asyncio.Semaphore(_IN_FLIGHT)

        async def one(read: Callable[[], RawFile]) -> None:
            async with gate:
                file = read()
                message = Message(
                    file.body,
                    content_type=file.content_type,
                    delivery_mode=DeliveryMode.PERSISTENT,
                    headers=cast(HeadersType, {**file.headers, "hub-received-at": clock().isoformat()}),
                    user_id=user,
                )
                try:
                    with broker_errors():
                        await exchange.publish(message, key, mandatory=True, timeout=_CONFIRM_S)
                except BrokerUnavailable as error:
                    if not isinstance(error.__cause__, DeliveryError):
                        raise
                    taken = "no queue takes this key" if isinstance(error.__cause__, PublishError) else "the queue is full"
                    problems[file.name] = taken
                on_confirm()

        await asyncio.gather(*(one(read) for read in files))
    return problems
