"""Laying out a document on A4 pages: blocks are placed first and drawn then, so that each page knows how many there are."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from hub.documents.shop import Shop
from hub.documents.typeface import BOLD, REGULAR, printable, width, wrapped
from hub.documents.wording import tax_id_with_name

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN: Final = 15 * mm
CONTENT_WIDTH: Final = PAGE_WIDTH - 2 * MARGIN
_FOOT: Final = 10 * mm
_GAP: Final = 5 * mm
_BODY: Final = 9.0
_SMALL: Final = 7.5
_LEADING: Final = 1.3
_GREY: Final = 0.45
_RULE: Final = 0.75
_SHADE: Final = 0.93
_LOGO: Final = (45 * mm, 22 * mm)
_CELL_LINES: Final = 8
_FIELD_LINES: Final = 3


class Block(Protocol):
    """A part of a document that may be cut between two pages only where it says so."""

    def pieces(self) -> "Iterator[Piece]":
        """Yield what must stay together, from top to bottom."""
        ...


class Piece(Protocol):
    """Something drawn in one go. Its head, when it has one, is drawn above it on every page that begins with it."""

    @property
    def height(self) -> float:
        """How much room it takes, in points."""
        ...

    @property
    def head(self) -> "Piece | None":
        """What is repeated above it."""
        ...

    @property
    def with_next(self) -> bool:
        """Whether it must not be the last on its page."""
        ...

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw with the upper edge at `top`, in points from the page's foot."""
        ...


# -- blocks ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Box:
    """A titled list of lines: an address, say."""

    title: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Boxes:
    """Boxes side by side, of equal width."""

    boxes: Sequence[Box]

    def pieces(self) -> "Iterator[Piece]":
        """Yield one piece."""
        yield _BoxesPiece(self.boxes)


@dataclass
class _BoxesPiece:
    boxes: Sequence[Box]
    head: "Piece | None" = None
    with_next: bool = False

    @cached_property
    def _room(self) -> float:
        return (CONTENT_WIDTH - _GAP * (len(self.boxes) - 1)) / len(self.boxes)

    @cached_property
    def _wrapped(self) -> list[list[str]]:
        room = self._room - 4 * mm
        return [[part for line in box.lines for part in wrapped(line, REGULAR, _BODY, room, _FIELD_LINES)] for box in self.boxes]

    @cached_property
    def height(self) -> float:
        """The tallest box decides."""
        return _BODY * _LEADING * (max(len(lines) for lines in self._wrapped) + 1) + 5 * mm + _GAP

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw frame, title and lines of each."""
        for index, (box, lines) in enumerate(zip(self.boxes, self._wrapped, strict=True)):
            left = MARGIN + index * (self._room + _GAP)
            canvas.setStrokeGray(_RULE)
            canvas.rect(left, top - self.height + _GAP, self._room, self.height - _GAP)
            y = top - 2 * mm - _SMALL
            _text(canvas, left + 2 * mm, y, box.title, BOLD, _SMALL, grey=_GREY)
            for line in lines:
                y -= _BODY * _LEADING
                _text(canvas, left + 2 * mm, y, line, REGULAR, _BODY)


@dataclass(frozen=True)
class Column:
    """A column of a table. `share` of the width; figures stand at the right."""

    title: str
    share: float
    right: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under a head that is repeated on every page."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def pieces(self) -> "Iterator[Piece]":
        """Yield head and rows; a head never stands alone at the foot of a page."""
        total = sum(column.share for column in self.columns)
        widths = [CONTENT_WIDTH * column.share / total for column in self.columns]
        head = _RowPiece(self.columns, widths, [column.title for column in self.columns], is_head=True)
        yield head
        for index, row in enumerate(self.rows):
            # The last row stays with what follows, the sums: figures without any row above them say little.
            yield _RowPiece(self.columns, widths, row, head=head, with_next=index == len(self.rows) - 1)


@dataclass
class _RowPiece:
    columns: Sequence[Column]
    widths: Sequence[float]
    cells: Sequence[str]
    is_head: bool = False
    head: "Piece | None" = None
    with_next: bool = False

    def __post_init__(self) -> None:
        self.with_next = self.with_next or self.is_head

    @cached_property
    def _font(self) -> tuple[str, float]:
        return (BOLD, _SMALL) if self.is_head else (REGULAR, _BODY)

    @cached_property
    def _wrapped(self) -> list[Sequence[str]]:
        font, size = self._font
        return [wrapped(cell, font, size, room - 3 * mm, _CELL_LINES) for cell, room in zip(self.cells, self.widths, strict=True)]

    @cached_property
    def height(self) -> float:
        """The tallest cell decides."""
        return max([1, *(len(lines) for lines in self._wrapped)]) * self._font[1] * _LEADING + 2.4 * mm

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw the cells, and a rule below."""
        font, size = self._font
        if self.is_head:
            canvas.setFillGray(_SHADE)
            canvas.rect(MARGIN, top - self.height, CONTENT_WIDTH, self.height, stroke=0, fill=1)
        left = MARGIN
        for column, room, lines in zip(self.columns, self.widths, self._wrapped, strict=True):
            y = top - 1.2 * mm - size
            for line in lines:
                if column.right:
                    _text(canvas, left + room - 1.5 * mm, y, line, font, size, right=True)
                else:
                    _text(canvas, left + 1.5 * mm, y, line, font, size)
                y -= size * _LEADING
            left += room
        canvas.setStrokeGray(_RULE)
        canvas.line(MARGIN, top - self.height, MARGIN + CONTENT_WIDTH, top - self.height)


