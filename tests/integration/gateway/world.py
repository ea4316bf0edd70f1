"""An engine and a gateway beside a fake provider."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from hub.engine.engine import Engine
from hub.gateway.client import Timeouts
from hub.gateway.gateway import Gateway
from tests.world import open_engine

QUICK = Timeouts(connect_s=0.5, read_s=0.6, whole_s=1.0)


def secrets(url: str) -> dict[str, SecretStr]:
    """Give every provider's account, at one address."""
    given = {
        "MERCADOPAGO_BASE_URL": url,
        "MERCADOPAGO_ACCESS_TOKEN": "APP_USR-secret",
        "PAGARME_BASE_URL": url,
        "PAGARME_SECRET_KEY": "sk_test_secret",
        "PIX_BASE_URL": url,
        "PIX_CLIENT_ID": "client",
        "PIX_CLIENT_SECRET": "hush",
    }
    return {name: SecretStr(value) for name, value in given.items()}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Move on."""
        self.now += timedelta(**by)


def engine_at(url: str, provider_url: str, clock: Clock | None = None, **values: Any) -> Engine:
    """Open an engine whose providers are all at one address."""
    opened = open_engine(url, secret_variables=secrets(provider_url), **values)
    if clock is not None:
        object.__setattr__(opened, "clock", clock)
    return opened


def gateway_of(engine: Engine) -> Gateway:
    """Build a gateway that waits for nothing long."""
    return Gateway(engine, timeouts=QUICK)
