"""Who sits at the terminal."""

import getpass
import os

from hub.engine.roles import DIRECT_USER_PREFIX


def login() -> str:
    """Give the name of whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container whose user has no name


def direct_user() -> str:
    """Give the authenticated user of what is done on the database directly: `os:<login>` (rules.md, Doors)."""
    return f"{DIRECT_USER_PREFIX}{login()}"
