"""What lists, traces and repairs say on PostgreSQL is what they say on SQLite."""

import json
from typing import Any

import pytest

from tests import traffic
from tests.unit.cli.conftest import Run

_LISTS = [
    ("orders", "list", "--sort", "number"),
    (
        "orders",
        "list",
        "--number",
        "10*",
        "--product",
        "CAMISÉTA",
        "--sku",
        "cam*",
        "--customer",
        "exemplo",
        "--delivery",
        "pac",
        "--sort",
        "total",
    ),
    ("orders", "list", "--from", "2026-11-20", "--to", "2026-11-20", "--total-min", "119,70", "--paid-min", "1", "--sort", "-total"),
    ("orders", "list", "--status", "pending,canceled"),
    ("orders", "list", "--exception", "overpaid"),
    ("orders", "show", "2001"),
    ("exceptions", "list"),
    ("exceptions", "show", "1"),
    ("dead", "list", "--cause", "json", "--from", "2026-11-25"),
    ("dead", "groups"),
    ("dead", "show", "1"),
    ("transactions", "list", "--kind", "capture"),
    ("invoices", "list"),
    ("trace", "1001"),
    ("trace", traffic.txid_of("9009")),
    ("trace", "CLIENTE1001@exemplo.invalid"),
    ("verify",),
]


@pytest.mark.parametrize("arguments", _LISTS, ids=" ".join)
def test_both_databases_say_the_same(hub: Run, shop: str, postgres_shop: str, arguments: tuple[str, ...]) -> None:
    answers: list[Any] = []
    for url in (shop, postgres_shop):
        result = hub(*arguments, "--json", "--database-url", url)
        assert result.exit_code == 0, result.output
        answers.append(json.loads(result.stdout))
    assert answers[0] == answers[1]
    assert answers[0]


def test_a_published_event_leads_to_its_order(hub: Run, postgres_shop: str) -> None:
    (order,) = json.loads(hub("trace", "1001", "--json", "--database-url", postgres_shop).stdout)["orders"]
    event = order["entries"][1]["events"][0]["id"]
    assert "Pedido 1001" in hub("trace", event, "--database-url", postgres_shop).stdout


def test_commands_and_repairs(hub: Run, postgres_shop: str) -> None:
    url = ("--database-url", postgres_shop)
    assert hub("order", "approve", "1002", "--direct", *url).exit_code == 0
    assert hub("dead", "redrive", "1", "--dry-run", *url).exit_code == 1
    assert hub("dead", "discard", "1", "--note", "test", *url).exit_code == 0
    checks = {one["check"]: one["status"] for one in json.loads(hub("doctor", "--json", "--amqp-url", "amqp://127.0.0.1:9/", *url).stdout)}
    assert (checks["database"], checks["schema"], checks["dead letters"]) == ("ok", "ok", "ok")
