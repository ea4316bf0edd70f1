"""`hub publish`: raw files on hub.inbound, as a provider's edge would put them there."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from hub.bootstrap import load_adapters, utc_now
from hub.cli.failures import Failure, Status
from hub.cli.options import AmqpUrl
from hub.cli.output import console, errors, progress
from hub.config import load_settings
from hub.engine.deliveries import COMMANDS_KEY

_MAX_BODY: Final = 8 * 1024 * 1024


def content_type_of(body: bytes) -> str | None:
    """Guess the content type by the first bytes; None leaves it to the adapter."""
    begin = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:4]
    if begin[:1] in (b"{", b"["):
        return "application/json"
    if begin[:1] == b"<":
        return "application/xml"
    return "application/zip" if begin == b"PK\x03\x04" else None


def publish(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Inbound key, such as payments.pix.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files; each is the body of one message.")],
    force: Annotated[bool, typer.Option("--force", help="Publish although no adapter of this machine reads the key.")] = False,
    amqp_url: AmqpUrl = None,
) -> None:
    """Put raw files on hub.inbound, each confirmed by the broker; status 3 if one was not.

    A key that no queue is bound to goes to hub.unroutable and becomes a dead letter.
    """
    _check_key(key, force)
    for file in files:
        _check_file(file)
    settings = load_settings(amqp_url=amqp_url)
    # Here, so that the other commands do not load the broker's libraries.
    from hub.cli import broker

    readers = [partial(_read, file) for file in files]
    with progress(f"publish {key}", len(files)) as bar:
        problems = asyncio.run(
            broker.publish(settings.amqp_url, key, readers, clock=utc_now, on_confirm=lambda: bar.advance(bar.tasks[0].id))
        )
    for name, problem in problems.items():
        errors().print(f"[red]{escape(name)}: {problem}[/]", highlight=False)
    console().print(f"{len(files) - len(problems)} published to {key}" + (f", {len(problems)} not" if problems else ""), highlight=False)
    if problems:
        raise typer.Exit(Status.INFRASTRUCTURE)


def _check_key(key: str, force: bool) -> None:
    if key == COMMANDS_KEY:
        raise Failure("commands are sent by `hub order`")
    known = load_adapters()
    if ".".join(key.split(".")[:2]) not in known and not force:
        raise Failure(f"no adapter reads the key {key}: there are {', '.join(known)}; --force publishes all the same")


def _check_file(file: Path) -> None:
    if not file.is_file():
        raise Failure(f"{file}: no such file")
    if (size := file.stat().st_size) > _MAX_BODY:
        raise Failure(f"{file}: has {size} bytes, a message at most {_MAX_BODY}")


def _read(file: Path) -> tuple[str, bytes, str | None]:
    body = file.read_bytes()
    return str(file), body, content_type_of(body)
