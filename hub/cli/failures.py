"""Exit statuses and one-line errors: what the user sees when a command does not do what was asked."""

import sys
import traceback
from enum import IntEnum
from typing import Any, Final, NoReturn

from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError
from typer import Abort, Exit
from typer.core import TyperGroup
from typer.exceptions import TyperException

from hub.engine.engine import brief
from hub.errors import DatabaseNotEmpty, HubError, SettingsInvalid, TransientError
from hub.observability import mask_text
from hub.replay.source import InputInvalid


class Status(IntEnum):
    """Exit statuses (contract.md, CLI)."""

    DONE = 0
    REJECTED = 1
    USAGE = 2
    INFRASTRUCTURE = 3


class Failure(Exception):
    """Ends a command with a message and a status."""

    def __init__(self, message: str, status: Status = Status.USAGE) -> None:
        super().__init__(message)
        self.status: Final = status


_USAGE: Final = (InputInvalid, SettingsInvalid, DatabaseNotEmpty)
_USER_FILES: Final = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)


def explain(error: Exception) -> tuple[Status, str]:
    """Say in words what an error means to the user, and with which status the command ends."""
    match error:
        case Failure():
            return error.status, str(error)
        case _ if isinstance(error, _USAGE):
            return Status.USAGE, str(error)
        case TransientError():
            return Status.INFRASTRUCTURE, str(error)
        case HubError():
            return Status.INFRASTRUCTURE, str(error)
        case SQLAlchemyError():
            return Status.INFRASTRUCTURE, f"the database cannot be used: {brief(error)}"
        case OSError() if isinstance(error, _USER_FILES):
            return Status.USAGE, f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
        case OSError():
            return Status.INFRASTRUCTURE, f"{type(error).__name__}: {error}"
    return Status.INFRASTRUCTURE, f"internal error, {type(error).__name__}: {error} (`hub --debug ...` shows where)"


def report(error: Exception, *, debug: bool) -> Status:
    """Print an error to standard error; return the status."""
    from hub.cli.output import errors

    status, message = explain(error)
    if debug:
        sys.stderr.write(mask_text("".join(traceback.format_exception(error))))
    errors().print(f"[bold red]error:[/] {escape(mask_text(message))}", soft_wrap=True, highlight=False)
    return status


class HubGroup(TyperGroup):
    """The root command: it turns errors into one line and a status, for the shell and for tests alike."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (Exit, Abort, TyperException, BrokenPipeError):
            raise  # the library's own, and `hub orders list | head`
        except Exception as error:  # the outermost loop of a command: everything becomes a message and a status
            self._end(ctx, error)

    @staticmethod
    def _end(ctx: Any, error: Exception) -> NoReturn:
        raise Exit(report(error, debug=bool(ctx.params.get("debug")))) from error
