"""`hub publish`: raw files on hub.inbound, as a provider's edge would put them there."""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from adapters.contract import Cut, Cutting, PayloadMalformed
from hub.bootstrap import load_adapters, utc_now
from hub.cli.failures import Failure, Status
from hub.cli.options import AmqpUrl
from hub.cli.output import console, errors, progress, table
from hub.config import load_settings
from hub.engine.deliveries import COMMANDS_KEY
from hub.replay.pieces import Piece, pieces_of

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
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files; each is the body of one message, or of several if it is a large bank file.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Publish although no adapter of this machine reads the key.")] = False,
    amqp_url: AmqpUrl = None,
) -> None:
    """Put raw files on hub.inbound, each confirmed by the broker; status 3 if one was not.

    A bank file is checked whole first: if its header, a trailer or a count is wrong, nothing of any file is sent. One of more than
    1,000 titles is cut. A key that no queue is bound to goes to hub.unroutable and becomes a dead letter.
    """
    cut = _check_key(key, force)
    planned = [_plan(file, cut) for file in files]
    settings = load_settings(amqp_url=amqp_url)
    # Here, so that the other commands do not load the broker's libraries.
    from hub.cli import broker

    def read(plan: _Plan, piece: Piece | None) -> broker.RawFile:
        if piece is None:
            body = plan.file.read_bytes()
            return broker.RawFile(str(plan.file), body, content_type_of(body))
        return broker.RawFile(f"{plan.file} part {piece.name}", piece.read(plan.file), None, piece.headers)

    readers = [partial(read, plan, piece) for plan in planned for piece in plan.pieces or (None,)]
    with progress(f"publish {key}", len(readers)) as bar:
        problems = asyncio.run(
            broker.publish(settings.amqp_url, key, readers, clock=utc_now, on_confirm=lambda: bar.advance(bar.tasks[0].id))
        )
    for name, problem in problems.items():
        errors().print(f"[red]{escape(name)}: {problem}[/]", highlight=False)
    for plan in planned:
        _show(plan)
    console().print(f"{len(readers) - len(problems)} published to {key}" + (f", {len(problems)} not" if problems else ""), highlight=False)
    if problems:
        raise typer.Exit(Status.INFRASTRUCTURE)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A file that has been checked, and the pieces it is cut into; none: it goes as it is."""

    file: Path
    cutting: Cutting | None = None
    pieces: tuple[Piece, ...] = ()


def _check_key(key: str, force: bool) -> Cut | None:
    """Return how files of this key are cut."""
    if key == COMMANDS_KEY:
        raise Failure("commands are sent by `hub order`")
    known = load_adapters()
    adapter = known.get(".".join(key.split(".")[:2]))
    if adapter is None and not force:
        raise Failure(f"no adapter reads the key {key}: there are {', '.join(known)}; --force publishes all the same")
    return adapter.cut if adapter is not None else None


def _plan(file: Path, cut: Cut | None) -> _Plan:
    if not file.is_file():
        raise Failure(f"{file}: no such file")
    plan = _Plan(file)
    if cut is not None:
        try:
            with file.open("rb") as stream:
                cutting = cut(stream)
        except PayloadMalformed as error:
            raise Failure(f"{file}: {error}; nothing was sent") from error
        plan = _Plan(file, cutting, pieces_of(cutting))
    for name, size in [(f"{file} part {piece.name}", piece.size) for piece in plan.pieces] or [(str(file), file.stat().st_size)]:
        if size > _MAX_BODY:
            raise Failure(f"{name}: has {size} bytes, a message at most {_MAX_BODY}")
    return plan


def _show(plan: _Plan) -> None:
    """Say what a bank file holds, by occurrence."""
    if plan.cutting is None:
        return
    into = f", {len(plan.pieces)} messages" if plan.pieces else ""
    console().print(f"{escape(str(plan.file))}: {plan.cutting.items} titles{into}", highlight=False, soft_wrap=True)
    made = table("occurrence", "means", "titles", right=("titles",))
    for line in plan.cutting.summary:
        made.add_row(escape(line.word), escape(line.meaning), str(line.items))
    console().print(made)
