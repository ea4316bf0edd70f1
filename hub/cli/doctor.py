"""`hub doctor`: is everything there that the hub needs, and is anything piling up."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import typer
from rich.markup import escape
from sqlalchemy import Connection, func, select

from adapters.contract import Adapter, unsigned
from hub.bootstrap import load_adapters, open_database, utc_now
from hub.cli.failures import Status, explain
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl
from hub.cli.output import console, print_json, table
from hub.config import Settings, load_settings, masked_url
from hub.errors import HubError
from hub.observability import mask_text
from hub.store import lists, schema
from hub.store.database import Database
from hub.store.tables import dead_letters, exceptions, parked_facts, workers

Grade = Literal["ok", "warn", "fail"]

_STYLES: Final[Mapping[str, str]] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_OUTBOX_LATE: Final = timedelta(minutes=5)
_WORKER_GONE: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `advice` says what to do about it."""

    name: str
    grade: Grade
    detail: str
    advice: str = ""


def doctor(as_json: AsJson = False, database_url: DatabaseUrl = None, amqp_url: AmqpUrl = None) -> None:
    """Check database, schema, broker, topology, adapters, secrets, roles, and what is piling up. Status 3 when something fails."""
    settings = load_settings(database_url=database_url, amqp_url=amqp_url)
    adapters = load_adapters()
    checks = [*settings_checks(settings, adapters), *database_checks(settings, utc_now()), *broker_checks(settings, adapters)]
    if as_json:
        print_json([{"check": one.name, "status": one.grade, "detail": one.detail, "advice": one.advice} for one in checks])
    else:
        made = table("", "check", "found", "what to do")
        for one in checks:
            made.add_row(f"[{_STYLES[one.grade]}]{one.grade}[/]", one.name, escape(one.detail), escape(one.advice))
        console().print(made)
    if any(one.grade == "fail" for one in checks):
        raise typer.Exit(Status.INFRASTRUCTURE)


def _failed(name: str, error: Exception, advice: str = "") -> Check:
    return Check(name, "fail", mask_text(explain(error)[1]), advice)


# -- settings and adapters ---------------------------------------------------------------------------------------------------------


def settings_checks(settings: Settings, adapters: Mapping[str, Adapter]) -> Iterator[Check]:
    """Look at what is configured."""
    if settings.roles is None:
        yield Check("roles", "warn", "HUB_ROLES is not set: every broker user may do everything", 'set HUB_ROLES=\'{"ana": "operator"}\'')
    else:
        yield Check("roles", "ok", f"{len(settings.roles)} users")
    yield Check("adapters", "ok", ", ".join(adapters))
    signing = [adapter for adapter in adapters.values() if adapter.family != "shop"]
    if names := [adapter.name for adapter in signing if adapter.verify is unsigned]:
        yield Check("unsigned", "warn", f"these providers sign nothing: {', '.join(names)}", "let only their addresses reach the edge")
    if names := [adapter.name for adapter in signing if adapter.verify is not unsigned and not _has_secret(settings, adapter)]:
        advice = f"set {', '.join(f'HUB_SECRETS_{adapters[name].provider.upper()}_*' for name in names)}"
        yield Check("secrets", "warn", f"no secret, so unsigned messages are accepted: {', '.join(names)}", advice)


def _has_secret(settings: Settings, adapter: Adapter) -> bool:
    secrets = settings.secrets(adapter.provider)
    return bool(secrets.webhook or secrets.jwks or any(name != "base_url" for name in secrets.extra))


# -- the database --------------------------------------------------------------------------------------------------------------------


def database_checks(settings: Settings, now: datetime) -> Iterator[Check]:
    """Look at the database and at what waits in it."""
    shown = masked_url(settings.database_url)
    try:
        with open_database(settings) as database:
            if database.path is not None and not Path(database.path).exists():
                yield Check("database", "fail", f"there is no file {database.path}", "run `hub db upgrade`")
                return
            found, needed = schema.current(database), schema.newest()
            yield Check("database", "ok", shown)
            if found != needed:
                yield Check("schema", "fail", f"at {found or 'nothing'}, this program needs {needed}", "run `hub db upgrade`")
                return
            yield Check("schema", "ok", needed)
            yield from _waiting(database, now)
    except Exception as error:  # a doctor reports what does not work and goes on
        yield _failed("database", error, f"HUB_DATABASE_URL is {shown}")


def _waiting(database: Database, now: datetime) -> Iterator[Check]:
    with database.read() as connection:
        count, oldest = lists.outbox_backlog(connection)
        late = oldest is not None and now - oldest > _OUTBOX_LATE
        since = f", the oldest for {_age(now - oldest)}" if oldest is not None else ""
        yield Check("outbox", "warn" if late else "ok", f"{count} events to publish{since}", "is a relay running?" if late else "")
        alive = _workers(connection, now)
        yield Check("workers", "ok" if alive else "warn", f"{alive} alive", "" if alive else "`hub run` starts one")
        waiting = connection.execute(select(func.count()).select_from(parked_facts)).scalar_one()
        yield Check("parked", "ok", f"{waiting} facts wait for their order")
        for name, statement, advice in (
            ("exceptions", select(func.count()).select_from(exceptions).where(exceptions.c.resolved_at.is_(None)), "`hub exceptions list`"),
            ("dead letters", select(func.count()).select_from(dead_letters).where(dead_letters.c.status == "open"), "`hub dead groups`"),
        ):
            opened = connection.execute(statement).scalar_one()
            yield Check(name, "warn" if opened else "ok", f"{opened} open", advice if opened else "")


def _workers(connection: Connection, now: datetime) -> int:
    statement = select(func.count()).select_from(workers).where(workers.c.seen_at > now - _WORKER_GONE)
    return int(connection.execute(statement).scalar_one())


def _age(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


# -- the broker --------------------------------------------------------------------------------------------------------------------


def broker_checks(settings: Settings, adapters: Mapping[str, Adapter]) -> Iterator[Check]:
    """Look at the broker and at its exchanges and queues."""
    from hub.bus import topology  # the broker's libraries

    shown = masked_url(settings.amqp_url)
    try:
        drifts = asyncio.run(topology.check(settings.amqp_url, topology.build(adapters.values(), notify=settings.notifies)))
    except HubError as error:
        yield _failed("broker", error, f"HUB_AMQP_URL is {shown}")
        return
    yield Check("broker", "ok", shown)
    if wrong := [drift for drift in drifts if drift.problem != "refused"]:
        names = ", ".join(f"{drift.name} ({drift.problem})" for drift in wrong[:8]) + (" ..." if len(wrong) > 8 else "")
        yield Check("topology", "fail", names, "run `hub topology apply`")
    elif drifts:
        yield Check("topology", "warn", f"this user may not look at {len(drifts)} of them", "check as an administrator")
    else:
        yield Check("topology", "ok", "as declared")
