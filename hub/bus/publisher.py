"""Confirmed publishing for replies and retries, over a connection of its own.

Not the consumers' connection: a broker short of memory or disk stops reading from connections that publish, and acks must still
get through then.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError

from hub.bus.connection import broker_errors, close, connect
from hub.errors import BrokerUnavailable

CONFIRM_TIMEOUT_S: Final = 30.0
DIRECT_REPLY_TO: Final = "amq.rabbitmq.reply-to."


@dataclass(frozen=True, slots=True)
class Depth:
    """What a passive declare tells of a queue: messages ready to be delivered, and consumers of all workers."""

    ready: int
    consumers: int


class Publisher:
    """Opens its connection when first used, and again after it broke."""

    def __init__(self, url: str, name: str = "order-hub publisher") -> None:
        self._url = url
        self._name = name
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()

    async def publish(self, message: Message, routing_key: str, *, exchange: str = "", timeout_s: float = CONFIRM_TIMEOUT_S) -> bool:
        """Publish with mandatory and wait for the confirm; False when no queue took it.

        Direct reply-to is no queue: with mandatory the broker returns such a message even though the waiting client gets it.

        Raises: BrokerUnavailable when the outcome is unknown or the broker refused it: publish again.
        """
        channel = await self._open_channel()
        try:
            with broker_errors():
                target = channel.default_exchange if not exchange else await channel.get_exchange(exchange, ensure=False)
                await target.publish(
                    message, routing_key, mandatory=not (exchange == "" and routing_key.startswith(DIRECT_REPLY_TO)), timeout=timeout_s
                )
        except BrokerUnavailable as error:
            if isinstance(error.__cause__, PublishError):
                return False
            if not isinstance(error.__cause__, DeliveryError):
                await self._drop(channel)
            raise
        return True

    async def depth(self, queue: str) -> Depth | None:
        """Look at a queue; None when it is not there. Raises: BrokerUnavailable."""
        connection = await self._open_connection()
        with broker_errors():
            channel = await connection.channel(publisher_confirms=False)
            try:
                found = await channel.declare_queue(queue, passive=True, timeout=CONFIRM_TIMEOUT_S)
            except ChannelNotFoundEntity:
                return None
            finally:
                await channel.close()
        return Depth(found.declaration_result.message_count or 0, found.declaration_result.consumer_count or 0)

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            await close(connection)

    async def _open_connection(self) -> AbstractConnection:
        async with self._opening:
            if self._connection is not None and not self._connection.connected.is_set():
                await self.close()
            if self._connection is None:
                self._connection = await connect(self._url, self._name)
            return self._connection

    async def _open_channel(self) -> AbstractChannel:
        connection = await self._open_connection()
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                with broker_errors():
                    # Without on_return_raises a message that no queue took looks like one that was confirmed.
                    self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            return self._channel

    async def _drop(self, channel: AbstractChannel) -> None:
        if channel is self._channel:
            await self.close()
