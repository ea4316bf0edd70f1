"""Beside the orders: unknown words, references, carriers, exceptions."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import pytest

from tests import traffic, world
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_trace import trace

LATER: Final = traffic.START + timedelta(hours=1)


def read(hub: Run, *arguments: str, status: int = 0, settings: Mapping[str, str] | None = None) -> Any:
    result = hub(*arguments, "--json", **(settings or {}))
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


@pytest.fixture
def strange(sqlite_url: str) -> str:
    """An order whose card gateway says words that nobody knows."""
    engine = world.open_engine(sqlite_url)
    charges = [
        traffic.charge("1001", word, status=word, transaction=word, at=LATER + timedelta(minutes=minute), hook=str(minute))
        for minute, word in enumerate(("espantado", "espantado", "[/]quase"))
    ]
    world.feed(engine, [traffic.placed("1001", method="card"), *charges])
    world.close_engines()
    return sqlite_url


def test_unknown_words_are_listed_and_applied_once_they_are_mapped(hub: Run, strange: str) -> None:
    base = ("--database-url", strange)
    found = read(hub, "unknowns", "list", *base)
    (first, second) = found
    assert (first["provider"], first["kind"], first["count"], first["applied"]) == ("pagarme", "payment.unknown", 2, 0)
    assert first["orders"] == ["1001"]
    assert {first["mapped_to"], second["mapped_to"]} == {None}
    assert read(hub, "unknowns", "apply", *base) == {"applied": 0, "needs_yes": 0}

    words = {first["word"]: "payment.pending", second["word"]: "payment.captured"}
    mapped = {"HUB_MAP_PAGARME": json.dumps(words)}
    table = hub("unknowns", "list", *base, **mapped)
    assert table.exit_code == 0
    assert "payment.captured" in table.stdout
    assert "[/]quase" in table.stdout, "a provider's word is no markup"
    result = hub("unknowns", "apply", *base, **mapped)
    assert "2 facts applied; 1 fact of success waiting for --yes" in result.stdout
    assert read(hub, "unknowns", "apply", "--yes", *base, settings=mapped) == {"applied": 1, "needs_yes": 0}
    assert [one["applied"] for one in read(hub, "unknowns", "list", *base, settings=mapped)] == [2, 1]
    order = read(hub, "orders", "show", "1001", *base)
    assert order["payment_state"] == "paid"
    assert order["exceptions"] == []
    assert hub("verify", *base).exit_code == 0


def test_applying_words_is_for_operators(hub: Run, strange: str) -> None:
    result = hub("unknowns", "apply", "--database-url", strange, HUB_ROLES='{"somebody": "operator"}')
    assert result.exit_code == 1
    assert "forbidden" in result.stderr


def test_without_unknown_words_the_list_says_so(hub: Run, shop: str) -> None:
    assert hub("unknowns", "list", "--database-url", shop).stdout.strip() == "no unknown words"


def test_a_reference_frees_what_waits(hub: Run, shop: str) -> None:
    base = ("--database-url", shop)
    txid = traffic.txid_of("9009")
    assert trace(hub, txid, shop)["parked"]
    (answer,) = read(hub, "reference", "add", "1002", "--kind", "txid", "--value", txid, "--direct", *base)
    assert (answer["outcome"], answer["result"]["released"]) == ("accepted", 1)
    assert [one["number"] for one in trace(hub, txid, shop)["orders"]] == ["1002"]
    result = hub("reference", "add", "77", "--kind", "txid", "--value", "x", "--direct", *base)
    assert result.exit_code == 1
    assert "order_not_found" in result.stdout
    assert hub("reference", "add", "1002", "--kind", "nickname", "--value", "x", "--direct", *base).exit_code == 2


def test_an_exception_is_resolved_by_whom_and_how(hub: Run, shop: str) -> None:
    base = ("--database-url", shop)
    (found,) = read(hub, "exceptions", "list", *base)
    done = ("exceptions", "resolve", str(found["id"]), "--resolution", "crédito na loja", "--actor", "ana", "--direct", *base)
    assert [one["outcome"] for one in read(hub, *done)] == ["accepted"]
    assert read(hub, "exceptions", "list", *base) == []
    shown = hub("exceptions", "show", str(found["id"]), *base)
    assert "crédito na loja by ana" in shown.stdout
    (again,) = read(hub, "exceptions", "resolve", "999", "--resolution", "x", "--direct", *base, status=1)
    assert again["code"] == "exception_not_found"


@pytest.mark.requirement("R72")
def test_carriers_are_those_of_the_settings_and_custom(hub: Run) -> None:
    assert [one["code"] for one in read(hub, "carriers", "list")] == ["melhor_envio", "frenet", "correios", "jadlog", "loggi", "custom"]
    own = read(hub, "carriers", "list", settings={"HUB_CARRIERS": '{"motoboy": "Motoboy da loja"}'})
    assert own == [{"code": "motoboy", "title": "Motoboy da loja"}, {"code": "custom", "title": "Valor personalizado"}]
    assert "Motoboy da loja" in hub("carriers", "list", HUB_CARRIERS='{"motoboy": "Motoboy da loja"}').stdout
