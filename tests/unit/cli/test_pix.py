"""The Pix code of an order: what it asks for, under which txid, and that the QR code can be written."""

import json
from pathlib import Path

from tests import traffic, world
from tests.unit.cli.conftest import Run

ACCOUNT = {
    "HUB_SECRETS_PIX_KEY": "pix@loja.example",
    "HUB_SECRETS_PIX_MERCHANT_NAME": "Loja Exemplo Ltda",
    "HUB_SECRETS_PIX_MERCHANT_CITY": "São Paulo",
}


def test_the_code_asks_for_what_is_left_to_pay(hub: Run, shop: str) -> None:
    result = hub("pix", "code", "1002", "--json", "--database-url", shop, **ACCOUNT)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    read = json.loads(hub("pix", "read", told["code"], "--json").stdout)
    assert (read["amount_cents"], read["txid"], read["key"]) == (5000, told["txid"], "pix@loja.example")
    assert (read["merchant_name"], read["merchant_city"]) == ("Loja Exemplo Ltda", "Sao Paulo")


def test_a_declared_txid_is_taken_and_another_is_made_of_the_order_number(hub: Run, sqlite_url: str) -> None:
    engine = world.open_engine(sqlite_url)
    order = json.loads(traffic.placed("1003", total=5000).body)
    order["order"]["payments"] = [{"method": "pix", "provider": "pix", "reference": "LOJA1003", "amount_cents": 5000}]
    bare = json.loads(traffic.placed("10-04", total=5000).body)
    bare["order"]["payments"] = []
    world.feed(engine, [traffic.Message("shop.orders", json.dumps(one).encode()) for one in (order, bare)])
    world.close_engines()
    for number, txid, declared in (("1003", "LOJA1003", True), ("10-04", "1004", False)):
        told = json.loads(hub("pix", "code", number, "--json", "--database-url", sqlite_url, **ACCOUNT).stdout)
        assert (told["txid"], told["txid_declared"]) == (txid, declared)


def test_the_qr_code_is_drawn_and_written_as_a_picture(hub: Run, shop: str, tmp_path: Path) -> None:
    file = tmp_path / "code.png"
    result = hub("pix", "code", "1002", "--amount", "12,34", "--png", str(file), "--database-url", shop, **ACCOUNT)
    assert result.exit_code == 0
    assert "540512.34" in result.stdout
    assert "█" in result.stdout or "▀" in result.stdout or "▄" in result.stdout
    assert file.read_bytes().startswith(b"\x89PNG")


def test_what_is_missing_is_named(hub: Run, shop: str) -> None:
    result = hub("pix", "code", "1002", "--database-url", shop, **{**ACCOUNT, "HUB_SECRETS_PIX_KEY": ""})
    assert result.exit_code == 2
    assert "HUB_SECRETS_PIX_KEY" in result.stderr
    result = hub("pix", "code", "1002", "--database-url", shop, **{**ACCOUNT, "HUB_SECRETS_PIX_MERCHANT_CITY": "日本"})
    assert result.exit_code == 2
    assert "HUB_SECRETS_PIX_MERCHANT_CITY: must not be empty" in result.stderr


def test_an_order_without_debt_or_that_is_not_there_has_no_code(hub: Run, shop: str) -> None:
    for number in ("1001", "404"):
        assert hub("pix", "code", number, "--database-url", shop, **ACCOUNT).exit_code == 1


def test_a_text_that_is_no_code_is_refused_by_its_place(hub: Run) -> None:
    result = hub("pix", "read", "000201" + "2699x")
    assert result.exit_code == 1
    assert "26: is cut off" in result.stderr
