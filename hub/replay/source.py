"""Where replay reads from: folders whose sub-folders are keys, single files, NDJSON. Checked whole before anything is applied."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, BinaryIO, Final, Self

from adapters.contract import Cut, PayloadMalformed
from hub.engine.deliveries import COMMANDS_KEY
from hub.replay.lines import LineInvalid, Message, parse_line
from hub.replay.pieces import Piece, pieces_of

FETCHED: Final = "fetched"
STDIN: Final = "-"
_LINES: Final = frozenset({".ndjson", ".jsonl"})
_TICK: Final = timedelta(microseconds=1)


class InputInvalid(ValueError):
    """The input cannot be read as replay's input; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one message stands: a whole file, or a line of an NDJSON file (`line` >= 1)."""

    file: Path
    key: str | None = None
    line: int = 0
    offset: int = 0
    piece: Piece | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


@dataclass(frozen=True, slots=True)
class _Part:
    """A file of the input: one raw message of `key`, or NDJSON whose lines may leave out the key."""

    file: Path
    key: str | None
    lines: bool = False
    name: str = ""  # what the user calls it
    pieces: tuple[Piece, ...] = ()


def key_is_plausible(word: str) -> bool:
    """Say whether a folder's name can be an inbound key: `hub.commands` or `<family>.<provider>...`."""
    return "." in word.strip(".") and not word.startswith(".")


class ReplayInput:
    """The messages of a replay. `check` first; then `messages` as often as wanted."""

    def __init__(self, parts: Sequence[_Part], answers: Sequence[Path], cuts: Mapping[str, Cut]) -> None:
        self._parts: Final = list(parts)
        self._answers: Final = answers
        self._cuts: Final = cuts

    def check(self) -> int:
        """Read all containers; return the number of messages. Raises: InputInvalid."""
        count = 0
        for answer in self._answers:
            _check_answer(f"{FETCHED}/{answer.parent.name}/{answer.name}", str(answer))
        for index, part in enumerate(self._parts):
            if part.lines:
                count += sum(1 for _ in self._lines(part))
            else:
                self._parts[index] = self._cut(part)
                count += len(self._parts[index].pieces) or 1
        return count

    def _cut(self, part: _Part) -> _Part:
        """Cut a bank file of many titles into the messages that `hub publish` would make of it."""
        with _opened(part) as stream:
            cut = self._cuts.get(".".join((part.key or "").split(".")[:2]))
            if cut is None:
                return part
            try:
                return replace(part, pieces=pieces_of(cut(stream)))
            except PayloadMalformed:  # whole, it becomes the dead letter that says so
                return part

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Give the answers for Fetch that lie in files beside the messages: key and body. Raises: InputInvalid."""
        for file in self._answers:
            key = f"{FETCHED}/{file.parent.name}/{file.name}"
            yield key, _Files.read_whole(file, key).body

    def messages(self, start: datetime, *, shuffle: int | None = None, repeat: int = 1) -> Iterator[Message]:
        """Give the messages in the order in which they are to be applied, each with its time of receipt.

        A message without a time gets `start` plus 1 us for each message before it in the input; shuffling moves the message with
        its time, so that the same facts arrive in another order and nothing else differs.
        """
        before = 0
        for turn in range(repeat):
            arranged = self._in_order() if shuffle is None else self._shuffled(random.Random(f"{shuffle}:{turn}"))
            count = 0
            for index, message in arranged:
                count += 1
                yield message if message.received_at is not None else replace(message, received_at=start + _TICK * (before + index))
            before += count

    def _in_order(self) -> Iterator[tuple[int, Message]]:
        index = 0
        for part in self._parts:
            if part.lines:
                for _, message in self._lines(part):
                    yield index, message
                    index += 1
            else:
                for piece in part.pieces or (None,):
                    yield index, _Files.read_whole(part.file, part.key, piece)
                    index += 1

    def _shuffled(self, chance: random.Random) -> Iterator[tuple[int, Message]]:
        """Move facts between two commands."""
        with _Files.open() as files:
            for index, place in self._shuffled_places(chance):
                yield index, files.read(place)

    def _shuffled_places(self, chance: random.Random) -> Iterator[tuple[int, Place]]:
        # Only places are held in memory, not messages.
        between: list[tuple[int, Place]] = []
        for index, (place, fixed) in enumerate(self._places_and_kinds()):
            if not fixed:
                between.append((index, place))
                continue
            chance.shuffle(between)
            yield from between
            between.clear()
            yield index, place
        chance.shuffle(between)
        yield from between

    def _places_and_kinds(self) -> Iterator[tuple[Place, bool]]:
        for part in self._parts:
            if part.lines:
                for place, message in self._lines(part):
                    yield place, _stays(message.key)
            else:
                for piece in part.pieces or (None,):
                    yield Place(part.file, part.key, piece=piece), _stays(part.key or "")

    def _lines(self, part: _Part) -> Iterator[tuple[Place, Message]]:
        with _opened(part) as stream:
            offset = 0
            for number, line in enumerate(stream, start=1):
                place = Place(part.file, part.key, number, offset)
                offset += len(line)
                if line.strip():
                    yield place, _read_line(line, part.key, f"{part.name or part.file}:{number}")


def _stays(key: str) -> bool:
    return key == COMMANDS_KEY or key.startswith(f"{FETCHED}/")


def _read_line(line: bytes, key: str | None, place: str) -> Message:
    try:
        message = parse_line(line.decode("utf-8-sig" if line.startswith(b"\xef\xbb\xbf") else "utf-8"), key)
    except UnicodeDecodeError as error:
        raise InputInvalid(f"{place}: is not UTF-8 (byte {error.start + 1} of the line)") from error
    except LineInvalid as error:
        raise InputInvalid(f"{place}: {error}") from error
    if message.key.startswith(f"{FETCHED}/"):
        _check_answer(message.key, place)
    return message


def _check_answer(key: str, place: str) -> None:
    """Refuse an answer that no Fetch could ever find. Raises: InputInvalid."""
    _, adapter, name = (*key.split("/", 2), "", "")[:3]
    stem = name.removesuffix(".json").removesuffix(".xml")
    resource, dash, identity = stem.partition("-")
    if not key_is_plausible(adapter) or not resource or not dash or not identity:
        raise InputInvalid(f"{place}: an answer is named {FETCHED}/<family>.<provider>/<resource>-<id>.json or .xml")


@contextmanager
def _opened(part: _Part) -> Iterator[BinaryIO]:
    try:
        with part.file.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputInvalid(f"{part.name or part.file}: {error.strerror or error}") from error


class _Files:
    """Reads messages by their place, one file open at a time: input is read mostly in order."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._stream: IO[bytes] | None = None

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """Close what is open at the end."""
        files = cls()
        try:
            yield files
        finally:
            if files._stream is not None:
                files._stream.close()

    @staticmethod
    def read_whole(file: Path, key: str | None, piece: Piece | None = None) -> Message:
        """Read a file that is one message, or a piece of one that is several. Raises: InputInvalid."""
        try:
            if piece is not None:
                return Message(key or "", piece.read(file), piece.headers)
            return Message(key or "", file.read_bytes())
        except OSError as error:
            raise InputInvalid(f"{file}: {error.strerror or error}") from error

    def read(self, place: Place) -> Message:
        """Read one message. Raises: InputInvalid."""
        if not place.line:
            return self.read_whole(place.file, place.key, place.piece)
        try:
            if self._stream is None or self._file != place.file:
                if self._stream is not None:
                    self._stream.close()
                self._stream, self._file = place.file.open("rb"), place.file
            self._stream.seek(place.offset)
            return _read_line(self._stream.readline(), place.key, str(place))
        except OSError as error:
            raise InputInvalid(f"{place.file}: {error.strerror or error}") from error


