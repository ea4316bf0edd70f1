"""Every manual step of an order by the command line, done on the database."""

import json

import pytest

from hub.cli.verbs import VERBS, words_of
from schemas.commands import COMMANDS, needs_order
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_order import answers

_ELSEWHERE = {"order.get", "order.approve", "order.cancel"}
_LATER = {"order.edit", "order.reorder", "customer.impersonate_link"}


def test_every_command_of_one_order_has_a_verb() -> None:
    assert words_of().keys() == {name for name in COMMANDS if needs_order(name)} - _ELSEWHERE - _LATER


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_explains_itself(hub: Run, verb: str) -> None:
    result = hub("order", verb, "--help")
    assert result.exit_code == 0
    assert "--reason" in result.stdout


def test_an_order_goes_its_whole_way_by_hand(hub: Run, shop: str) -> None:
    base = ("--database-url", shop)
    assert answers(hub, "hold", "1001", "--reason", "conferir", *base)[0]["state"] == "holded"
    assert answers(hub, "release", "1001", *base)[0]["state"] == "processing"
    assert answers(hub, "start-production", "1001", "1002", *base, status=1)[1]["code"] == "not_paid"
    assert answers(hub, "fiscal-mark-issued", "1001", "--number", "12", "--series", "1", *base)[0]["status"] == "nf_issued"
    address = json.dumps({"street": "Rua Nova", "number": "7"})
    assert answers(hub, "set-address", "1001", "--type", "shipping", "--address", address, *base)[0]["result"]["version"] == 2
    assert answers(hub, "comment", "1001", "--text", "ligar antes", "--visible", *base)[0]["outcome"] == "accepted"
    track = "AA123456785BR=https://example.invalid/AA123456785BR"
    shipped = answers(hub, "shipment-create", "1001", "--carrier", "correios", "--track", track, "--item", "CAM-01=1", *base)
    assert (shipped[0]["state"], shipped[0]["status"]) == ("processing", "partially_shipped")
    assert answers(hub, "shipment-create", "1001", "--carrier", "custom", "--title", "Motoboy", *base)[0]["state"] == "complete"
    assert answers(hub, "shipment-mark-delivered", "1001", *base)[0]["status"] == "delivered"
    assert answers(hub, "resend", "1001", "--kind", "invoice", *base)[0]["outcome"] == "accepted"
    assert answers(hub, "refund", "1001", "--mode", "offline", "--method", "transfer", "--yes", *base)[0]["state"] == "closed"
    page = hub("orders", "show", "1001", *base)
    assert page.exit_code == 0
    for word in ("AA123456785BR", "Entregas", "Notas fiscais", "Reembolsos", "ligar antes", "Rua Nova"):
        assert word in page.stdout, word
    trace = hub("trace", "AA123456785BR", *base)
    assert trace.exit_code == 0 and "1001" in trace.stdout
    assert hub("verify", *base).exit_code == 0


def test_what_is_typed_wrong_is_named(hub: Run, shop: str) -> None:
    base = ("--direct", "--database-url", shop)
    for arguments, word in (
        (("shipment-create", "1001", "--item", "CAM-01"), "SKU=QUANTITY"),
        (("set-address", "1001", "--type", "shipping", "--address", "{"), "--address"),
        (("set-address", "1001", "--address", "{}"), "type"),
        (("resend", "1001", "--kind", "poem"), "kind"),
    ):
        result = hub("order", *arguments, *base)
        assert result.exit_code == 2 and word in result.stderr, (arguments, result.output)


def test_exceptions_are_resolved_and_references_added(hub: Run, shop: str) -> None:
    base = ("--direct", "--json", "--database-url", shop)
    (found,) = json.loads(hub("exceptions", "list", "--json", "--database-url", shop).stdout)
    assert found["kind"] == "overpaid"
    result = hub("exceptions", "resolve", str(found["id"]), "--resolution", "crédito na loja", *base)
    assert result.exit_code == 0, result.output
    assert hub("exceptions", "resolve", "999", "--resolution", "x", *base).exit_code == 1
    waiting = json.loads(hub("reference", "add", "1002", "--kind", "txid", "--value", "ped9009".ljust(30, "0"), *base).stdout)
    assert waiting[0]["result"]["released"] == 1
    assert hub("unknowns", "list", "--database-url", shop).exit_code == 0
    assert "custom" in hub("carriers", "list").stdout
