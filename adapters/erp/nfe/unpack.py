"""A body -> the fiscal documents in it, out of zip, gzip, base64, JSON, SOAP and home-made XML, bounded on every side.

Source: erp.md 1.1, 1.9, 1.12. What makes the whole delivery dangerous (a bomb, too much of anything) refuses all of it; what is
wrong with one document in it costs that document only.
"""

import binascii
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree  # type: ignore[import-untyped]

from adapters.contract import PayloadMalformed
from adapters.erp.nfe.encoding import is_utf16, to_utf8, trimmed
from adapters.parsing import MAX_BODY_BYTES, load_json, parse_xml

NFE: Final = "http://www.portalfiscal.inf.br/nfe"
"""Namespace of every NF-e and event element."""

MAX_EXPANDED_BYTES: Final = 32 * 1024 * 1024
"""Of one delivery, all documents together."""

MAX_DOCUMENTS: Final = 1_000
MAX_ZIP_ENTRIES: Final = 200
MAX_RATIO: Final = 100
"""Expanded to packed. XML of a note with 990 equal items comes to about 50."""

_MAX_LAYERS: Final = 4
"""Of wrapping: base64 of a zip with a home-made list that holds base64 is the worst that anybody means well."""

_MAX_TAGS: Final = 1_000_000
"""The tree of 8 MiB of `<a/>` would take a quarter of a gigabyte; the densest NF-e has one tag in twelve bytes."""

_RATIO_COUNTS_FROM: Final = 1024 * 1024

DOCUMENTS: Final = frozenset({
    "nfeProc", "NFe", "protNFe", "procEventoNFe", "retEvento", "retCancNFe", "procInutNFe", "ProcInutNFe", "retInutNFe", "resNFe",
    "resEvento", "evento", "inutNFe", "cancNFe", "consSitNFe", "consReciNFe", "consStatServ", "retConsStatServ", "distDFeInt",
})  # fmt: skip
"""What is read as a whole."""

CONTAINERS: Final = frozenset({"enviNFe", "retEnviNFe", "retConsReciNFe", "retConsSitNFe", "retDistDFeInt", "envEvento", "retEnvEvento"})
"""What says something itself, and holds documents that are read one by one."""

UNSUPPORTED: Final = {
    "cteProc": "a CT-e", "CTe": "a CT-e", "procEventoCTe": "an event of a CT-e", "mdfeProc": "an MDF-e", "MDFe": "an MDF-e",
    "procEventoMDFe": "an event of an MDF-e", "CompNfse": "an NFS-e", "NFSe": "an NFS-e", "nfcomProc": "an NFCom", "CFe": "a CF-e",
}  # fmt: skip

ORDER_FIELDS: Final = ("numeroLoja", "numeroPedidoLoja", "idPedidoEcommerce", "codIntPedido")
"""In which JSON field beside the XML the ERPs name the shop's order: Bling v3, Bling v2, Tiny, Omie."""

_CORE: Final = frozenset({"infNFe", "infProt", "infEvento", "infInut", "infCanc"})
_ALPHABET: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_DATA_URI: Final = re.compile(rb"data:[A-Za-z0-9.+/=;-]{0,100},")
_BLANKS: Final = b" \t\r\n"
_ZIP_FAULTS: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, LookupError,
    OverflowError,
)  # fmt: skip
"""What zipfile raises, sooner or later, on bytes that somebody has damaged."""

_NOT_NOTES: Final = ("__macosx/", ".ds_store", "thumbs.db", "desktop.ini")


class _TooMuch(PayloadMalformed):
    """The whole delivery is refused, however many good documents are in it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One document of the NF-e family. `orders` are order numbers that its envelope names, `source` its bytes if it had some of its own."""

    name: str
    element: Any
    place: str
    flags: tuple[str, ...] = ()
    alphabet_guessed: bool = False
    orders: tuple[str, ...] = ()
    source: bytes | None = None

    @property
    def body(self) -> bytes:
        """The document as a delivery of its own."""
        return serialized(self.element) if self.source is None else self.source


