"""The AsyncAPI 3.0 document of everything on the broker: `python -m hub.bus.asyncapi --check | --write [FILE]`.

It is built on a second broker that is never started, with typed subscribers and publishers: the one that runs has raw handlers,
whose document would be empty, because a typed handler that settles its messages itself stalls on a bad body (architecture D13).
"""

import argparse
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from faststream.rabbit import ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.specification import AsyncAPI
from pydantic import Field

import schemas.export
from schemas.commands import COMMANDS, CommandReply, message_model
from schemas.events import CLOUDEVENTS_SOURCE, EVENTS, event_type
from schemas.export import opened, stable_json
from schemas.facts.fiscal import FISCAL_KINDS
from schemas.facts.payments import PAYMENT_KINDS
from schemas.facts.shipments import SHIPMENT_KINDS
from schemas.orders import OrderCanceledMessage, OrderPlacedMessage
from schemas.vocabulary import EXCEPTION_KINDS, NOTIFICATION_TEMPLATES

FILE: Final = schemas.export.FOLDER / "asyncapi.json"

_INBOUND: Final = RabbitExchange("hub.inbound", type=ExchangeType.TOPIC, durable=True)
_COMMANDS: Final = RabbitExchange("hub.commands", type=ExchangeType.TOPIC, durable=True)
_EVENTS: Final = RabbitExchange("hub.events", type=ExchangeType.TOPIC, durable=True)

_ShopMessage = Annotated[OrderPlacedMessage | OrderCanceledMessage, Field(discriminator="type")]

# The words a pattern's stars stand for, in order, and their closed list where there is one.
_PARAMETERS: Final[Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]] = {
    "order.status_changed.*": (("status", ()),),
    "payment.*": (("kind", tuple(kind.partition(".")[2] for kind in PAYMENT_KINDS)),),
    "shipment.*": (("kind", tuple(kind.partition(".")[2] for kind in SHIPMENT_KINDS)),),
    "fiscal.*": (("kind", tuple(kind.partition(".")[2] for kind in FISCAL_KINDS)),),
    "refund.*": (("kind", ("requested", "done", "failed")),),
    "notification.requested.*.*": (("channel", ("email",)), ("template", NOTIFICATION_TEMPLATES)),
    "exception.opened.*": (("kind", EXCEPTION_KINDS),),
    "exception.resolved.*": (("kind", EXCEPTION_KINDS),),
}


def build() -> dict[str, Any]:
    """Build the document. No connection is made."""
    broker = RabbitBroker("amqp://localhost:5672/", apply_types=False)
    broker.subscriber(
        _quorum("hub.in.{family}.{provider}", "{family}.{provider}"), _INBOUND, title="inbound", no_reply=True,
        description="A provider's message exactly as it came: JSON, XML, or the bytes of a bank file, up to 8 MiB.",
    )(_handler(bytes))  # fmt: skip
    broker.subscriber(
        _quorum("hub.in.shop.orders", "shop.orders"), _INBOUND, title="inbound.shop.orders", no_reply=True,
        description="What the shop platform says, in the hub's own words.",
    )(_handler(_ShopMessage))  # fmt: skip
    for name, data in COMMANDS.items():
        broker.subscriber(
            _quorum("hub.commands", name), _COMMANDS, title=f"command.{name}", description=data.__doc__, no_reply=True
        )(_handler(message_model(name)))  # fmt: skip
    broker.publisher(
        routing_key="reply_to", title="reply", schema=CommandReply, mandatory=False,
        description="Straight to the queue named in reply_to, with the command's correlation_id, after the commit.",
    )  # fmt: skip
    for pattern, model in EVENTS.items():
        broker.publisher(
            exchange=_EVENTS, routing_key=_address(pattern), title=_event_channel(pattern), schema=model, description=model.__doc__,
            persist=True, mandatory=False,
        )  # fmt: skip
    document: dict[str, Any] = AsyncAPI(
        broker, title="order-hub", version="1.0.0", description="Messages of the order hub. Amounts are integer centavos (BRL)."
    ).to_specification().to_jsonable()  # fmt: skip
    for key, message in document["components"]["messages"].items():
        message["title"] = key.partition(":")[0]
    _describe_inbound(document)
    _describe_replies(document)
    _describe_events(document)
    _open_what_is_written(document)
    legal: dict[str, Any] = _with_legal_keys(document)
    return legal


def _quorum(queue: str, key: str) -> RabbitQueue:
    return RabbitQueue(queue, queue_type=QueueType.QUORUM, durable=True, routing_key=key)


def _handler(payload: Any) -> Callable[[Any], Awaitable[None]]:
    async def handle(body: Any) -> None:
        """Never called."""

    # FastStream reads the payload's schema from the annotation, which differs from call to call here.
    handle.__annotations__ = {"body": payload, "return": None}
    return handle


def _event_channel(pattern: str) -> str:
    return "event." + pattern.replace(".*", "")


def _address(pattern: str) -> str:
    for name, _ in _PARAMETERS.get(pattern, ()):
        pattern = pattern.replace("*", f"{{{name}}}", 1)
    return pattern


