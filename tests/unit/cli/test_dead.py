"""What waits for a person: exceptions and dead letters."""

import json
from pathlib import Path

import pytest

from schemas.documents import DeadLetterView, ExceptionView
from tests.unit.cli.conftest import Run


def test_exceptions_as_the_contract_shows_them(hub: Run, shop: str) -> None:
    result = hub("exceptions", "list", "--json", "--database-url", shop)
    (one,) = [ExceptionView.model_validate(row) for row in json.loads(result.stdout)]
    assert (one.kind, one.order) == ("overpaid", "2001")
    shown = json.loads(hub("exceptions", "show", str(one.id), "--json", "--database-url", shop).stdout)
    assert shown["resolve_with"]
    table = hub("exceptions", "list", "--kind", "overpaid", "--order", "2001", "--database-url", shop).stdout
    assert "surplus R$ 200,00" in table
    assert hub("exceptions", "list", "--resolved", "--json", "--database-url", shop).stdout.strip() == "[]"
    assert hub("exceptions", "show", "99", "--database-url", shop).exit_code == 1


def test_dead_letters_as_the_contract_shows_them(hub: Run, shop: str) -> None:
    (row,) = json.loads(hub("dead", "list", "--json", "--database-url", shop).stdout)
    letter = DeadLetterView.model_validate(row)
    assert (letter.kind, letter.origin) == ("unreadable", "hub.in.payments.pix")
    (group,) = json.loads(hub("dead", "groups", "--json", "--database-url", shop).stdout)
    assert (group["count"], group["example"]) == (1, letter.id)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ((), 1),
        (("--kind", "unreadable"), 1),
        (("--kind", "untrusted"), 0),
        (("--cause", "JSON"), 1),
        (("--origin", "hub.in.payments.pix", "--adapter", "payments.pix"), 1),
        (("--routing-key", "payments.pagarme"), 0),
        (("--status", "discarded"), 0),
        (("--from", "2026-11-25", "--to", "2026-11-25"), 1),
        (("--to", "2026-11-24"), 0),
        (("--order", "1001"), 0),
    ],
)
def test_filters(hub: Run, shop: str, options: tuple[str, ...], count: int) -> None:
    assert len(json.loads(hub("dead", "list", "--json", "--database-url", shop, *options).stdout)) == count


def test_one_letter_whole(hub: Run, shop: str) -> None:
    result = hub("dead", "show", "1", "--database-url", shop)
    assert result.exit_code == 0
    assert '{"pix": [{' in result.stdout
    assert hub("dead", "show", "1", "--body", "--database-url", shop).stdout_bytes == b'{"pix": [{'
    assert json.loads(hub("dead", "show", "1", "--json", "--database-url", shop).stdout)["body_base64"] == "eyJwaXgiOiBbew=="
    assert hub("dead", "show", "9", "--database-url", shop).exit_code == 1


def test_a_dry_run_changes_nothing(hub: Run, shop: str) -> None:
    before = hub("dead", "list", "--json", "--database-url", shop).stdout
    result = hub("dead", "redrive", "1", "--dry-run", "--json", "--database-url", shop)
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["outcome"] == "dead_letter"
    assert hub("dead", "list", "--json", "--database-url", shop).stdout == before


def test_a_letter_that_dies_again_counts_one_attempt_more(hub: Run, shop: str) -> None:
    assert hub("dead", "redrive", "--kind", "unreadable", "--database-url", shop).exit_code == 1
    assert json.loads(hub("dead", "list", "--json", "--database-url", shop).stdout)[0]["attempts"] == 2


def test_redrive_without_a_choice_is_wrong_usage(hub: Run, shop: str) -> None:
    assert hub("dead", "redrive", "--database-url", shop).exit_code == 2
    assert hub("dead", "redrive", "1", "--kind", "unreadable", "--database-url", shop).exit_code == 2


def test_discard_needs_a_note_and_for_filters_a_yes(hub: Run, shop: str) -> None:
    assert hub("dead", "discard", "1", "--database-url", shop).exit_code == 2
    assert hub("dead", "discard", "1", "--note", " ", "--database-url", shop).exit_code == 2
    assert hub("dead", "discard", "--kind", "unreadable", "--note", "test", "--database-url", shop).exit_code == 1
    result = hub("dead", "discard", "--kind", "unreadable", "--note", "test", "--yes", "--database-url", shop)
    assert result.exit_code == 0
    assert "1 discarded" in result.stdout
    again = hub("dead", "discard", "1", "--note", "test", "--json", "--database-url", shop)
    assert again.exit_code == 1
    assert json.loads(again.stdout) == {"discarded": [], "not_open": [1]}


def test_only_a_supervisor_may_redrive_and_discard(hub: Run, shop: str) -> None:
    roles = {"HUB_ROLES": '{"nobody": "supervisor"}'}
    for arguments in (("redrive", "1"), ("discard", "1", "--note", "test")):
        result = hub("dead", *arguments, "--database-url", shop, **roles)
        assert result.exit_code == 1
        assert "forbidden" in result.stderr


def test_exported_letters_can_be_replayed(hub: Run, shop: str, tmp_path: Path) -> None:
    out = tmp_path / "letters.ndjson"
    assert hub("dead", "export", "--out", str(out), "--status", "open", "--database-url", shop).exit_code == 0
    answer = json.loads(hub("replay", str(out), "--json").stdout)
    assert [letter["cause"] for letter in answer["dead_letters"]] == [
        row["cause"] for row in json.loads(hub("dead", "list", "--json", "--database-url", shop).stdout)
    ]
    assert hub("dead", "export", "--out", "-", "1", "--database-url", shop).stdout == out.read_text()