@dataclass(frozen=True, slots=True)
class Bad:
    """A part that is no document, or one that is not read here."""

    place: str
    cause: str
    body: bytes


Piece = Found | Bad


def serialized(element: Any) -> bytes:
    """Return an element as a document of its own."""
    xml: bytes = etree.tostring(element, encoding="utf-8", with_tail=False)
    return xml


def unpack(body: bytes, content_type: str | None = None) -> list[Piece]:
    """Return the documents of a body, at least one. Raises: PayloadMalformed, also when there is nothing of the NF-e family in it."""
    if len(body) > MAX_BODY_BYTES:
        raise PayloadMalformed(f"body has {len(body)} bytes, more than {MAX_BODY_BYTES}")
    opened = _Unpacking(content_type)
    opened.open(body, _Wrapping())
    if not opened.pieces:
        raise PayloadMalformed("body holds no NF-e document")
    return opened.pieces


@dataclass(frozen=True, slots=True)
class _Wrapping:
    """What is around the bytes at hand."""

    place: str = ""
    layers: int = 0
    in_zip: bool = False
    orders: tuple[str, ...] = ()

    def inner(self, place: str, *, in_zip: bool = False, orders: tuple[str, ...] = ()) -> "_Wrapping":
        if self.layers == _MAX_LAYERS:
            raise PayloadMalformed(f"{self.at(place)}: wrapped more than {_MAX_LAYERS} times")
        return _Wrapping(self.at(place), self.layers + 1, self.in_zip or in_zip, (*orders, *self.orders))

    def at(self, place: str) -> str:
        return f"{self.place} {place}".strip()


