"""The schema files are those of the models, and they hang together."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hub.bus import asyncapi
from schemas import export
from schemas.commands import COMMANDS
from schemas.events import EVENTS

FILES = sorted(export.FOLDER.glob("*.json"))


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = set().union(*(_references(value) for value in node.values()))
        reference = node.get("$ref")
        return found | {reference} if isinstance(reference, str) else found
    if isinstance(node, list):
        return set().union(*(_references(value) for value in node))
    return set()


def test_the_json_schemas_are_those_of_the_models() -> None:
    assert export.drift(export.FOLDER) == [], "run `python -m schemas.export --write` and read the difference"


def test_the_asyncapi_document_is_that_of_the_models() -> None:
    assert asyncapi.FILE.read_text("utf-8") == export.stable_json(asyncapi.build()), "run `python -m hub.bus.asyncapi --write`"


def test_drift_is_seen_named_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main(["--write", str(tmp_path)]) == 0
    assert export.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "fact.payment.v1.json").write_text("{}")
    (tmp_path / "event.order.placed.v1.json").unlink()
    (tmp_path / "command.of.yesterday.v1.json").write_text("{}")
    (tmp_path / "asyncapi.json").write_text("{}")
    capsys.readouterr()
    assert export.main(["--check", str(tmp_path)]) == 1
    changed = ["command.of.yesterday.v1.json", "event.order.placed.v1.json", "fact.payment.v1.json"]
    assert capsys.readouterr().out.splitlines() == [f"differs {name}" for name in changed]
    assert export.main(["--write", str(tmp_path)]) == 0
    assert export.drift(tmp_path) == []
    assert (tmp_path / "asyncapi.json").exists()


def test_the_asyncapi_drift_is_seen_and_mended(tmp_path: Path) -> None:
    file = tmp_path / "asyncapi.json"
    assert asyncapi.main(["--check", str(file)]) == 1
    assert asyncapi.main(["--write", str(file)]) == 0
    assert asyncapi.main(["--check", str(file)]) == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_reference_inside_a_file_leads_somewhere(file: Path) -> None:
    document = json.loads(file.read_text("utf-8"))
    for reference in _references(document):
        spot = document
        for step in reference.removeprefix("#/").split("/"):
            spot = spot[step]


def test_commands_are_closed_and_what_the_hub_writes_is_open() -> None:
    for file in FILES:
        text = file.read_text("utf-8")
        if file.name.startswith(("event.", "document.", "command.reply")):
            assert '"additionalProperties": false' not in text, file.name
        elif file.name.startswith("command."):
            assert json.loads(text)["additionalProperties"] is False, file.name


def test_the_asyncapi_document_names_every_command_and_event() -> None:
    document = asyncapi.build()
    assert document["asyncapi"].startswith("3.0")
    channels = document["channels"]
    assert {f"command.{name}" for name in COMMANDS} <= channels.keys()
    assert {"event." + pattern.replace(".*", "") for pattern in EVENTS} <= channels.keys()
    assert {"inbound", "inbound.shop.orders", "reply"} <= channels.keys()
    for name in COMMANDS:
        assert document["operations"][f"command.{name}"]["reply"]["channel"] == {"$ref": "#/channels/reply"}
    for channel in channels.values():
        assert set(re.findall(r"{(\w+)}", channel["address"] or "")) == channel.get("parameters", {}).keys()


def test_component_names_are_legal() -> None:
    components = asyncapi.build()["components"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for kind in components.values() for name in kind)
