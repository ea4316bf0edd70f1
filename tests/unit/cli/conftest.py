"""Running the command line in this process, on a small database."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
import structlog
from typer.testing import CliRunner, Result

from hub.cli.app import app
from tests import traffic, world

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _quiet_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither the developer's .env nor the logging of a command may reach another test."""
    monkeypatch.setenv("HUB_ENV_FILE", "")
    monkeypatch.chdir(tmp_path)
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers, logging.getLogger().level = handlers, level


@pytest.fixture
def hub() -> Run:
    """`hub("orders", "list")`: the result with exit_code, stdout, stderr."""

    def run(*arguments: str, stdin: str | bytes | None = None, **settings: str) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin, env={"COLUMNS": "200", **settings})

    return run


def fill(url: str) -> str:
    """Put in a paid order, an unpaid one, an overpaid one, a dead letter and a fact that waits for its order."""
    engine = world.open_engine(url)
    messages = [
        traffic.placed("1001"),
        traffic.pix("1001"),
        traffic.placed("1002", total=5000),
        traffic.placed("2001", total=20000),
        traffic.pix("2001", cents=20000),
        traffic.pix("2001", cents=20000, serial=1),
        traffic.Message("payments.pix", b'{"pix": [{'),
        traffic.pix("9009"),
    ]
    world.feed(engine, messages)
    world.close_engines()
    return url


@pytest.fixture
def shop(sqlite_url: str) -> str:
    """A small shop on SQLite."""
    return fill(sqlite_url)


@pytest.fixture
def postgres_shop(database_url: str) -> str:
    """The same shop on PostgreSQL."""
    return fill(database_url)


@pytest.fixture
def any_shop(any_database_url: str) -> str:
    """The same shop on both."""
    return fill(any_database_url)


PARCELS: Final = "100001001"


@pytest.fixture
def parcels(any_database_url: str) -> str:
    """On both databases: a paid order with its NF-e, in two parcels, one of which is in trouble."""
    engine = world.open_engine(any_database_url)
    posted = traffic.START + timedelta(hours=5)
    messages = [
        traffic.placed(PARCELS),
        traffic.pix(PARCELS),
        traffic.note(PARCELS, total=11970, at=traffic.START + timedelta(hours=1)),
        traffic.label(PARCELS, "posted", posted=posted),
        traffic.label(PARCELS, "posted", parcel=2, posted=posted + timedelta(minutes=1)),
        traffic.label(PARCELS, "delivered", parcel=2, posted=posted, delivered=posted + timedelta(days=1)),
        traffic.label(PARCELS, "undelivered", posted=posted),
    ]
    world.feed(engine, messages)
    world.close_engines()
    return any_database_url
