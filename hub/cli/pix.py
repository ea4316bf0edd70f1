"""`hub pix code`: the Pix QR code of an order, for shops that take Pix without an API; `hub pix read` says what a code holds."""

import io
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import segno
import typer

from adapters.brcode import BrCode, BrCodeInvalid, build
from adapters.brcode import read as read_code
from hub.cli.failures import Failure, Status
from hub.cli.options import AsJson, DatabaseUrl, opened, parse_amount
from hub.cli.output import console, print_json
from hub.config import Settings
from hub.engine.order_document import order_document

app: Final = typer.Typer(help="Pix QR codes (copia e cola).", no_args_is_help=True)

_VARIABLES: Final = {
    "key": "HUB_SECRETS_PIX_KEY",
    "merchant_name": "HUB_SECRETS_PIX_MERCHANT_NAME",
    "merchant_city": "HUB_SECRETS_PIX_MERCHANT_CITY",
}
_STATIC_TXID: Final = re.compile(r"[A-Za-z0-9]{1,25}", re.ASCII)


@app.command()
def code(
    number: Annotated[str, typer.Argument(metavar="ORDER", help="Order number.")],
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="REAIS", help="Ask for this instead of what is left to pay, as 119,70.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write the QR code as a picture, too.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show the static Pix code of an order: as text to copy and as a QR code.

    A payment is not told by itself: it is found by the bank's callback if the order declares the txid, by the statement, or by hand.
    """
    with opened(database_url) as (settings, database), database.read() as connection:
        document = order_document(connection, number)
        if document is None:
            raise Failure(f"there is no order {number}", Status.REJECTED)
        cents = parse_amount(amount) if amount is not None else document["remaining_cents"]
        if not cents:
            raise Failure(f"order {number} has nothing left to pay; --amount asks for more", Status.REJECTED)
        txid, declared = _txid(document)
        text = _built(settings, cents, txid)
    qr = segno.make_qr(text, error="m")
    if png is not None:
        qr.save(str(png), kind="png", scale=8, border=4)
    if as_json:
        print_json({"order": number, "code": text, "amount_cents": cents, "txid": txid, "txid_declared": declared})
        return
    drawing = io.StringIO()
    qr.terminal(drawing, compact=True)
    # Straight to the terminal: rich would take the drawing for markup, and fold the code.
    typer.echo(drawing.getvalue())
    typer.echo(text)
    if png is not None:
        typer.echo(f"wrote {png}", err=True)
    if not declared:
        typer.echo(f"the order has not declared txid {txid}: a callback under it waits, `hub reference add` names the order", err=True)


@app.command("read")
def read_text(text: Annotated[str, typer.Argument(metavar="CODE", help="The whole text of the code.")], as_json: AsJson = False) -> None:
    """Say what a Pix code holds."""
    try:
        found = asdict(read_code(text))
    except BrCodeInvalid as error:
        raise Failure(str(error), Status.REJECTED) from error
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if value not in (None, False):
            console().print(f"{name.replace('_', ' ')}: {value}", markup=False, highlight=False)


def _txid(document: dict[str, Any]) -> tuple[str, bool]:
    """Return the txid and whether the order declared it; else it is made of the order number, which a static code has room for."""
    for payment in document["payments"]:
        if payment["method"] == "pix":
            for reference in payment["references"]:
                if reference["kind"] in ("txid", "reference") and _STATIC_TXID.fullmatch(reference["value"]):
                    return reference["value"], True
    made = re.sub(r"[^A-Za-z0-9]", "", document["number"])[:25]
    if not made:
        raise Failure(f"no txid can be made of the order number {document['number']}: declare one in order.placed", Status.REJECTED)
    return made, False


def _built(settings: Settings, cents: int, txid: str) -> str:
    given = settings.secrets("pix").extra
    missing = [variable for name, variable in _VARIABLES.items() if not given.get(name)]
    if missing:
        raise Failure(f"set {', '.join(missing)}: the key of the shop's account, its name and its city")
    try:
        return build(BrCode(given["merchant_name"], given["merchant_city"], key=given["key"], amount_cents=cents, txid=txid))
    except BrCodeInvalid as error:
        name, _, rest = str(error).partition(":")
        raise Failure(f"{_VARIABLES.get(name, name)}:{rest}") from error