@contextmanager
def open_input(
    paths: Iterable[str], key: str | None, stdin: Callable[[], BinaryIO], cuts: Mapping[str, Cut] | None = None
) -> Iterator[ReplayInput]:
    """Find the messages of the given paths, in the order given; `cuts` says per adapter how large files are cut. Raises: InputInvalid."""
    parts: list[_Part] = []
    answers: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="hub-replay-") as scratch:
        for word in paths:
            path = Path(word)
            if word == STDIN:
                parts.append(_spooled(stdin(), Path(scratch), key))
            elif path.is_dir():
                _walk(path, key, parts, answers)
            elif path.exists():
                parts.append(_single(path, key))
            else:
                raise InputInvalid(f"{word}: no such file or folder")
        yield ReplayInput(parts, answers, cuts or {})


def _spooled(stream: BinaryIO, scratch: Path, key: str | None) -> _Part:
    """Keep standard input in a file: it is read twice, once to be checked and once to be applied."""
    copy = scratch / "stdin.ndjson"
    if copy.exists():
        raise InputInvalid("- (standard input) can be given only once")
    with copy.open("wb") as target:
        shutil.copyfileobj(stream, target)
    return _Part(copy, key, lines=True, name="standard input")


def _single(path: Path, key: str | None) -> _Part:
    if path.suffix.lower() in _LINES:
        return _Part(path, key, lines=True)
    if key is not None:
        return _Part(path, key)
    # A file out of a folder of messages stands in a folder that is its key.
    folder = path.resolve().parent.name
    if key_is_plausible(folder) and not _begins_as_lines(path):
        return _Part(path, folder)
    return _Part(path, None, lines=True)


def _begins_as_lines(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            first = next((line for line in stream if line.strip()), b"")
        parse_line(first.decode("utf-8-sig"))
    except (OSError, ValueError):
        return False
    return True


def _walk(folder: Path, key: str | None, parts: list[_Part], answers: list[Path]) -> None:
    if key is not None:
        parts.extend(_Part(file, key) for file in _files(folder))
        return
    try:
        children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    except OSError as error:
        raise InputInvalid(f"{folder}: {error.strerror or error}") from error
    subfolders = [child for child in children if child.is_dir()]
    name = folder.resolve().name
    if not subfolders and key_is_plausible(name):
        parts.extend(_Part(file, name) for file in _files(folder))
        return
    found = [(child.name, "", _Part(child, None, lines=True)) for child in children if child.is_file() and child.suffix.lower() in _LINES]
    for child in subfolders:
        if child.name == FETCHED:
            answers.extend(_files(child))
        elif key_is_plausible(child.name):
            found.extend((file.name, child.name, _Part(file, child.name)) for file in _files(child))
        else:
            raise InputInvalid(f"{child}: a sub-folder's name is the inbound key of its files, such as payments.pix or hub.commands")
    if not found:
        raise InputInvalid(f"{folder}: no messages in it; they lie in sub-folders named after their keys, such as payments.pix")
    # In name order over all folders: 0001 of one key comes before 0002 of another.
    parts.extend(part for _, _, part in sorted(found, key=lambda item: (item[0], item[1], str(item[2].file))))


def _files(folder: Path) -> list[Path]:
    return sorted(
        file for file in folder.rglob("*") if file.is_file() and not any(step.startswith(".") for step in file.relative_to(folder).parts)
    )
