"""No documented row without a case, no documented word without a row, and the table says so."""

import pytest

from scripts.coverage_table import DOCUMENT, Row, rows, table
from scripts.golden import registered

ROWS = list(rows())


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.adapter}-{'+'.join(row.words)}-{row.fact}") for row in ROWS])
def test_a_documented_row_is_true_of_its_case(row: Row) -> None:
    assert row.fault() is None
    assert row.mark in {"V", "S", "U"}


@pytest.mark.parametrize("name", sorted({row.adapter for row in ROWS}))
def test_every_documented_word_has_a_row(name: str) -> None:
    known = {word for row in ROWS if row.adapter == name for word in row.words}
    assert [word for word in registered()[name].statuses if word not in known] == []


def test_the_gateways_have_documented_rows() -> None:
    assert {row.adapter for row in ROWS} >= {f"payments.{p}" for p in ("pagarme", "mercadopago", "pix", "pagbank", "cielo", "asaas")}
    assert {row.adapter for row in ROWS} >= {"erp.bling", "erp.tiny", "erp.omie"}
    assert len(ROWS) == len(set(ROWS))


def test_a_row_without_a_case_or_with_another_fact_is_seen() -> None:
    row = ROWS[0]
    assert "no case" in str(Row(row.adapter, row.words, row.fact, "nowhere", "", "V").fault())
    assert "does not hold" in str(Row(row.adapter, ("INVENTED",), row.fact, row.case, "", "V").fault())
    assert "does not become" in str(Row(row.adapter, row.words, "payment.teleported", row.case, "", "V").fault())


def test_the_table_is_what_the_rows_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == table()
