"""Boleto return files through the engine: which order is paid, what is told twice, what one bad line leaves behind."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import RawDelivery
from adapters.payments.cnab import ADAPTER
from hub.engine import operations
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine
from hub.engine.order_document import order_document
from tests import bank_files as files
from tests import traffic
from tests.unit.cli.conftest import Run, _quiet_again, hub
from tests.world import feed, kinds, open_engine, open_exceptions, query

__all__ = ["_quiet_again", "hub"]


def placed(number: str = "PED1001", total: int = 14990, **payment: Any) -> traffic.Message:
    """An order that waits for one boleto."""
    message = json.loads(traffic.placed(number, total=total).body)
    message["order"]["payments"] = [{"method": "boleto", "provider": "cnab", "amount_cents": total, **payment}]
    message["order"]["items"][0] |= {"quantity": 1, "unit_price_cents": total - 1990}
    return traffic.Message("shop.orders", json.dumps(message).encode())


def cnab(body: bytes, **headers: object) -> Delivery:
    return Delivery("payments.cnab", RawDelivery(body, headers, traffic.START, "payments.cnab"))


def document(engine: Engine, number: str = "PED1001") -> dict[str, Any]:
    with engine.database.read() as connection:
        found = order_document(connection, number)
    assert found is not None
    return dict(found)


SHEET_240 = files.file_240([files.T_OF_SHEET, files.U_OF_SHEET])
SHEET_400 = (files.ITAU_HEADER + "\r\n" + files.ITAU_TITLE + "\r\n").encode()


@pytest.mark.parametrize(
    ("body", "payment"),
    [
        (SHEET_240, {"reference": "237:00000012345"}),
        (SHEET_240, {"reference": "12345"}),
        (SHEET_240, {"reference": "237:1234"}),  # the other reading
        (SHEET_240, {}),  # by the order's own number, which is the document number
        (SHEET_400, {"references": [{"kind": "nosso_numero", "value": "341:12345"}]}),
        (SHEET_400, {"reference": "341:00012345"}),
    ],
)
def test_a_paid_boleto_pays_its_order_exactly(any_database_url: str, body: bytes, payment: dict[str, Any]) -> None:
    engine = open_engine(any_database_url)
    assert kinds(feed(engine, [placed(**payment), cnab(body)], cap=1)) == ["applied", "applied"]
    order = document(engine)
    assert (order["state"], order["captured_cents"], order["exceptions"]) == ("processing", 14990, [])
    assert [(one["method"], one["state"]) for one in order["payments"]] == [("boleto", "captured")]


def test_a_second_reading_of_a_number_counts_only_when_the_first_names_nobody(any_database_url: str) -> None:
    # Bradesco's 00000000000000012345 is title 12345, or title 1234 with check digit 5; both are here.
    engine = open_engine(any_database_url)
    feed(engine, [placed("1000", reference="237:1234"), placed("1001", reference="237:12345"), cnab(SHEET_240)])
    feed(engine, [placed("1002", reference="237:1234567")])
    first, second = files.title_240(number=12345678, order="OUTRO")
    feed(engine, [cnab(files.file_240([first, second]))], cap=1)
    assert {number: document(engine, number)["captured_cents"] for number in ("1000", "1001", "1002")} == {
        "1000": 0, "1001": 14990, "1002": 14990,
    }  # fmt: skip
    # Nobody has learned a reading that was not needed: title 123 is its own order's, though 1234 was paid before.
    feed(engine, [placed("1003", reference="237:1234567890"), cnab(files.file_240(files.title_240(number=1234, order="")))], cap=1)
    assert document(engine, "1000")["captured_cents"] == 14990
    feed(engine, [placed("1004", reference="237:123")])
    assert open_exceptions(engine) == set()


def test_two_orders_with_the_first_reading_do_not_leave_it_to_the_second(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    claims = [placed("1001", reference="237:12345"), placed("1002", reference="237:12345"), placed("1000", reference="237:1234")]
    assert kinds(feed(engine, [*claims, cnab(SHEET_240)], cap=1))[-1] == "parked"
    assert document(engine, "1000")["captured_cents"] == 0


def test_a_file_told_again_and_an_overlapping_one_change_nothing(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    first, second = files.title_240(), files.title_240(number=777, order="PED1002", sequence=3)
    feed(engine, [placed(), placed("PED1002")])
    assert kinds(feed(engine, [cnab(files.file_240(first)), cnab(files.file_240(first))])) == ["applied", "duplicate"]
    version = document(engine)["version"]
    feed(engine, [cnab(files.file_240([*second, *files.title_240(sequence=5)], end="\n"))])
    assert (document(engine)["version"], document(engine)["captured_cents"]) == (version, 14990)
    assert document(engine, "PED1002")["captured_cents"] == 14990
    assert open_exceptions(engine) == set()


def test_a_boleto_paid_twice_is_overpaid(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    feed(engine, [placed(reference="237:12345"), cnab(files.file_240(files.title_240("02")))])
    twice = files.file_240([*files.title_240(), *files.title_240("17", sequence=3, day="26012026", collecting="00100019")])
    feed(engine, [cnab(twice)])
    order = document(engine)
    assert (order["captured_cents"], len(order["payments"])) == (2 * 14990, 1)
    assert {kind for _, kind, _ in open_exceptions(engine)} == {"overpaid"}


def test_registered_written_off_and_paid_all_the_same(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    feed(engine, [placed(reference="237:12345"), cnab(files.file_240(files.title_240("02")))])
    assert document(engine)["state"] == "pending_payment"
    feed(engine, [cnab(files.file_240(files.title_240("09", reasons="12", day="23012026")))])
    assert [one["state"] for one in document(engine)["payments"]] == ["expired"]
    feed(engine, [cnab(files.file_240(files.title_240("17", day="24012026")))])
    order = document(engine)
    assert (order["state"], order["captured_cents"]) == ("processing", 14990)
    feed(engine, [cnab(files.file_240(files.title_240("09", day="25012026")))])
    assert document(engine)["state"] == "processing"


@pytest.mark.parametrize("code", ["40", "22"])
def test_a_reversal_takes_the_money_back(any_database_url: str, code: str) -> None:
    engine = open_engine(any_database_url)
    lines = [files.bradesco_title("06"), files.bradesco_title(code, day="260126")]
    feed(engine, [placed(reference="237:12345"), cnab(files.file_400(lines, "237"))])
    order = document(engine)
    assert (order["captured_cents"], order["charged_back_cents"], order["state"]) == (14990, 14990, "closed")


def test_a_cheque_pays_when_it_has_cleared_and_not_before(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    feed(engine, [placed(reference="237:12345"), cnab(files.file_240(files.title_240("50")))])
    assert document(engine)["captured_cents"] == 0
    feed(engine, [cnab(files.file_240(files.title_240("45", day="24012026")))])
    assert document(engine)["captured_cents"] == 14990
    feed(engine, [cnab(files.file_240(files.title_240("44", day="27012026")))])
    assert (document(engine)["charged_back_cents"], document(engine)["state"]) == (14990, "closed")


def test_less_than_due_is_underpaid_and_interest_is_not_too_much(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    less = files.title_240(number=7, order="PED1002", paid=10000, sequence=3)
    feed(engine, [placed(), placed("PED1002"), cnab(files.file_240([*files.title_240(interest=310), *less]))])
    assert {(order, kind) for order, kind, _ in open_exceptions(engine)} == {("PED1002", "underpaid")}


def test_one_bad_line_is_one_dead_letter_and_the_others_apply(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    good, bad, last = (files.title_240(number=n, order=f"PED{n}", sequence=2 * n + 1) for n in range(1, 4))
    broken = files.changed(bad[1], (78, "00000000000149O0"[:15]))
    feed(engine, [placed("PED1"), placed("PED2"), placed("PED3")])
    body = files.file_240([*good, bad[0], broken, *last])
    for _ in range(2):  # told again, the letter is counted and not doubled
        assert kinds(feed(engine, [cnab(body, **{"hub-file-part": "2/3", "hub-file-line": 5003})])) == ["dead_letter"]
    assert [document(engine, number)["captured_cents"] for number in ("PED1", "PED2", "PED3")] == [14990, 0, 14990]
    ((letter, kind, cause, attempts, headers, stored),) = query(engine, "SELECT id, kind, cause, attempts, headers, body FROM dead_letters")
    assert (kind, cause, attempts) == ("unreadable", "line 5006: columns 78-92 (amount paid): must be 15 digits", 2)
    assert json.loads(headers) == {"hub-file-part": "2/3", "hub-file-line": 5005}
    assert broken.encode() in bytes(stored)
    # Run again as it is, it dies of the same line by the same name.
    again = operations.redrive(engine, letter, actor="ana")
    assert "line 5006" in again.detail
    mended = bytes(stored).replace(broken.encode(), bad[1].encode())
    feed(engine, [cnab(mended)])
    assert document(engine, "PED2")["captured_cents"] == 14990


@pytest.mark.proof
def test_a_large_file_with_one_bad_line_is_replayed(hub: Run, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    count = sized(3_000, 100_000)
    middle = count // 2
    lines = list(files.large_240(count))
    place = 2 + 2 * middle - 1  # U of the title in the middle, counted from 0
    lines[place] = lines[place].replace(b"000000000014990000000000014990", b"0000000000149,0000000000014990")
    (tmp_path / "payments.cnab").mkdir()
    (tmp_path / "shop.orders").mkdir()
    (tmp_path / "payments.cnab" / "0100.ret").write_bytes(b"".join(lines))
    wanted = [1, middle - 1, middle, middle + 1, count]
    for index in wanted:
        (tmp_path / "shop.orders" / f"{index:04}.json").write_bytes(placed(f"{index:010d}").body)
    result = hub("replay", str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert {order["number"]: order["captured_cents"] for order in answer["orders"]} == {
        f"{index:010d}": 0 if index == middle else 14990 for index in wanted
    }
    (letter,) = answer["dead_letters"]
    assert letter["cause"] == f"line {place + 1}: columns 78-92 (amount paid): must be 15 digits"
    assert answer["counts"]["messages"] == len(wanted) + count // 1000
    assert len(answer["parked"]) == count - len(wanted)
    assert letter["kind"] == "unreadable" and letter["adapter"] == "payments.cnab"


def test_a_large_file_that_is_not_whole_is_one_dead_letter_in_replay(hub: Run, tmp_path: Path) -> None:
    file = tmp_path / "retorno.ret"
    file.write_bytes(b"".join(files.large_240(1200)).replace(b"000001002404", b"000001002406"))
    answer = json.loads(hub("replay", "--key", "payments.cnab", str(file), "--json").stdout)
    (letter,) = answer["dead_letters"]
    assert "says 2406 records, there are 2404" in letter["cause"]
    assert answer["counts"]["messages"] == 1


def test_replayed_shuffled_a_cut_file_says_the_same(hub: Run, tmp_path: Path) -> None:
    file = tmp_path / "retorno.ret"
    file.write_bytes(b"".join(files.large_240(2200)))
    counts = [
        json.loads(hub("replay", "--key", "payments.cnab", str(file), "--json", *options).stdout)["counts"]
        for options in ((), ("--shuffle", "7"), ("--repeat", "2"))
    ]
    assert [one["waiting"] for one in counts] == [2200] * 3
    assert (counts[2]["messages"], counts[2]["duplicate"]) == (6, 3)


def test_a_file_is_read_line_by_line_when_it_is_checked() -> None:
    # What the check takes is an iterable of lines: nothing of it is asked twice, so that a stream will do.
    class Stream(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise AssertionError("read whole")

    assert ADAPTER.cut is not None
    assert ADAPTER.cut(Stream(b"".join(files.large_240(1500)))).items == 1500
