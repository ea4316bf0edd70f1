"""`hub order VERB NUMBER...`: the commands on orders."""

import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from hub.cli import order_page
from hub.cli.choosing import Numbers, Where, chosen
from hub.cli.failures import Failure, Status
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl, parse_amount
from hub.cli.output import console, errors, print_json
from hub.cli.send import Actor, Direct, ExpectedVersion, How, Key, Reason, Timeout, build, end, send, show
from hub.cli.send import Numbers as RequiredNumbers
from hub.config import load_settings
from schemas.base import PaymentMethod

app: Final = typer.Typer(
    help="Commands on orders: every manual step of the panel. A command of the hub's own broker user is refused: give yours by --amqp-url.",
    no_args_is_help=True,
)

Comment = Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="A comment for the order's history.")]
Notify = Annotated[
    bool | None, typer.Option("--notify/--no-notify", help="Write to the customer, or not.", show_default="as the notice table says")
]
Visible = Annotated[
    bool | None,
    typer.Option("--visible/--hidden", help="Show it in the customer's panel, or not.", show_default="as the notice table says"),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def approve(
    numbers: Numbers = None,
    where: Where = None,
    yes: Yes = False,
    payment: Annotated[str | None, typer.Option("--payment", metavar="ID", help="Which payment, as `hub orders show` lists them.")] = None,
    method: Annotated[PaymentMethod | None, typer.Option("--method", help="How the money came.", show_default="the payment's")] = None,
    amount: Annotated[
        int | None,
        typer.Option(
            "--amount", metavar="REAIS", parser=parse_amount, help="How much came, as in 119,70.", show_default="all that is missing"
        ),
    ] = None,
    amount_cents: Annotated[int | None, typer.Option("--amount-cents", metavar="CENTS", min=1, help="The same in cents.")] = None,
    comment: Comment = None,
    notify: Notify = None,
    visible: Visible = None,
    actor: Actor = None,
    reason: Reason = None,
    idempotency_key: Key = None,
    expected_version: ExpectedVersion = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Faturar: money came that no provider tells of; the order counts as paid by it."""
    if amount is not None and amount_cents is not None:
        raise Failure("give --amount or --amount-cents, not both")
    how = How(actor, reason, idempotency_key, expected_version, direct, timeout, amqp_url, database_url)
    data = {
        "payment": payment,
        "method": method,
        "amount_cents": amount if amount is not None else amount_cents,
        "comment": comment,
        "notify": notify,
        "visible": visible,
    }
    orders = chosen(numbers, where, database_url)
    commands = build("order.approve", orders, data, how)
    if where:
        confirm(f"Faturar {listed(orders)}?", yes)
    show(send(commands, how), as_json=as_json)


@app.command()
def cancel(
    numbers: Numbers = None,
    where: Where = None,
    comment: Comment = None,
    notify: Notify = None,
    visible: Visible = None,
    yes: Yes = False,
    actor: Actor = None,
    reason: Reason = None,
    idempotency_key: Key = None,
    expected_version: ExpectedVersion = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Cancelar: only orders for which no money came; what is paid is refunded instead."""
    how = How(actor, reason, idempotency_key, expected_version, direct, timeout, amqp_url, database_url)
    orders = chosen(numbers, where, database_url)
    commands = build("order.cancel", orders, {"comment": comment, "notify": notify, "visible": visible}, how)
    confirm(f"Cancelar {listed(orders)}?", yes)
    show(send(commands, how), as_json=as_json)


@app.command()
def get(
    numbers: RequiredNumbers,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Ask the hub for orders, as a system without access to its database does."""
    how = How(direct=direct, timeout=timeout, amqp_url=amqp_url, database_url=database_url)
    answers = send(build("order.get", numbers, {}, how), how)
    if as_json:
        print_json(answers)
    else:
        zone = load_settings().timezone
        for answer in answers:
            if answer["outcome"] == "accepted":
                order_page.show(console(), answer["result"], zone)
            else:
                errors().print(f"{answer['order']}: {answer['code'] or answer['outcome']} {answer['message']}", highlight=False)
    end(answers)


def listed(numbers: Sequence[str]) -> str:
    """Name orders in a question: the first five, and how many they are."""
    unique = list(dict.fromkeys(numbers))
    if len(unique) == 1:
        return f"o pedido {unique[0]}"
    return f"{len(unique)} pedidos ({', '.join(unique[:5])}{' ...' if len(unique) > 5 else ''})"


def confirm(question: str, yes: bool) -> None:
    """Ask before what cannot be undone."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure("confirmation_required: give --yes", Status.REJECTED)
    typer.confirm(question, abort=True, err=True)
