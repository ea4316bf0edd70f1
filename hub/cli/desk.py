"""`hub reference`, `hub unknowns`, `hub carriers`: what staff and operators settle beside the orders themselves."""

from typing import Annotated, Final

import typer
from rich.markup import escape

from hub.bootstrap import build_engine
from hub.cli.identity import require_operator
from hub.cli.options import AmqpUrl, AsJson, DatabaseUrl, opened
from hub.cli.output import console, moment, print_json, table
from hub.cli.send import Actor, Direct, How, Reason, Timeout, address, send, show
from hub.config import load_settings
from hub.domain.judgement import CUSTOM
from hub.engine.unknowns import apply_mappings, unknown_words

reference: Final = typer.Typer(help="References: the words by which other systems name an order.", no_args_is_help=True)
unknowns: Final = typer.Typer(help="Words of providers that nobody knows yet.", no_args_is_help=True)
carriers: Final = typer.Typer(help="Carrier codes.", no_args_is_help=True)


@reference.command()
def add(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The order it names.")],
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="txid, e2e, charge_id, tracking, access_key, ...")],
    value: Annotated[str, typer.Option("--value", metavar="VALUE", help="The word.")],
    scope: Annotated[
        str | None,
        typer.Option("--scope", metavar="PROVIDER", help="Whose word it is.", show_default="wherever it waits or is disputed"),
    ] = None,
    actor: Actor = None,
    reason: Reason = None,
    direct: Direct = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    amqp_url: AmqpUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Say which order a reference means: what waits under it is applied, and its conflict is settled. Needs the role supervisor."""
    how = How(actor, reason, direct=direct, timeout=timeout, amqp_url=amqp_url, database_url=database_url)
    data = {"order": number, "kind": kind, "value": value, **({"scope": scope} if scope is not None else {})}
    show(send([address("reference.add", number, data, how)], how), as_json=as_json)


@unknowns.command("list")
def list_unknowns(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """List unknown words, the most frequent first, and what HUB_MAP_<PROVIDER> makes of them."""
    with opened(database_url) as (settings, database):
        words = unknown_words(build_engine(database, settings))
        if as_json:
            names = ("provider", "kind", "word", "count", "applied", "mapped_to")
            print_json(
                [
                    {name: getattr(word, name) for name in names}
                    | {"first_at": word.first_at.isoformat(), "last_at": word.last_at.isoformat(), "orders": list(word.orders)}
                    for word in words
                ]
            )
            return
        if not words:
            console().print("no unknown words")
            return
        made = table("provider", "kind", "word", "count", "applied", "last", "mapped to", "orders", right=("count", "applied"))
        for word in words:
            made.add_row(
                escape(word.provider),
                word.kind,
                escape(word.word),
                str(word.count),
                str(word.applied),
                moment(word.last_at.isoformat(), settings.timezone),
                word.mapped_to or "",
                escape(", ".join(word.orders[:3]) + (" ..." if len(word.orders) > 3 else "")),
            )
        console().print(made)


@unknowns.command("apply")
def apply_unknowns(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Also words mapped to success: captured, delivered, issued.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Apply the mappings of HUB_MAP_<PROVIDER> to all stored unknown facts. Words of success need --yes. Needs the role operator."""
    with opened(database_url) as (settings, database):
        require_operator(settings)
        counts = apply_mappings(build_engine(database, settings), yes=yes)
    if as_json:
        print_json(dict(counts))
    else:
        waiting = f"; {_facts(counts['needs_yes'])} of success waiting for --yes" if counts["needs_yes"] else ""
        console().print(f"{_facts(counts['applied'])} applied{waiting}", highlight=False)


def _facts(count: int) -> str:
    return f"{count} fact{'' if count == 1 else 's'}"


@carriers.command("list")
def list_carriers(as_json: AsJson = False) -> None:
    """List the carriers of HUB_CARRIERS, and custom (Valor personalizado)."""
    known = {**load_settings().carriers, CUSTOM: "Valor personalizado"}
    if as_json:
        print_json([{"code": code, "title": title} for code, title in known.items()])
        return
    made = table("code", "title")
    for code, title in known.items():
        made.add_row(code, escape(title))
    console().print(made)
