"""Verbs made from the command models: one mechanism for every manual step, so that a new command needs one line here."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from uuid import uuid4

import orjson
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hub.cli import tables
from hub.cli.choosing import Numbers, Where, chosen
from hub.cli.failures import Failure
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl, parse_amount
from hub.cli.order import Comment, Notify, Visible, Yes, confirm, listed
from hub.cli.output import console
from hub.cli.send import Actor, Direct, ExpectedVersion, How, Key, Reason, Timeout, build, send, show
from hub.config import load_settings
from hub.engine.timeline import money
from schemas.commands import COMMANDS, CommentedDocument

Words = Mapping[str, Any]
"""Options by their names, as typed; those not given are left out."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of `hub order`.

    `asks`: the question before what no other command takes back; a function sees the options. `more`: options that the model
    does not have, or has otherwise. `shape` turns all options into those of the model. Raises: Failure.
    `previewed`: what it would do is shown before the question.
    """

    name: str
    command: str
    help: str
    asks: str | Callable[[Words], str] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    shape: Callable[[Words], Words] = dict
    previewed: bool = False


# -- refunds: an amount, or everything -----------------------------------------------------------------------------------------

_PARTS: Final = ("line", "shipping", "extra", "fee")

_REFUND_OPTIONS: Final[Mapping[str, Any]] = {
    "all": Annotated[bool, typer.Option("--all", help="All that is left.")],
    "amount": Annotated[
        int | None, typer.Option("--amount", metavar="REAIS", parser=parse_amount, help="So much, whatever for, as in 19,90.")
    ],
    "mode": Annotated[
        Literal["online", "offline"] | None,
        typer.Option("--mode", help="online = by the provider, offline = it was given back already.", show_default="offline with --method"),
    ],
}


def _refund(given: Words) -> Words:
    """Say what is given back in the model's words, where nothing said would mean everything."""
    wanted = [name for name in ("all", "amount") if given.get(name)] + (["line"] if any(name in given for name in _PARTS) else [])
    if len(wanted) != 1:
        raise Failure("say what is given back: --all, or --amount, or --line, --shipping, --extra and --fee")
    data = {name: value for name, value in given.items() if name not in ("all", "amount")}
    if "amount" in given:
        # The form's field for money that belongs to no line: what is due stays, and nothing goes back to the shelf.
        data["extra"] = given["amount"]
    if "method" in given:
        data.setdefault("mode", "offline")
    if "mode" not in data:
        raise Failure("say by which means the money went back (--method), or --mode online")
    return data


def _refund_question(given: Words) -> str:
    if given.get("all"):
        return "Reembolsar tudo o que resta de"
    return f"Reembolsar {money(given['amount'])} de" if "amount" in given else "Reembolsar"


# -- the table -------------------------------------------------------------------------------------------------------------------

