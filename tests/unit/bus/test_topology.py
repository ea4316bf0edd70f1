"""The topology as data: what the contract promises, without a broker."""

import base64
import hashlib
import re

import pytest

from adapters.contract import Adapter, Fetch, HttpRequest, Ignored, RawDelivery, unsigned
from hub.bus import topology
from hub.bus.topology import DELIVERY_LIMIT, NO_DELIVERY_LIMIT, ROLES, Binding, build
from schemas.commands import COMMANDS
from schemas.events import CARRIES_PERSONAL_DATA, EVENTS


def ignore(_: RawDelivery) -> Ignored:
    return Ignored("test")


def request(_: Fetch) -> HttpRequest:
    return HttpRequest("GET", "/")


ADAPTERS = (
    Adapter(name="shop.orders", translate=ignore, verify=unsigned, docs=""),
    Adapter(name="payments.pix", translate=ignore, verify=unsigned, docs=""),
    Adapter(name="payments.mercadopago", translate=ignore, verify=unsigned, docs="", build_fetch=request),
)
TOPOLOGY = build(ADAPTERS)
QUEUES = {queue.name: queue.arguments for queue in TOPOLOGY.queues}


def test_each_adapter_has_its_own_queue_and_shop_orders_is_always_there() -> None:
    assert {"hub.in.shop.orders", "hub.in.payments.pix", "hub.in.payments.mercadopago"} <= QUEUES.keys()
    assert "hub.in.shop.orders" in {queue.name for queue in build(()).queues}
    assert Binding("hub.inbound", "hub.in.payments.pix", "payments.pix.#") in TOPOLOGY.bindings
    assert Binding("hub.inbound", "hub.in.shop.orders", "shop.orders") in TOPOLOGY.bindings


def test_only_providers_that_are_called_have_an_outbound_queue() -> None:
    assert [name for name in QUEUES if name.startswith("hub.out.")] == ["hub.out.payments.mercadopago"]


def test_work_queues_dead_letter_with_confirms_after_the_delivery_limit() -> None:
    for name in ("hub.in.payments.pix", "hub.commands", "hub.out.payments.mercadopago"):
        assert QUEUES[name] == {
            "x-queue-type": "quorum",
            "x-overflow": "reject-publish",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "hub.dead",
            "x-dead-letter-strategy": "at-least-once",
        }


@pytest.mark.parametrize("name", ["hub.dead", "hub.unroutable"])
def test_the_last_queues_never_drop_what_they_hold(name: str) -> None:
    assert "x-dead-letter-exchange" not in QUEUES[name]
    assert QUEUES[name]["x-delivery-limit"] == NO_DELIVERY_LIMIT


def test_a_rung_gives_its_message_back_to_the_queue_named_in_the_routing_key() -> None:
    for delay, milliseconds in (("5s", 5_000), ("2m", 120_000), ("6h", 21_600_000)):
        arguments = QUEUES[f"hub.retry.{delay}"]
        assert arguments["x-message-ttl"] == milliseconds
        assert arguments["x-dead-letter-exchange"] == ""
        assert "x-dead-letter-routing-key" not in arguments
        assert Binding(f"hub.retry.{delay}", f"hub.retry.{delay}") in TOPOLOGY.bindings


def test_the_archive_binds_every_event_but_those_that_name_a_person() -> None:
    keys = {binding.routing_key for binding in TOPOLOGY.bindings if binding.queue == "hub.events.archive"}
    assert keys == EVENTS.keys() - CARRIES_PERSONAL_DATA


def test_inbound_messages_that_nobody_owns_are_kept() -> None:
    exchange = next(exchange for exchange in TOPOLOGY.exchanges if exchange.name == "hub.inbound")
    assert exchange.arguments == {"alternate-exchange": "hub.unroutable"}


def test_password_hash_is_the_one_of_rabbitmq() -> None:
    salt = bytes.fromhex("908dc60a")
    hashed = topology.password_hash("test12", salt)
    # The example of https://www.rabbitmq.com/docs/passwords
    assert hashed == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    assert base64.b64decode(hashed) == salt + hashlib.sha256(salt + b"test12").digest()


def test_a_role_without_password_cannot_log_in() -> None:
    users = {user["name"]: user for user in topology.export(TOPOLOGY, {"hub": "secret"})["users"]}
    assert users.keys() == {"shop", "payments", "carriers", "erp", "ops", "hub"}
    assert users["hub"]["password_hash"] and not users["shop"]["password_hash"]
    assert "secret" not in str(users)


def may_write(role: str, exchange: str, key: str) -> bool:
    found = next(item for item in ROLES if item.name == role)
    if not re.search(found.write, exchange):
        return False
    return any(topic.exchange == exchange and re.search(topic.write, key) for topic in found.topics)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_payments_and_carriers_never_command_and_erp_only_what_it_may(command: str) -> None:
    assert not may_write("payments", "hub.commands", command)
    assert not may_write("carriers", "hub.commands", command)
    allowed = command in ("order.get", "order.start_production", "fiscal.mark_issued") or command.startswith("shipment.")
    assert may_write("erp", "hub.commands", command) == allowed
    assert may_write("ops", "hub.commands", command)


def test_a_provider_family_writes_only_its_own_keys() -> None:
    assert may_write("payments", "hub.inbound", "payments.pix")
    assert not may_write("payments", "hub.inbound", "carriers.jadlog")
    assert not may_write("carriers", "hub.inbound", "payments.pix")
    assert not may_write("shop", "hub.inbound", "payments.pix")


def test_nobody_but_the_hub_reaches_the_default_exchange_or_the_hubs_queues() -> None:
    for role in ROLES:
        if role.name == "hub":
            continue
        assert not re.search(role.write, "amq.default")
        assert not re.search(role.write, "hub.events")
        for queue in ("hub.in.payments.pix", "hub.commands", "hub.dead", "reply.somebody.1"):
            assert not re.search(role.read, queue)
            assert not re.search(role.configure, queue)