class _Unpacking:
    """One delivery being opened: what was found, and how much may still come."""

    def __init__(self, content_type: str | None) -> None:
        self.pieces: Final[list[Piece]] = []
        self._content_type: Final = content_type
        self._bytes_left = MAX_EXPANDED_BYTES

    def open(self, body: bytes, wrapping: _Wrapping) -> None:
        """Find what the bytes are by their first ones, and take them apart. Raises: PayloadMalformed when they are nothing at all."""
        if body.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            self._open_zip(body, wrapping)
            return
        if body.startswith(b"\x1f\x8b"):
            self.open(self._gunzip(body), wrapping.inner("gzip"))
            return
        body = trimmed(body)
        if not body:
            raise PayloadMalformed("body is empty")
        if body.startswith(b"%PDF"):
            raise PayloadMalformed("body is a PDF: a DANFE is only the printed note, the XML is wanted")
        if body.startswith(b"<") or is_utf16(body):
            self._open_xml(body, wrapping)
        elif body.startswith((b"{", b"[", b'"')):
            self._open_json(body, wrapping)
        else:
            self.open(_from_base64(body), wrapping.inner("base64"))

    def _add(self, piece: Piece) -> None:
        self.pieces.append(piece)
        if len(self.pieces) > MAX_DOCUMENTS:
            raise _TooMuch(f"body holds more than {MAX_DOCUMENTS} documents; send them in parts")

    def _open_part(self, body: bytes, wrapping: _Wrapping) -> None:
        """Open one part of several: its faults are its own."""
        try:
            self.open(body, wrapping)
        except _TooMuch:
            raise
        except PayloadMalformed as error:
            self._add(Bad(wrapping.place, str(error), body))

    # -- XML -------------------------------------------------------------------------------------------------------------------

    def _open_xml(self, body: bytes, wrapping: _Wrapping) -> None:
        if body[:200].lower().startswith((b"<!doctype html", b"<html")):
            raise PayloadMalformed("body is an HTML page: somebody's server answered with an error; send the note again")
        if body.count(b"<") > _MAX_TAGS:
            raise _TooMuch(f"body has more than {_MAX_TAGS} tags")
        readable = to_utf8(body)
        root = parse_xml(readable.xml)
        before = len(self.pieces)
        for element, place in self._documents(root, wrapping):
            source = body if element is root else None
            self._add(Found(local_name(element), element, place, readable.flags, readable.guessed, wrapping.orders, source))
        if len(self.pieces) == before:
            raise PayloadMalformed(f"root {local_name(root)[:60]!a} holds no NF-e document")

    def _documents(self, root: Any, wrapping: _Wrapping) -> Iterator[tuple[Any, str]]:
        """Walk a tree in document order and yield what is of the NF-e family; all else (SOAP, home-made lists) is only passed through."""
        walk = etree.iterwalk(root, events=("start",))
        for _, element in walk:
            name = local_name(element)
            place = wrapping.at("" if element is root else f"{name}[{len(self.pieces)}]")
            is_nfe = element.tag == f"{{{NFE}}}{name}"
            if is_nfe and name in DOCUMENTS:
                yield element, place
                walk.skip_subtree()
            elif name in UNSUPPORTED:
                self._add(Bad(place, f"{name}: {UNSUPPORTED[name]}, which is not read here", serialized(element)))
                walk.skip_subtree()
            elif not is_nfe and name in DOCUMENTS and _is_stripped(element):
                self._add(Bad(place, f"{name}: outside the namespace {NFE}, so it is no NF-e", serialized(element)))
                walk.skip_subtree()
            elif is_nfe and name in CONTAINERS:
                yield element, place
            elif not len(element) and element.text:
                self._open_text(element.text, name if is_nfe else "", place, wrapping)

    def _open_text(self, text: str, nfe_name: str, place: str, wrapping: _Wrapping) -> None:
        """Open a document that stands as text in an element: docZip of the distribution service, CDATA or base64 of an ERP."""
        if nfe_name == "docZip":
            self._open_part(text.encode(), wrapping.inner(f"{place} text"))
            return
        packed = _document_in_text(text)
        if packed is not None:
            self._open_part(packed, wrapping.inner(f"{place} text"))

    # -- JSON ------------------------------------------------------------------------------------------------------------------

    def _open_json(self, body: bytes, wrapping: _Wrapping) -> None:
        document = load_json(body, self._content_type if not wrapping.layers else None)
        before = len(self.pieces)
        for text, orders in _texts(document, ()):
            packed = _document_in_text(text)
            if packed is not None:
                self._open_part(packed, wrapping.inner("JSON", orders=orders))
        if len(self.pieces) == before:
            raise PayloadMalformed("body is JSON without an NF-e in it: an answer of somebody's server, or of another key")

    # -- Packed bytes ----------------------------------------------------------------------------------------------------------

    def _spend(self, size: int, packed_size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise _TooMuch(f"body expands to more than {MAX_EXPANDED_BYTES} bytes")
        if size > MAX_BODY_BYTES:
            raise _TooMuch(f"a packed document expands to more than {MAX_BODY_BYTES} bytes")
        if size > _RATIO_COUNTS_FROM and size > MAX_RATIO * max(packed_size, 1):
            raise _TooMuch(f"a packed document expands more than {MAX_RATIO} times")

    def _limit(self) -> int:
        return min(MAX_BODY_BYTES, self._bytes_left) + 1

    def _gunzip(self, body: bytes) -> bytes:
        inflater = zlib.decompressobj(wbits=31)
        try:
            expanded = inflater.decompress(body, self._limit())
        except zlib.error as error:
            raise PayloadMalformed("body is not the gzip file it begins as") from error
        self._spend(len(expanded), len(body))
        if not inflater.eof:
            raise PayloadMalformed("body is a gzip file that is cut off")
        return expanded

    def _open_zip(self, body: bytes, wrapping: _Wrapping) -> None:
        if wrapping.in_zip:
            raise PayloadMalformed("a zip file inside a zip file, which is refused")
        # Counted before the directory is read: of 8 MiB it would make 180,000 entries.
        if body.count(b"PK\x01\x02") > MAX_ZIP_ENTRIES:
            raise _TooMuch(f"zip file has more than {MAX_ZIP_ENTRIES} entries; send them in parts")
        try:
            archive = zipfile.ZipFile(io.BytesIO(body))
        except _ZIP_FAULTS as error:
            raise PayloadMalformed("body is not the zip file it begins as") from error
        entries = archive.infolist()
        if entries and min(entry.header_offset for entry in entries) != 0:
            # The directory of another zip file, one that lies inside this one after its own was cut off.
            raise PayloadMalformed("body is a zip file that is cut off")
        damaged = []
        # Paths lead nowhere and may name people: an entry is known by its place.
        for index, entry in enumerate(entries):
            place = f"zip[{index}]"
            try:
                expanded = self._read_entry(archive, entry)
            except _ZIP_FAULTS:
                damaged.append(place)
                continue
            if expanded is not None:
                self._open_part(expanded, wrapping.inner(place, in_zip=True))
        if damaged:
            # An entry that cannot be read has no bytes of its own; the whole file is kept, once.
            self._add(Bad(wrapping.place, f"damaged in the zip file: {', '.join(damaged)}", body))

    def _read_entry(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | None:
        name = entry.filename.lower()
        if entry.is_dir() or name.endswith(_NOT_NOTES) or name.startswith(_NOT_NOTES):
            return None
        if entry.flag_bits & 1:
            raise _TooMuch("zip file is encrypted")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise _TooMuch("zip file is packed by a method other than deflate")
        with archive.open(entry) as stream:
            expanded = stream.read(self._limit())
        self._spend(len(expanded), entry.compress_size)
        # The DANFE that lies beside its note is nobody's fault.
        return None if expanded.startswith(b"%PDF") else expanded


def local_name(element: Any) -> str:
    """Return an element's name without its namespace."""
    name: str = element.tag.rpartition("}")[2]
    return name


def _is_stripped(element: Any) -> bool:
    """Say whether it is a fiscal document that lost its namespace, and not a home-made wrapper that has the name of one."""
    return any(local_name(inner) in _CORE and inner.tag != f"{{{NFE}}}{local_name(inner)}" for inner in element.iter())


def _from_base64(body: bytes) -> bytes:
    """Decode base64: line breaks, the URL-safe alphabet, missing padding and a data URI's head are all seen. Raises: PayloadMalformed."""
    head = _DATA_URI.match(body)
    digits = (body[head.end() :] if head else body).translate(bytes.maketrans(b"-_", b"+/"), _BLANKS)
    if not _ALPHABET.fullmatch(digits):
        raise PayloadMalformed("body is neither XML nor a zip, gzip, base64 or JSON around it")
    digits = digits.rstrip(b"=")
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    except binascii.Error as error:
        raise PayloadMalformed("body is neither XML nor a zip, gzip, base64 or JSON around it") from error


def _document_in_text(text: str) -> bytes | None:
    """Return the bytes of a text that plainly holds a document: XML that names the portal, or base64 of something packed."""
    try:
        packed = trimmed(text.encode())
    except UnicodeEncodeError:
        return None
    if packed.startswith(b"<"):
        return packed if b"portalfiscal.inf.br" in packed else None
    try:
        inner = _from_base64(packed)
    except PayloadMalformed:
        return None
    if inner.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        return inner
    if trimmed(inner).startswith(b"<") or is_utf16(inner):
        return inner if b"portalfiscal.inf.br" in inner.replace(b"\0", b"") else None
    return None


def _texts(value: Any, orders: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every text of a JSON document with the order numbers that its object, or one around it, names."""
    if isinstance(value, str):
        yield value, orders
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, orders)
    elif isinstance(value, dict):
        named = tuple(
            str(value[name]) for name in ORDER_FIELDS if isinstance(value.get(name), str | int) and not isinstance(value[name], bool)
        )
        for item in value.values():
            yield from _texts(item, tuple(filter(None, named)) or orders)