VERBS: Final = (
    Verb("hold", "order.hold", "Segurar: nothing goes on until the order is released; facts still come in."),
    Verb("release", "order.release", "Liberar: what was deferred and is still due is done now."),
    Verb("start-production", "order.start_production", "Colocar em produção: only paid orders."),
    Verb("comment", "order.comment", "Salvar comentário: a text for the history; for the customer too, if asked."),
    Verb("set-status", "order.set_status", "Alterar status: a linked one does what it says, and asks the same guard."),
    Verb("set-address", "order.set_address", "Alterar endereço: replaces the whole billing or shipping address."),
    Verb(
        "edit",
        "order.edit",
        "Editar: cancels the order and places the one of the file in its stead, as NUMBER-1. Only while no money has come.",
        "A edição cancela e cria outro pedido. Editar",
    ),
    Verb("reorder", "order.reorder", "Recomprar: places the order of the file, which has its own number; this one stays as it is."),
    Verb(
        "expire",
        "order.expire",
        "Cancelar por falta de pagamento: as its timer does, once the time is over.",
        "Cancelar por falta de pagamento",
    ),
    Verb("review-accept", "review.accept", "Aceitar pagamento: the one under review counts as captured."),
    Verb("review-deny", "review.deny", "Negar pagamento: the order whose payment is under review is canceled.", "Negar o pagamento de"),
    Verb("payment-void", "payment.void", "Desistir da autorização: its provider gives the money free.", "Desistir do pagamento de"),
    Verb("fiscal-mark-issued", "fiscal.mark_issued", "Nota fiscal emitida: a person says that the tax paper exists."),
    Verb("shipment-create", "shipment.create", "Entrega: a parcel leaves the shop, with its tracking numbers."),
    Verb("shipment-add-track", "shipment.add_track", "Incluir rastreador: one more tracking number of a shipment."),
    Verb("shipment-remove-track", "shipment.remove_track", "Remover rastreador: a tracking number that was wrong."),
    Verb("shipment-mark-in-transit", "shipment.mark_in_transit", "Marcar em transporte: says the staff, where no carrier does."),
    Verb("shipment-mark-difficulty", "shipment.mark_difficulty", "Marcar dificuldade de entrega: says the staff, where no carrier does."),
    Verb("shipment-mark-delivered", "shipment.mark_delivered", "Marcar entregue: says the staff, where no carrier does."),
    Verb("refund", "refund.create", "Reembolso: money given back.", _refund_question, _REFUND_OPTIONS, _refund, True),
    Verb("impersonate-link", "customer.impersonate_link", "Acessar conta do cliente: a link, good for minutes; audited (supervisor)."),
    Verb("resend", "notify.resend", "Enviar e-mail: the notice of the order or of one of its documents once more."),
)

_HELP: Final[Mapping[str, str]] = {
    "payment": "Which payment, as `hub orders show` lists them.",
    "shipment": "Which shipment, as `hub orders show` lists them.",
    "tracks": "A tracking number, or NUMBER=URL; may be given many times.",
    "items": "What is inside, as SKU=QUANTITY; may be given many times. Default: all that remains.",
    "lines": "Units given back, as SKU=QUANTITY, or SKU=QUANTITY:stock for back to stock; may be given many times.",
    "at": "When it was: 2026-11-25T10:00:00-03:00, or 25/11/2026 10:00 on the shop's clock. Default: now.",
    "carrier": "Carrier code from `hub carriers list`, or custom.",
    "hold_reason": "Why: operator, fraud, stock, fiscal, or a word of the shop's own. Default: operator; of a release: all.",
    "text": "The comment.",
    "order": "JSON file with the whole new order, as in order.placed; - is standard input.",
    "status": "Status code, as `hub orders list` filters by.",
    "type": "Which address.",
    "series": "The tax paper's series.",
    "access_key": "The tax paper's 44 characters (chave de acesso).",
    "title": "The carrier's name as the customer shall read it.",
    "method": "By which means the money went back.",
    "kind": "Of what the notice is sent again.",
    "fee_cents": "Kept from the refund, as in 19,90.",
    "extra_cents": "On top of lines and freight, as in 19,90.",
    "shipping_cents": "Of the freight, as in 19,90.",
    "preview": "Only show what it would give back; nothing changes.",
    "force": "Ship although it is not paid (supervisor; needs --reason).",
    "fiscal.mark_issued number": "The tax paper's number.",
    "fiscal.mark_issued url": "Where the customer can see it.",
    "shipment.add_track number": "The tracking number.",
    "shipment.remove_track number": "The tracking number.",
    "order.comment document": "The comment is on this document: KIND:ID, as in invoice:F-1001.",
    "notify.resend document": "Its id. Default: the latest of its kind.",
    "street": "Rua, avenida.",
    "number": "Número.",
    "complement": "Complemento.",
    "district": "Bairro.",
    "city": "Cidade.",
    "state": "UF.",
    "postal_code": "CEP.",
    "country": "País.",
    "name": "Quem recebe.",
    "phone": "Telefone.",
}
_SHARED: Final[Mapping[str, Any]] = {"comment": Comment, "notify": Notify, "visible": Visible}
_SINGULAR: Final[Mapping[str, str]] = {"tracks": "track", "items": "item", "lines": "line", "order": "file"}
_INSTANT_FORMS: Final = ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def add_verbs(app: typer.Typer) -> None:
    """Give an app all verbs of the table."""
    for verb in VERBS:
        app.command(verb.name, help=verb.help)(_command(verb))


