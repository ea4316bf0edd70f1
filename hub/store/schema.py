"""The database schema's version: bringing it up to date, and refusing to run on another one."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from hub.errors import SchemaOutdated
from hub.store.database import Database

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_UPGRADE_LOCK: Final = 0x6F72646572687562  # "orderhub": one upgrade at a time on PostgreSQL


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """Return the revision this program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("no migrations are installed")
    return head


def current(database: Database) -> str | None:
    """Return the revision the database is at; None = empty or not the hub's."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Apply all missing migrations, one upgrade at a time. Returns the revisions before and after."""
    with database.begin() as connection:
        if database.is_postgres:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        before = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(_config(connection), "head")
    return before, newest()


def require_current(database: Database) -> None:
    """Raise SchemaOutdated unless the database is at the revision this program needs."""
    found, needed = current(database), newest()
    if found != needed:
        raise SchemaOutdated(f"the database schema is at {found or 'nothing'}, this program needs {needed}: run `hub db upgrade`")


def is_empty(database: Database) -> bool:
    """Tell whether there is nothing in the database that the hub would write over."""
    with database.read() as connection:
        names = inspect(connection).get_table_names()
        if not names:
            return True
        if "orders" not in names:
            return False
        return connection.execute(text("SELECT 1 FROM orders LIMIT 1")).first() is None
