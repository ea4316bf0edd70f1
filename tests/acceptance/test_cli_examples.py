"""examples/ ends as examples/README.md says, in any order of arrival, and `make demo` runs through."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from schemas.documents import ReplayOutput

ROOT: Final = Path(__file__).parents[2]
NOW: Final = "2026-11-28T12:00:00-03:00"

# number: label, payment state, captured, refunded, charged back, open exceptions
ENDS: Final[dict[str, tuple[str, str, int, int, int, tuple[str, ...]]]] = {
    "100000501": ("Pedido entregue", "paid", 11970, 0, 0, ()),
    "100000502": ("Pedido em produção", "paid", 30480, 0, 0, ()),
    "100000503": ("Pedido em transporte", "paid", 11480, 0, 0, ()),
    "100000504": ("Faturado (aprovado)", "overpaid", 18780, 0, 0, ("overpaid",)),
    "100000505": ("Pagamento pendente", "partially_paid", 12570, 0, 0, ("underpaid",)),
    "100000506": ("Fechado", "refunded", 6580, 6580, 0, ()),
    "100000507": ("Segurado", "charged_back", 30480, 0, 30480, ("chargeback",)),
    "100000508": ("Cancelado", "paid", 5490, 0, 0, ("paid_after_cancel",)),
    "100000509": ("Faturado (aprovado)", "paid", 7580, 0, 0, ()),
    "100000510": ("Cancelado", "none", 0, 0, 0, ()),
    "100000511": ("Cancelado", "failed", 0, 0, 0, ()),
    "100000512": ("Faturado (aprovado)", "partially_refunded", 13290, 3900, 0, ()),
    "100000513": ("Pedido entregue", "paid", 16470, 0, 0, ()),
    "100000514": ("Dificuldade de entrega", "paid", 7580, 0, 0, ("unknown_status",)),
    "100000515": ("Pedido entregue", "paid", 14780, 0, 0, ()),
}

# number: boxes, papers; all others have neither
GOODS: Final[dict[str, tuple[str, str]]] = {
    "100000501": ("delivered", "issued"),
    "100000502": ("in_production", "none"),
    "100000503": ("partially_delivered", "issued"),
    "100000512": ("none", "canceled"),
    "100000513": ("delivered", "none"),
    "100000514": ("difficulty", "none"),
    "100000515": ("delivered", "issued"),
}
MESSAGES: Final = 65
SECRETS: Final = {"HUB_SECRETS_PAGARME_WEBHOOK": "loja:segredo-de-exemplo", "HUB_SECRETS_MELHOR_ENVIO_WEBHOOK": "segredo-de-exemplo"}


def hub(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    environment = {**os.environ, "HUB_ENV_FILE": "", **settings}
    return subprocess.run(
        [sys.executable, "-m", "hub", *arguments], cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=120
    )


def replay(*options: str, **settings: str) -> dict[str, Any]:
    done = hub("replay", "examples", "--now", NOW, "--json", *options, **settings)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    ReplayOutput.model_validate(document)
    return document


def ends(document: dict[str, Any]) -> dict[str, Any]:
    return {
        one["number"]: (
            one["label"],
            one["payment_state"],
            one["captured_cents"],
            one["refunded_cents"],
            one["charged_back_cents"],
            tuple(sorted(exception["kind"] for exception in one["exceptions"])),
        )
        for one in document["orders"]
    }


def goods(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    found = {one["number"]: (one["fulfilment_state"], one["fiscal_state"]) for one in document["orders"]}
    return {number: states for number, states in found.items() if states != ("none", "none")}


def test_the_examples_end_as_their_readme_says() -> None:
    document = replay(**SECRETS)
    assert ends(document) == ENDS
    assert goods(document) == GOODS
    assert document["counts"]["messages"] == MESSAGES
    assert sorted(letter["kind"] for letter in document["dead_letters"]) == ["orphan_event", "unreadable"]
    assert [(reply["order"], reply["outcome"], reply["code"]) for reply in document["replies"]] == [
        ("100000509", "accepted", None),
        ("100000510", "accepted", None),
        ("100000502", "rejected", "cancel_requires_refund"),
        ("100000509", "accepted", None),
        ("100000509", "accepted", None),
        ("100000513", "accepted", None),
        ("100000513", "accepted", None),
        ("100000513", "accepted", None),
    ]
    assert document["parked"] == []


def test_money_that_two_tell_of_counts_once_and_is_invoiced_once() -> None:
    document = replay()
    keys = Counter(event["routing_key"] for event in document["events"] if event["order"] == "100000513")
    assert keys["invoice.created"] == 1
    assert keys["notification.requested.email.order_approved"] == 1
    (order,) = (one for one in document["orders"] if one["number"] == "100000513")
    assert [one["kind"] for one in order["timeline"]] == [
        "order.placed", "payment.pending", "order.approve", "payment.captured", "order.ready_to_ship", "shipment.create",
        "shipment.mark_delivered",
    ]  # fmt: skip
    (shipment,) = order["shipments"]
    assert shipment["tracks"] == [
        {"number": "MB-2611-07", "carrier": "custom", "title": "Motoboy da loja", "url": "https://loja.exemplo/motoboy/MB-2611-07"}
    ]
    assert [(one["text"], one["notified"], one["visible"]) for one in order["comments"]] == [("recebido pela portaria", True, True)]


def test_the_readme_names_every_order_with_its_end() -> None:
    text = (ROOT / "examples/README.md").read_text()
    rows = dict(re.findall(r"^\| (\d{9}) \|.*\| (.*?) \|[^|]*\|$", text, re.MULTILINE))
    assert rows.keys() == ENDS.keys()
    for number, (label, payment_state, *_) in ENDS.items():
        assert rows[number].startswith(label)
        assert rows[number].endswith(payment_state)


def test_another_order_of_arrival_and_repeats_give_the_same_end() -> None:
    document = replay("--shuffle", "7", "--repeat", "3")
    assert ends(document) == ENDS
    assert goods(document) == GOODS
    assert document["counts"]["messages"] == 3 * MESSAGES


def without_ids(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the numbers of exception rows: they are written together, once per batch."""
    return [{**order, "exceptions": [{**one, "id": 0} for one in order["exceptions"]]} for order in orders]


