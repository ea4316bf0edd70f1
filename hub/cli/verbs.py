"""Verbs made from the command models: one mechanism for every manual step, so that a new command needs one line here."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from hub.cli.failures import Failure
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl, parse_amount
from hub.cli.order import Yes, confirm
from hub.cli.send import Actor, Direct, ExpectedVersion, How, Key, Numbers, Reason, Timeout, build, send, show
from schemas.commands import COMMANDS


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of `hub order`. `asks`: the question before what is not undone by another command."""

    name: str
    command: str
    help: str
    asks: str | None = None


VERBS: Final = (
    Verb("hold", "order.hold", "Segurar: nothing goes on until the order is released; facts still come in."),
    Verb("release", "order.release", "Liberar: what was deferred and is still due is done now."),
    Verb("start-production", "order.start_production", "Pedido em produção: only paid orders."),
    Verb("comment", "order.comment", "Comentar: a text for the history, for the customer too if asked."),
    Verb("set-status", "order.set_status", "Choose the status shown; a linked one does what it says and asks the same guard."),
    Verb("set-address", "order.set_address", "Change the billing or shipping address."),
    Verb("expire", "order.expire", "Give an unpaid order up, as its timer does, once its time is over.", "Cancelar por falta de pagamento"),
    Verb("review-accept", "review.accept", "Aprovar a análise: the payment under review counts as captured."),
    Verb("review-deny", "review.deny", "Recusar a análise: the order is canceled.", "Recusar"),
    Verb("payment-void", "payment.void", "Give an authorized payment up at its provider."),
    Verb("fiscal-mark-issued", "fiscal.mark_issued", "NF emitida: a person says that the tax paper exists."),
    Verb("shipment-create", "shipment.create", "Entrega: a parcel leaves the shop, with its tracking numbers."),
    Verb("shipment-add-track", "shipment.add_track", "Incluir rastreador."),
    Verb("shipment-remove-track", "shipment.remove_track", "Remover rastreador."),
    Verb("shipment-mark-in-transit", "shipment.mark_in_transit", "Pedido em transporte."),
    Verb("shipment-mark-difficulty", "shipment.mark_difficulty", "Dificuldade de entrega."),
    Verb("shipment-mark-delivered", "shipment.mark_delivered", "Pedido entregue."),
    Verb("refund", "refund.create", "Reembolso: give money back; nothing said = all that is left.", "Reembolsar"),
    Verb("resend", "notify.resend", "Enviar e-mail de novo: order, invoice, shipment or refund."),
)

_HELP: Final[Mapping[str, str]] = {
    "notify": "Write to the customer, or not.",
    "visible": "Show it in the customer's panel, or not.",
    "comment": "A comment for the order's history.",
    "payment": "Which payment, as `hub orders show` lists them.",
    "shipment": "Which shipment, as `hub orders show` lists them.",
    "tracks": "A tracking number, or NUMBER=URL; may be given many times.",
    "items": "What is inside, as SKU=QUANTITY; may be given many times. Default: all that remains.",
    "lines": "Units given back, as SKU=QUANTITY, or SKU=QUANTITY:stock for back to stock; may be given many times.",
    "address": "The address as a JSON object: street, number, complement, district, city, state, postal_code, country.",
    "document": "On a document: KIND:ID, as in invoice:F-100.",
    "at": "Since when, ISO 8601 with offset.",
    "carrier": "Carrier code from `hub carriers list`, or custom.",
    "hold_reason": "Why it is held: operator, fraud, stock, fiscal, ... Release: only this reason; default all.",
    "text": "The comment.",
    "status": "Status code, as `hub orders list` filters by.",
    "type": "Which address.",
    "number": "The tracking number; for a tax paper its number.",
    "series": "The tax paper's series.",
    "access_key": "The tax paper's 44 characters (chave de acesso).",
    "url": "Where it can be seen.",
    "title": "The carrier's name as the customer shall read it.",
    "mode": "online = by the provider, offline = it was given back already.",
    "method": "By which means the money went back; required offline.",
    "kind": "Of what the notice is sent again.",
    "fee_cents": "Kept from the refund, as in 19,90.",
    "extra_cents": "Given on top of the lines, as in 19,90.",
    "shipping_cents": "Of the freight, as in 19,90.",
    "force": "Ship although it is not paid (supervisor; needs --reason).",
}


