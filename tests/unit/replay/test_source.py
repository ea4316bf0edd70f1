"""Folders, single files, NDJSON and standard input become one sequence of messages."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.replay.lines import Message
from hub.replay.source import InputInvalid, open_input

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def read(
    *paths: Path | str, key: str | None = None, stdin: bytes = b"", shuffle: int | None = None, repeat: int = 1
) -> tuple[int, list[Message]]:
    """Check and read an input."""
    with open_input([str(path) for path in paths], key, lambda: io.BytesIO(stdin)) as given:
        return given.check(), list(given.messages(START, shuffle=shuffle, repeat=repeat))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def lines(*pairs: tuple[str, object]) -> str:
    return "".join(json.dumps({"key": key, "body": body}) + "\n" for key, body in pairs)


def keys_and_bodies(messages: Sequence[Message]) -> list[tuple[str, bytes]]:
    return [(message.key, message.body) for message in messages]


def test_files_of_a_folder_come_in_name_order_over_all_keys(tmp_path: Path) -> None:
    write(tmp_path, {"payments.pix/0002.json": "b", "shop.orders/0001.json": "a", "hub.commands/0003.json": "c", "README.md": "no"})
    count, messages = read(tmp_path)
    assert count == 3
    assert keys_and_bodies(messages) == [("shop.orders", b"a"), ("payments.pix", b"b"), ("hub.commands", b"c")]


def test_ndjson_files_of_a_folder_take_their_place_by_name(tmp_path: Path) -> None:
    write(tmp_path, {"shop.orders/0001.json": "a", "0002.ndjson": lines(("payments.pix", "b")), "payments.pix/0003.json": "c"})
    assert [body for _, body in keys_and_bodies(read(tmp_path)[1])] == [b"a", b"b", b"c"]


def test_a_folder_of_one_key_may_be_given_by_itself(tmp_path: Path) -> None:
    write(tmp_path, {"payments.pix/1.json": "a"})
    assert keys_and_bodies(read(tmp_path / "payments.pix")[1]) == [("payments.pix", b"a")]


def test_single_files_need_a_key_or_a_folder_that_is_one(tmp_path: Path) -> None:
    write(tmp_path, {"any/a.xml": "<a/>", "payments.pix/1.json": "{}"})
    assert keys_and_bodies(read(tmp_path / "any/a.xml", key="erp.nfe")[1]) == [("erp.nfe", b"<a/>")]
    assert keys_and_bodies(read(tmp_path / "payments.pix/1.json")[1]) == [("payments.pix", b"{}")]
    with pytest.raises(InputInvalid, match=r"a\.xml:1: is not a JSON object"):
        read(tmp_path / "any/a.xml")


def test_ndjson_needs_no_ending_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, {"input.txt": lines(("payments.pix", "x"))})
    assert keys_and_bodies(read(tmp_path / "input.txt")[1]) == [("payments.pix", b"x")]


def test_paths_are_read_in_the_order_given_and_standard_input_is_ndjson(tmp_path: Path) -> None:
    write(tmp_path, {"a.ndjson": lines(("payments.pix", "a")), "b.ndjson": lines(("payments.pix", "b"))})
    _, messages = read(tmp_path / "b.ndjson", "-", tmp_path / "a.ndjson", stdin=lines(("payments.pix", "in")).encode())
    assert [message.body for message in messages] == [b"b", b"in", b"a"]


def test_a_message_without_time_gets_the_start_plus_a_microsecond_a_line() -> None:
    given = lines(("a.b", 1), ("a.b", 2)) + json.dumps({"key": "a.b", "body": 3, "received_at": "2026-01-01T00:00:00Z"}) + "\n"
    _, messages = read("-", stdin=given.encode())
    assert [message.received_at for message in messages] == [
        START,
        START + timedelta(microseconds=1),
        datetime(2026, 1, 1, tzinfo=UTC),
    ]


def test_repeating_applies_the_whole_input_again_and_time_goes_on() -> None:
    _, messages = read("-", stdin=lines(("a.b", 1), ("a.b", 2)).encode(), repeat=2)
    assert [message.body for message in messages] == [b"1", b"2", b"1", b"2"]
    assert [message.received_at for message in messages] == [START + timedelta(microseconds=index) for index in range(4)]


def test_shuffling_moves_facts_only_between_two_commands() -> None:
    facts = [("payments.pix", index) for index in range(20)]
    given = [*facts[:10], ("hub.commands", "c1"), *facts[10:], ("hub.commands", "c2")]
    _, plain = read("-", stdin=lines(*given).encode())
    _, shuffled = read("-", stdin=lines(*given).encode(), shuffle=7)
    assert shuffled != plain
    assert sorted(plain, key=lambda one: one.body) == sorted(shuffled, key=lambda one: one.body), "each keeps its time of receipt"
    assert [index for index, one in enumerate(shuffled) if one.key == "hub.commands"] == [10, 21]
    assert {one.body for one in shuffled[:10]} == {str(index).encode() for index in range(10)}
    assert read("-", stdin=lines(*given).encode(), shuffle=7)[1] == shuffled
    assert read("-", stdin=lines(*given).encode(), shuffle=8)[1] != shuffled


def test_shuffling_reaches_over_files(tmp_path: Path) -> None:
    write(tmp_path, {f"payments.pix/{index:02}.json": str(index) for index in range(10)})
    write(tmp_path, {"99.ndjson": lines(*[("payments.pix", index) for index in range(10, 20)])})
    _, messages = read(tmp_path, shuffle=1)
    assert sorted(int(message.body) for message in messages) == list(range(20))
    assert any(int(message.body) >= 10 for message in messages[:10])


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"notes/a.txt": "x"}, "a sub-folder's name is the inbound key"),
        ({"README.md": "x"}, "no messages in it"),
        ({"a.ndjson": lines(("a.b", 1)) + "{bad\n"}, r"a\.ndjson:2: is not JSON"),
        ({"a.ndjson": '{"key": "a.b"}\n'}, r"a\.ndjson:1: .*body"),
        ({"fetched/payments.pix/nodash.json": "{}"}, "an answer is named"),
    ],
)
def test_bad_input_is_named_by_file_and_line(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    write(tmp_path, {"payments.pix/1.json": "{}"} if "fetched" in "".join(files) else {})
    with pytest.raises(InputInvalid, match=problem):
        read(write(tmp_path, files))


def test_bytes_that_are_no_text_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'{"key": "a.b", "body": 1}\n\xff\n')
    with pytest.raises(InputInvalid, match=r"a\.ndjson:2: is not UTF-8"):
        read(tmp_path / "a.ndjson")


def test_a_byte_order_mark_and_empty_lines_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'\xef\xbb\xbf{"key": "a.b", "body": 1}\r\n\r\n')
    assert keys_and_bodies(read(tmp_path / "a.ndjson")[1]) == [("a.b", b"1")]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="no such file or folder"):
        read(tmp_path / "nothing")


def test_answers_for_fetches_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, {"payments.pix/1.json": "{}", "fetched/payments.pagarme/charge-ch_1.json": "{}"})
    with open_input([str(tmp_path)], None, io.BytesIO) as given:
        assert given.check() == 1
        assert list(given.answers()) == [("fetched/payments.pagarme/charge-ch_1.json", b"{}")]
