"""Named points at which a test ends the process: `HUB_CRASH_AT=<point>[:n]`, only with HUB_TESTING=1.

One generic test walks all points and compares the end with an undisturbed run (architecture, Faults). os._exit runs no handler
and flushes nothing: to the broker and the database it looks like SIGKILL.
"""

import os
from typing import Final

POINTS: Final = (
    "after_translate",
    "after_inbox",
    "after_references",
    "after_order_lock",
    "after_apply",
    "before_commit",
    "after_commit",
    "before_ack",
    "after_ack",
    "before_reply",
    "relay_before_publish",
    "relay_after_publish",
    "relay_before_delete",
    "relay_after_delete",
    "archiver_before_commit",
    "archiver_before_ack",
    "notify_after_started",
    "notify_after_answer",
    "notify_before_ack",
    "gateway_before_started",
    "gateway_after_started",
    "gateway_after_http",
    "gateway_before_commit",
    "gateway_after_commit",
)

EXIT_STATUS: Final = 86


def _armed() -> tuple[str, int] | None:
    # Read from the environment and not from the settings: this must stay out of what a user can configure.
    if os.environ.get("HUB_TESTING") != "1":
        return None
    name, _, count = os.environ.get("HUB_CRASH_AT", "").partition(":")
    if not name:
        return None
    if name not in POINTS:
        raise ValueError(f"HUB_CRASH_AT names {name!r}; known points: {', '.join(POINTS)}")
    return name, int(count or "1")


class _Trigger:
    """Counts down visits of the armed point."""

    def __init__(self) -> None:
        self.armed = _armed()
        self.visits = 0

    def reach(self, point: str) -> None:
        if self.armed is None or self.armed[0] != point:
            return
        self.visits += 1
        if self.visits >= self.armed[1]:
            os._exit(EXIT_STATUS)


_trigger: Final = _Trigger()


def reach(point: str) -> None:
    """End the process here if this point is armed."""
    if _trigger.armed is not None:
        _trigger.reach(point)
