"""Carriers' labels merged into one file: pages of PDFs as they are, pictures on pages of a label's size."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pypdf import PdfReader, PdfWriter
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from hub.documents.sheet import picture, scaled

LABEL_SIZE: Final = (100 * mm, 150 * mm)
"""The page of a label that comes as a picture: the common roll of 10 x 15 cm; it is made to fit."""


class LabelUnreadable(ValueError):
    """A label's bytes are not what its content type says."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label. `name` is how errors call it."""

    name: str
    content_type: str
    body: bytes


def merge(labels: Iterable[Label]) -> bytes:
    """Merge labels in the given order. Raises: LabelUnreadable, naming the label; ValueError if there is none."""
    writer = PdfWriter()
    for label in labels:
        body = label.body if label.content_type == "application/pdf" else _page(label)
        try:
            reader = PdfReader(io.BytesIO(body))
            if reader.is_encrypted and not reader.decrypt(""):
                raise LabelUnreadable(f"label {label.name} has a password")
            if not reader.pages:
                raise LabelUnreadable(f"label {label.name} has no page")
            for page in reader.pages:
                writer.add_page(page)
        except LabelUnreadable:
            raise
        except Exception as error:  # what a broken file makes the library raise is not of one kind
            raise LabelUnreadable(f"label {label.name} is no readable PDF: {type(error).__name__}") from error
    if not writer.pages:
        raise ValueError("no label to merge")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _page(label: Label) -> bytes:
    try:
        image = picture(label.body)
    except ValueError as error:
        raise LabelUnreadable(f"label {label.name} is no readable picture") from error
    across, down = scaled(image, LABEL_SIZE)
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=LABEL_SIZE, invariant=1)
    canvas.drawImage(image, (LABEL_SIZE[0] - across) / 2, LABEL_SIZE[1] - down, across, down, mask="auto")
    canvas.save()
    return out.getvalue()
