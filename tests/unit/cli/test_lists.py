"""Exports, saved filters and the follow-up lists, on both databases."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from lxml import etree  # type: ignore[import-untyped]

from hub.engine.bank_days import BankDays
from tests import traffic, world
from tests.unit.cli.conftest import PARCELS, Run

SS: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"


def document(hub: Run, url: str, *arguments: str) -> Any:
    result = hub(*arguments, "--json", "--database-url", url)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def exported(hub: Run, url: str, *arguments: str) -> list[dict[str, str]]:
    result = hub(*arguments, "--database-url", url)
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout_bytes.decode(), newline="")))


# -- orders ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R26")
def test_export_holds_the_rows_of_the_list(hub: Run, any_shop: str) -> None:
    for options in ((), ("--status", "processing"), ("--customer", "exemplo", "--total-min", "100"), ("--number", "7")):
        rows = document(hub, any_shop, "orders", "list", *options)
        found = exported(hub, any_shop, "orders", "export", *options)
        assert [(one["Pedido"], one["Código da situação"]) for one in found] == [(row["number"], row["status"]) for row in rows]
        assert [round(float(one["Total"]) * 100) for one in found] == [row["total_cents"] for row in rows]
        assert [datetime.fromisoformat(one["Data"]) for one in found] == [datetime.fromisoformat(row["placed_at"]) for row in rows]


def test_export_has_what_the_terminal_has_no_room_for(hub: Run, any_shop: str) -> None:
    (row,) = exported(hub, any_shop, "orders", "export", "--number", "2001")
    assert (row["Produtos"], row["SKUs"], row["Exceções"], row["Situação"]) == ("Camiseta", "CAM-01", "overpaid", "Faturado (aprovado)")
    assert (row["Total"], row["Pago"], row["Estornado"]) == ("200.00", "400.00", "0.00")


@pytest.mark.requirement("R27")
def test_export_as_a_spreadsheet(hub: Run, any_shop: str, tmp_path: Path) -> None:
    out = tmp_path / "pedidos.xml"
    result = hub("orders", "export", "--format", "xml", "--out", str(out), "--sort", "number", "--database-url", any_shop)
    assert result.exit_code == 0, result.output
    assert "3 rows written" in result.stderr
    rows = [[cell.findtext(f"{SS}Data") for cell in row] for row in etree.parse(str(out)).iter(f"{SS}Row")]
    assert [row[0] for row in rows] == ["Pedido", "1001", "1002", "2001"]
    assert rows[1][4] == "119.70"
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_long_export_is_read_in_parts(hub: Run, any_database_url: str) -> None:
    engine = world.open_engine(any_database_url)
    numbers = [f"{7000 + index}" for index in range(1203)]
    for start in range(0, len(numbers), 200):
        world.feed(engine, [traffic.placed(number) for number in numbers[start : start + 200]])
    world.close_engines()
    found = exported(hub, any_database_url, "orders", "export", "--sort", "number")
    assert [row["Pedido"] for row in found] == numbers
    assert {row["SKUs"] for row in found} == {"CAM-01"}


def test_a_separator_is_a_comma_or_a_semicolon(hub: Run, shop: str) -> None:
    result = hub("orders", "export", "--separator", ";", "--number", "1001", "--database-url", shop)
    assert result.stdout_bytes.decode("utf-8-sig").splitlines()[1].startswith("1001;20/11/2026 ")
    assert ";119,70;" in result.stdout
    assert hub("orders", "export", "--separator", "|", "--database-url", shop).exit_code == 2


@pytest.mark.requirement("R16")
def test_groups_every_shop_has(hub: Run, any_shop: str) -> None:
    assert [row["number"] for row in document(hub, any_shop, "orders", "list", "--saved", "pending")] == ["1002"]
    approved = document(hub, any_shop, "orders", "list", "--saved", "approved", "--sort", "number")
    assert [row["number"] for row in approved] == ["1001", "2001"]
    assert hub("orders", "filters", "delete", "pending", "--database-url", any_shop).exit_code == 1
    assert hub("orders", "filters", "save", "pending", "--number", "1*", "--database-url", any_shop).exit_code == 1


@pytest.mark.requirement("R16")
def test_filters_are_saved_used_narrowed_replaced_and_deleted(hub: Run, any_shop: str) -> None:
    def run(*arguments: str) -> int:
        return hub("orders", "filters", *arguments, "--database-url", any_shop).exit_code

    saved = ("--from", "20/11/2026", "--to", "20/11/2026", "--status", "processing,pending", "--total-min", "100")
    assert run("save", "vinte de novembro", *saved) == 0
    use = ("orders", "list", "--saved", "vinte de novembro", "--sort", "number")
    assert [row["number"] for row in document(hub, any_shop, *use)] == ["1001", "2001"]
    assert [row["number"] for row in document(hub, any_shop, *use, "--total-min", "150")] == ["2001"]
    assert [row["Pedido"] for row in exported(hub, any_shop, "orders", "export", *use[2:])] == ["1001", "2001"]
    (mine,) = [one for one in document(hub, any_shop, "orders", "filters", "list") if not one["built_in"]]
    assert mine["filter"] == {
        "placed_from": "2026-11-20", "placed_to": "2026-11-20", "status": ["processing", "pending"], "total_min": 10000,
    }  # fmt: skip
    assert run("save", "vinte de novembro", "--number", "1002") == 0
    assert [row["number"] for row in document(hub, any_shop, *use)] == ["1002"]
    assert (run("delete", "vinte de novembro"), run("delete", "vinte de novembro")) == (0, 1)
    assert hub(*use, "--database-url", any_shop).exit_code == 1
    assert run("save", "nada") == 2
    assert run("save", "uma pessoa", "--customer", "Cliente") == 2, "a name is kept nowhere but with the order"
    assert run("save", "errado", "--exception", "nothing") == 2


def test_a_viewer_saves_no_filter(hub: Run, shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_ROLES", '{"somebody":"operator"}')
    for words in (("save", "meus", "--number", "1*"), ("delete", "meus")):
        assert hub("orders", "filters", *words, "--database-url", shop).exit_code == 1


def test_an_export_is_for_whoever_asked_for_it(hub: Run, shop: str, tmp_path: Path) -> None:
    out = tmp_path / "orders.csv"
    assert hub("orders", "export", "--out", str(out), "--database-url", shop).exit_code == 0
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("R3")
def test_unpaid_orders_tell_for_how_long_and_how_they_may_be_paid(hub: Run, any_shop: str) -> None:
    (unpaid,) = document(hub, any_shop, "orders", "list", "--saved", "pending")
    assert unpaid["payment_methods"] == ["pix"]
    assert unpaid["waiting_days"] == (datetime.now(UTC) - datetime.fromisoformat(unpaid["placed_at"])).days
    (paid,) = document(hub, any_shop, "orders", "list", "--number", "1001")
    assert (paid["payment_methods"], paid["waiting_days"]) == (["pix"], None)


# -- follow-up lists -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["1001", "2001"]),
        (("--order", "20*"), ["2001"]),
        (("--amount-min", "150"), ["2001"]),
        (("--amount-max", "150"), ["1001"]),
        (("--customer", "exemplo"), ["1001", "2001"]),
        (("--customer", "ninguém"), []),
        (("--from", "2030-01-01"), []),
        (("--unsent",), ["1001", "2001"]),
        (("--sent",), []),
    ],
)
@pytest.mark.requirement("R68", "R84")
def test_invoices(hub: Run, any_shop: str, options: tuple[str, ...], expected: list[str]) -> None:
    assert sorted(row["order"] for row in document(hub, any_shop, "invoices", "list", *options)) == expected
    assert sorted(row["Pedido"] for row in exported(hub, any_shop, "invoices", "export", *options)) == expected


def test_one_invoice_by_order_and_by_number(hub: Run, any_shop: str) -> None:
    (found,) = document(hub, any_shop, "invoices", "show", "2001")
    assert (found["total_cents"], found["comments"]) == (20000, [])
    assert document(hub, any_shop, "invoices", "show", found["number"]) == [found]
    assert "R$ 200,00" in hub("invoices", "show", "2001", "--database-url", any_shop).stdout
    assert hub("invoices", "show", "77", "--database-url", any_shop).exit_code == 1


@pytest.mark.requirement("R87")
def test_movements_of_money(hub: Run, any_shop: str) -> None:
    assert len(document(hub, any_shop, "transactions", "list", "--kind", "capture", "--provider", "pix", "--amount-min", "150")) == 2
    assert document(hub, any_shop, "transactions", "list", "--kind", "void") == []
    rows = exported(hub, any_shop, "transactions", "export", "--order", "1001")
    assert [(row["Tipo"], row["Valor"]) for row in rows] == [("captura", "119.70")]
    (one,) = document(hub, any_shop, "transactions", "show", rows[0]["Chave"])
    assert one["order"] == "1001"


@pytest.mark.requirement("R86")
def test_refunds(hub: Run, any_shop: str) -> None:
    asked = ("refund", "2001", "--mode", "offline", "--method", "deposit", "--extra", "50,00", "--yes", "--direct")
    assert hub("order", *asked, "--database-url", any_shop).exit_code == 0
    (row,) = document(hub, any_shop, "refunds", "list", "--mode", "offline", "--state", "done", "--method", "deposit")
    assert (row["order"], row["amount_cents"], row["detail"]["extra_cents"]) == ("2001", 5000, 5000)
    assert document(hub, any_shop, "refunds", "list", "--state", "failed") == []
    assert "R$ 50,00" in hub("refunds", "list", "--database-url", any_shop).stdout
    (line,) = exported(hub, any_shop, "refunds", "export")
    assert (line["Valor"], line["Situação"], line["Como"], line["Acréscimo"]) == ("50.00", "feito", "por fora", "50.00")
    assert document(hub, any_shop, "refunds", "show", row["id"])[0]["id"] == row["id"]
    assert hub("refunds", "list", "--mode", "sideways", "--database-url", any_shop).exit_code == 2


def test_parcels_in_trouble_come_first_then_those_without_word(hub: Run, any_database_url: str) -> None:
    engine = world.open_engine(any_database_url)
    now = datetime.now(UTC)
    long_ago, fresh = now - timedelta(days=20), now - timedelta(hours=1)
    messages = []
    for number, event, posted in (
        ("100000701", "posted", fresh),
        ("100000702", "posted", long_ago),
        ("100000703", "undelivered", fresh),
        ("100000704", "posted", long_ago - timedelta(days=1)),
    ):
        messages += [traffic.placed(number), traffic.pix(number), traffic.label(number, event, posted=posted)]
    messages += [traffic.placed("100000705"), traffic.pix("100000705")]
    messages.append(traffic.label("100000705", "delivered", posted=long_ago, delivered=long_ago))
    world.feed(engine, messages)
    world.close_engines()
    rows = document(hub, any_database_url, "shipments", "list")
    assert [row["order"][-1] for row in rows] == ["3", "4", "2", "1", "5"]
    assert [(row["trouble"], row["late"]) for row in rows] == [(True, False), (False, True), (False, True), (False, False), (False, False)]
    late = document(hub, any_database_url, "shipments", "list", "--late")
    assert [row["order"][-1] for row in late] == ["4", "2"]
    assert document(hub, any_database_url, "shipments", "list", "--late", "--late-days", "60") == []
    both = document(hub, any_database_url, "shipments", "list", "--late", "--trouble")
    assert [row["order"][-1] for row in both] == ["3", "4", "2"]
    lines = exported(hub, any_database_url, "shipments", "export")
    assert [line["Atenção"] for line in lines] == ["dificuldade", "sem notícia", "sem notícia", "", ""]
    table = hub("shipments", "list", "--database-url", any_database_url).stdout
    assert table.index("dificuldade") < table.index("sem notícia")


@pytest.mark.requirement("R85")
def test_parcels_are_found_by_track_carrier_and_state(hub: Run, parcels: str) -> None:
    for options in (("--track", f"T1X{PARCELS}"), ("--track", "T1X*"), ("--state", "delivery_difficulty")):
        (row,) = document(hub, parcels, "shipments", "list", *options)
        assert [track["number"] for track in row["tracks"]] == [f"T1X{PARCELS}"]
    assert document(hub, parcels, "shipments", "list", "--carrier", "nobody") == []
    (by_track,) = document(hub, parcels, "shipments", "show", f"T2X{PARCELS}")
    assert document(hub, parcels, "shipments", "show", by_track["id"])[0]["id"] == by_track["id"]
    assert len(document(hub, parcels, "shipments", "show", PARCELS)) == 2


def test_exceptions_are_exported(hub: Run, any_shop: str) -> None:
    (row,) = exported(hub, any_shop, "exceptions", "export", "--kind", "overpaid")
    assert (row["order"], row["exception"]) == ("2001", "overpaid")
    assert exported(hub, any_shop, "exceptions", "export", "--to", "2020-01-01") == []
    assert document(hub, any_shop, "exceptions", "list", "--from", "2020-01-01")


SAO_PAULO: Final = ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("now", "days", "expected"),
    [
        (datetime(2026, 11, 25, 10, tzinfo=SAO_PAULO), 1, datetime(2026, 11, 24, 10, tzinfo=SAO_PAULO)),
        # 20 November 2026 is a Friday and a holiday since 2024: from Monday one goes back to Thursday.
        (datetime(2026, 11, 23, 10, tzinfo=SAO_PAULO), 1, datetime(2026, 11, 19, 10, tzinfo=SAO_PAULO)),
        # A Saturday is the end of Friday.
        (datetime(2026, 11, 14, 15, tzinfo=SAO_PAULO), 1, datetime(2026, 11, 13, 0, tzinfo=SAO_PAULO)),
        (datetime(2026, 11, 14, 15, tzinfo=SAO_PAULO), 2, datetime(2026, 11, 12, 0, tzinfo=SAO_PAULO)),
    ],
)
def test_business_days_back(now: datetime, days: int, expected: datetime) -> None:
    assert BankDays(SAO_PAULO).ago(now, days) == expected
