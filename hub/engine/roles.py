"""Who sent a command, and what that user may do (rules.md, Doors)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hub.config import Settings
from hub.engine.deliveries import Delivery

HUB_USER_HEADER: Final = "hub-user"
DIRECT_USER_PREFIX: Final = "os:"
POLICY_ACTOR_PREFIX: Final = "policy:"

_VIEWER: Final = frozenset({"order.get"})
_SUPERVISOR_ONLY: Final = frozenset(
    {"refund.create", "exception.resolve", "dead.redrive", "dead.discard", "reference.add", "customer.impersonate_link"}
)
_SUPERVISOR_FAMILIES: Final = ("status.",)


@dataclass(frozen=True, slots=True)
class User:
    """The authenticated sender. `own` = the hub's own broker user, which never sends commands."""

    name: str | None
    own: bool = False


def authenticated_user(delivery: Delivery, settings: Settings) -> User:
    """Take the broker-verified user_id; `hub-user` only when the hub itself republished the message."""
    own = settings.amqp_user
    if delivery.user_id is not None and delivery.user_id == own:
        original = delivery.raw.headers.get(HUB_USER_HEADER)
        return User(str(original)) if original else User(own, own=True)
    return User(delivery.user_id)


def may_command(user: User, command: str, actor: str | None, settings: Settings) -> str | None:
    """Return why a user may not send a command, or None."""
    if user.own:
        return "the hub's own user sends no commands"
    if actor is not None and actor.startswith(POLICY_ACTOR_PREFIX):
        return f"actors beginning {POLICY_ACTOR_PREFIX!r} are the hub's own"
    role = role_of(user.name, settings.roles)
    if role == "supervisor" or command in _VIEWER:
        return None
    if role == "viewer":
        return f"the role viewer may not send {command}"
    if command in _SUPERVISOR_ONLY or command.startswith(_SUPERVISOR_FAMILIES):
        return f"{command} needs the role supervisor"
    return None


def role_of(user: str | None, roles: Mapping[str, str] | None) -> str:
    """Return a user's role. No roles configured: everybody is supervisor, and `hub doctor` warns."""
    if roles is None:
        return "supervisor"
    return roles.get(user, "viewer") if user is not None else "viewer"