@dataclass(frozen=True)
class Sums:
    """Amounts under each other at the right; the strong ones are what the document is about."""

    lines: Sequence[tuple[str, str, bool]]

    def pieces(self) -> "Iterator[Piece]":
        """Yield one piece."""
        yield _SumsPiece(self.lines)


@dataclass
class _SumsPiece:
    lines: Sequence[tuple[str, str, bool]]
    head: "Piece | None" = None
    with_next: bool = False

    @property
    def height(self) -> float:
        """All lines, the room above and below."""
        return len(self.lines) * _BODY * 1.6 + 2 * _GAP

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw label and amount of each."""
        right = MARGIN + CONTENT_WIDTH - 1.5 * mm
        amounts = max([36 * mm, *(width(amount, BOLD, _BODY + 2) for _, amount, _ in self.lines)]) + 6 * mm
        y = top - _GAP - _BODY / 2
        for label, amount, strong in self.lines:
            font, size = (BOLD, _BODY + 2) if strong else (REGULAR, _BODY)
            _text(canvas, right - amounts, y, _short(label, font, size, CONTENT_WIDTH - amounts - _GAP), font, size, right=True)
            _text(canvas, right, y, amount, font, size, right=True)
            y -= _BODY * 1.6


@dataclass(frozen=True)
class Notes:
    """Paragraphs below; each stays whole. `with_next`: on the page of what follows."""

    lines: Sequence[str]
    with_next: bool = False

    def pieces(self) -> "Iterator[Piece]":
        """Yield one piece per paragraph."""
        for line in self.lines:
            yield _NotePiece(line, with_next=self.with_next)


@dataclass
class _NotePiece:
    line: str
    head: "Piece | None" = None
    with_next: bool = False

    @cached_property
    def _wrapped(self) -> Sequence[str]:
        return wrapped(self.line, REGULAR, _SMALL + 0.5, CONTENT_WIDTH, _CELL_LINES)

    @cached_property
    def height(self) -> float:
        """All its lines and a gap above."""
        return len(self._wrapped) * (_SMALL + 0.5) * _LEADING + 2 * mm

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw the lines."""
        y = top - 2 * mm - _SMALL
        for line in self._wrapped:
            _text(canvas, MARGIN, y, line, REGULAR, _SMALL + 0.5, grey=_GREY / 2)
            y -= (_SMALL + 0.5) * _LEADING


@dataclass(frozen=True)
class Signatures:
    """Lines to sign on, side by side."""

    labels: Sequence[str]

    def pieces(self) -> "Iterator[Piece]":
        """Yield one piece."""
        yield _SignaturesPiece(self.labels)