# -- from a model to a command ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Option:
    """A field of the model as an option; `inside` is the field whose model it is a field of."""

    field: str
    info: FieldInfo
    inside: str | None = None

    @property
    def name(self) -> str:
        return _SINGULAR.get(self.field, self.field.removesuffix("_cents"))


def _options(command: str) -> dict[str, _Option]:
    found: list[_Option] = []
    for name, info in COMMANDS[command].model_fields.items():
        nested = info.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel) and name != "order":
            found += [_Option(inner, one, name) for inner, one in nested.model_fields.items()]
        else:
            found.append(_Option(name, info))
    return {one.name: one for one in found}


def _command(verb: Verb) -> Callable[..., None]:
    options = _options(verb.command)

    def run(numbers: list[str] | None, where: list[str] | None, as_json: bool, yes: bool, **given: Any) -> None:
        how = how_of(given)
        typed = typed_of(given)
        orders = chosen(numbers, where, how.database_url)
        commands = write(verb, orders, typed, how)
        asks = verb.asks is not None and not given.get("preview")
        if asks and verb.previewed and not as_json:
            preview(commands, how)
        if asks and verb.asks is not None:
            confirm(f"{verb.asks if isinstance(verb.asks, str) else verb.asks(typed)} {listed(orders)}?", yes)
        elif where and not given.get("preview"):
            confirm(f"{verb.help.partition(':')[0]}: {listed(orders)}?", yes)
        show(send(commands, how), as_json=as_json)

    parameters = [_parameter("numbers", Numbers, None), _parameter("where", Where, None)]
    for name, option in options.items():
        required = option.info.is_required() and option.inside is None and name not in verb.more
        annotation = verb.more.get(name) or _annotation(verb.command, option)
        parameters.append(_parameter(name, annotation, inspect.Parameter.empty if required else None))
    for name in verb.more.keys() - options.keys():
        parameters.append(_parameter(name, verb.more[name], False if get_args(verb.more[name])[0] is bool else None))
    parameters.append(_parameter("yes", Yes, False))
    sending = (("actor", Actor), ("reason", Reason), ("idempotency_key", Key), ("expected_version", ExpectedVersion))
    parameters += [_parameter(name, kind, None) for name, kind in sending]
    parameters += [_parameter("direct", Direct, False), _parameter("timeout", Timeout, 30.0), _parameter("as_json", AsJson, False)]
    parameters += [_parameter("amqp_url", AmqpUrl, None), _parameter("database_url", DatabaseUrl, None)]
    # Typer reads names, types and defaults off the function, so the made one must carry them.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
    run.__name__ = verb.name.replace("-", "_")
    return run


