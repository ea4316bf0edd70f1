"""The typeface of all documents, and how any text becomes one that it can show."""

import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR: Final = "HubSans"
BOLD: Final = "HubSans-Bold"
MISSING: Final = "\N{WHITE SQUARE}"
"""Stands for every character that the typeface lacks: who reads the page sees that something was there."""

ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_FILES: Final = {REGULAR: "DejaVuSansCondensed.ttf", BOLD: "DejaVuSansCondensed-Bold.ttf"}
# Written from right to left: the glyphs are there, but not the joining nor the order, and a name turned round is worse than none.
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
_MARKS_PER_LETTER: Final = 2


@cache
def _characters() -> frozenset[str]:
    """Register both weights once, and say which characters both have."""
    found: list[set[str]] = []
    for name, file in _FILES.items():
        with as_file(files("hub.documents") / "fonts" / file) as path:
            font = TTFont(name, str(path))
        pdfmetrics.registerFont(font)
        found.append({chr(code) for code, glyph in font.face.charToGlyph.items() if glyph})
    return frozenset(set.intersection(*found))


def printable(text: str) -> str:
    """Return the text on one line, in characters that can be shown: blanks and breaks become one blank, what is invisible goes.

    Accents are composed. What the typeface lacks (emoji, Chinese, Japanese, Korean) or cannot set (Arabic, Hebrew) becomes a
    white square each.
    """
    known = _characters()
    out: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if character.isspace():
            out.append(" ")
        elif category in ("Cf", "Cc") or "\ufe00" <= character <= "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff":
            continue  # joiners, directions, variants and skin tones change another character and are none themselves
        elif category in ("Mn", "Me"):
            marks += 1
            if character in known and out and marks <= _MARKS_PER_LETTER:
                out.append(character)
            continue
        elif character in known and unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT:
            out.append(character)
        else:
            out.append(MISSING)
        marks = 0
    return " ".join("".join(out).split())


def width(text: str, font: str, size: float) -> float:
    """Measure a printable text, in points."""
    _characters()
    return float(pdfmetrics.stringWidth(text, font, size))


def wrapped(text: str, font: str, size: float, room: float, limit: int) -> Sequence[str]:
    """Break a text into lines no wider than `room` points; a word that is too long is cut where it must be.

    More than `limit` lines are not shown: the last one then ends in an ellipsis.
    """
    lines: list[str] = []
    line = ""
    for word in printable(text).split(" "):
        candidate = f"{line} {word}" if line else word
        if width(candidate, font, size) <= room:
            line = candidate
            continue
        if line:
            lines.append(line)
        while len(lines) <= limit and width(word, font, size) > room:
            cut = _fitting(word, font, size, room)
            lines.append(word[:cut])
            word = word[cut:]
        line = word
        if len(lines) > limit:
            break
    if line:
        lines.append(line)
    if len(lines) > limit:
        lines = lines[:limit]
        last = lines[-1]
        while last and width(last + ELLIPSIS, font, size) > room:
            last = last[:-1]
        lines[-1] = last.rstrip() + ELLIPSIS
    return lines


def _fitting(word: str, font: str, size: float, room: float) -> int:
    """Count the characters of a word that fit; at least one, or nothing would ever be written."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if width(word[:middle], font, size) <= room:
            low = middle
        else:
            high = middle - 1
    return low
