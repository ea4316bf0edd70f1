"""examples/ ends as examples/README.md says, in any order of arrival, and `make demo` runs through."""

import json
import os
import re
import subprocess
import sys
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
}


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


def test_the_examples_end_as_their_readme_says() -> None:
    document = replay(HUB_SECRETS_PAGARME_WEBHOOK="loja:segredo-de-exemplo")
    assert ends(document) == ENDS
    assert document["counts"]["messages"] == 48
    assert sorted(letter["kind"] for letter in document["dead_letters"]) == ["orphan_event", "unreadable"]
    assert [(reply["order"], reply["outcome"], reply["code"]) for reply in document["replies"]] == [
        ("100000509", "accepted", None),
        ("100000510", "accepted", None),
        ("100000502", "rejected", "cancel_requires_refund"),
        ("100000509", "accepted", None),
        ("100000509", "accepted", None),
    ]
    assert document["parked"] == []


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
    assert document["counts"]["messages"] == 3 * 48


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


@pytest.mark.slow
def test_the_demo_runs_through() -> None:
    done = subprocess.run([sys.executable, "scripts/demo.py"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "the same end" in done.stdout
    assert "all is well" in done.stdout
