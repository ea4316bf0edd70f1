"""Exported files: they hold every text, compute nothing, and read back as what was written (I26)."""

import csv
import io
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree  # type: ignore[import-untyped]

from hub.exports import csv_file, spreadsheet
from hub.exports.columns import Column

ZONE: Final = ZoneInfo("America/Sao_Paulo")
SS: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"
COLUMNS: Final = (
    Column("number", "Pedido"),
    Column("at", "Data", "instant"),
    Column("total", "Total", "money"),
    Column("count", "Qtd.", "number"),
    Column("sent", "Enviado", "flag"),
    Column("names", "Produtos"),
)
ROW: Final[dict[str, Any]] = {
    "number": "000123", "at": datetime(2026, 11, 25, 13, 0, 5, tzinfo=UTC), "total": 123456, "count": 2, "sent": True,
    "names": ["Camiseta", "Calça"],
}  # fmt: skip
NOTHING: Final[dict[str, Any]] = dict.fromkeys(ROW)
# All that the store takes: no NUL, no lone surrogate (architecture D11).
TEXTS: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def comma(rows: list[dict[str, Any]]) -> list[list[str]]:
    text = b"".join(csv_file.write(COLUMNS, rows, ZONE)).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def sheets(content: bytes) -> list[list[list[tuple[str, str]]]]:
    """Read (type, text) of every cell; an empty cell has neither."""
    root = etree.fromstring(content)
    return [
        [
            [("", "") if (data := cell.find(f"{SS}Data")) is None else (data.get(f"{SS}Type"), data.text or "") for cell in row]
            for row in sheet.iter(f"{SS}Row")
        ]
        for sheet in root.iter(f"{SS}Worksheet")
    ]


def test_csv_for_programs() -> None:
    assert comma([ROW, NOTHING]) == [
        ["Pedido", "Data", "Total", "Qtd.", "Enviado", "Produtos"],
        ["000123", "2026-11-25T10:00:05-03:00", "1234.56", "2", "sim", "Camiseta, Calça"],
        ["", "", "", "", "", ""],
    ]


def test_csv_for_a_spreadsheet_in_portuguese() -> None:
    content = b"".join(csv_file.write(COLUMNS, [ROW], ZONE, ";"))
    assert content.startswith(b"\xef\xbb\xbfPedido;Data;")
    assert content.decode("utf-8-sig").splitlines()[1] == "000123;25/11/2026 10:00:05;1234,56;2;sim;Camiseta, Calça"


@pytest.mark.parametrize("text", ["=1+1", "+55 11", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1"])  # noqa: RUF001
@pytest.mark.requirement("R26")
def test_what_a_spreadsheet_would_compute_is_text(text: str) -> None:
    assert csv_file.safe(text) == f"'{text}"
    assert comma([{**ROW, "number": text}])[1][0] == f"'{text}"


def test_amounts_below_zero_stay_figures() -> None:
    assert comma([{**ROW, "total": -5}])[1][2] == "-0.05"
    assert sheets(b"".join(spreadsheet.write("x", COLUMNS, [{**ROW, "total": -5}], ZONE)))[0][1][2] == ("Number", "-0.05")


@given(TEXTS)
def test_any_text_comes_back_from_csv(text: str) -> None:
    assert csv_file.original(comma([{**ROW, "number": text}])[1][0]) == text


@given(TEXTS)
def test_any_text_is_well_formed_xml_and_comes_back(text: str) -> None:
    (rows,) = sheets(b"".join(spreadsheet.write("x", COLUMNS, [{**ROW, "number": text}], ZONE)))
    assert rows[1][0] == ("String", spreadsheet.plain(text))


def test_spreadsheet_cells_are_typed() -> None:
    (rows,) = sheets(b"".join(spreadsheet.write("Pedidos", COLUMNS, [ROW, NOTHING], ZONE)))
    assert rows[0][0] == ("String", "Pedido")
    assert rows[1] == [
        ("String", "000123"), ("Number", "46351.4167245370"), ("Number", "1234.56"), ("Number", "2"), ("String", "sim"),
        ("String", "Camiseta, Calça"),
    ]  # fmt: skip
    assert rows[2] == [("", "")] * 6


def test_what_xml_or_excel_cannot_hold_is_replaced_visibly() -> None:
    assert spreadsheet.plain("a\x0bb\ufffe") == "a\ufffdb\ufffd"
    assert spreadsheet.plain("x" * 40_000) == "x" * 32_766 + "…"


def test_a_full_sheet_goes_on_in_another() -> None:
    made = sheets(b"".join(spreadsheet.write("Pedidos", COLUMNS, [ROW] * 5, ZONE, rows_a_sheet=2)))
    assert [len(rows) for rows in made] == [3, 3, 2]
    assert all(rows[0] == made[0][0] for rows in made)


def test_only_pieces_are_held() -> None:
    taken = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for _ in range(100_000):
            taken += 1
            yield ROW

    for pieces in (csv_file.write(COLUMNS, rows(), ZONE), spreadsheet.write("x", COLUMNS, rows(), ZONE)):
        taken = 0
        assert len(next(pieces)) < 200_000
        assert taken < 5_000


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
@pytest.mark.requirement("R27")
def test_libreoffice_opens_the_spreadsheet(tmp_path: Path) -> None:
    rows = [{**ROW, "number": "=1+1"}, {**ROW, "number": '<b>&"é"\nfim'}, NOTHING]
    (tmp_path / "list.xml").write_bytes(b"".join(spreadsheet.write("Pedidos", COLUMNS, rows, ZONE)))
    filters = ("--infilter=MS Excel 2003 XML", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false")
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    subprocess.run(
        ["soffice", profile, "--headless", *filters, "--outdir", str(tmp_path), str(tmp_path / "list.xml")],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    found = list(csv.reader(io.StringIO((tmp_path / "list.csv").read_text("utf-8"), newline="")))
    assert found[0] == [one.heading for one in COLUMNS]
    assert found[1] == ["=1+1", "25/11/2026 10:00:05", "1234.56", "2", "sim", "Camiseta, Calça"]
    assert found[2][0] == '<b>&"é"\nfim'
