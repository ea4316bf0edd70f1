"""Exchanges, queues, bindings and broker users as data; apply and check them, and export them for RabbitMQ to import.

Everything is declared by queue arguments, so that a broker needs no policies of ours. Arguments can't be changed on a queue
that exists: `apply` leaves such a queue as it is and reports it, and a person decides.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelClosed, ChannelNotFoundEntity, ChannelPreconditionFailed
from aiormq.exceptions import ChannelAccessRefused
from pamqp.common import FieldTable

from adapters.contract import Adapter
from hub.bus.connection import connected
from schemas.events import ARCHIVED_PATTERNS

INBOUND: Final = "hub.inbound"
COMMANDS: Final = "hub.commands"
EVENTS: Final = "hub.events"
OUTBOUND: Final = "hub.outbound"
DEAD: Final = "hub.dead"
UNROUTABLE: Final = "hub.unroutable"
ARCHIVE: Final = "hub.events.archive"
NOTIFY: Final = "hub.notify"
NOTICES: Final = "notification.requested.#"
SHOP_KEY: Final = "shop.orders"

RETRY_DELAYS_S: Final[Mapping[str, int]] = {"5s": 5, "30s": 30, "2m": 120, "10m": 600, "1h": 3600, "6h": 21_600}
DELIVERY_LIMIT: Final = 50
# A queue without dead-letter exchange *drops* what passes its limit, and RabbitMQ 4 has one of 20 when none is given. The last
# resort must not lose anything; -1 ("none") is refused by 3.10, hence the largest number all versions take.
NO_DELIVERY_LIMIT: Final = 2**31 - 1

Arguments = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    type: Literal["topic", "fanout"]
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue."""

    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Binding:
    """A queue's wish to get what an exchange receives under a key."""

    exchange: str
    queue: str
    routing_key: str = ""


@dataclass(frozen=True, slots=True)
class Topology:
    """All the hub declares."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]

    @property
    def objects(self) -> tuple["Exchange | Queue", ...]:
        """Exchanges, then queues."""
        return (*self.exchanges, *self.queues)


@dataclass(frozen=True, slots=True)
class Drift:
    """One object of the broker that is not as declared.

    `missing`: not there. `different`: other arguments; `detail` is the broker's own text, which names the first of them.
    `refused`: this user may not look; nothing is known about it. `down`: it is there, but the node that leads it is not.
    """

    kind: Literal["exchange", "queue"]
    name: str
    problem: Literal["missing", "different", "refused", "down"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did: names it made, and what it had to leave as it is."""

    created: tuple[str, ...]
    drift: tuple[Drift, ...]


def inbound_queue(key: str) -> str:
    """Give the queue of an adapter's inbound key."""
    return f"hub.in.{key}"


def outbound_queue(key: str) -> str:
    """Give the queue of the work for an adapter's provider."""
    return f"hub.out.{key}"


def has_outbound_work(adapter: Adapter) -> bool:
    """Say whether the hub ever calls this provider."""
    return adapter.build_fetch is not None or (adapter.outbound is not None and bool(adapter.outbound.operations))


def build(adapters: Iterable[Adapter], *, notify: bool = False, delivery_limit: int = DELIVERY_LIMIT) -> Topology:
    """Describe the topology for these adapters. shop.orders is always there: without it no order could come in.

    `notify`: the hub sends the e-mails itself. Else their queue is not made: nobody would empty it.
    """
    known = sorted({adapter.name: adapter for adapter in adapters}.values(), key=lambda adapter: adapter.name)
    keys = sorted({SHOP_KEY, *(adapter.name for adapter in known)})
    outbound = [adapter.name for adapter in known if has_outbound_work(adapter)]
    work = {**_quorum(delivery_limit), "x-dead-letter-exchange": DEAD, "x-dead-letter-strategy": "at-least-once"}
    # No dead-letter exchange behind these two: whatever is in them has died already, and stays until the archiver has stored it.
    last = _quorum(NO_DELIVERY_LIMIT)
    ladder = {
        f"hub.retry.{name}": {
            **_quorum(delivery_limit),
            "x-message-ttl": seconds * 1000,
            # The default exchange, and no x-dead-letter-routing-key: the message keeps the key it was published with, which is
            # the name of the queue it came from.
            "x-dead-letter-exchange": "",
            "x-dead-letter-strategy": "at-least-once",
        }
        for name, seconds in RETRY_DELAYS_S.items()
    }
    exchanges = (
        Exchange(INBOUND, "topic", {"alternate-exchange": UNROUTABLE}),
        Exchange(COMMANDS, "topic"),
        Exchange(EVENTS, "topic"),
        Exchange(OUTBOUND, "topic"),
        *(Exchange(name, "fanout") for name in ladder),
        Exchange(DEAD, "fanout"),
        Exchange(UNROUTABLE, "fanout"),
    )
    queues = (
        *(Queue(inbound_queue(key), work) for key in keys),
        Queue(COMMANDS, work),
        *(Queue(outbound_queue(key), work) for key in outbound),
        *((Queue(NOTIFY, work),) if notify else ()),
        *(Queue(name, arguments) for name, arguments in ladder.items()),
        Queue(DEAD, last),
        Queue(UNROUTABLE, last),
        Queue(ARCHIVE, {"x-queue-type": "stream", "x-max-age": "7D"}),
    )
    bindings = (
        *(Binding(INBOUND, inbound_queue(key), key if key == SHOP_KEY else f"{key}.#") for key in keys),
        Binding(COMMANDS, COMMANDS, "#"),
        *(Binding(OUTBOUND, outbound_queue(key), f"{key}.#") for key in outbound),
        *(Binding(name, name) for name in ladder),
        Binding(DEAD, DEAD),
        Binding(UNROUTABLE, UNROUTABLE),
        *((Binding(EVENTS, NOTIFY, NOTICES),) if notify else ()),
        *(Binding(EVENTS, ARCHIVE, pattern) for pattern in ARCHIVED_PATTERNS),
    )
    return Topology(exchanges, queues, bindings)


