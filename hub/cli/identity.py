"""Who sits at the terminal."""

import getpass
import os

from hub.engine.roles import DIRECT_USER_PREFIX


def direct_user() -> str:
    """Give the authenticated user of what is done on the database directly: `os:<login>` (rules.md, Doors)."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        login = str(os.getuid())  # a container whose user has no name
    return f"{DIRECT_USER_PREFIX}{login}"
