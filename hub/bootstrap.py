"""The only place that builds database, adapters, engine and clock, and passes them in."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points

from adapters.contract import ENTRY_POINT_GROUP, Adapter
from hub.config import Settings
from hub.engine.engine import Engine
from hub.errors import SettingsInvalid
from hub.gateway.client import Timeouts
from hub.gateway.gateway import Gateway
from hub.store.database import Database


def utc_now() -> datetime:
    """Tell the time. The only clock of the hub; everything else gets it as an argument."""
    return datetime.now(UTC)


def load_adapters(found: Iterable[EntryPoint] | None = None) -> dict[str, Adapter]:
    """Load every installed adapter, by inbound key. Raises: SettingsInvalid, naming the package that must be mended or removed."""
    adapters: dict[str, Adapter] = {}
    owners: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP) if found is None else found, key=lambda point: (point.name, point.value)):
        adapter = _load(point)
        if adapter.name in owners:
            raise SettingsInvalid(f"two adapters read the key {adapter.name}: {_origin(owners[adapter.name])} and {_origin(point)}")
        adapters[adapter.name], owners[adapter.name] = adapter, point
    return adapters


def _load(point: EntryPoint) -> Adapter:
    try:
        adapter = point.load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise SettingsInvalid(f"the adapter {point.name} ({_origin(point)}) cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(adapter, Adapter):
        raise SettingsInvalid(
            f"the adapter {point.name} ({_origin(point)}) is a {type(adapter).__name__}, not an adapters.contract.Adapter"
        )
    if adapter.name != point.name:
        raise SettingsInvalid(
            f"the adapter {point.name} ({_origin(point)}) calls itself {adapter.name}: both names must be the inbound key"
        )
    return adapter


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "unknown package"
    return f"{point.value} of {package}"


@contextmanager
def open_database(settings: Settings, *, pool_size: int = 5) -> Iterator[Database]:
    """Open the database for a block; nothing is connected until the first use."""
    database = Database.open(settings.database_url, pool_size=pool_size)
    try:
        yield database
    finally:
        database.dispose()


def build_engine(database: Database, settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Engine:
    """Build the engine with all installed adapters. Raises: SettingsInvalid."""
    return Engine(database, load_adapters(), settings, clock=clock)


def build_gateway(engine: Engine) -> Gateway:
    """Build what calls providers."""
    whole_s = engine.settings.outbound_timeout.total_seconds()
    return Gateway(engine, timeouts=Timeouts(connect_s=min(5.0, whole_s), read_s=whole_s * 2 / 3, whole_s=whole_s))
