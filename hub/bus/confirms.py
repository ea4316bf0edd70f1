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
    """One message to publish. `properties` must have a message id; `mandatory`: it comes back when no queue takes it."""

    exchange: str
    routing_key: str
    body: bytes
    properties: spec.Basic.Properties
    mandatory: bool = False


class _Publish(spec.Basic.Publish):
    """A publish frame that is checked and encoded once: a shop's events share a few dozen routing keys."""

    def __init__(self, exchange: str, routing_key: str, mandatory: bool) -> None:
        super().__init__(exchange=exchange, routing_key=routing_key, mandatory=mandatory)
        self._encoded = super().marshal()

    def marshal(self) -> bytes:
        """Return the encoded frame."""
        return self._encoded


@lru_cache(maxsize=1024)
def _publish_frame(exchange: str, routing_key: str, mandatory: bool) -> _Publish:
    return _Publish(exchange, routing_key, mandatory)


def was_returned(confirmation: "asyncio.Future[Any]") -> bool:
    """Say of an acked message whether no queue took it; the broker acks what it has returned."""
    return isinstance(getattr(confirmation.result(), "delivery", None), spec.Basic.Return)


async def publish_many(channel: aiormq.Channel, messages: Sequence[Outgoing]) -> list["asyncio.Future[Any]"]:
    """Publish; each future ends with the broker's ack, or raises DeliveryError for its nack.

    A mandatory message that no queue took ends well too, with the returned message as its result: see `was_returned`.

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
            if message.mandatory and message.properties.message_id is not None:
                _expect_return(channel, message.properties.message_id, confirmation)
            frames.append(_publish_frame(message.exchange, message.routing_key, message.mandatory))
            frames.append(ContentHeader(properties=message.properties, body_size=len(message.body)))
            frames.extend(ContentBody(message.body[start : start + room]) for start in range(0, len(message.body), room))
            size += len(message.body) + 300
            if size >= WRITE_BYTES:
                await channel.write_queue.put(ChannelFrame.marshall(channel_number=channel.number, frames=frames))
                frames, size = [], 0
        if frames:
            await channel.write_queue.put(ChannelFrame.marshall(channel_number=channel.number, frames=frames))
    return confirmations


def _expect_return(channel: aiormq.Channel, message_id: str, confirmation: "asyncio.Future[Any]") -> None:
    """Tell aiormq which confirmation a returned message belongs to, as its basic_publish does."""
    tag = channel.message_id_delivery_tag[message_id] = channel.delivery_tag

    def forget(_: "asyncio.Future[Any]") -> None:
        if channel.message_id_delivery_tag.get(message_id) == tag:
            del channel.message_id_delivery_tag[message_id]

    confirmation.add_done_callback(forget)
