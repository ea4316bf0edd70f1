"""Every manual step of an order by the command line, done on the database."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.cli import verbs
from hub.cli.verbs import VERBS, words_of
from schemas.commands import COMMANDS, needs_order
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_help import COMMANDS as LINES
from tests.unit.cli.test_order import answers

_ELSEWHERE = {"order.get", "order.approve", "order.cancel"}


def test_every_command_of_one_order_has_a_verb() -> None:
    assert words_of().keys() == {name for name in COMMANDS if needs_order(name)} - _ELSEWHERE


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_explains_itself(hub: Run, verb: str) -> None:
    result = hub("order", verb, "--help")
    assert result.exit_code == 0
    assert "--reason" in result.stdout


@pytest.mark.requirement("R9", "R48", "R78", "R79", "R81")
def test_an_order_goes_its_whole_way_by_hand(hub: Run, any_shop: str) -> None:
    base = ("--database-url", any_shop)
    assert answers(hub, "hold", "1001", "--reason", "conferir", *base)[0]["state"] == "holded"
    assert answers(hub, "release", "1001", *base)[0]["state"] == "processing"
    assert answers(hub, "start-production", "1001", "1002", *base, status=1)[1]["code"] == "not_paid"
    assert answers(hub, "fiscal-mark-issued", "1001", "--number", "12", "--series", "1", *base)[0]["status"] == "nf_issued"
    address = ("--street", "Rua Nova", "--number", "7", "--postal-code", "13010000")
    assert answers(hub, "set-address", "1001", "--type", "shipping", *address, *base)[0]["result"]["version"] == 2
    assert answers(hub, "comment", "1001", "--text", "ligar antes", "--visible", *base)[0]["outcome"] == "accepted"
    track = "AA123456785BR=https://example.invalid/AA123456785BR"
    shipped = answers(hub, "shipment-create", "1001", "--carrier", "correios", "--track", track, "--item", "CAM-01=1", *base)
    assert (shipped[0]["state"], shipped[0]["status"]) == ("processing", "partially_shipped")
    assert answers(hub, "shipment-create", "1001", "--carrier", "custom", "--title", "Motoboy", *base)[0]["state"] == "complete"
    assert answers(hub, "shipment-mark-delivered", "1001", *base)[0]["status"] == "delivered"
    assert answers(hub, "resend", "1001", "--kind", "invoice", *base)[0]["outcome"] == "accepted"
    assert answers(hub, "refund", "1001", "--amount", "10,00", "--method", "pix", "--yes", *base)[0]["result"]["amount_cents"] == 1000
    assert answers(hub, "refund", "1001", "--all", "--method", "transfer", "--yes", *base)[0]["state"] == "closed"
    page = hub("orders", "show", "1001", *base)
    assert page.exit_code == 0
    for word in ("AA123456785BR", "Entregas", "Notas fiscais", "Reembolsos", "ligar antes", "Rua Nova"):
        assert word in page.stdout, word
    trace = hub("trace", "AA123456785BR", *base)
    assert trace.exit_code == 0 and "1001" in trace.stdout
    assert hub("verify", *base).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("shipment-create", "1001", "--item", "CAM-01"), "SKU=QUANTITY"),
        (("shipment-create", "1001", "--item", "CAM-01=1:shelf"), "SKU=QUANTITY"),
        (("shipment-create", "1001", "--item", "CAM-01=0"), "data.items.0.quantity"),
        (("shipment-create", "1001", "--carrier", "correios", "--track", "AA1=javascript:alert(1)"), "data.tracks.0.url"),
        (("set-address", "1001", "--type", "shipping"), "data.address"),
        (("set-address", "1001", "--type", "home", "--street", "Rua A"), "--type"),
        (("set-address", "1001", "--street", "Rua A"), "--type"),
        (("comment", "1001"), "--text"),
        (("comment", "1001", "--text", "x", "--document", "invoice"), "data.document.id"),
        (("hold", "1001", "--hold-reason", "dispute"), "dispute"),
        (("resend", "1001", "--kind", "poem"), "--kind"),
        (("resend", "1001", "--kind", "order", "--document", "F-1001"), "document"),
        (("fiscal-mark-issued", "1001", "--access-key", "123"), "data.access_key"),
        (("shipment-mark-delivered", "1001", "--at", "ontem"), "data.at"),
        (("refund", "1001", "--yes"), "--all"),
        (("refund", "1001", "--method", "pix", "--yes"), "--all"),
        (("refund", "1001", "--all", "--amount", "1,00", "--method", "pix", "--yes"), "--all"),
        (("refund", "1001", "--amount", "1,00", "--fee", "0,50", "--method", "pix", "--yes"), "--amount"),
        (("refund", "1001", "--all", "--yes"), "--method"),
        (("refund", "1001", "--all", "--mode", "offline", "--yes"), "method"),
        (("edit", "1001", "--file", "none.json", "--yes"), "none.json"),
        (("edit", "1001", "--file", "/dev/null", "--yes"), "--file"),
        (("reorder", "1001"), "--file"),
        (("refund", "1001", "--amount", "dez", "--method", "pix", "--yes"), "--amount"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_typed_wrong_is_named(hub: Run, shop: str, arguments: tuple[str, ...], word: str) -> None:
    result = hub("order", *arguments, "--direct", "--database-url", shop)
    assert result.exit_code == 2, result.output
    assert word in result.stderr


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS if verb.asks is not None])
@pytest.mark.requirement("R64")
def test_what_is_not_taken_back_asks_first(hub: Run, shop: str, verb: str) -> None:
    needed = {"refund": ("--all", "--method", "pix"), "edit": ("--file", new_order())}.get(verb, ())
    before = json.loads(hub("orders", "show", "1001", "--json", "--database-url", shop).stdout)
    result = hub("order", verb, "1001", *needed, "--direct", "--database-url", shop)
    assert result.exit_code == 1
    assert result.stderr.strip() == "error: confirmation_required: give --yes"
    assert json.loads(hub("orders", "show", "1001", "--json", "--database-url", shop).stdout) == before


def new_order(**number: str) -> str:
    """Write an order for an edit or a reorder, and name its file."""
    order = {
        **number,
        **({"placed_at": "2026-11-25T10:00:00-03:00"} if number else {}),
        "items": [{"sku": "CAM-01", "quantity": 1, "unit_price_cents": 3010}],
        "shipping": {"amount_cents": 1990},
        "total_cents": 5000,
    }
    Path("order.json").write_text(json.dumps(order))
    return "order.json"


@pytest.mark.requirement("R45", "R49")
def test_an_order_is_edited_and_ordered_again(hub: Run, any_shop: str) -> None:
    base = ("--database-url", any_shop)
    edited = answers(hub, "edit", "1002", "--file", new_order(), "--yes", "--no-notify", *base)[0]
    assert (edited["state"], edited["result"]) == ("canceled", {"child": "1002-1"})
    assert answers(hub, "edit", "1001", "--file", new_order(), "--yes", *base, status=1)[0]["code"] == "edit_requires_refund"
    again = answers(hub, "reorder", "1001", "--file", new_order(number="3001"), *base)[0]
    assert (again["order"], again["result"]) == ("1001", {"order": "3001"})
    page = hub("orders", "show", "1002-1", "--json", *base)
    assert (json.loads(page.stdout)["parent"], json.loads(page.stdout)["total_cents"]) == ("1002", 5000)


def written(name: str, *arguments: str) -> dict[str, Any]:
    """Give the message that a line of arguments becomes."""
    params = dict(LINES["order", name].make_context(name, list(arguments)).params)
    numbers = params.pop("numbers")
    params = {key: value for key, value in params.items() if key not in ("as_json", "yes", "where")}
    verb = next(verb for verb in VERBS if verb.name == name)
    (message,) = verbs.write(verb, numbers, verbs.typed_of(params), verbs.how_of(params))
    return message


def test_only_what_a_person_typed_is_sent() -> None:
    sent: list[dict[str, Any]] = []
    for arguments in (
        ("hold", "1", "--hold-reason", "fraud", "--reason", "valor alto", "--actor", "ana"),
        ("release", "1"),
        ("comment", "1", "--text", "oi", "--document", "shipment:melhor_envio:9b1f", "--hidden"),
        ("set-address", "1", "--type", "billing", "--city", "Itu", "--state", "SP"),
        ("shipment-create", "1", "--carrier", "custom", "--title", "Motoboy", "--track", "A1=https://e.invalid/?n=A1", "--track", "A2",
         "--item", "CAM=01=2", "--no-notify"),
        ("shipment-create", "1", "--carrier", "loggi", "--force", "--reason", "contra entrega"),
        ("shipment-mark-delivered", "1", "--shipment", "S1", "--at", "25/11/2026 10:00"),
        ("shipment-mark-delivered", "1", "--at", "2026-11-25T10:00:00-02:00"),
        ("resend", "1", "--kind", "shipment", "--document", "melhor_envio:9b1f"),
        ("refund", "1", "--line", "CAM-01=2:stock", "--line", "B=1", "--shipping", "19,90", "--fee", "5", "--method", "deposit", "--yes"),
        ("refund", "1", "--amount", "10,00", "--method", "pix", "--yes"),
        ("refund", "1", "--all", "--mode", "online", "--yes"),
        ("fiscal-mark-issued", "1", "--number", "7", "--url", "https://e.invalid/7"),
    ):  # fmt: skip
        sent.append(written(*arguments))
    assert [(one["command"], one["data"]) for one in sent] == [
        ("order.hold", {"hold_reason": "fraud"}),
        ("order.release", {}),
        ("order.comment", {"text": "oi", "document": {"kind": "shipment", "id": "melhor_envio:9b1f"}, "visible": False}),
        ("order.set_address", {"type": "billing", "address": {"city": "Itu", "state": "SP"}}),
        (
            "shipment.create",
            {
                "carrier": "custom",
                "title": "Motoboy",
                "tracks": [{"number": "A1", "url": "https://e.invalid/?n=A1"}, {"number": "A2"}],
                "items": [{"sku": "CAM=01", "quantity": 2}],
                "notify": False,
            },
        ),
        ("shipment.create", {"carrier": "loggi", "force": True}),
        ("shipment.mark_delivered", {"shipment": "S1", "at": "2026-11-25T10:00:00-03:00"}),
        ("shipment.mark_delivered", {"at": "2026-11-25T10:00:00-02:00"}),
        ("notify.resend", {"kind": "shipment", "document": "melhor_envio:9b1f"}),
        (
            "refund.create",
            {
                "lines": [{"sku": "CAM-01", "quantity": 2, "back_to_stock": True}, {"sku": "B", "quantity": 1}],
                "shipping_cents": 1990,
                "fee_cents": 500,
                "method": "deposit",
                "mode": "offline",
            },
        ),
        ("refund.create", {"extra_cents": 1000, "method": "pix", "mode": "offline"}),
        ("refund.create", {"mode": "online"}),
        ("fiscal.mark_issued", {"number": "7", "url": "https://e.invalid/7"}),
    ]
    assert (sent[0]["reason"], sent[0]["actor"]) == ("valor alto", "ana")


@pytest.mark.requirement("R29", "R33")
def test_orders_are_chosen_by_a_filter(hub: Run, any_shop: str) -> None:  # R29 to R34
    base = ("--direct", "--database-url", any_shop)
    asked = hub("order", "hold", "--where", "status=processing,pending", *base)
    assert asked.exit_code == 1 and "confirmation_required" in asked.stderr
    held = answers(hub, "hold", "--where", "status=processing", "--where", "total_min=150,00", "--yes", "--database-url", any_shop)
    assert [(one["order"], one["state"]) for one in held] == [("2001", "holded")]
    done = hub("order", "start-production", "--where", "from=01/01/2020", "--yes", *base)
    assert done.exit_code == 1 and "1 accepted, 2 rejected" in done.stdout
    assert [one["order"] for one in answers(hub, "cancel", "--where", "number=1002", "--yes", "--database-url", any_shop)] == ["1002"]
    for wrong in (("--where", "color=red"), ("--where", "from=ontem"), ("--where", "exception=nope"), (), ("1001", "--where", "sku=X")):
        assert hub("order", "hold", *wrong, "--yes", *base).exit_code == 2, wrong
    assert hub("order", "hold", "--where", "sku=NADA", "--yes", *base).exit_code == 1


@pytest.mark.requirement("R81")
def test_a_refund_shows_its_amounts_before_it_asks(hub: Run, any_shop: str) -> None:
    asked = ("--line", "CAM-01=1:stock", "--shipping", "10,00", "--fee", "0,01", "--method", "pix", "--direct", "--database-url", any_shop)
    shown = hub("order", "refund", "1001", "1002", *asked)
    assert shown.exit_code == 1 and "confirmation_required" in shown.stderr
    for word in ("CAM-01 R$ 49,90", "R$ 59,89", "R$ 59,81", "not_paid"):  # 49,90 + 10,00 - 0,01 of 119,70
        assert word in shown.stdout, word
    only = answers(hub, "refund", "1001", *asked[:-3], "--preview", "--database-url", any_shop)[0]
    assert (only["result"]["amount_cents"], only["result"]["left_cents"], only["version"]) == (5989, 5981, 2)
    assert answers(hub, "refund", "1001", *asked[:-3], "--yes", "--database-url", any_shop)[0]["result"]["amount_cents"] == 5989


@pytest.mark.requirement("R44")
def test_a_link_into_the_account_is_shown_and_kept_nowhere(hub: Run, any_shop: str) -> None:  # R44
    base = ("--direct", "--database-url", any_shop)
    key = {"HUB_CUSTOMER_LINK_SECRET": "k" * 40, "HUB_CUSTOMER_LINK_URL": "https://loja.exemplo.invalid/entrar"}
    assert "link_unavailable" in hub("order", "impersonate-link", "1001", *base).stdout
    made = hub("order", "impersonate-link", "1001", "--reason", "conferir o endereço", *base, **key)
    assert made.exit_code == 0 and "https://loja.exemplo.invalid/entrar?customer=c1001&order=1001&actor=" in made.stdout
    (act,) = json.loads(hub("audit", "--order", "1001", "--json", "--database-url", any_shop).stdout)
    assert (act["command"], act["reason"], act["role"]) == ("customer.impersonate_link", "conferir o endereço", "supervisor")
    assert "signature" not in json.dumps(act)


@pytest.mark.requirement("R53")
def test_who_did_what_is_listed(hub: Run, any_shop: str) -> None:
    base = ("--database-url", any_shop)
    answers(hub, "hold", "1001", "--actor", "ana", "--reason", "conferir", *base)
    answers(hub, "release", "1001", "--actor", "rui", *base)
    answers(hub, "hold", "77", "--actor", "ana", *base, status=1)  # what is refused is not an act
    found = json.loads(hub("audit", "--actor", "ana", "--json", *base).stdout)
    assert [(one["command"], one["order"], one["reason"], one["before"], one["after"]) for one in found] == [
        ("order.hold", "1001", "conferir", {"state": "processing", "status": "processing", "hold_reasons": []},
         {"state": "holded", "status": "holded", "hold_reasons": ["operator"]}),
    ]  # fmt: skip
    today = found[0]["at"][:10]
    assert len(json.loads(hub("audit", "--from", today, "--json", *base).stdout)) == 2
    assert json.loads(hub("audit", "--to", "2020-01-01", "--json", *base).stdout) == []
    assert "order.hold" in hub("audit", *base).stdout
    lines = json.loads(hub("orders", "show", "1001", "--json", *base).stdout)["timeline"]
    assert [(one["actor"], one["role"], one["reason"], one["after"]["state"]) for one in lines[-2:]] == [
        ("ana", "supervisor", "conferir", "holded"), ("rui", "supervisor", None, "processing"),
    ]  # fmt: skip


@pytest.mark.requirement("R57", "R88")
def test_statuses_are_the_shops_to_change(hub: Run, any_shop: str) -> None:
    def say(*arguments: str, status: int = 0) -> Any:
        result = hub("statuses", *arguments, "--json", "--database-url", any_shop)
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    assert say("create", "corte", "--label", "Corte", "--state", "processing", "--direct")[0]["outcome"] == "accepted"
    assert answers(hub, "set-status", "1001", "--status", "corte", "--database-url", any_shop)[0]["status"] == "corte"
    assert [one["code"] for one in say("list", "--state", "processing")][-1] == "corte"
    assert say("delete", "corte", "--yes", "--direct", status=1)[0]["code"] == "status_in_use"
    assert say("set-default", "corte", "--state", "processing", "--direct")[0]["outcome"] == "accepted"
    assert say("unassign", "corte", "--direct")[0]["result"]["orders"] == 2
    assert say("assign", "corte", "--state", "new", "--direct")[0]["outcome"] == "accepted"
    assert say("delete", "corte", "--yes", "--direct")[0]["outcome"] == "accepted"
    assert hub("statuses", "assign", "corte", "--direct", "--database-url", any_shop).exit_code == 2
    assert hub("verify", "--database-url", any_shop).exit_code == 0


@pytest.mark.requirement("R29", "R32", "R34")
def test_many_orders_are_many_commands_with_counts(hub: Run, shop: str) -> None:
    result = hub("order", "hold", "1001", "1002", "77", "1001", "--direct", "--database-url", shop)
    assert result.exit_code == 1
    assert "2 accepted, 1 rejected" in result.stdout
    again = answers(hub, "hold", "1001", "2001", "--database-url", shop)
    assert [(one["order"], one["outcome"]) for one in again] == [("1001", "no_op"), ("2001", "accepted")]
