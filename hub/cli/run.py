"""`hub run`: everything a machine needs, in one process or in several of the same kind."""

import sys
from collections.abc import Sequence
from typing import Annotated, Final

import structlog
import typer

from hub import observability
from hub.bootstrap import build_engine, build_gateway
from hub.cli.failures import Status
from hub.cli.options import AmqpUrl, DatabaseUrl, opened
from hub.config import Settings, effective

_log: Final = structlog.get_logger(__name__)


def run(
    context: typer.Context,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, max=64, help="Processes of this kind; PostgreSQL only.")] = 1,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="ROLES", help="Some of worker, relay, scheduler, archiver, outbound.", show_default="all"),
    ] = None,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the hub until SIGTERM or Ctrl-C: read the queues, publish the events, store what died.

    Any number of machines may run it on one broker and one PostgreSQL. A stop finishes the batch in hand and gives the rest back.
    """
    from hub.bus import supervisor, worker  # the broker's libraries

    roles = _roles(only, worker.ROLES)
    debug = bool(context.find_root().params.get("debug"))
    with opened(database_url, amqp_url=amqp_url) as (settings, database):
        supervisor.require_many_writers(database, workers)
        observability.configure(settings.log_format, "debug" if debug else settings.log_level)
        _tell_settings(settings)
        if workers == 1:
            engine = build_engine(database, settings)
            failed = worker.start(engine, roles, performer=build_gateway(engine))
        else:
            failed = supervisor.Supervisor(_command(roles, amqp_url, database_url, debug=debug), workers).run()
    if failed:
        raise typer.Exit(Status.INFRASTRUCTURE)


def _roles(only: str | None, known: Sequence[str]) -> tuple[str, ...]:
    if only is None:
        return tuple(known)
    roles = tuple(word.strip() for word in only.split(",") if word.strip())
    if not roles or (unknown := [role for role in roles if role not in known]):
        raise typer.BadParameter(f"{', '.join(unknown) if roles else 'nothing'}: there are {', '.join(known)}", param_hint="--only")
    return roles


def _tell_settings(settings: Settings) -> None:
    """Log what is in force beside the defaults; secrets are masked already."""
    chosen = {one.name: one.value for one in effective(settings) if one.source != "default"}
    _log.info("settings", **chosen)


def _command(roles: Sequence[str], amqp_url: str | None, database_url: str | None, *, debug: bool) -> list[str]:
    """Give the command of one of several processes."""
    command = [sys.executable, "-m", "hub", *(["--debug"] if debug else []), "run", "--only", ",".join(roles)]
    for option, value in (("--amqp-url", amqp_url), ("--database-url", database_url)):
        if value is not None:
            command += [option, value]
    return command
