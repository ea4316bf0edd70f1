"""Who sits at the terminal."""

import getpass
import os

from hub.cli.failures import Failure, Status
from hub.config import Settings
from hub.engine.roles import DIRECT_USER_PREFIX, role_of


def login() -> str:
    """Give the name of whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container whose user has no name


def direct_user() -> str:
    """Give the authenticated user of what is done on the database directly: `os:<login>` (rules.md, Doors)."""
    return f"{DIRECT_USER_PREFIX}{login()}"


def require_operator(settings: Settings) -> None:
    """Let nobody who may only look change anything by hand. Raises: Failure, status 1."""
    user = direct_user()
    if role_of(user, settings.roles) == "viewer":
        raise Failure(f"forbidden: {user} is a viewer", Status.REJECTED)
