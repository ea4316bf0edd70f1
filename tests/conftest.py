"""Fixtures for every suite: fresh virtual hosts and databases on private servers, or on the servers the user gave.

Where the servers come from, first match: HUB_TEST_AMQP_URL / HUB_TEST_DATABASE_URL (set by the user, or by `scripts/servers.py run`);
else private ones, started by the controller of an xdist run or by the first fixture that needs them.
"""

import asyncio
import contextlib
import fcntl
import itertools
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from scripts.servers import (
    AMQP_VARIABLE,
    DATABASE_VARIABLE,
    HUB_EXCHANGES,
    HUB_QUEUES,
    MANAGEMENT_VARIABLE,
    USED_RELATIONS,
    Management,
    NotEmpty,
    PrivatePostgres,
    PrivateRabbit,
    PrivateServers,
    ServersMissing,
    refuse_used_database,
    refuse_used_vhost,
)

_NEEDS_SERVER = frozenset({"amqp_url", "database_url", "empty_database_url", "private_rabbit", "private_postgres"})
_servers: PrivateServers | None = None

# No deadline: two workers, a broker and a database share few cores, and a slow example is no wrong one.
settings.register_profile("order-hub", deadline=None, print_blob=True)
settings.load_profile("order-hub")

_serial = itertools.count(1)


