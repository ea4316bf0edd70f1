"""Log lines carry no personal data, no secrets and no bodies, whoever wrote them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from hub import observability


@pytest.fixture(autouse=True)
def _undo() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers, logging.getLogger().level = handlers, level


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to ana.souza+1@loja.com.br now", "write to *** now"),
        ("cpf 123.456.789-09", "cpf ***"),
        ("cpf 12345678909", "cpf ***"),
        ("cnpj 11.222.333/0001-81 or 11222333000181", "cnpj *** or ***"),
        ("cnpj with letters 12ABC34501DE35", "cnpj with letters ***"),
        ("order 100000417, bank number 12345678901", "order 100000417, bank number 12345678901"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
        ("amqp://ops:pa55@host:5672/", "amqp://ops:***@host:5672/"),
        ("https://api/v1?access_token=abc&id=7", "https://api/v1?access_token=***&id=7"),
    ],
)
def test_text_is_masked(text: str, masked: str) -> None:
    assert observability.mask_text(text) == masked


def test_a_line_leaves_out_bodies_and_masks_fields() -> None:
    stream = io.StringIO()
    observability.configure("json", stream=stream)
    structlog.get_logger().info(
        "got x@y.com", body="secret text", order="100000417", webhook_token="t0", headers={"authorization": "Basic abc"}, blob=b"1234"
    )
    line = json.loads(stream.getvalue())
    assert line["event"] == "got ***"
    assert line["body"] == "<11 characters>"
    assert line["order"] == "100000417"
    assert line["webhook_token"] == "***"
    assert line["headers"] == {"authorization": "***"}
    assert line["blob"] == "<4 bytes>"


def test_a_traceback_is_masked_too() -> None:
    stream = io.StringIO()
    observability.configure("json", stream=stream)
    try:
        raise ValueError("no customer 12345678909")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "12345678909" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_lines_of_libraries_are_masked_too() -> None:
    stream = io.StringIO()
    observability.configure("json", stream=stream)
    logging.getLogger("aiormq").warning("cannot reach %s", "amqp://hub:pw@host/")
    assert json.loads(stream.getvalue())["event"] == "cannot reach amqp://hub:***@host/"


def test_debug_lines_are_left_out_at_info() -> None:
    stream = io.StringIO()
    observability.configure("json", "info", stream)
    structlog.get_logger().debug("nothing")
    assert stream.getvalue() == ""
