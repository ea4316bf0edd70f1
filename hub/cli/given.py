"""Options that several commands share as one group: a listing, its export, and what is saved of it take the same filters."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

Command = Callable[..., None]


def takes(options: Mapping[str, Any]) -> Callable[[Command], Command]:
    """Give a command these options (name -> type), all optional; it gets their values as its first argument, a dictionary by name."""

    def add(command: Command) -> Command:
        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in options}
            command(given, **values)

        hints = get_type_hints(command, include_extras=True)
        own = [one.replace(annotation=hints[name]) for name, one in list(inspect.signature(command).parameters.items())[1:]]
        shared = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in options.items()]
        parameters = [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own if one.default is inspect.Parameter.empty), *shared]
        parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own if one.default is not inspect.Parameter.empty]
        # Typer reads names, types and defaults off the function, so the made one must carry them.
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return add