def preview(commands: Sequence[dict[str, Any]], how: How) -> None:
    """Show what each command would do, as the hub itself works it out. Raises: typer.Exit when none would do anything."""
    wanted = [
        {**{name: value for name, value in command.items() if name != "idempotency_key"}, "id": str(uuid4())}
        | {"data": {**command["data"], "preview": True}}
        for command in commands
    ]
    answers = send(wanted, how)
    if all(answer["outcome"] != "accepted" for answer in answers):
        show(answers, as_json=False)
    console().print(tables.refunds_previewed(answers))


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _annotation(command: str, option: _Option) -> Any:
    name = option.field
    if name in _SHARED:
        return _SHARED[name]
    help_text = _HELP.get(f"{command} {name}") or _HELP.get(name) or option.info.description or ""
    flag = f"--{option.name.replace('_', '-')}"
    if name == "order":
        return Annotated[str, typer.Option(flag, metavar="FILE", help=help_text)]
    if name in _SINGULAR:
        return Annotated[list[str] | None, typer.Option(flag, metavar="WORD", help=help_text)]
    if name.endswith("_cents"):
        return Annotated[int | None, typer.Option(flag, metavar="REAIS", parser=parse_amount, help=help_text)]
    kinds = _kinds(option.info.annotation)
    if bool in kinds:
        return Annotated[bool, typer.Option(flag, help=help_text)]
    if words := tuple(word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)):
        return Annotated[Literal[words] | None, typer.Option(flag, help=help_text)]
    return Annotated[str | None, typer.Option(flag, metavar="TEXT", help=help_text)]


def _kinds(annotation: Any) -> list[Any]:
    """List the alternatives of a type, without their constraints."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation]


# -- from what was typed to messages -----------------------------------------------------------------------------------------------

_SENDING: Final = ("actor", "reason", "idempotency_key", "expected_version", "direct", "timeout", "amqp_url", "database_url")


def how_of(given: Words) -> How:
    """Take out the options that are about the sending."""
    return How(**{name: given[name] for name in _SENDING})


def typed_of(given: Words) -> Words:
    """Take out the options that are about the command and were given."""
    return {name: value for name, value in given.items() if name not in _SENDING and value not in (None, [], ())}


def write(verb: Verb, numbers: Sequence[str], typed: Words, how: How) -> list[dict[str, Any]]:
    """Write the messages of a verb, one per order. Raises: Failure for what no hub would accept."""
    return build(verb.command, numbers, _data(_options(verb.command), verb.shape(typed)), how)


def _data(options: Mapping[str, _Option], given: Words) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, value in given.items():
        option = options[name]
        place = data if option.inside is None else data.setdefault(option.inside, {})
        place[option.field] = _value(option, value)
    return data


def _value(option: _Option, value: Any) -> Any:
    """Turn what was typed into what the model takes."""
    match option.field:
        case "tracks":
            return [_track(word) for word in value]
        case "items" | "lines":
            return [_units(word) for word in value]
        case "document" if CommentedDocument in _kinds(option.info.annotation):
            kind, _, identity = value.partition(":")
            return {"kind": kind, "id": identity}
        case "order":
            return _order(value)
        case "at":
            return _instant(value)
        case _:
            return value


def _order(file: str) -> Any:
    """Read an order, or the message that holds one. Raises: Failure."""
    try:
        document = orjson.loads(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    except (OSError, ValueError) as error:
        raise Failure(f"--file {file}: {error}") from error
    return document["order"] if isinstance(document, dict) and isinstance(document.get("order"), dict) else document


def _track(word: str) -> dict[str, str]:
    number, _, url = word.partition("=")
    return {"number": number, **({"url": url} if url else {})}


def _units(word: str) -> dict[str, Any]:
    sku, _, quantity = word.rpartition("=")
    number, _, stock = quantity.partition(":")
    if not sku or not number.isdecimal() or stock not in ("", "stock"):
        raise Failure(f"{word!r} is not SKU=QUANTITY")
    return {"sku": sku, "quantity": int(number), **({"back_to_stock": True} if stock else {})}


def _instant(word: str) -> str:
    """Give a time without offset the shop's zone; what is no such time is the model's to refuse."""
    for form in _INSTANT_FORMS:
        try:
            return datetime.strptime(word.strip(), form).replace(tzinfo=load_settings().timezone).isoformat()
        except ValueError:
            continue
    return word


def words_of(verbs: Sequence[Verb] = VERBS) -> dict[str, str]:
    """Map commands to their verbs, for a test that none is missing."""
    return {verb.command: verb.name for verb in verbs}
