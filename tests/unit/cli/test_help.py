"""Every command and every option says what it is for; nothing is a traceback."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from hub.cli.app import app
from tests.unit.cli.conftest import Run


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


def test_the_commands_are_those_of_the_contract() -> None:
    expected = {
        "run", "replay", "publish", "trace", "orders list", "orders show", "orders actions", "order approve", "order cancel", "order get",
        "exceptions list", "exceptions show", "dead list", "dead groups", "dead show", "dead redrive", "dead discard", "dead export",
        "transactions list", "invoices list", "db upgrade", "db current", "topology apply", "topology check", "topology export", "config",
        "doctor", "verify",
    }  # fmt: skip
    assert expected <= {" ".join(path) for path in COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_is_documented(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    assert [option.name for option in command.params if not getattr(option, "help", None)] == []


@pytest.mark.parametrize("path", [path for path in COMMANDS if path[-1] in ("list", "groups")], ids=" ".join)
def test_every_listing_takes_json(path: tuple[str, ...]) -> None:
    assert any("--json" in option.opts for option in COMMANDS[path].params)


@pytest.mark.parametrize("path", [(), *COMMANDS], ids=" ".join)
def test_help_is_shown(hub: Run, path: tuple[str, ...]) -> None:
    result = hub(*path, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_version_is_shown(hub: Run) -> None:
    result = hub("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("order-hub ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("orders", "nothing"),
        ("orders", "list", "--nothing"),
        ("orders", "list", "--sort", "color"),
        ("orders", "list", "--from", "yesterday"),
        ("orders", "list", "--total-min", "much"),
        ("orders", "list", "--page", "0"),
        ("orders", "show"),
        ("order", "approve", "1", "--method", "gold"),
        ("exceptions", "list", "--kind", "nothing"),
        ("transactions", "list", "--kind", "nothing"),
        ("dead", "list", "--kind", "nothing"),
        ("replay",),
        ("replay", "nowhere"),
        ("replay", "-", "--now", "2026-11-25T10:00:00"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_status_2(hub: Run, arguments: tuple[str, ...]) -> None:
    result = hub(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output


def test_a_wrong_setting_ends_with_status_2_and_names_the_variable(hub: Run) -> None:
    result = hub("config", HUB_TIMEZONE="Mars/Olympus")
    assert result.exit_code == 2
    assert "HUB_TIMEZONE" in result.stderr


def test_a_near_miss_of_a_setting_gets_a_hint(hub: Run) -> None:
    result = hub("config", HUB_TIMEZON="UTC")
    assert result.exit_code == 2
    assert "HUB_TIMEZONE" in result.stderr