def _describe_inbound(document: dict[str, Any]) -> None:
    channel = document["channels"]["inbound"]
    channel["parameters"] = {
        "family": {"enum": ["payments", "carriers", "erp"]},
        "provider": {"description": "an installed adapter's name", "examples": ["pix", "pagarme", "melhor_envio", "nfe"]},
    }
    for message in ("inbound:SubscribeMessage", "inbound.shop.orders:SubscribeMessage"):
        document["components"]["messages"][message]["headers"] = {"$ref": "#/components/schemas/InboundHeaders"}
    document["components"]["messages"]["inbound:SubscribeMessage"]["contentType"] = "application/octet-stream"
    table = {"type": "object", "additionalProperties": {"type": "string"}}
    document["components"]["schemas"]["InboundHeaders"] = {
        "type": "object",
        "description": "All optional. Without hub-http-headers the message came from an authenticated AMQP user.",
        "properties": {
            "hub-received-at": {"type": "string", "format": "date-time", "description": "stamped by the edge; signatures age against it"},
            "hub-order": {"type": "string", "description": "order number, when the edge knows it"},
            "hub-http-headers": table,
            "hub-http-query": table,
            "hub-file-sha256": {"type": "string", "description": "parts of a bank file: hash of the whole file"},
            "hub-file-part": {"type": "string", "description": "parts of a bank file: i/n"},
            "traceparent": {"type": "string"},
        },
    }


def _describe_replies(document: dict[str, Any]) -> None:
    # A reply is no operation of its own in AsyncAPI 3: it belongs to each command, at an address that the command names.
    document["channels"]["reply"]["address"] = None
    del document["channels"]["reply"]["bindings"]
    del document["operations"]["reply"]
    for name in COMMANDS:
        document["operations"][f"command.{name}"]["reply"] = {
            "address": {"location": "$message.header#/reply_to", "description": "amq.rabbitmq.reply-to.* or a queue named reply.*"},
            "channel": {"$ref": "#/channels/reply"},
        }


def _describe_events(document: dict[str, Any]) -> None:
    for pattern in EVENTS:
        channel = _event_channel(pattern)
        parameters = {name: {"enum": list(words)} if words else {} for name, words in _PARAMETERS.get(pattern, ())}
        if parameters:
            document["channels"][channel]["parameters"] = parameters
        message = document["components"]["messages"][f"{channel}:Message"]
        message["name"] = pattern.replace(".*", "")
        message["headers"] = {"$ref": "#/components/schemas/CloudEventsHeaders"}
    document["components"]["schemas"]["CloudEventsHeaders"] = {
        "type": "object",
        "description": "CloudEvents 1.0, binary mode. message_id is the event's id, stable over resends.",
        "properties": {
            "cloudEvents_specversion": {"const": "1.0"},
            "cloudEvents_id": {"type": "string"},
            "cloudEvents_source": {"const": CLOUDEVENTS_SOURCE},
            "cloudEvents_type": {"type": "string", "examples": [event_type("order.status_changed.processing")]},
            "cloudEvents_time": {"type": "string", "format": "date-time"},
            "cloudEvents_subject": {"type": "string", "description": "order number"},
            "traceparent": {"type": "string"},
        },
        "required": ["cloudEvents_specversion", "cloudEvents_id", "cloudEvents_source", "cloudEvents_type", "cloudEvents_time"],
    }


def _open_what_is_written(document: dict[str, Any]) -> None:
    """Leave unknown fields open in what the hub writes, as the JSON Schema files do, and closed in what it reads."""
    components: dict[str, Any] = document["components"]["schemas"]
    read: set[str] = set()
    waiting = ["inbound.shop.orders:Message:Payload", *(f"{data.__name__}Command" for data in COMMANDS.values())]
    while waiting:
        name = waiting.pop()
        if name not in read:
            read.add(name)
            waiting.extend(_referred(components[name]))
    for name in components.keys() - read:
        components[name] = opened(components[name])


def _referred(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        found = {name for value in schema.values() for name in _referred(value)}
        reference = schema.get("$ref")
        return found | {reference.rpartition("/")[2]} if isinstance(reference, str) else found
    if isinstance(schema, list):
        return {name for value in schema for name in _referred(value)}
    return set()


def _with_legal_keys(node: Any) -> Any:
    """Take the colons out of keys and references: component names of AsyncAPI are letters, digits, dot, dash and underscore."""
    if isinstance(node, dict):
        return {key.replace(":", "."): _with_legal_keys(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_legal_keys(value) for value in node]
    if isinstance(node, str) and node.startswith("#/"):
        return node.replace(":", ".")
    return node


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hub.bus.asyncapi", description="the AsyncAPI document")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="exit 1 if the file differs from the models")
    action.add_argument("--write", action="store_true", help="bring the file in line with the models")
    parser.add_argument("file", nargs="?", type=Path, default=FILE, metavar="FILE")
    options = parser.parse_args(arguments)
    wanted = stable_json(build())
    if options.file.exists() and options.file.read_text("utf-8") == wanted:
        return 0
    if options.write:
        options.file.write_text(wanted, "utf-8")
    sys.stdout.write(f"{'wrote' if options.write else 'differs'} {options.file.name}\n")
    return 0 if options.write else 1


if __name__ == "__main__":
    sys.exit(main())
