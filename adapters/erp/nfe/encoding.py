"""Bytes that should be XML -> UTF-8 that the parser reads as the sender meant it: byte order marks, wrong declarations, other alphabets.

Source: erp.md 1.9, tried on lxml 6.1. Only UTF-8 ever reaches the parser, so no encoding can hide a DOCTYPE from it.
"""

import codecs
import re
from typing import Final, NamedTuple

from adapters.contract import PayloadMalformed

REPAIRED: Final = "encoding_repaired"
"""Flag: the characters were read otherwise than the document declares."""

_BLANKS: Final = b" \t\r\n"
_DECLARATION: Final = re.compile(rb"<\?xml\s[^>]{0,200}?\?>")
_DECLARED: Final = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_UTF8: Final = frozenset({"utf-8", "utf8"})
_LATIN1: Final = frozenset({"iso-8859-1", "iso8859-1", "latin1", "latin-1", "iso_8859-1"})
_WINDOWS: Final = frozenset({"windows-1252", "cp1252"})


class Readable(NamedTuple):
    """XML in UTF-8. `guessed` says that the alphabet is our guess, so that no signature can be checked over it."""

    xml: bytes
    flags: tuple[str, ...] = ()
    guessed: bool = False


def trimmed(body: bytes) -> bytes:
    """Drop blanks and a UTF-8 byte order mark before the document, in whatever order: both are common, the parser takes neither."""
    body = body.strip(_BLANKS)
    while body.startswith(codecs.BOM_UTF8):
        body = body[len(codecs.BOM_UTF8) :].lstrip(_BLANKS)
    return body


def is_utf16(body: bytes) -> bool:
    """Say whether the bytes are UTF-16, by their mark or by the zeros around the first sign."""
    return body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\x00", b"\x00<"))


def to_utf8(body: bytes) -> Readable:
    """Return the document in UTF-8, with a declaration that says so. Expects trimmed bytes. Raises: PayloadMalformed."""
    if is_utf16(body):
        return _from_utf16(body)
    declaration = _DECLARATION.match(body)
    found = _DECLARED.search(declaration[0]) if declaration else None
    declared = found[1].decode("ascii").lower() if found else "utf-8"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return _from_single_bytes(body, declared)
    if declared in _UTF8:
        return Readable(body)
    # UTF-8 it is, whatever is declared: another declaration would turn `São` into `SÃ£o`, and .NET writes `utf-16` into UTF-8 files.
    misleading = not body.isascii() or declared.startswith("utf-16")
    return Readable(_declared_anew(body), (REPAIRED,) if misleading else ())


def _from_utf16(body: bytes) -> Readable:
    order = "utf-16-le" if body.startswith(b"<\x00") else "utf-16-be" if body.startswith(b"\x00<") else "utf-16"
    try:
        return Readable(_declared_anew(body.decode(order).encode()))
    except UnicodeError as error:
        raise PayloadMalformed("body is not XML: it begins as UTF-16 and is not") from error


def _from_single_bytes(body: bytes, declared: str) -> Readable:
    if declared in _LATIN1:
        return Readable(_declared_anew(body.decode("iso-8859-1").encode()))
    if declared not in _WINDOWS | _UTF8:
        raise PayloadMalformed(f"body is not XML: it is not UTF-8, and declares {declared!a}, which is not read here")
    try:
        text = body.decode("cp1252")
    except UnicodeDecodeError as error:
        raise PayloadMalformed(f"body is not XML: byte {error.start} is neither UTF-8 nor Windows-1252") from error
    guessed = declared in _UTF8
    return Readable(_declared_anew(text.encode()), (REPAIRED,) if guessed else (), guessed)


def _declared_anew(xml: bytes) -> bytes:
    declaration = _DECLARATION.match(xml)
    return b'<?xml version="1.0" encoding="UTF-8"?>' + (xml[declaration.end() :] if declaration else xml)