def add_verbs(app: typer.Typer) -> None:
    """Give an app all verbs of the table."""
    for verb in VERBS:
        app.command(verb.name, help=verb.help)(_command(verb))


def _command(verb: Verb) -> Callable[..., None]:
    fields = COMMANDS[verb.command].model_fields
    options = {_option(name): (name, info) for name, info in fields.items()}

    def run(numbers: list[str], **given: Any) -> None:
        how = How(
            given.pop("actor"),
            given.pop("reason"),
            given.pop("idempotency_key"),
            given.pop("expected_version"),
            given.pop("direct"),
            given.pop("timeout"),
            given.pop("amqp_url"),
            given.pop("database_url"),
        )
        as_json, yes = given.pop("as_json"), given.pop("yes", True)
        data = {options[option][0]: _value(options[option][0], value) for option, value in given.items() if value not in (None, [])}
        commands = build(verb.command, numbers, data, how)
        if verb.asks is not None:
            shown = f"{', '.join(numbers[:5])}{' ...' if len(numbers) > 5 else ''} ({len(commands)})"
            confirm(f"{verb.asks} {shown}?", yes)
        show(send(commands, how), as_json=as_json)

    parameters = [_parameter("numbers", Numbers)]
    parameters += [_parameter(option, _annotation(name, info), None) for option, (name, info) in options.items()]
    if verb.asks is not None:
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


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(field: str) -> str:
    return {"tracks": "track", "items": "item", "lines": "line"}.get(field, field.removesuffix("_cents"))


def _annotation(name: str, info: FieldInfo) -> Any:
    help_text = _HELP.get(name, info.description or "")
    flag = f"--{_option(name).replace('_', '-')}"
    if name in ("tracks", "items", "lines"):
        return Annotated[list[str] | None, typer.Option(flag, metavar="WORD", help=help_text)]
    if name.endswith("_cents"):
        return Annotated[int | None, typer.Option(flag, metavar="REAIS", parser=parse_amount, help=help_text or "An amount, as in 19,90.")]
    kinds = _kinds(info.annotation)
    if bool in kinds:
        return Annotated[bool | None, typer.Option(f"{flag}/--no-{flag[2:]}", help=help_text, show_default="as the model says")]
    words = [str(word) for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    metavar = "|".join(words) if words else "TEXT"
    return Annotated[str | None, typer.Option(flag, metavar=metavar, help=help_text)]


def _kinds(annotation: Any) -> list[Any]:
    """List the alternatives of a type, without their constraints."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation]


def _value(name: str, value: Any) -> Any:
    """Turn what was typed into what the model takes."""
    match name:
        case "tracks":
            return [_track(word) for word in value]
        case "items" | "lines":
            return [_units(word) for word in value]
        case "address":
            return _object(value)
        case "document" if ":" in value:
            kind, _, identity = value.partition(":")
            return {"kind": kind, "id": identity}
        case _:
            return value


def _track(word: str) -> dict[str, str]:
    number, _, url = word.partition("=")
    return {"number": number, **({"url": url} if url else {})}


def _units(word: str) -> dict[str, Any]:
    sku, _, quantity = word.rpartition("=")
    number, _, stock = quantity.partition(":")
    if not sku or not number.isdigit() or stock not in ("", "stock"):
        raise Failure(f"{word!r} is not SKU=QUANTITY")
    return {"sku": sku, "quantity": int(number), **({"back_to_stock": True} if stock else {})}


def _object(word: str) -> Mapping[str, Any]:
    try:
        found = json.loads(word)
    except ValueError as error:
        raise Failure(f"--address is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Failure("--address is not a JSON object")
    return found


def words_of(verbs: Sequence[Verb] = VERBS) -> dict[str, str]:
    """Map commands to their verbs, for a test that none is missing."""
    return {verb.command: verb.name for verb in verbs}