# -- the run ----------------------------------------------------------------------------------------------------------


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Take no setting of the developer's shell into the tests; refuse servers of the user that are in use."""
    for name in [name for name in os.environ if name.startswith("HUB_") and not name.startswith(("HUB_TEST", "HUB_PROOF"))]:
        del os.environ[name]
    os.environ["HUB_ENV_FILE"] = ""  # nor the .env of whoever runs the hub in this folder
    if _is_worker(config):
        return
    amqp, database = os.environ.get(AMQP_VARIABLE), os.environ.get(DATABASE_VARIABLE)
    try:
        if amqp and not os.environ.get(MANAGEMENT_VARIABLE):
            refuse_used_vhost(amqp)
        if database:
            refuse_used_database(database)
    except NotEmpty as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Start the servers once, before the workers, which find them in the environment."""
    _ensure_servers()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what this process started; its watcher does so when this is never reached."""
    global _servers
    if _servers:
        _servers.close()
        _servers = None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for a server is `connected` without saying so."""
    for item in items:
        if _NEEDS_SERVER.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.connected)


def _ensure_servers() -> None:
    global _servers
    rabbit, postgres = not os.environ.get(AMQP_VARIABLE), not os.environ.get(DATABASE_VARIABLE)
    if rabbit or postgres:
        try:
            _servers = PrivateServers(rabbit=rabbit, postgres=postgres).start()
        except ServersMissing as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)
        os.environ.update(_servers.environment())


def _unique_name(worker: str) -> str:
    # Two runs may share one server of the user's, hence the process id.
    return f"hub_test_{worker}_{os.getpid()}_{next(_serial)}"


@contextlib.contextmanager
def _alone(url: str) -> Iterator[None]:
    """One test at a time over all workers: for servers on which no fresh virtual host or database may be made."""
    with Path(tempfile.gettempdir(), f"order-hub.{zlib.crc32(url.encode()):08x}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """Name of this xdist worker; `main` without xdist."""
    value = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return str(value)


@pytest.fixture(scope="session")
def sized() -> Callable[[int, int], int]:
    """`sized(small, full)`: the size of a proof, small in `make test`, full in `make proof`."""
    full_size = os.environ.get("HUB_PROOF") == "full"
    return lambda small, full: full if full_size else small


# -- RabbitMQ ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def amqp_url(worker: str) -> Iterator[str]:
    """A virtual host that holds nothing, deleted afterwards.

    On a broker of the user's without management API the one given is used by one test at a time and cleaned of hub.* afterwards;
    a test's other queues must be exclusive.
    """
    _ensure_servers()
    base, management_url = os.environ[AMQP_VARIABLE], os.environ.get(MANAGEMENT_VARIABLE)
    if management_url:
        management, name = Management(management_url), _unique_name(worker)
        management.create_vhost(name)
        try:
            yield urlunsplit(urlsplit(base)._replace(path=f"/{name}"))
        finally:
            management.delete_vhost(name)
        return
    with _alone(base):
        try:
            yield base
        finally:
            asyncio.run(_delete_hub_objects(base))


async def _delete_hub_objects(url: str) -> None:
    import aio_pika

    async with await aio_pika.connect(url, timeout=15.0) as connection:
        for name in HUB_QUEUES:
            channel = await connection.channel()
            await channel.queue_delete(name)
        for name in HUB_EXCHANGES:
            channel = await connection.channel()
            await channel.exchange_delete(name)


@pytest.fixture
def private_rabbit() -> Iterator[PrivateRabbit]:
    """A running node of this test alone, which it may stop, kill and freeze."""
    _ensure_servers()
    with PrivateRabbit() as node:
        yield node


# -- databases --------------------------------------------------------------------------------------------------------


def migrate(url: str) -> None:
    """Bring a database to the newest schema."""
    from hub.store import schema
    from hub.store.database import Database

    database = Database.open(url)
    try:
        schema.upgrade(database)
    finally:
        database.dispose()


@dataclass(frozen=True)
class _Postgres:
    """Where tests make their databases. `template` is None when the role may not create any."""

    url: str
    template: str | None

    def named(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))


def _execute(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _may_create(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])


def _empty(url: str) -> None:
    """Drop every table, view and sequence of a database that was empty before the test."""
    kinds = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE"}
    with psycopg.connect(url, autocommit=True) as connection:
        while row := connection.execute(USED_RELATIONS).fetchone():
            schema, name, kind = row
            statement = sql.SQL("DROP {} {} CASCADE").format(sql.SQL(kinds[kind]), sql.Identifier(schema, name))
            connection.execute(statement)


@pytest.fixture(scope="session")
def _postgres(worker: str) -> Iterator[_Postgres]:
    _ensure_servers()
    url = os.environ[DATABASE_VARIABLE]
    if not _may_create(url):
        yield _Postgres(url, None)
        return
    template = _unique_name(f"template_{worker}")
    _execute(url, "CREATE DATABASE {}", template)
    try:
        migrate(_Postgres(url, template).named(template))
        yield _Postgres(url, template)
    finally:
        _execute(url, "DROP DATABASE {} WITH (FORCE)", template)


@contextlib.contextmanager
def _fresh_postgres(server: _Postgres, worker: str, *, migrated: bool) -> Iterator[str]:
    if server.template is None:
        with _alone(server.url):
            try:
                if migrated:
                    migrate(server.url)
                yield server.url
            finally:
                _empty(server.url)
        return
    name = _unique_name(worker)
    _execute(server.url, "CREATE DATABASE {} TEMPLATE {}", name, server.template if migrated else "template0")
    try:
        yield server.named(name)
    finally:
        _execute(server.url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def database_url(_postgres: _Postgres, worker: str) -> Iterator[str]:
    """A fresh PostgreSQL database with the newest schema, dropped afterwards (about 40 ms)."""
    with _fresh_postgres(_postgres, worker, migrated=True) as url:
        yield url


@pytest.fixture
def empty_database_url(_postgres: _Postgres, worker: str) -> Iterator[str]:
    """A PostgreSQL database with nothing in it."""
    with _fresh_postgres(_postgres, worker, migrated=False) as url:
        yield url


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite file with the newest schema."""
    for file in _sqlite_template.parent.glob("template.db*"):
        shutil.copy(file, tmp_path / file.name.replace("template", "hub"))
    return f"sqlite:///{tmp_path / 'hub.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.connected)])
def any_database_url(request: pytest.FixtureRequest) -> str:
    """The same test on both databases."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "database_url")
    return url


@pytest.fixture
def private_postgres() -> Iterator[PrivatePostgres]:
    """A running server of this test alone, which it may stop, kill and freeze."""
    _ensure_servers()
    with PrivatePostgres() as server:
        yield server


@pytest.fixture(autouse=True)
def _engines_closed() -> Iterator[None]:
    """Close the engines a test has opened, also when it failed."""
    yield
    from tests.world import close_engines

    close_engines()