def _quorum(delivery_limit: int) -> dict[str, str | int]:
    return {"x-queue-type": "quorum", "x-overflow": "reject-publish", "x-delivery-limit": delivery_limit}


# -- the broker -------------------------------------------------------------------------------------------------------


async def apply(url: str, topology: Topology) -> Applied:
    """Declare what is missing and bind everything; a second run changes nothing. Raises: BrokerUnavailable.

    Bindings to an exchange or queue that is of another type are made all the same: they are what the name promises.
    """
    created: list[str] = []
    drift: list[Drift] = []
    async with connected(url, "order-hub topology") as connection:
        for item in topology.objects:
            found = await _compare(connection, item)
            if found is None:
                continue
            if found.problem == "missing":
                async with connection.channel() as channel:
                    await _declare(channel, item)
                created.append(item.name)
            else:
                drift.append(found)
        unusable = {found.name for found in drift if found.problem in ("refused", "down")}
        async with connection.channel() as channel:
            for binding in topology.bindings:
                if not unusable.intersection((binding.exchange, binding.queue)):
                    queue = await channel.get_queue(binding.queue, ensure=False)
                    await queue.bind(binding.exchange, binding.routing_key)
    return Applied(tuple(created), tuple(drift))


async def check(url: str, topology: Topology) -> list[Drift]:
    """Compare the broker with what is declared, changing nothing. Raises: BrokerUnavailable.

    AMQP has no way to ask for bindings; `apply` makes them again at any time.
    """
    async with connected(url, "order-hub topology") as connection:
        found = [await _compare(connection, item) for item in topology.objects]
    return [drift for drift in found if drift is not None]


async def _compare(connection: AbstractConnection, item: Exchange | Queue) -> Drift | None:
    """Look at one object: first whether it is there, which makes nothing, then whether the broker takes our declaration of it."""
    kind: Literal["exchange", "queue"] = "exchange" if isinstance(item, Exchange) else "queue"
    for passive in (True, False):
        # Every answer but yes closes the channel it came on.
        channel = connection.channel()
        try:
            await channel.initialize()
            await _declare(channel, item, passive=passive)
        except ChannelNotFoundEntity as error:
            # The same code for a queue whose node is away or just starting; declaring it would be refused as well.
            return Drift(kind, item.name, "down", _text(error)) if "home node" in str(error) else Drift(kind, item.name, "missing")
        except ChannelPreconditionFailed as error:
            return Drift(kind, item.name, "different", _text(error))
        except ChannelAccessRefused as error:
            return Drift(kind, item.name, "refused", _text(error))
        except ChannelClosed as error:
            return Drift(kind, item.name, "different", _text(error))
        finally:
            await channel.close()
    return None


def _text(error: ChannelClosed) -> str:
    return str(error).removeprefix("PRECONDITION_FAILED - ").removeprefix("ACCESS_REFUSED - ").removeprefix("NOT_FOUND - ")


async def _declare(channel: AbstractChannel, item: Exchange | Queue, *, passive: bool = False) -> None:
    arguments: FieldTable = dict(item.arguments)
    if isinstance(item, Exchange):
        await channel.declare_exchange(item.name, ExchangeType(item.type), durable=True, passive=passive, arguments=arguments)
    else:
        await channel.declare_queue(item.name, durable=True, passive=passive, arguments=arguments)


# -- users and the definitions file -----------------------------------------------------------------------------------

NOTHING: Final = "^$"


