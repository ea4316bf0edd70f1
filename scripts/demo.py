"""Some days of a small shop on the embedded database: `make demo`. No broker, no server, no network; everything in a temporary folder."""

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
STORY: Final = "100000515"
TRACKING: Final = "AA555666772BR"
_MIXED: Final = ("--shuffle", "7", "--repeat", "3")

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
        "HUB_SECRETS_MELHOR_ENVIO_WEBHOOK": "segredo-de-exemplo",
        "PYTHONPATH": str(ROOT),
        **({"COLUMNS": str(_WIDTH)} if _WIDTH else {}),
    }


class Answer:
    """What a command in the background will say."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def wait(self) -> Any:
        """Give the answer."""
        said, _ = self._process.communicate()
        if self._process.returncode:
            raise SystemExit(f"hub ended with status {self._process.returncode}")
        return json.loads(said)

    def stop(self) -> None:
        """End the command if it has not ended yet: nobody wants its answer any more."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class Demo:
    """Runs `hub` as a user would, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = environment(folder)

    def hub(self, *arguments: str, expected: int = 0) -> None:
        """Run a command and let it print."""
        out.print(f"\n[bold cyan]$ hub {escape(shlex.join(arguments))}[/]", highlight=False)
        sys.stdout.flush()
        status = subprocess.run([sys.executable, "-m", "hub", *arguments], cwd=self._folder, env=self._environment, check=False).returncode
        if status != expected:
            raise SystemExit(f"hub {' '.join(arguments)} ended with status {status}")

    def begin(self, *arguments: str) -> Answer:
        """Start a command whose answer is wanted later, as JSON."""
        command = [sys.executable, "-m", "hub", *arguments, "--json"]
        return Answer(subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=subprocess.PIPE))


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
    names = (
        "state", "status", "payment_state", "fulfilment_state", "fiscal_state", "captured_cents", "refunded_cents", "charged_back_cents",
    )  # fmt: skip
    states = {order["number"]: [order[name] for name in names] for order in answer["orders"]}
    return {"orders": states, "exceptions": sorted((one["kind"], one["order"], one["key"]) for one in answer["exceptions"])}


def tell(demo: Demo, folder: Path, plain: Answer, mixed: Answer) -> bool:
    """Tell the story. True = the order of arrival did not matter."""
    say(
        "# The order hub, on examples/\n"
        "65 messages about 15 orders: what a shop, a bank, a card gateway, a carrier, the tax authority, an ERP and the staff really "
        "send, each in its own format. Some come twice, some long before their order, one is cut off, one holds a word that nobody "
        "knows. In production they arrive through RabbitMQ; here the same engine reads them from files."
    )
    demo.hub("replay", "examples", "--now", NOW, "--quiet", "--database-url", f"sqlite:///{folder / 'hub.db'}")

    say(
        "## What other systems get\n"
        "Every change is published once in effect, numbered per order without gaps, with a stable id. These are the events of order "
        f"{STORY}, whose messages came in the wrong order, the order itself last:"
    )
    answer = plain.wait()
    show_events(answer)

    say("## Does the order of arrival matter?\nThe same messages shuffled, each three times:")
    shuffled = mixed.wait()
    same = ends(answer) == ends(shuffled)
    out.print(
        f"{answer['counts']['messages']} messages as they came, {shuffled['counts']['messages']} shuffled and repeated: "
        + ("[bold green]the same end[/]" if same else "[bold red]another end[/]"),
        highlight=False,
    )

    say(
        "## The staff at work\n"
        "A paid order is not canceled; the hub says why, with a code (status 1). Order 100000505 is R$ 10,00 short, which came in "
        "cash. Both on the database, since no broker runs here:"
    )
    demo.hub("order", "cancel", "100000502", "--reason", "cliente desistiu", "--yes", "--direct", expected=1)
    demo.hub("order", "approve", "100000505", "--method", "cash", "--amount", "10,00", "--reason", "pago no balcão", "--direct")
    say("A word that nobody knows is never guessed; it waits for a mapping in the settings, and its order for a person:")
    demo.hub("unknowns", "list")

    say("## Is the data right?\nEvery order's log is folded again from the beginning and compared with what is stored:")
    demo.hub("verify")

    say("# How it ended\nEvery order has **one state, computed** from all that is known of it:")
    demo.hub("orders", "list", "--sort", "number")
    say(
        "One order whole. From any word you have (order number, Pix id, tracking number, NF-e key, e-mail) `hub trace` leads to its "
        "timeline: raw message, fact, change of state, published events. The carrier told of the delivery before anybody knew the "
        "order; all of it waited, and nothing was lost:"
    )
    demo.hub("trace", TRACKING)
    say("What a machine cannot decide is an *open exception*, with the commands that settle it:")
    demo.hub("exceptions", "list")
    say("What cannot be read, or never finds its order, is a *dead letter*: kept with bytes and headers, to be run again once mended:")
    demo.hub("dead", "list")
    say(
        "Next: `examples/README.md` tells what each message is, `hub --help` lists the commands, `make up` runs it all with RabbitMQ "
        "and PostgreSQL."
    )
    return same


def main() -> None:
    """Run the demo; status 1 if the order of arrival mattered."""
    with tempfile.TemporaryDirectory(prefix="order-hub-demo-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples", folder / "examples")
        demo = Demo(folder)
        # They take a while, and nobody waits for them before the middle of the story.
        background = [demo.begin("replay", "examples", "--now", NOW), demo.begin("replay", "examples", "--now", NOW, *_MIXED)]
        try:
            same = tell(demo, folder, *background)
        finally:
            for one in background:
                one.stop()
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
