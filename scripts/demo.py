"""A day in a small shop on the embedded database: `make demo`. No broker, no server, no network; everything in a temporary folder."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

ROOT: Final = Path(__file__).resolve().parent.parent
NOW: Final = "2026-11-28T12:00:00-03:00"
STORY: Final = "100000503"

# Not a terminal has no width; the tables want some.
_WIDTH: Final = None if sys.stdout.isatty() else 160
out: Final = Console(emoji=False, width=_WIDTH)


def say(text: str) -> None:
    """Explain the next step."""
    out.print()
    out.print(Markdown(text))


def environment(folder: Path) -> dict[str, str]:
    """Give the settings of the demo: none of the user's own may change the story."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return clean | {
        "HUB_ENV_FILE": "",
        "HUB_DATABASE_URL": f"sqlite:///{folder / 'hub.db'}",
        "HUB_SECRETS_PAGARME_WEBHOOK": "loja:segredo-de-exemplo",
        "PYTHONPATH": str(ROOT),
        **({"COLUMNS": str(_WIDTH)} if _WIDTH else {}),
    }


class Demo:
    """Runs `hub` as a user would, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = environment(folder)

    def hub(self, *arguments: str, expected: int = 0) -> None:
        """Run a command and let it print."""
        out.print(f"[bold cyan]$ hub {escape(shlex.join(arguments))}[/]", highlight=False)
        sys.stdout.flush()
        status = subprocess.run([sys.executable, "-m", "hub", *arguments], cwd=self._folder, env=self._environment, check=False).returncode
        if status != expected:
            raise SystemExit(f"hub {' '.join(arguments)} ended with status {status}")

    def hub_json(self, *arguments: str) -> Any:
        """Run a command and read what it says as JSON."""
        command = [sys.executable, "-m", "hub", *arguments, "--json"]
        done = subprocess.run(command, cwd=self._folder, env=self._environment, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)


def show_events(answer: dict[str, Any]) -> None:
    """Show what other systems would have received."""
    table = Table("sequence", "routing key", "message id", title=f"Events of order {STORY}", title_justify="left", box=None, pad_edge=False)
    for event in answer["events"]:
        if event["order"] == STORY:
            table.add_row(str(event["sequence"]), event["routing_key"], event["id"])
    out.print(table)
    kinds = Counter(event["routing_key"].split(".")[0] for event in answer["events"])
    out.print(f"{len(answer['events'])} in all: " + ", ".join(f"{count} {kind}.*" for kind, count in kinds.most_common()), highlight=False)


def ends(answer: dict[str, Any]) -> dict[str, Any]:
    """Give what must not depend on the order of arrival."""
    names = ("state", "status", "payment_state", "captured_cents", "refunded_cents", "charged_back_cents")
    states = {order["number"]: [order[name] for name in names] for order in answer["orders"]}
    return {"orders": states, "exceptions": sorted((one["kind"], one["order"], one["key"]) for one in answer["exceptions"])}


def main() -> None:
    """Tell the story."""
    with tempfile.TemporaryDirectory(prefix="order-hub-demo-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples", folder / "examples")
        demo = Demo(folder)
        say(
            "# The order hub, on examples/\n"
            "48 messages of three days: what a shop, a bank and a gateway really send, in their own formats. Some come twice, one before "
            "its order, one is cut off. In production they arrive through RabbitMQ; here the same engine reads them from files."
        )
        demo.hub("replay", "examples", "--now", NOW, "--database-url", f"sqlite:///{folder / 'hub.db'}")
        say(
            "Every order has **one state, computed** from all that is known of it. What a machine cannot decide is an *open exception* "
            "with the commands that settle it; what cannot be read is a *dead letter*, kept with bytes and headers. "
            "The command `order.cancel` on a paid order was refused with a code.\n\n"
            f"## One order, whole\nOrder {STORY}: its Pix came **before** the order and waited for it. From any word you have (order "
            "number, Pix id, e-mail, event id) `hub trace` leads to the timeline: raw message, fact, change of state, published events."
        )
        demo.hub("trace", "E18236120202611241312loja5030xxx")
        say("## What was published\nEvery change goes out once in effect, numbered per order without gaps, with a stable id:")
        answer = demo.hub_json("replay", "examples", "--now", NOW)
        show_events(answer)
        say(
            "## A dead letter again\nOnce an adapter or a setting is mended, letters are run again, first without consequences. "
            "This one is cut off and stays dead (status 1):"
        )
        demo.hub("dead", "redrive", "1", "--dry-run", expected=1)
        say("## Staff settle an exception\nOrder 100000505 is R$ 10,00 short, which came in cash. On the database, since no broker runs:")
        demo.hub("order", "approve", "100000505", "--method", "cash", "--amount", "10,00", "--reason", "pago no balcão", "--direct")
        say("## Does arrival order matter?\nThe same messages in another order, each three times:")
        shuffled = demo.hub_json("replay", "examples", "--now", NOW, "--shuffle", "7", "--repeat", "3")
        same = ends(answer) == ends(shuffled)
        out.print(
            f"{answer['counts']['messages']} messages in order, {shuffled['counts']['messages']} shuffled and repeated: "
            + ("[bold green]the same end[/]" if same else "[bold red]another end[/]"),
            highlight=False,
        )
        say("## Is the data right?\nEvery order's log is folded again from the beginning and compared with what is stored:")
        demo.hub("verify")
        say(
            "Next: `make up` runs it with RabbitMQ and PostgreSQL, `hub --help` lists the commands, `examples/README.md` explains "
            "the messages."
        )
        if not same:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
