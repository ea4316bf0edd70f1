"""`hub config` and `hub verify`: what is in force, and whether the data is right."""

from typing import Any

import typer
from rich.markup import escape

from hub.cli.failures import Status
from hub.cli.options import AsJson, DatabaseUrl, opened
from hub.cli.output import console, print_json, progress, table
from hub.config import effective, load_settings
from hub.engine import verify as verifying


def config(as_json: AsJson = False) -> None:
    """Show the settings in force, where each comes from, and what it means. Secrets are masked."""
    lines = effective(load_settings())
    if as_json:
        print_json([{"name": one.name, "value": one.value, "source": one.source, "description": one.description} for one in lines])
        return
    made = table("setting", "value", "from", "meaning")
    for one in lines:
        source = one.source if one.source == "default" else f"[bold]{escape(one.source)}[/]"
        made.add_row(one.name, escape(one.value), source, escape(one.description))
    console().print(made)


def verify(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Fold every order's log again and compare; look for gaps, repeats and stranded facts. Status 1 when something is found.

    Reads only; a hub may be running.
    """
    with opened(database_url) as (_, database), progress("verify", None) as bar:
        task = bar.tasks[0].id
        result = verifying.verify(database, on_order=lambda done, total: bar.update(task, completed=done, total=total))
    findings = result.findings
    if as_json:
        counts: dict[str, Any] = {name: getattr(result, name) for name in ("orders", "entries", "events", "unpublished", "parked")}
        print_json({**counts, "findings": [{"order": one.order, "kind": one.kind, "detail": one.detail} for one in findings]})
    else:
        out = console()
        if findings:
            made = table("order", "kind", "finding")
            for one in findings:
                made.add_row(escape(one.order), f"[red]{one.kind}[/]", escape(one.detail))
            out.print(made)
        out.print(
            f"{result.orders} orders, {result.entries} log rows, {result.events} events, {result.unpublished} not yet published, "
            f"{result.parked} facts waiting: {f'{len(findings)} findings' if findings else 'all is well'}",
            highlight=False,
        )
    if findings:
        raise typer.Exit(Status.REJECTED)
