"""Addresses of the carriers' tracking pages."""

import pytest

from hub.domain.tracking_pages import tracking_page
from tests.unit.domain.orders import parcel, pix, pix_paid, placed, story


@pytest.mark.parametrize(
    ("carrier", "expected"),
    [
        ("correios", "https://rastreamento.correios.com.br/app/index.php?objeto=AA123456785BR"),
        ("melhor_envio", "https://www.melhorrastreio.com.br/rastreio/AA123456785BR"),
        ("jadlog", "https://www.jadlog.com.br/siteInstitucional/tracking.jad?cte=AA123456785BR"),
        ("loggi", "https://www.loggi.com/rastreador/AA123456785BR"),
        ("frenet", None),
        ("custom", None),
        (None, None),
    ],
)
def test_a_number_has_the_page_of_its_carrier(carrier: str | None, expected: str | None) -> None:
    assert tracking_page(" AA123456785BR ", carrier) == expected


def test_a_number_cannot_break_out_of_its_address() -> None:
    assert tracking_page("../a?b=\"c'&d", "loggi") == "https://www.loggi.com/rastreador/..%2Fa%3Fb%3D%22c%27%26d"


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        ({}, "https://www.jadlog.com.br/siteInstitucional/tracking.jad?cte=77"),
        ({"carrier": "loggi"}, "https://www.loggi.com/rastreador/77"),
        ({"carrier": "custom"}, None),  # not the parcel's carrier
        ({"url": "https://rastreio.example.invalid/77"}, "https://rastreio.example.invalid/77"),
    ],
)
def test_events_and_notices_bear_the_address(track: dict[str, str], expected: str | None) -> None:
    order = story(placed(pix()), pix_paid())
    order.ask("shipment.create", 60, carrier="jadlog", tracks=[{"number": "77", **track}])
    for key in ("shipment.posted", "notification.requested.email.shipped"):
        body = order.body(key)
        (shown,) = (body.get("context") or body)["tracks"]
        assert shown.get("url") == expected
    told = story(placed(pix()), pix_paid())
    told.tell(parcel("posted", 60, key="tracking=77", provider="jadlog", carrier="jadlog", tracks=[{"number": "77", **track}]))
    assert told.body("shipment.posted")["tracks"][0].get("url") == expected