@dataclass(frozen=True, slots=True)
class TopicPermission:
    """Which routing keys a user may write to an exchange, and with which keys it may bind to it."""

    exchange: str
    write: str = NOTHING
    read: str = NOTHING


@dataclass(frozen=True, slots=True)
class Role:
    """What one broker user may do: three anchored patterns and the keys on topic exchanges."""

    name: str
    configure: str
    write: str
    read: str
    topics: tuple[TopicPermission, ...] = ()
    tags: tuple[str, ...] = ()


def _own(role: str) -> str:
    # Queues of its own, and queues for replies: `reply.<role>.*`, so that one role can't read the answers to another's questions.
    return rf"({role}|reply\.{role})\..+"


_ERP_COMMANDS: Final = r"^(order\.get|order\.start_production|fiscal\.mark_issued|shipment\..+)$"
_ERP_EVENTS: Final = r"^(order|payment|invoice|shipment|refund|fiscal|stock|erp)\..+$"

ROLES: Final = (
    Role(
        "shop",
        rf"^{_own('shop')}$",
        rf"^(hub\.inbound|hub\.commands|{_own('shop')})$",
        rf"^(hub\.events|{_own('shop')})$",
        (TopicPermission(INBOUND, write=r"^shop\.orders$"), TopicPermission(COMMANDS, write=".*"), TopicPermission(EVENTS, read=".*")),
    ),
    Role("payments", NOTHING, r"^hub\.inbound$", NOTHING, (TopicPermission(INBOUND, write=r"^payments\..+$"),)),
    Role("carriers", NOTHING, r"^hub\.inbound$", NOTHING, (TopicPermission(INBOUND, write=r"^carriers\..+$"),)),
    Role(
        "erp",
        rf"^{_own('erp')}$",
        rf"^(hub\.inbound|hub\.commands|{_own('erp')})$",
        rf"^(hub\.events|{_own('erp')})$",
        (
            TopicPermission(INBOUND, write=r"^erp\..+$"),
            TopicPermission(COMMANDS, write=_ERP_COMMANDS),
            TopicPermission(EVENTS, read=_ERP_EVENTS),
        ),
    ),
    Role(
        "ops",
        rf"^{_own('ops')}$",
        rf"^(hub\.inbound|hub\.commands|{_own('ops')})$",
        rf"^(hub\.events|hub\.events\.archive|{_own('ops')})$",
        (TopicPermission(INBOUND, write=".*"), TopicPermission(COMMANDS, write=".*"), TopicPermission(EVENTS, read=".*")),
        tags=("monitoring",),
    ),
    # The running hub declares nothing: an administrator applies the topology or imports the exported file. It writes to the
    # default exchange (`amq.default`) for replies.
    Role(
        "hub",
        NOTHING,
        r"^(hub\.events|hub\.outbound|hub\.retry\..+|amq\.default)$",
        r"^hub\.(in\..+|out\..+|commands|dead|unroutable|notify)$",
        (TopicPermission(EVENTS, write=".*"), TopicPermission(OUTBOUND, write=".*")),
    ),
)


def password_hash(password: str, salt: bytes) -> str:
    """Hash a password as RabbitMQ's rabbit_password_hashing_sha256 does: base64 of a 4-byte salt and SHA-256 of salt and password.

    Source: https://www.rabbitmq.com/docs/passwords, "computing password hash".
    """
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def export(
    topology: Topology, passwords: Mapping[str, str], *, vhost: str = "/", salt: Callable[[], bytes] = lambda: secrets.token_bytes(4)
) -> dict[str, Any]:
    """Write a RabbitMQ definitions document: topology, and one user per role named like it. A role without password can't log in."""
    return {
        "vhosts": [{"name": vhost}],
        "users": [
            {
                "name": role.name,
                "password_hash": password_hash(passwords[role.name], salt()) if passwords.get(role.name) else "",
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": list(role.tags),
            }
            for role in ROLES
        ],
        "permissions": [
            {"user": role.name, "vhost": vhost, "configure": role.configure, "write": role.write, "read": role.read} for role in ROLES
        ],
        "topic_permissions": [
            {"user": role.name, "vhost": vhost, "exchange": topic.exchange, "write": topic.write, "read": topic.read}
            for role in ROLES
            for topic in role.topics
        ],
        "exchanges": [
            {
                "name": exchange.name,
                "vhost": vhost,
                "type": exchange.type,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": dict(exchange.arguments),
            }
            for exchange in topology.exchanges
        ],
        "queues": [
            {"name": queue.name, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": dict(queue.arguments)}
            for queue in topology.queues
        ],
        "bindings": [
            {
                "source": binding.exchange,
                "vhost": vhost,
                "destination": binding.queue,
                "destination_type": "queue",
                "routing_key": binding.routing_key,
                "arguments": {},
            }
            for binding in topology.bindings
        ],
    }
