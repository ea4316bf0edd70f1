"""What a column of an exported list holds; how it is written is each format's own business."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "money", "number", "instant", "flag"]
"""money: integer cents; instant: an aware datetime; flag: a boolean. A missing value is an empty cell whatever the kind."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the field of a row it shows, its heading, and what it holds."""

    field: str
    heading: str
    kind: Kind = "text"


def text_of(value: Any) -> str:
    """Write a value of a text column; several values stand one after the other."""
    return ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
