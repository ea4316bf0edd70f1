"""Pages: where they break, what is repeated, that any text fits, and that many orders are one file."""

import io
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from hub.documents.papers import PrintedOrder, invoices, packing_slips, refunds
from hub.documents.sheet import PAGE_WIDTH, render
from hub.documents.shop import Shop
from hub.documents.typeface import BOLD, REGULAR, printable, width, wrapped
from tests.unit.documents.orders import DESK, SHOP, item, order, pages, parcel, refund


def test_a_hundred_lines_break_with_their_head_repeated_and_pages_numbered() -> None:
    found = pages(render(list(invoices(PrintedOrder(order([item(n) for n in range(1, 101)])), DESK)), SHOP))
    assert len(found) > 2
    for number, text in enumerate(found, 1):
        lines = text.splitlines()
        assert f"Página {number} de {len(found)}" in lines
        assert lines.count("Produto") == 1
        assert ("Fatura F-501 (continuação)" in lines) == (number > 1)
    assert re.findall(r"^CAM-\d{3}$", "\n".join(found), re.MULTILINE) == [f"CAM-{n:03}" for n in range(1, 101)]
    assert "CAM-100" in found[-1]


@pytest.mark.parametrize("count", range(20, 46))
def test_sums_and_signatures_never_stand_without_the_last_line(count: int) -> None:
    items = [item(n) for n in range(1, count + 1)]
    shipped = parcel("E1", *((one["sku"], 1) for one in items))
    printed = PrintedOrder(order(items, shipments=[shipped]))
    last = f"CAM-{count:03}"
    assert last in pages(render(list(invoices(printed, DESK)), SHOP))[-1]
    found = next(text for text in pages(render(list(packing_slips(printed, DESK)), SHOP)) if "Separado por" in text)
    assert last in found


def test_two_hundred_orders_are_one_file_with_page_numbers_of_their_own() -> None:
    begun = time.perf_counter()
    sheets = []
    for number in range(200):
        one = order(number=f"9{number:05}", shipments=[parcel("E1", ("CAM-001", 2))], refunds=[refund("R1", 100)])
        printed = PrintedOrder(one, 1990)
        for write in (invoices, packing_slips, refunds):
            sheets += list(write(printed, DESK))
    pdf = render(sheets, SHOP)
    reader = PdfReader(io.BytesIO(pdf))
    assert len(reader.pages) == 600
    assert len(reader.outline) == 600
    for at in (0, 299, 599):
        text = reader.pages[at].extract_text()
        assert f"9{at // 3:05}" in text
        assert "Página 1 de 1" in text
    assert time.perf_counter() - begun < 60


def test_the_same_input_gives_the_same_bytes() -> None:
    assert render(list(invoices(PrintedOrder(order()), DESK)), SHOP) == render(list(invoices(PrintedOrder(order()), DESK)), SHOP)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("Conceição Łukasz Дмитрий Ελένη", "Conceição Łukasz Дмитрий Ελένη"),
        ("Conceic\u0327a\u0303o", "Conceição"),
        ("festa \U0001f389!", "festa □!"),
        ("\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \u2764\ufe0f", "□□ □ ❤"),
        ("日本", "□□"),
        ("شكرا", "□□□□"),
        ("a\r\n\tb\u00a0 c\u2028d", "a b c d"),
        ("a\u202eb\u0007c\u00ad", "abc"),
        ("z" + "\u0301" * 50 + "!", "ź\u0301\u0301!"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_replaced_visibly(given_text: str, shown: str) -> None:
    assert printable(given_text) == shown


@given(st.text(max_size=400), st.integers(1, 9), st.floats(12, 400))
def test_no_line_is_wider_than_its_room(text: str, limit: int, room: float) -> None:
    lines = wrapped(text, BOLD, 9, room, limit)
    assert len(lines) <= limit
    # One character is always written, however narrow the column.
    assert all(width(line, BOLD, 9) <= room or len(line) <= 2 for line in lines)


def test_a_long_name_is_cut_where_it_must_be_and_says_so() -> None:
    lines = wrapped("Supercalifragilistico" * 200, REGULAR, 9, 100, 8)
    assert len(lines) == 8
    assert lines[-1].endswith("…")
    assert all(width(line, REGULAR, 9) <= 100 for line in lines)


_TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=300)


@settings(max_examples=40, deadline=None)
@given(name=_TEXTS, product=_TEXTS, sku=_TEXTS.filter(bool), street=_TEXTS, cents=st.integers(0, 10**12), shop=_TEXTS)
def test_any_text_and_amount_makes_documents(name: str, product: str, sku: str, street: str, cents: int, shop: str) -> None:
    items = [item(1, sku=sku[:200], name=product, cents=cents, quantity=1_000_000)]
    one = order(
        items,
        total_cents=cents,
        number=sku[:64],
        customer={"name": name, "document": street, "email": product, "phone": name},
        shipping_address={"street": street, "city": name, "postal_code": product},
        shipments=[parcel(sku[:200], (sku[:200], 1), tracks=[{"number": sku[:200]}])],
        refunds=[refund(sku[:200], cents, detail={"lines": [[sku[:200], 1, True]]})],
    )
    printed = PrintedOrder(one, cents, cents)
    sheets = [sheet for write in (invoices, packing_slips, refunds) for sheet in write(printed, DESK)]
    found = pages(render(sheets, Shop(shop, shop, (shop, name))))
    assert len(found) >= 3
    assert sum("Página 1 de" in text for text in found) == 3


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_logo_is_drawn_in_its_proportions(form: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (400, 100), "navy").save(out, form)
    pdf = render(list(invoices(PrintedOrder(order()), DESK)), Shop("Loja", logo=out.getvalue()))
    (image,) = PdfReader(io.BytesIO(pdf)).pages[0].images
    assert image.image is not None
    assert image.image.size == (400, 100)


@pytest.mark.parametrize("body", [b"", b"<svg/>", b"\x89PNG\r\n\x1a\n"])
def test_a_logo_that_is_no_picture_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="PNG or JPEG"):
        render(list(invoices(PrintedOrder(order()), DESK)), Shop("Loja", logo=body))


def test_pages_are_a4() -> None:
    (page,) = PdfReader(io.BytesIO(render(list(invoices(PrintedOrder(order()), DESK)), SHOP))).pages
    box: Any = page.mediabox
    assert float(box.width) == pytest.approx(PAGE_WIDTH)
    assert (float(box.width), float(box.height)) == pytest.approx((595.28, 841.89), abs=0.01)