@dataclass
class _SignaturesPiece:
    labels: Sequence[str]
    height: float = 22 * mm
    head: "Piece | None" = None
    with_next: bool = False

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw a line over each label."""
        room = (CONTENT_WIDTH - _GAP * (len(self.labels) - 1)) / len(self.labels)
        for index, label in enumerate(self.labels):
            left = MARGIN + index * (room + _GAP)
            canvas.setStrokeGray(_GREY)
            canvas.line(left, top - 16 * mm, left + room, top - 16 * mm)
            _text(canvas, left, top - 16 * mm - _SMALL - 2, label, REGULAR, _SMALL, grey=_GREY)


# -- documents ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """One document. `title` and `number` stand at its head, `subject` at the foot of each page; `facts` are small pairs below."""

    title: str
    number: str
    subject: str
    subtitle: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    blocks: Sequence[Block] = field(default_factory=tuple)


def render(sheets: Sequence[Sheet], shop: Shop) -> bytes:
    """Draw documents one after another, each on pages and with page numbers of its own. The same input gives the same bytes.

    Raises: ValueError if there is none, or if the shop's logo is no picture.
    """
    if not sheets:
        raise ValueError("no document to render")
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1, lang="pt-BR")
    canvas.setTitle(printable(sheets[0].title if len(sheets) == 1 else f"{len(sheets)} documentos"))
    canvas.setAuthor(printable(shop.name))
    letterhead = _Letterhead(shop)
    for index, sheet in enumerate(sheets):
        _draw(canvas, sheet, letterhead, f"d{index}")
    canvas.save()
    return out.getvalue()


def _draw(canvas: Canvas, sheet: Sheet, letterhead: "_Letterhead", key: str) -> None:
    first, later = _First(sheet, letterhead), _Later(sheet, letterhead)
    pages = _paginated(sheet, first.height, later.height)
    for number, page in enumerate(pages, 1):
        head: _First | _Later = first if number == 1 else later
        if number == 1:
            canvas.bookmarkPage(key)
            canvas.addOutlineEntry(f"{sheet.title} {printable(sheet.number)}", key)
        y = PAGE_HEIGHT - MARGIN
        head.draw(canvas, y)
        y -= head.height
        for piece in page:
            piece.draw(canvas, y)
            y -= piece.height
        canvas.setStrokeGray(_RULE)
        canvas.line(MARGIN, MARGIN + 3.5 * mm, PAGE_WIDTH - MARGIN, MARGIN + 3.5 * mm)
        _text(canvas, MARGIN, MARGIN, _short(sheet.subject, REGULAR, _SMALL, CONTENT_WIDTH * 0.75), REGULAR, _SMALL, grey=_GREY)
        _text(canvas, PAGE_WIDTH - MARGIN, MARGIN, f"Página {number} de {len(pages)}", REGULAR, _SMALL, grey=_GREY, right=True)
        canvas.showPage()


def _paginated(sheet: Sheet, first_head: float, later_head: float) -> list[list[Piece]]:
    """Fill pages from top to bottom. What must stay with its successor moves on together with it."""
    room = PAGE_HEIGHT - 2 * MARGIN - _FOOT
    pages: list[list[Piece]] = [[]]
    left = room - first_head
    groups: list[list[Piece]] = [[]]
    for block in sheet.blocks:
        for piece in block.pieces():
            groups[-1].append(piece)
            if not piece.with_next:
                groups.append([])
    for group in groups:
        needed = sum(piece.height for piece in group)
        if needed > left and pages[-1]:
            pages.append([])
            left = room - later_head
            if group and (head := group[0].head) is not None:
                group = [head, *group]
                needed += head.height
        pages[-1].extend(group)
        left -= needed
    return pages


# -- heads -------------------------------------------------------------------------------------------------------------------------


class _Letterhead:
    """The shop's part of the head, measured once for all documents."""

    def __init__(self, shop: Shop) -> None:
        self.name: Final = shop.name
        self.logo: Final = None if shop.logo is None else picture(shop.logo)
        self.logo_size: Final = (0.0, 0.0) if self.logo is None else scaled(self.logo, _LOGO)
        self.room: Final = CONTENT_WIDTH * 0.62 - (self.logo_size[0] + _GAP if self.logo else 0)
        lines = [*((tax_id_with_name(shop.document),) if shop.document else ()), *shop.address]
        self.names: Final = wrapped(shop.name, BOLD, 13, self.room, 2)
        self.lines: Final = [part for line in lines for part in wrapped(line, REGULAR, 8, self.room, _FIELD_LINES)]
        self.height: Final = max(self.logo_size[1], len(self.names) * 17 + len(self.lines) * 8 * _LEADING)

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw logo, name, tax id and address."""
        left = MARGIN
        if self.logo is not None:
            canvas.drawImage(self.logo, left, top - self.logo_size[1], *self.logo_size, mask="auto")
            left += self.logo_size[0] + _GAP
        y = top - 11
        for name in self.names:
            _text(canvas, left, y, name, BOLD, 13)
            y -= 17
        y += 4
        for line in self.lines:
            _text(canvas, left, y, line, REGULAR, 8, grey=_GREY / 2)
            y -= 8 * _LEADING


class _First:
    """Head of a document's first page."""

    def __init__(self, sheet: Sheet, letterhead: _Letterhead) -> None:
        self._sheet: Final = sheet
        self._letterhead: Final = letterhead
        room = CONTENT_WIDTH * 0.36
        self._titles: Final = wrapped(sheet.title, BOLD, 14, room, 2)
        self._numbers: Final = wrapped(sheet.number, BOLD, 11, room, 4)
        self._subtitles: Final = [part for line in sheet.subtitle for part in wrapped(line, REGULAR, 8, room, 3)]
        right = len(self._titles) * 17 + len(self._numbers) * 14 + len(self._subtitles) * 8 * _LEADING
        self._upper: Final = max(letterhead.height, right) + 3 * mm
        count = max(1, len(sheet.facts))
        self._room: Final = CONTENT_WIDTH / count
        self._values: Final = [wrapped(value, REGULAR, _BODY, self._room - 3 * mm, _FIELD_LINES) for _, value in sheet.facts]
        lines = max((len(value) for value in self._values), default=0)
        self._lower: Final = _SMALL * 1.5 + lines * _BODY * _LEADING + 2 * mm if sheet.facts else 0.0
        self.height: Final = self._upper + self._lower + _GAP

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw the shop at the left, the document at the right, its facts below."""
        self._letterhead.draw(canvas, top)
        right = PAGE_WIDTH - MARGIN
        y = top - 12
        for line in self._titles:
            _text(canvas, right, y, line, BOLD, 14, right=True)
            y -= 17
        for line in self._numbers:
            _text(canvas, right, y, line, BOLD, 11, right=True)
            y -= 14
        for line in self._subtitles:
            _text(canvas, right, y, line, REGULAR, 8, grey=_GREY / 2, right=True)
            y -= 8 * _LEADING
        y = top - self._upper
        canvas.setStrokeGray(_GREY)
        canvas.line(MARGIN, y, right, y)
        for index, ((label, _), lines) in enumerate(zip(self._sheet.facts, self._values, strict=True)):
            left = MARGIN + index * self._room
            at = y - 2 * mm - _SMALL
            _text(canvas, left, at, _short(label, BOLD, _SMALL, self._room - 3 * mm), BOLD, _SMALL, grey=_GREY)
            for line in lines:
                at -= _BODY * _LEADING
                _text(canvas, left, at, line, REGULAR, _BODY)


class _Later:
    """Head of a document's further pages: whose, and which."""

    height: Final = 9 * mm

    def __init__(self, sheet: Sheet, letterhead: _Letterhead) -> None:
        half = CONTENT_WIDTH / 2 - _GAP
        self._left: Final = _short(letterhead.name, BOLD, _BODY, half)
        self._right: Final = _short(f"{sheet.title} {sheet.number} (continuação)", BOLD, _BODY, half)

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw one line and a rule."""
        _text(canvas, MARGIN, top - _BODY, self._left, BOLD, _BODY)
        _text(canvas, PAGE_WIDTH - MARGIN, top - _BODY, self._right, BOLD, _BODY, right=True)
        canvas.setStrokeGray(_GREY)
        canvas.line(MARGIN, top - _BODY - 2 * mm, PAGE_WIDTH - MARGIN, top - _BODY - 2 * mm)


# -- drawing -----------------------------------------------------------------------------------------------------------------------


def _text(canvas: Canvas, x: float, y: float, text: str, font: str, size: float, *, grey: float = 0.0, right: bool = False) -> None:
    canvas.setFillGray(grey)
    canvas.setFont(font, size)
    # The text is printable already where it was measured; labels of ours are by nature.
    canvas.drawString(x - width(text, font, size) if right else x, y, text)


def _short(text: str, font: str, size: float, room: float) -> str:
    return next(iter(wrapped(text, font, size, room, 1)), "")


def picture(body: bytes) -> ImageReader:
    """Open a PNG or JPEG. Raises: ValueError."""
    try:
        image = ImageReader(io.BytesIO(body))
        image.getRGBData()  # type: ignore[no-untyped-call]  # a file that is cut off is found out here, not in the middle of a page
        return image
    except Exception as error:  # the library raises whatever its decoder does
        raise ValueError("must be a PNG or JPEG picture") from error


def scaled(image: ImageReader, most: tuple[float, float]) -> tuple[float, float]:
    """Give width and height, in points, that fit into `most` and keep the picture's proportions."""
    across, down = image.getSize()
    scale = min(most[0] / across, most[1] / down)
    return across * scale, down * scale
