"""`python -m benchmarks.apart`: worker and relay as two processes of the hub, for one measurement; ends both at SIGTERM."""

import signal
import subprocess
import sys
from types import FrameType


def main() -> int:
    """Entry point."""
    roles = ("worker", "relay")
    hubs = [subprocess.Popen([sys.executable, "-m", "hub", "run", "--only", role]) for role in roles]

    def stop(_number: int, _frame: FrameType | None) -> None:
        for hub in hubs:
            hub.terminate()

    signal.signal(signal.SIGTERM, stop)
    return max(abs(hub.wait()) for hub in hubs)


if __name__ == "__main__":
    sys.exit(main())
