"""Merging carriers' labels: pages as they came, pictures as pages, and a broken one named."""

import io

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from hub.documents.labels import LABEL_SIZE, Label, LabelUnreadable, merge


def pdf(*sizes: tuple[float, float], password: str | None = None, user: str = "") -> bytes:
    writer = PdfWriter()
    for across, down in sizes:
        writer.add_blank_page(across, down)
    if password is not None:
        writer.encrypt(user_password=user, owner_password=password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def picture(form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (800, 400), "black").save(out, form)
    return out.getvalue()


def sizes(body: bytes) -> list[tuple[float, float]]:
    return [(float(page.mediabox.width), float(page.mediabox.height)) for page in PdfReader(io.BytesIO(body)).pages]


def test_pages_keep_their_order_and_size_and_pictures_become_pages() -> None:
    merged = merge(
        [
            Label("a", "application/pdf", pdf((283, 425), (595, 842))),
            Label("b", "image/png", picture()),
            Label("c", "image/jpeg", picture("JPEG")),
            Label("d", "application/pdf", pdf((300, 300), password="owner")),
        ]
    )
    page = pytest.approx(LABEL_SIZE, abs=0.01)
    assert sizes(merged) == [(283, 425), (595, 842), page, page, (300, 300)]


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("application/pdf", b"", "label bad is no readable PDF"),
        ("application/pdf", b"<html>Erro 500</html>", "label bad is no readable PDF"),
        ("application/pdf", pdf(), "label bad has no page"),
        ("application/pdf", pdf((10, 10), password="owner", user="secret"), "label bad has a password"),
        ("image/png", b"GIF?", "label bad is no readable picture"),
        ("image/png", picture()[:60], "label bad is no readable picture"),
    ],
)
def test_a_label_that_cannot_be_read_is_named(content_type: str, body: bytes, message: str) -> None:
    with pytest.raises(LabelUnreadable, match=message):
        merge([Label("good", "application/pdf", pdf((10, 10))), Label("bad", content_type, body)])


def test_no_label_is_no_file() -> None:
    with pytest.raises(ValueError, match="no label"):
        merge([])
