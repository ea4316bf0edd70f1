"""Subject, text and HTML of a notice, in Portuguese, from Jinja templates that a shop may replace file by file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import (
    BaseLoader,
    ChainableUndefined,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    TemplateError,
    TemplateSyntaxError,
    Undefined,
)

from hub.engine.timeline import money
from hub.errors import PermanentError, SettingsInvalid
from hub.notify.request import NoticeRequest
from schemas.vocabulary import NOTIFICATION_TEMPLATES

TITLES: Final[Mapping[str, str]] = {
    "order_placed": "Pedido recebido",
    "payment_instructions": "Como pagar",
    "payment_refused": "Pagamento não aprovado",
    "order_approved": "Pagamento confirmado",
    "in_production": "Em produção",
    "nf_issued": "Nota fiscal",
    "shipped": "Pedido enviado",
    "track_added": "Código de rastreio",
    "in_transit": "Em transporte",
    "delivery_difficulty": "Dificuldade de entrega",
    "delivered": "Pedido entregue",
    "canceled": "Pedido cancelado",
    "refunded": "Reembolso",
    "closed": "Pedido encerrado",
    "order_edited": "Pedido alterado",
    "comment": "Mensagem da loja",
    "document_resent": "Documento reenviado",
}
"""What staff call an e-mail."""

_METHODS: Final[Mapping[str, str]] = {
    "card": "cartão",
    "pix": "Pix",
    "boleto": "boleto",
    "transfer": "transferência",
    "deposit": "depósito",
    "cash": "dinheiro",
    "wallet": "carteira digital",
    "other": "outro meio",
}
# A reason that is not one of these is the shop's own word, and not meant for the customer.
_CANCELLATIONS: Final[Mapping[str, str]] = {
    "customer_request": "a seu pedido",
    "expired": "porque o pagamento não foi feito no prazo",
}
_LINK: Final = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SUBJECT_LIMIT: Final = 200


class RenderingFailed(PermanentError):
    """A template fails on this notice."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One e-mail without its addresses. `subject` is one line."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Look:
    """What the shop gives to its e-mails. `order_url` holds {order}."""

    shop: str
    timezone: ZoneInfo
    carriers: Mapping[str, str]
    order_url: str | None = None
    folder: Path | None = None


class Templates:
    """All templates, compiled at the start so that a mistake in one shows then."""

    def __init__(self, look: Look) -> None:
        """Raises: SettingsInvalid, naming the file and line that Jinja can't read."""
        self._look = look
        own: BaseLoader = PackageLoader("hub.notify", "templates")
        loader = ChoiceLoader([FileSystemLoader(look.folder), own]) if look.folder is not None else own
        self._environment = Environment(
            loader=loader,
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=ChainableUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=(),
        )
        self._environment.filters |= {
            "money": _money,
            "moment": self._moment,
            "method": lambda code: _METHODS.get(str(code), "outro meio"),
            "carrier": lambda code: look.carriers.get(code, code) if isinstance(code, str) else "",
            "cancellation": lambda code: _CANCELLATIONS.get(code, "") if isinstance(code, str) else "",
            "boleto": boleto_line,
            "groups": _groups,
            "link": link,
        }
        for name in (f"{template}.{ending}" for template in NOTIFICATION_TEMPLATES for ending in ("txt", "html")):
            try:
                self._environment.get_template(name)
            except TemplateError as error:
                line = f", line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
                raise SettingsInvalid(f"HUB_NOTIFY_TEMPLATES: {name}{line}: {error.message}") from error

    def render(self, request: NoticeRequest) -> Rendered:
        """Render one notice. The first line of the text is the subject. Raises: RenderingFailed."""
        url = self._look.order_url
        values = {
            # `items` is a method of every dictionary, and Jinja would take that where the field is not there.
            "c": {**request.context, "lines": request.context.get("items") or ()},
            "order": request.order,
            "template": request.template,
            "document": None if request.document is None else request.document.model_dump(),
            "shop": self._look.shop,
            "order_url": None if url is None else url.replace("{order}", _in_path(request.order)),
        }
        try:
            text = self._environment.get_template(f"{request.template}.txt").render(values)
            html = self._environment.get_template(f"{request.template}.html").render(values)
        except Exception as error:  # a shop's template may do anything
            raise RenderingFailed(f"template {request.template}: {type(error).__name__}") from error
        subject, _, rest = text.lstrip().partition("\n")
        subject = one_line(subject)[:_SUBJECT_LIMIT]
        if not subject:
            raise RenderingFailed(f"template {request.template}: the first line of its .txt, the subject, is empty")
        return Rendered(subject, _tidy(rest), html.strip() + "\n")

    def _moment(self, value: object) -> str:
        """Write an instant as people here do; one that is the end of a day is that day."""
        if not isinstance(value, str):
            return ""
        local = datetime.fromisoformat(value).astimezone(self._look.timezone)
        day = f"{local:%d/%m/%Y}"
        return day if (local.hour, local.minute) == (23, 59) else f"{day} às {local:%H:%M}"


def one_line(value: str) -> str:
    """Make one line of a text, so that it can't become a header of its own."""
    return " ".join(_CONTROLS.sub(" ", value).split())


def _tidy(value: str) -> str:
    lines = [line.rstrip() for line in value.strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _money(cents: object) -> str:
    if not isinstance(cents, int):
        return ""
    return money(cents) if cents >= 0 else f"-{money(-cents)}"


def boleto_line(line: object) -> str:
    """Write a linha digitável as the paper does: 00000.00000 00000.000000 00000.000000 0 00000000000000."""
    if not isinstance(line, str):
        return ""
    digits = re.sub(r"[\s.-]", "", line)
    if len(digits) != 47 or not digits.isdecimal():
        return line
    parts = (digits[:10], digits[10:21], digits[21:32])
    return " ".join((*(f"{part[:5]}.{part[5:]}" for part in parts), digits[32], digits[33:]))


def _groups(value: object) -> str:
    return " ".join(re.findall(r".{1,4}", value)) if isinstance(value, str) else ""


def link(value: object) -> str:
    """Let addresses of the web pass and nothing else: no script, no file."""
    return value if not isinstance(value, Undefined) and isinstance(value, str) and _LINK.fullmatch(value) else ""


def _in_path(number: str) -> str:
    return quote(number, safe="")
