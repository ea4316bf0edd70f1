"""`hub print`: which documents go into the file, what is named as missing, and what stops everything."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from sqlalchemy import Connection, update

from hub.engine.order_document import order_document
from hub.store import shipment_labels
from hub.store.database import Database
from hub.store.tables import order_personal
from tests import traffic, world
from tests.unit.cli.conftest import PARCELS, Run

SHOP = {
    "HUB_SHOP_NAME": "Loja Exemplo Ltda",
    "HUB_SHOP_DOCUMENT": "11.222.333/0001-81",
    "HUB_SHOP_ADDRESS": "Rua do Comércio, 10 | 13010-000 Campinas - SP",
}


def pages(file: Path) -> list[str]:
    return [page.extract_text() for page in PdfReader(file).pages]


def label(across: float) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(across, 425)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    database = Database.open(url)
    try:
        with database.begin() as connection:
            yield connection
    finally:
        database.dispose()


def keep(url: str, *labels: tuple[str, str, str, bytes]) -> None:
    with opened(url) as connection:
        for serial, (number, identifier, content_type, body) in enumerate(labels):
            stored_at = traffic.START + timedelta(minutes=serial)
            shipment_labels.store(
                connection, shipment_labels.StoredLabel(number, "melhor_envio", identifier, content_type, body, stored_at)
            )


@pytest.mark.requirement("R35")
def test_invoices_of_many_orders_are_one_file_with_the_shop_on_it(hub: Run, any_shop: str, tmp_path: Path) -> None:
    out = tmp_path / "faturas.pdf"
    result = hub("print", "invoices", "1001", "2001", "1001", "--out", str(out), "--database-url", any_shop, **SHOP)
    assert result.exit_code == 0, result.stderr
    found = pages(out)
    assert len(found) == 2
    for number, total, text in zip(("1001", "2001"), ("R$ 119,70", "R$ 200,00"), found, strict=True):
        for words in (number, total, "CNPJ 11.222.333/0001-81", "Rua do Comércio, 10", "Cliente Exemplo", "CPF 123.456.789-09"):
            assert words in text
        assert "Página 1 de 1" in text


@pytest.mark.requirement("R36", "R38")
def test_all_is_order_by_order_and_packing_slips_have_no_price(hub: Run, parcels: str, tmp_path: Path) -> None:
    out = tmp_path / "tudo.pdf"
    assert hub("print", "all", PARCELS, "--out", str(out), "--database-url", parcels, **SHOP).exit_code == 0
    assert ["Fatura" in text for text in pages(out)] == [True, False, False]
    assert hub("print", "packing-slips", PARCELS, "--out", str(out), "--database-url", parcels, **SHOP).exit_code == 0
    found = pages(out)
    assert ["Volume 1 de 2" in found[0], "Volume 2 de 2" in found[1]] == [True, True]
    assert not any("R$" in text for text in found)


def test_an_order_that_is_not_there_stops_everything_and_is_named(hub: Run, shop: str, tmp_path: Path) -> None:
    out = tmp_path / "faturas.pdf"
    result = hub("print", "invoices", "1001", "404", "405", "--out", str(out), "--database-url", shop, **SHOP)
    assert result.exit_code == 1
    assert "there is no order 404, 405" in result.stderr
    assert not out.exists()


def test_what_some_orders_lack_is_named_and_the_rest_is_written(hub: Run, shop: str, tmp_path: Path) -> None:
    out = tmp_path / "faturas.pdf"
    result = hub("print", "invoices", "1001", "1002", "--out", str(out), "--database-url", shop, **SHOP)
    assert result.exit_code == 1
    assert "order 1002 has no invoice yet" in result.stderr
    assert len(pages(out)) == 1


@pytest.mark.parametrize(("kind", "lacking"), [
    ("invoices", "no invoice yet"), ("packing-slips", "no packing slip yet"), ("refunds", "no refund yet"),
    ("all", "no document to print yet"), ("labels", "no shipment yet"),
])  # fmt: skip
@pytest.mark.requirement("R42")
def test_nothing_to_print_is_said(hub: Run, shop: str, tmp_path: Path, kind: str, lacking: str) -> None:
    out = tmp_path / "nada.pdf"
    result = hub("print", kind, "1002", "--out", str(out), "--database-url", shop, **SHOP)
    assert result.exit_code == 1
    assert f"no_printable_documents: order 1002 has {lacking}" in result.stderr
    assert not out.exists()


@pytest.mark.requirement("R39")
def test_labels_are_merged_and_shipments_without_one_are_named(hub: Run, parcels: str, tmp_path: Path) -> None:
    with opened(parcels) as connection:
        document = order_document(connection, PARCELS)
    assert document is not None
    first, second = (one["id"] for one in document["shipments"])
    out = tmp_path / "etiquetas.pdf"
    command = ("print", "labels", PARCELS, "--out", str(out), "--database-url", parcels)
    result = hub(*command)
    assert result.exit_code == 1
    for shipment in (first, second):
        assert f"order {PARCELS}, shipment {shipment}: no label is stored" in result.stderr
    keep(parcels, (PARCELS, first.removeprefix("melhor_envio:"), "application/pdf", label(283)))
    result = hub(*command)
    assert result.exit_code == 1
    assert f"shipment {second}: no label" in result.stderr
    assert f"shipment {first}: no label" not in result.stderr
    picture = io.BytesIO()
    Image.new("RGB", (200, 300)).save(picture, "PNG")
    keep(parcels, (PARCELS, second.removeprefix("melhor_envio:"), "image/png", picture.getvalue()))
    assert hub(*command).exit_code == 0
    assert len(pages(out)) == 2


def test_a_stored_label_that_is_broken_is_named_and_nothing_is_written(hub: Run, parcels: str, tmp_path: Path) -> None:
    keep(parcels, (PARCELS, "ORD-1", "application/pdf", b"<html>"))
    out = tmp_path / "etiquetas.pdf"
    result = hub("print", "labels", PARCELS, "--out", str(out), "--database-url", parcels)
    assert result.exit_code == 1
    assert f"label ORD-1 of order {PARCELS} is no readable PDF" in result.stderr
    assert not out.exists()


def test_an_erased_customer_is_shown_as_such(hub: Run, any_shop: str, tmp_path: Path) -> None:
    with opened(any_shop) as connection:
        connection.execute(
            update(order_personal)
            .where(order_personal.c.order_number == "1001")
            .values(name=None, email=None, document=None, shipping_address=None, erased_at=traffic.START)
        )
    out = tmp_path / "fatura.pdf"
    assert hub("print", "invoices", "1001", "--out", str(out), "--database-url", any_shop, **SHOP).exit_code == 0
    (page,) = pages(out)
    assert "Dados pessoais apagados" in page
    assert "Cliente Exemplo" not in page


def test_the_settings_of_the_shop_are_checked(hub: Run, shop: str, tmp_path: Path) -> None:
    command = ("print", "invoices", "1001", "--out", str(tmp_path / "f.pdf"), "--database-url", shop)
    result = hub(*command, **{**SHOP, "HUB_SHOP_DOCUMENT": "11.222.333/0001-80"})
    assert result.exit_code == 2
    assert "HUB_SHOP_DOCUMENT: must be a CNPJ or CPF" in result.stderr
    result = hub(*command, **SHOP, HUB_SHOP_LOGO=str(tmp_path / "none.png"))
    assert result.exit_code == 2
    assert "HUB_SHOP_LOGO" in result.stderr
    (tmp_path / "logo.svg").write_text("<svg/>")
    result = hub(*command, **SHOP, HUB_SHOP_LOGO=str(tmp_path / "logo.svg"))
    assert result.exit_code == 2
    assert "HUB_SHOP_LOGO: must be a PNG or JPEG picture" in result.stderr
    result = hub(*command)
    assert result.exit_code == 0
    assert "HUB_SHOP_NAME is not set" in result.stderr
    assert hub("print", "invoices", "1001", "--out", str(tmp_path / "no" / "f.pdf"), "--database-url", shop, **SHOP).exit_code == 2


def test_times_are_those_of_the_shop(hub: Run, sqlite_url: str, tmp_path: Path) -> None:
    engine = world.open_engine(sqlite_url)
    world.feed(engine, [traffic.placed("1001"), traffic.pix("1001")])
    world.close_engines()
    out = tmp_path / "f.pdf"
    for zone, shown in (("America/Sao_Paulo", "20/11/2026 09:00"), ("America/Manaus", "20/11/2026 08:00")):
        assert hub("print", "invoices", "1001", "--out", str(out), "--database-url", sqlite_url, **SHOP, HUB_TIMEZONE=zone).exit_code == 0
        assert shown in pages(out)[0]


def test_a_label_that_cannot_be_printed_is_not_kept(any_shop: str) -> None:
    with pytest.raises(ValueError, match="content_type"):
        keep(any_shop, ("1001", "1", "application/zpl", b"^XA^XZ"))


def test_a_label_replaces_its_older_one_and_is_erased_with_the_order(any_shop: str) -> None:
    keep(any_shop, ("1001", "L1", "application/pdf", b"old"), ("1001", "L2", "image/png", b"two"), ("1002", "L1", "image/png", b"other"))
    keep(any_shop, ("1001", "L1", "application/pdf; charset=binary", b"new"))
    with opened(any_shop) as connection:
        assert [(one.label_id, one.body, one.content_type) for one in shipment_labels.of_order(connection, "1001")] == [
            ("L1", b"new", "application/pdf"),
            ("L2", b"two", "image/png"),
        ]
        assert shipment_labels.erase(connection, ["1001"]) == 2
        assert shipment_labels.of_order(connection, "1001") == []
        assert len(shipment_labels.of_order(connection, "1002")) == 1
