"""Files that are cut into several messages: how a piece is read, and what headers it bears."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.contract import Cutting, FilePart

SHA256_HEADER: Final = "hub-file-sha256"
PART_HEADER: Final = "hub-file-part"
LINE_HEADER: Final = "hub-file-line"


@dataclass(frozen=True, slots=True)
class Piece:
    """One message out of a file; its bytes are read when its turn comes."""

    sha256: str
    number: int
    of: int
    part: FilePart

    @property
    def name(self) -> str:
        """`2/100`."""
        return f"{self.number}/{self.of}"

    @property
    def headers(self) -> Mapping[str, object]:
        """The file it is of, which piece it is, and the number of its first line behind the headers in that file."""
        return {SHA256_HEADER: self.sha256, PART_HEADER: self.name, LINE_HEADER: self.part.first_line}

    @property
    def size(self) -> int:
        """Bytes of the message."""
        return len(self.part.head) + self.part.end - self.part.start + 2

    def read(self, file: Path) -> bytes:
        """Read the message. Raises: OSError, also when the file has been cut short meanwhile."""
        with file.open("rb") as stream:
            stream.seek(self.part.start)
            body = stream.read(self.part.end - self.part.start)
        if len(body) < self.part.end - self.part.start:
            raise OSError(f"{file}: has changed while it was read")
        return self.part.head + body + b"\r\n"


def pieces_of(cutting: Cutting) -> tuple[Piece, ...]:
    """Number the parts of a file."""
    return tuple(Piece(cutting.sha256, number, len(cutting.parts), part) for number, part in enumerate(cutting.parts, start=1))