def test_batch_sizes_cannot_be_seen() -> None:
    one, many = replay("--batch-max", "1"), replay("--batch-max", "256")
    assert without_ids(one["orders"]) == without_ids(many["orders"])
    # A rejected command is no part of an order's history, so its event has no sequence that an id could be made of.
    assert [{**event, "id": event["sequence"] and event["id"]} for event in one["events"]] == [
        {**event, "id": event["sequence"] and event["id"]} for event in many["events"]
    ]
    assert one["replies"] == many["replies"]


def test_a_wrong_webhook_password_is_untrusted() -> None:
    document = replay(HUB_SECRETS_PAGARME_WEBHOOK="loja:outro")
    assert "untrusted" in {letter["kind"] for letter in document["dead_letters"]}
    assert ends(document)["100000507"] == ("Faturado (aprovado)", "paid", 30480, 0, 0, ())


def test_a_wrong_signature_of_a_carrier_is_untrusted() -> None:
    document = replay(HUB_SECRETS_MELHOR_ENVIO_WEBHOOK="outro")
    assert "untrusted" in {letter["kind"] for letter in document["dead_letters"]}
    assert goods(document)["100000503"] == ("delivered", "issued"), "of the second parcel nothing is known"


def test_any_word_leads_to_the_whole_story(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    assert hub("replay", "examples", "--now", NOW, "--quiet", "--database-url", url).returncode == 0
    for word in (
        "100000515",
        "E18236120202611241631loja5150xxx",
        "ped100000515a00000000000000000",
        "AA555666772BR",
        "AA 555 666 772 BR",
        "35261111222333000181550010000020041876543219",
        "3526 1111 2223 3300 0181 5500 1000 0020 0418 7654 3219",
        "9b1f0c52-5d0e-4c57-8a55-0f2c1f7a1515",
        "olivia@exemplo.invalid",
    ):
        done = hub("trace", word, "--json", "--database-url", url)
        assert done.returncode == 0, done.stderr
        (order,) = json.loads(done.stdout)["orders"]
        assert order["number"] == "100000515", word
        kinds = [entry["kind"] for entry in order["entries"]]
        assert sorted(kinds) == ["fiscal.issued", "order.placed", "payment.captured", "shipment.delivered", "shipment.posted"]
        assert all(entry["raw"]["kept"] and entry["events"] for entry in order["entries"])


def test_the_demo_and_the_readme_speak_of_what_is_there() -> None:
    for file in ("scripts/demo.py", "examples/README.md"):
        assert f"{MESSAGES} messages about {len(ENDS)} orders" in (ROOT / file).read_text(), file


@pytest.mark.slow
def test_the_demo_runs_through() -> None:
    done = subprocess.run([sys.executable, "scripts/demo.py"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "the same end" in done.stdout
    assert "all is well" in done.stdout
    ended = done.stdout.partition("How it ended")[2]
    shown = [ended.index(words) for words in ("$ hub orders list", "$ hub trace", "$ hub exceptions list", "$ hub dead list")]
    assert shown == sorted(shown)
    assert "orphan_event" in ended
