"""`hub topology`: exchanges and queues on the broker."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import unquote, urlsplit

import orjson
import typer
from rich.markup import escape

from hub.bootstrap import load_adapters
from hub.cli.failures import Failure, Status
from hub.cli.options import AmqpUrl, AsJson
from hub.cli.output import console, errors, print_json, table
from hub.config import Settings, load_settings

if TYPE_CHECKING:
    from hub.bus.topology import Drift

app: Final = typer.Typer(help="Exchanges and queues on the broker: apply, check, export.", no_args_is_help=True)

_STYLES: Final = {"missing": "red", "different": "yellow", "refused": "magenta", "down": "red"}


def _show(drifts: Sequence["Drift"]) -> None:
    made = table("kind", "name", "problem", "the broker says")
    for drift in drifts:
        made.add_row(drift.kind, drift.name, f"[{_STYLES[drift.problem]}]{drift.problem}[/]", escape(drift.detail))
    console().print(made)


def _documents(drifts: Sequence["Drift"]) -> list[dict[str, str]]:
    return [{"kind": drift.kind, "name": drift.name, "problem": drift.problem, "detail": drift.detail} for drift in drifts]


@app.command()
def apply(as_json: AsJson = False, amqp_url: AmqpUrl = None) -> None:
    """Declare what is missing; a second run changes nothing.

    A queue with other arguments is left as it is and reported, with status 3: it must be drained and deleted by a person.
    """
    from hub.bus import topology  # the broker's libraries: only for commands that need them

    settings = load_settings(amqp_url=amqp_url)
    applied = asyncio.run(topology.apply(settings.amqp_url, topology.build(load_adapters().values(), notify=settings.notifies)))
    if as_json:
        print_json({"created": list(applied.created), "drift": _documents(applied.drift)})
    else:
        for name in applied.created:
            console().print(f"created {name}", highlight=False)
        if applied.drift:
            _show(applied.drift)
        elif not applied.created:
            console().print("nothing to do")
    if applied.drift:
        raise typer.Exit(Status.INFRASTRUCTURE)


@app.command()
def check(as_json: AsJson = False, amqp_url: AmqpUrl = None) -> None:
    """Compare the broker with what the hub declares, changing nothing; status 3 when they differ."""
    from hub.bus import topology  # the broker's libraries: only for commands that need them

    settings = load_settings(amqp_url=amqp_url)
    drifts = asyncio.run(topology.check(settings.amqp_url, topology.build(load_adapters().values(), notify=settings.notifies)))
    if as_json:
        print_json(_documents(drifts))
    elif drifts:
        _show(drifts)
    else:
        console().print("the broker is as declared")
    if drifts:
        raise typer.Exit(Status.INFRASTRUCTURE)


@app.command()
def export(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write.", show_default="standard output")] = None,
    passwords: Annotated[
        Path | None,
        typer.Option(
            "--passwords",
            metavar="FILE",
            help='JSON object of role and password, as in {"shop": "..."}; others cannot log in. Default: HUB_BROKER_PASSWORDS.',
        ),
    ] = None,
    vhost: Annotated[str | None, typer.Option("--vhost", help="Virtual host.", show_default="that of HUB_AMQP_URL")] = None,
) -> None:
    """Write a RabbitMQ definitions file: exchanges, queues, bindings, and one user per role that may do no more than it must."""
    from hub.bus import topology  # the broker's libraries: only for commands that need them

    settings = load_settings()
    document = topology.export(
        topology.build(load_adapters().values(), notify=settings.notifies),
        _known_roles(str(passwords), _read_passwords(passwords)) if passwords is not None else _configured_passwords(settings),
        vhost=vhost if vhost is not None else unquote(urlsplit(settings.amqp_url).path[1:]) or "/",
    )
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    if out is None:
        typer.echo(text)
        return
    out.write_text(text + "\n")
    errors().print(f"written to {escape(str(out))}", highlight=False)


def _configured_passwords(settings: Settings) -> dict[str, str]:
    given = {role: password.get_secret_value() for role, password in settings.broker_passwords.items()}
    return _known_roles("HUB_BROKER_PASSWORDS", given)


def _read_passwords(file: Path) -> dict[str, str]:
    try:
        found = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Failure(f"{file}: is not JSON") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Failure(f"{file}: must be a JSON object of role and password")
    return found


def _known_roles(source: str, passwords: dict[str, str]) -> dict[str, str]:
    from hub.bus import topology  # the broker's libraries: only for commands that need them

    known = {role.name for role in topology.ROLES}
    if unknown := sorted(set(passwords) - known):
        raise Failure(f"{source}: no such role: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return passwords
