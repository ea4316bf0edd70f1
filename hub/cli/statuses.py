"""`hub statuses`: the statuses that orders show, the built-in ones and the shop's own (Sistema > Status dos Pedidos)."""

from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from hub.cli.failures import Failure
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl, opened
from hub.cli.order import Yes, confirm
from hub.cli.output import console, print_json, table
from hub.cli.send import Actor, Direct, How, Reason, Timeout, address, send, show
from hub.domain.labels import STATE_LABELS
from hub.engine import status_catalog
from schemas.vocabulary import OrderState

app: Final = typer.Typer(help="Statuses that orders show: list them, and change which state shows which.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(metavar="CODE", help="The status: small letters, digits and _.")]
State = Annotated[OrderState | None, typer.Option("--state", help="The state.")]


@app.command("list")
def list_(
    state: Annotated[OrderState | None, typer.Option("--state", help="Only those that orders in this state may show.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List statuses: labels, states, of which state they are the default."""
    with opened(database_url) as (_, database), database.read() as connection:
        found = [one for one in status_catalog.documents(status_catalog.load(connection)) if state is None or state in one["states"]]
    if as_json:
        print_json(found)
        return
    made = table("Status", "Etiqueta", "Estados", "Padrão de", "")
    for one in found:
        states = ", ".join(f"{name} ({STATE_LABELS[name]})" for name in one["states"])
        made.add_row(escape(one["code"]), escape(one["label"]), states, ", ".join(one["default_of"]), "" if one["built_in"] else "da loja")
    console().print(made)


@app.command()
def create(
    code: Code,
    label: Annotated[
        str | None, typer.Option("--label", metavar="TEXT", help="What staff and customers read.", show_default="CODE")
    ] = None,
    state: State = None,
    actor: Actor = None,
    reason: Reason = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Create a status of the shop's own; with --state it can be chosen there at once. Needs the role supervisor."""
    how = How(actor, reason, direct=direct, timeout=timeout, amqp_url=amqp_url, database_url=database_url)
    _send("status.create", {"code": code, "label": label, "state": state}, how, as_json)


@app.command()
def assign(
    code: Code,
    state: State = None,
    actor: Actor = None,
    reason: Reason = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let orders in a state show a status. Needs the role supervisor."""
    how = How(actor, reason, direct=direct, timeout=timeout, amqp_url=amqp_url, database_url=database_url)
    _send("status.assign", {"code": code, "state": _required(state)}, how, as_json)


@app.command()
def unassign(
    code: Code,
    state: State = None,
    actor: Actor = None,
    reason: Reason = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take a status off a state, or off every state. Orders that show it show the next one then. Needs the role supervisor."""
    how = How(actor, reason, direct=direct, timeout=timeout, amqp_url=amqp_url, database_url=database_url)
    _send("status.unassign", {"code": code, "state": state}, how, as_json)


@app.command("set-default")
def set_default(
    code: Code,
    state: State = None,
    actor: Actor = None,
    reason: Reason = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a status the one that a state shows when nothing else applies. Needs the role supervisor."""
    how = How(actor, reason, direct=direct, timeout=timeout, amqp_url=amqp_url, database_url=database_url)
    _send("status.set_default", {"code": code, "state": _required(state)}, how, as_json)


@app.command()
def delete(
    code: Code,
    yes: Yes = False,
    actor: Actor = None,
    reason: Reason = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Delete a status of the shop's own that no order shows. Needs the role supervisor."""
    confirm(f"Excluir o status {code}?", yes)
    how = How(actor, reason, direct=direct, timeout=timeout, amqp_url=amqp_url, database_url=database_url)
    _send("status.delete", {"code": code}, how, as_json)


def _required(state: OrderState | None) -> OrderState:
    if state is None:
        raise Failure("--state is required")
    return state


def _send(name: str, data: dict[str, Any], how: How, as_json: bool) -> None:
    given = {field: value for field, value in data.items() if value is not None}
    show(send([address(name, None, given, how)], how), as_json=as_json)
