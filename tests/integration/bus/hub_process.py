"""A worker process for tests, or several under a supervisor: `python -m tests.integration.bus.hub_process ROLES [WORKERS]`.

It has one adapter more than the hub, payments.test, which ends the process when it is given the body `poison`.
"""

import os
import sys
from datetime import UTC, datetime
from typing import Final

from adapters.contract import Adapter, Ignored, RawDelivery, unsigned
from hub.bootstrap import load_adapters
from hub.bus import worker
from hub.bus.supervisor import Supervisor
from hub.config import load_settings
from hub.engine.engine import Engine
from hub.store.database import Database
from tests.integration.bus.messages import quick

KEY: Final = "payments.test"
KILLED: Final = 9


def translate(delivery: RawDelivery) -> Ignored:
    """Die of poison, ignore the rest."""
    if delivery.body == b"poison":
        os._exit(KILLED)
    return Ignored("test")


TEST_ADAPTER: Final = Adapter(name=KEY, translate=translate, verify=unsigned, docs="")


def main() -> int:
    """Run until SIGTERM."""
    roles = sys.argv[1].split(",")
    if len(sys.argv) > 2:
        return Supervisor([sys.executable, "-m", "tests.integration.bus.hub_process", sys.argv[1]], int(sys.argv[2])).run()
    settings = load_settings()
    database = Database.open(settings.database_url)
    engine = Engine(database, load_adapters() | {KEY: TEST_ADAPTER}, settings, clock=lambda: datetime.now(UTC))
    return worker.start(engine, roles, options=quick())


if __name__ == "__main__":
    sys.exit(main())
