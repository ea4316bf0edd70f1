"""Words of the user become values, values become words."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
import typer

from hub.cli.options import day_begins, day_ends, parse_amount, parse_day
from hub.cli.output import console, moment
from hub.cli.publish import content_type_of
from hub.cli.tables import detail_text, label_of, short

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("word", "cents"),
    [
        ("119,70", 11970),
        ("119.70", 11970),
        ("119,7", 11970),
        ("119", 11900),
        ("1.234,56", 123456),
        ("1.234", 123400),
        ("R$ 1.234.567,89", 123456789),
        ("0,01", 1),
    ],
)
def test_amounts_are_read_as_people_write_them(word: str, cents: int) -> None:
    assert parse_amount(word) == cents


@pytest.mark.parametrize("word", ["", "abc", "1,234.56", "-5", "1,234", "1.23,4", "12.34.56", "1e3", "119,705"])
def test_an_amount_that_could_be_two_is_refused(word: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_amount(word)


def test_days_are_of_the_shops_zone() -> None:
    assert parse_day("2026-11-25") == parse_day("25/11/2026") == date(2026, 11, 25)
    assert day_begins(date(2026, 11, 25), ZONE).astimezone(UTC) == datetime(2026, 11, 25, 3, tzinfo=UTC)
    assert day_ends(date(2026, 11, 25), ZONE).astimezone(UTC) == datetime(2026, 11, 26, 3, tzinfo=UTC)
    with pytest.raises(typer.BadParameter):
        parse_day("11/25/2026")


def test_instants_are_shown_on_the_shops_clock() -> None:
    assert moment("2026-11-25T02:30:00+00:00", ZONE) == "24/11/2026 23:30"
    assert moment(None, ZONE) == ""


def test_text_of_others_cannot_color_the_terminal() -> None:
    assert short("[red]x[/red]") == r"\[red]x\[/red]"
    assert short("a\n b", 3) == "a b"
    assert len(short("x" * 500, 100)) == 100


def test_details_of_exceptions_show_money() -> None:
    assert detail_text({"missing_cents": 1000, "orders": ["1", "2"], "none": None}) == "missing R$ 10,00, orders 1/2"


def test_a_status_of_the_shops_own_is_its_own_label() -> None:
    assert label_of("processing") == "Faturado (aprovado)"
    assert label_of("aguardando_estoque") == "aguardando_estoque"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b' \n{"a": 1}', "application/json"),
        (b"\xef\xbb\xbf[1]", "application/json"),
        (b"<?xml version='1.0'?><a/>", "application/xml"),
        (b"PK\x03\x04rest", "application/zip"),
        (b"02RETORNO", None),
        (b"", None),
    ],
)
def test_the_content_type_is_guessed_by_the_first_bytes(body: bytes, kind: str | None) -> None:
    assert content_type_of(body) == kind


def test_an_identifier_between_colons_is_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("35261111:100:1352")
    assert capsys.readouterr().out.strip() == "35261111:100:1352"
