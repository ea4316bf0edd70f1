"""Every template, with all that may be known and with the least; the shop's own files; nothing of a notice becomes markup."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.errors import SettingsInvalid
from hub.notify.rendering import Look, Rendered, Templates, boleto_line, link
from hub.notify.request import NoticeRequest
from schemas.vocabulary import NOTIFICATION_TEMPLATES

LINE = "34191090080123457123845678970000713320000014990"
LEAST: dict[str, Any] = {"label": "Pendente", "total_cents": 11970}
FULL: dict[str, Any] = LEAST | {
    "customer_name": "Ana <b>& Cia</b>",
    "placed_at": "2026-11-25T13:00:00+00:00",
    "items": [{"sku": "CAM-01", "name": "Camiseta <script>", "quantity": 2, "unit_price_cents": 4990}],
    "shipping_cents": 1990,
    "payments": [{"payment": "p1", "method": "pix", "amount_cents": 11970, "instructions": {"pix_code": "000201", "boleto_line": LINE}}],
    "method": "boleto",
    "amount_cents": 11970,
    "due_at": "2026-11-27T02:59:59+00:00",
    "instructions": {"boleto_line": LINE, "boleto_url": "javascript:alert(1)"},
    "tracks": [{"number": "AA1", "url": "https://rastreio.invalid/AA1"}, {"number": "AA2", "url": "javascript:alert(1)"}],
    "carrier": "correios",
    "state": "pending",
    "comment": "Até <logo>",
}


def templates(folder: Path | None = None) -> Templates:
    return Templates(Look("Loja Exemplo", ZoneInfo("America/Sao_Paulo"), {"correios": "Correios"}, folder=folder))


def rendered(template: str, context: dict[str, Any], folder: Path | None = None) -> Rendered:
    request = NoticeRequest.model_validate({"order": "100", "key": "k", "template": template, "context": context})
    return templates(folder).render(request)


@pytest.mark.parametrize("context", [FULL, LEAST], ids=["full", "least"])
@pytest.mark.parametrize("template", NOTIFICATION_TEMPLATES)
def test_every_template_says_something_whatever_is_known(template: str, context: dict[str, Any]) -> None:
    made = rendered(template, context)
    assert "100" in made.subject
    assert made.text.startswith("Olá")
    assert made.text.endswith("Loja Exemplo\n")
    for text in (made.subject, made.text, made.html):
        assert "None" not in text and "Undefined" not in text and "{{" not in text
    assert "<script>" not in made.html and "<b>&" not in made.html and "<logo>" not in made.html
    assert 'href="javascript' not in made.html and "javascript:" not in made.text


def test_how_to_pay_a_boleto() -> None:
    made = rendered("payment_instructions", {**FULL, "customer_name": "Ana", "comment": None})
    assert made.subject == "Como pagar seu pedido 100"
    assert made.text == (
        "Olá, Ana!\n\n"
        "Seu pedido 100 aguarda o pagamento por boleto de R$ 119,70.\n\n"
        "Linha digitável:\n34191.09008 01234.571238 45678.970000 7 13320000014990\n"
        "Pague até 26/11/2026.\n\n"
        "- 2 x Camiseta <script> (R$ 49,90 cada)\n\n"
        "Assim que o pagamento for confirmado, avisaremos por e-mail.\n\n"
        "Loja Exemplo\n"
    )


def test_a_parcel() -> None:
    made = rendered("shipped", {**LEAST, "carrier": "correios", "tracks": FULL["tracks"]})
    assert made.text == (
        "Olá!\n\nSeu pedido 100 foi enviado.\n\nTransportadora: Correios\n"
        "Rastreio: AA1 https://rastreio.invalid/AA1\nRastreio: AA2\n\nLoja Exemplo\n"
    )
    assert '<a href="https://rastreio.invalid/AA1">AA1</a>' in made.html


def test_a_shops_own_file_goes_before_ours(tmp_path: Path) -> None:
    (tmp_path / "shipped.txt").write_text("Saiu! {{ order }}\n\nCorpo\n")
    made = rendered("shipped", LEAST, tmp_path)
    assert (made.subject, made.text) == ("Saiu! 100", "Corpo\n")


def test_a_mistake_in_a_shops_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "shipped.html").write_text("\n{% if %}")
    with pytest.raises(SettingsInvalid, match=r"shipped\.html, line 2"):
        templates(tmp_path)


def test_filters() -> None:
    assert boleto_line(LINE) == "34191.09008 01234.571238 45678.970000 7 13320000014990"
    assert boleto_line("123") == "123"
    assert [link(one) for one in ("https://a.invalid/x", "JavaScript:x", 'https://a"b', None, "file:///x")] == [
        "https://a.invalid/x",
        "",
        "",
        "",
        "",
    ]
