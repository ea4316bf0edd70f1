"""Commands on orders, done on the database."""

import json
from typing import Any

import pytest

from schemas.commands import CommandReply
from tests.unit.cli.conftest import Run


def answers(hub: Run, *arguments: str, status: int = 0, **settings: str) -> list[dict[str, Any]]:
    result = hub("order", *arguments, "--direct", "--json", **settings)
    assert result.exit_code == status, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    for answer in found:
        CommandReply.model_validate(answer)
    return found


def test_approve_takes_what_is_missing(hub: Run, shop: str) -> None:
    (answer,) = answers(hub, "approve", "1002", "--method", "transfer", "--reason", "depósito", "--database-url", shop)
    assert (answer["outcome"], answer["state"]) == ("accepted", "processing")
    timeline = json.loads(hub("orders", "show", "1002", "--json", "--database-url", shop).stdout)["timeline"]
    assert timeline[-1]["text"].startswith("Faturado manualmente: R$ 50,00")


def test_approve_takes_a_part(hub: Run, shop: str) -> None:
    (answer,) = answers(hub, "approve", "1002", "--amount", "10,00", "--database-url", shop)
    assert answer["result"]["remaining_cents"] == 4000
    (answer,) = answers(hub, "approve", "1002", "--amount-cents", "4000", "--database-url", shop)
    assert answer["result"]["remaining_cents"] == 0


@pytest.mark.requirement("R32")
def test_many_numbers_are_many_commands_each_with_its_answer(hub: Run, shop: str) -> None:
    found = answers(hub, "cancel", "1001", "1002", "77", "1002", "--yes", "--database-url", shop, status=1)
    assert [(one["order"], one["outcome"], one["code"]) for one in found] == [
        ("1001", "rejected", "cancel_requires_refund"),
        ("1002", "accepted", None),
        ("77", "rejected", "order_not_found"),
    ]
    result = hub("order", "cancel", "1002", "--yes", "--direct", "--database-url", shop)
    assert result.exit_code == 0
    assert "1 no_op" in result.stdout


@pytest.mark.requirement("R64")
def test_cancel_asks_first(hub: Run, shop: str) -> None:
    result = hub("order", "cancel", "1002", "--direct", "--database-url", shop)
    assert result.exit_code == 1
    assert "confirmation_required" in result.stderr
    (order,) = answers(hub, "get", "1002", "--database-url", shop)
    assert order["state"] == "new"


def test_an_idempotency_key_gives_the_first_answer_again(hub: Run, shop: str) -> None:
    call = ("approve", "1002", "--idempotency-key", "k-1", "--database-url", shop)
    first, second = answers(hub, *call), answers(hub, *call)
    assert {**first[0], "id": ""} == {**second[0], "id": ""}
    (reused,) = answers(hub, "approve", "1001", "--idempotency-key", "k-1", "--database-url", shop, status=1)
    assert reused["code"] == "key_reused"


def test_an_old_version_is_refused(hub: Run, shop: str) -> None:
    (answer,) = answers(hub, "approve", "1002", "--expected-version", "0", "--database-url", shop, status=1)
    assert answer["code"] == "version_conflict"


def test_roles_hold_on_the_database_too(hub: Run, shop: str) -> None:
    (answer,) = answers(hub, "approve", "1002", "--database-url", shop, status=1, HUB_ROLES='{"somebody": "operator"}')
    assert answer["code"] == "forbidden"


def test_get_shows_the_order(hub: Run, shop: str) -> None:
    result = hub("order", "get", "1001", "--direct", "--database-url", shop)
    assert result.exit_code == 0
    assert "Pedido 1001" in result.stdout
    result = hub("order", "get", "77", "--direct", "--database-url", shop)
    assert result.exit_code == 1
    assert "order_not_found" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("approve", "1002", "--amount", "1,00", "--amount-cents", "100"),
        ("approve", "1002", "--amount", "0"),
        ("approve", "1001", "1002", "--idempotency-key", "k"),
        ("approve", "1001", "1002", "--expected-version", "1"),
        ("approve", "x" * 65),
    ],
    ids=" ".join,
)
def test_what_no_hub_would_accept_is_not_sent(hub: Run, shop: str, arguments: tuple[str, ...]) -> None:
    result = hub("order", *arguments, "--direct", "--database-url", shop)
    assert result.exit_code == 2, result.output


def test_without_a_broker_the_status_is_3(hub: Run) -> None:
    result = hub("order", "get", "1001", "--amqp-url", "amqp://ops:geheim@127.0.0.1:9/")
    assert result.exit_code == 3
    assert "geheim" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1
