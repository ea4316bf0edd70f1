"""One command for many orders: by the queue with a reply each, or on the database when the broker is away."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import uuid4

import orjson
import typer

from adapters.contract import RawDelivery
from hub.bootstrap import build_engine, utc_now
from hub.cli import tables
from hub.cli.failures import Failure, Status
from hub.cli.identity import direct_user, login
from hub.cli.options import opened
from hub.cli.output import console, print_json, progress
from hub.config import load_settings
from hub.engine.deliveries import COMMANDS_KEY, Delivery
from schemas.commands import CommandInvalid, parse_command

Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER", help="Order numbers; each is a command of its own.")]
Actor = Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Who wants it, for the log.", show_default="your login")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the log.")]
Key = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="KEY", help="Give again to repeat a command whose answer got lost: it is done only once."),
]
ExpectedVersion = Annotated[
    int | None, typer.Option("--expected-version", metavar="N", min=0, help="Refuse if the order has changed since this version.")
]
Direct = Annotated[bool, typer.Option("--direct", help="Do it on the database, without the broker, as user os:LOGIN.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for each answer.")]

_CHUNK: Final = 50


@dataclass(frozen=True, slots=True)
class How:
    """The options that are about the sending."""

    actor: str | None = None
    reason: str | None = None
    idempotency_key: str | None = None
    expected_version: int | None = None
    direct: bool = False
    timeout: float = 30.0
    amqp_url: str | None = None
    database_url: str | None = None


def build(name: str, numbers: Sequence[str], data: Mapping[str, Any], how: How) -> list[dict[str, Any]]:
    """Write the messages, one per order. Raises: Failure for what no hub would accept."""
    if len(numbers) > 1 and (how.idempotency_key is not None or how.expected_version is not None):
        raise Failure("--idempotency-key and --expected-version belong to one order: give one number")
    given = {field: value for field, value in data.items() if value is not None}
    return [address(name, number, given, how) for number in dict.fromkeys(numbers)]


def address(name: str, number: str | None, data: Mapping[str, Any], how: How) -> dict[str, Any]:
    """Write one message. Raises: Failure for what no hub would accept."""
    envelope = {
        "order": number,
        "actor": how.actor or login(),
        "reason": how.reason,
        "idempotency_key": how.idempotency_key,
        "expected_version": how.expected_version,
    }
    command = {
        "id": str(uuid4()),
        "command": name,
        **{field: value for field, value in envelope.items() if value is not None},
        "data": dict(data),
    }
    try:
        parse_command(command)
    except CommandInvalid as error:
        raise Failure(f"{name}: {error}") from error
    return command


def send(commands: Sequence[Mapping[str, Any]], how: How) -> list[dict[str, Any]]:
    """Have commands carried out; one answer each, in their order. An answer that did not come has the outcome `unknown`."""
    name = commands[0]["command"]
    with progress(str(name), len(commands)) as bar:
        task = bar.tasks[0].id
        if how.direct:
            return _on_database(commands, how.database_url, lambda done: bar.advance(task, done))
        from hub.cli import broker

        settings = load_settings(amqp_url=how.amqp_url)
        answers = asyncio.run(broker.ask(settings.amqp_url, commands, timeout_s=how.timeout, on_reply=lambda: bar.advance(task)))
    return [answer or _unanswered(command, how.timeout) for command, answer in zip(commands, answers, strict=True)]


def _on_database(commands: Sequence[Mapping[str, Any]], database_url: str | None, on_done: Any) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    with opened(database_url) as (settings, database):
        engine = build_engine(database, settings)
        for start in range(0, len(commands), _CHUNK):
            batch = [
                Delivery(
                    COMMANDS_KEY,
                    RawDelivery(orjson.dumps(command), {}, utc_now(), command["command"], "application/json"),
                    user_id=direct_user(),
                )
                for command in commands[start : start + _CHUNK]
            ]
            for outcome in engine.process(batch):
                if outcome.reply is None:
                    raise Failure(f"the command became a dead letter: {outcome.detail}", Status.INFRASTRUCTURE)
                answers.append(dict(outcome.reply.body))
            on_done(len(batch))
    return answers


def _unanswered(command: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    return {
        "id": command["id"],
        "command": command["command"],
        "order": command.get("order"),
        "outcome": "unknown",
        "code": None,
        "message": f"no answer in {timeout:g} s; the command is in the queue and will be done. Its answer: repeat it with "
        f"--idempotency-key {command.get('idempotency_key') or command['id']}",
        "state": None,
        "status": None,
        "version": None,
        "allowed_actions": [],
        "result": {},
    }


def show(answers: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print the answers; end with status 1 if one is a refusal, 3 if one did not come."""
    if as_json:
        print_json(answers)
    else:
        out = console()
        out.print(tables.replies(answers))
        for answer in answers:
            if "link" in answer["result"]:
                out.print(answer["result"]["link"], highlight=False, soft_wrap=True, markup=False)
        counts = Counter(answer["outcome"] for answer in answers)
        out.print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()), style="dim", highlight=False)
    end(answers)


def end(answers: Sequence[Mapping[str, Any]]) -> None:
    """End the command with the status that its answers call for."""
    outcomes = {answer["outcome"] for answer in answers}
    if "unknown" in outcomes:
        raise typer.Exit(Status.INFRASTRUCTURE)
    if "rejected" in outcomes:
        raise typer.Exit(Status.REJECTED)
