"""Wrappings of NF-e documents, and the caps that bound time and memory whatever is wrapped."""

import base64
import gzip
import io
import json
import random
import zipfile
import zlib
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Facts, PayloadMalformed, RawDelivery
from adapters.erp.nfe import ADAPTER
from adapters.erp.nfe.unpack import MAX_DOCUMENTS, MAX_EXPANDED_BYTES, MAX_RATIO, MAX_ZIP_ENTRIES, unpack
from adapters.parsing import MAX_BODY_BYTES
from scripts.golden import RECEIVED_AT
from tests.papers import NFE, Paper

UNSIGNED = Paper(signed_by=None)
PROC = UNSIGNED.proc().encode()


def zipped(entries: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, body in entries.items():
            archive.writestr(name, body)
    return stream.getvalue()


def translate(body: bytes) -> Facts:
    translation = ADAPTER.translate(RawDelivery(body, {}, RECEIVED_AT))
    assert isinstance(translation, Facts)
    return translation


def refusal(body: bytes) -> str:
    with pytest.raises(PayloadMalformed) as caught:
        unpack(body)
    return str(caught.value)


# --- Whole deliveries that are refused ----------------------------------------------------------------------------------------


def test_a_zip_bomb_is_refused_before_it_expands() -> None:
    # 40 MB of blanks in 40 KB, beside a good note: whoever sends this is not to be believed about the note either.
    assert "expands" in refusal(zipped({"nota.xml": PROC, "bomba.xml": b"<a>" + b" " * 40_000_000}))


def test_many_entries_that_are_each_allowed_are_refused_together() -> None:
    rng = random.Random(1)
    line = b" " * 230
    letters = b"".join(line + base64.b64encode(rng.randbytes(12)) for _ in range(24_000))
    body = zipped({"0.xml": PROC} | {f"{index}.xml": letters for index in range(7)})
    assert len(body) < MAX_BODY_BYTES
    assert refusal(body) == f"body expands to more than {MAX_EXPANDED_BYTES} bytes"


def test_an_entry_that_expands_too_well_is_refused() -> None:
    assert refusal(zipped({"1.xml": b"<a>" + b"0" * 3_000_000})) == f"a packed document expands more than {MAX_RATIO} times"


def test_a_gzip_bomb_is_refused_before_it_expands() -> None:
    assert refusal(gzip.compress(b"0" * 100_000_000)) == f"a packed document expands to more than {MAX_BODY_BYTES} bytes"
    assert "expands" in refusal(base64.b64encode(gzip.compress(b"0" * 100_000_000)))


def test_too_many_entries_are_refused_unread() -> None:
    assert refusal(zipped({f"{index}.xml": PROC for index in range(MAX_ZIP_ENTRIES + 1)})).startswith("zip file has more than 200 entries")
    assert refusal(b"PK\x03\x04" + b"PK\x01\x02" * 1_000_000).startswith("zip file has more than 200 entries")


def test_too_many_documents_are_refused() -> None:
    one = UNSIGNED.protocol()
    assert refusal(f"<lista>{one * (MAX_DOCUMENTS + 1)}</lista>".encode()).startswith("body holds more than 1000 documents")


def test_wrapping_has_an_end() -> None:
    body = PROC
    for _ in range(5):
        body = gzip.compress(body)
    assert refusal(body) == "gzip gzip gzip gzip gzip: wrapped more than 4 times"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (zipped({"1.xml": PROC}, zipfile.ZIP_LZMA), "zip file is packed by a method other than deflate"),
        (zipped({"1.xml": PROC}, zipfile.ZIP_BZIP2), "zip file is packed by a method other than deflate"),
        (zipped({}), "body holds no NF-e document"),
        (zipped({"pasta/": b"", "danfe.pdf": b"%PDF-1.7"}), "body holds no NF-e document"),
        (gzip.compress(PROC)[:-9], "body is a gzip file that is cut off"),
        (b"\x1f\x8b" + PROC, "body is not the gzip file it begins as"),
        (b"PK\x03\x04" + PROC, "body is not the zip file it begins as"),
        (b"%PDF-1.4", "body is a PDF: a DANFE is only the printed note, the XML is wanted"),
        (b" \r\n\xef\xbb\xbf", "body is empty"),
        (b"nada", "body is neither XML nor a zip, gzip, base64 or JSON around it"),
        (b"nada disso!", "body is neither XML nor a zip, gzip, base64 or JSON around it"),
        (b"<pedidos><pedido>1</pedido></pedidos>", "root 'pedidos' holds no NF-e document"),
        (f'<notas xmlns="{NFE}"/>'.encode(), "root 'notas' holds no NF-e document"),
    ],
)
def test_what_is_refused_says_why(body: bytes, message: str) -> None:
    assert refusal(body) == message


def test_an_encrypted_zip_is_refused() -> None:
    body = bytearray(zipped({"1.xml": PROC}))
    for place in (6, body.index(b"PK\x01\x02") + 8):  # the flag stands in the entry and in the directory
        body[place] |= 1
    assert refusal(bytes(body)) == "zip file is encrypted"


# --- The attack set of the fiscal sheet, 1.12 ---------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{index} "{f"&l{index - 1};" * 10}">' for index in range(1, 10))


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l9;</a>', "body"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "body has a DOCTYPE, which is refused"),
        ('<!DOCTYPE a [<!ENTITY % x SYSTEM "http://example.invalid/x.dtd">%x;]><a/>', "body"),
        ('<!DOCTYPE a SYSTEM "http://example.invalid/x.dtd"><a/>', "body has a DOCTYPE, which is refused"),
        ("<a>" * 300 + "</a>" * 300, "body is not XML"),
        ("<a>" * 2_000_000, "body has more than 1000000 tags"),
        ("<a" + "".join(f' a{index}=""' for index in range(500_000)) + "/>", "root 'a' holds no NF-e document"),
        ("<a>" + "x" * (MAX_BODY_BYTES - 10) + "</a>", "root 'a' holds no NF-e document"),
        ("<a>" + "x" * 50_000_000 + "</a>", "body has 50000007 bytes"),
        ('<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>', "root 'a' holds no NF-e document"),
    ],
)
def test_an_attack_is_refused(attack: str, message: str) -> None:
    assert refusal(attack.encode()).startswith(message)


def test_a_doctype_cannot_hide_in_another_alphabet() -> None:
    attack = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY x "y">]>' + UNSIGNED.proc()
    assert refusal(attack.encode("utf-16")) == "body has a DOCTYPE, which is refused"
    assert refusal(attack.encode("utf-16-le")) == "body has a DOCTYPE, which is refused"
    assert refusal(attack.replace("utf-16", "utf-7").encode() + b"\xff").startswith(
        "body is not XML: it is not UTF-8, and declares 'utf-7'"
    )


def test_a_second_note_inside_a_note_is_not_read_past() -> None:
    other = Paper(number="9999", signed_by=None)
    wrapped = UNSIGNED.proc().replace("</compra>", f"</compra>{other.nfe()}")
    with pytest.raises(PayloadMalformed, match="holds more than one infNFe"):
        translate(wrapped.encode())


def test_a_value_that_stands_twice_is_refused() -> None:
    for old, new in (
        ("<vNF>134.80</vNF>", "<vNF>134.80</vNF><vNF>0.80</vNF>"),
        ("<ICMSTot>", "<ICMSTot/><ICMSTot>"),
        ("<compra>", "<compra><xPed>OUTRO</xPed></compra><compra>"),
        ("<xPed>LOJA-100045</xPed></compra>", "<xPed>A</xPed><xPed>B</xPed></compra>"),
        ("<cStat>100</cStat>", "<cStat>302</cStat><cStat>100</cStat>"),
        ("<cStat>100</cStat>", "<cStat>100<cStat>302</cStat></cStat>"),
        ("<emit><CNPJ>11222333000181</CNPJ>", "<emit><CNPJ>11222333000181</CNPJ><CPF>12345678909</CPF>"),
    ):
        assert old in UNSIGNED.proc()
        with pytest.raises(PayloadMalformed):
            translate(UNSIGNED.proc().replace(old, new, 1).encode())


# --- Bundles ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", range(4))
def test_one_bad_note_spoils_no_neighbour(wrong: int) -> None:
    papers = [Paper(number=str(100 + index), signed_by=None) for index in range(4)]
    notes = [paper.proc() for paper in papers]
    notes[wrong] = notes[wrong].replace("<tpAmb>1</tpAmb>", "<tpAmb>2</tpAmb>", 1)
    good = [paper.access_key for index, paper in enumerate(papers) if index != wrong]
    packed = base64.b64encode(gzip.compress(notes[0].encode())).decode()
    for body in (
        zipped({f"{index}.xml": note.encode() for index, note in enumerate(notes)}),
        f"<lista>{''.join(notes)}</lista>".encode(),
        json.dumps({"notas": [{"xml": base64.b64encode(note.encode()).decode()} for note in notes]}).encode(),
        json.dumps([packed, *notes[1:]]).encode(),
        base64.b64encode(zipped({f"{index}.xml": note.encode() for index, note in enumerate(notes)})),
    ):
        translation = translate(body)
        assert [fact.event_id[:44] for fact in translation.facts] == good
        (failed,) = translation.failed
        assert "protNFe.infProt.tpAmb: is not the note's environment" in failed.cause
        with pytest.raises(PayloadMalformed):
            ADAPTER.translate(RawDelivery(failed.part, {}, RECEIVED_AT))


def test_an_entry_that_is_damaged_costs_only_itself() -> None:
    body = bytearray(zipped({"1.xml": PROC, "2.xml": Paper(number="2", signed_by=None).proc().encode()}, zipfile.ZIP_STORED))
    body[body.index(b"Maria Exemplo")] ^= 1  # the first entry's checksum is wrong now
    translation = translate(bytes(body))
    assert [fact.event_id[:44] for fact in translation.facts] == [Paper(number="2").access_key]
    assert [part.cause for part in translation.failed] == ["damaged in the zip file: zip[0]"]
    assert translation.failed[0].part == bytes(body)


def test_a_failed_entry_keeps_the_bytes_it_had() -> None:
    latin = ('<?xml version="1.0" encoding="UTF-8"?>' + Paper(buyer_name="São João", signed_by=None).proc()).encode("cp1252")
    latin = latin.replace(b"<nNF>1234<", b"<nNF>4321<")
    (failed,) = translate(zipped({"1.xml": PROC, "2.xml": latin})).failed
    assert failed.part == latin


def test_the_same_documents_in_any_wrapping_say_the_same() -> None:
    plain = translate(PROC).facts
    text = base64.b64encode(PROC).decode()
    for body in (
        gzip.compress(PROC),
        zipped({"1.xml": PROC}),
        text.encode(),
        "\r\n".join(text[index : index + 76] for index in range(0, len(text), 76)).encode(),
        base64.urlsafe_b64encode(PROC).rstrip(b"="),
        b"data:text/xml;base64," + text.encode(),
        json.dumps(text).encode(),
        json.dumps({"data": {"xml": UNSIGNED.proc()}}).encode(),
        json.dumps({"data": [{"conteudo": f"data:application/gzip;base64,{base64.b64encode(gzip.compress(PROC)).decode()}"}]}).encode(),
        f"<a><b>{UNSIGNED.proc()}</b></a>".encode(),
        f"<a><b>{text}</b></a>".encode(),
        f"<a><b><![CDATA[{UNSIGNED.proc()}]]></b></a>".encode(),
        f'<notas xmlns="{NFE}">{UNSIGNED.proc()}</notas>'.encode(),
        f"<NFe><xml><![CDATA[{UNSIGNED.proc()}]]></xml></NFe>".encode(),  # a home-made wrapper with a document's name
        UNSIGNED.proc().replace("<", "<n:").replace("<n:/", "</n:").replace("xmlns=", "xmlns:n=").encode(),
    ):
        assert translate(body).facts == plain


@pytest.mark.parametrize("field", ["numeroLoja", "numeroPedidoLoja", "idPedidoEcommerce", "codIntPedido"])
def test_the_envelope_names_the_order_first(field: str) -> None:
    note = {"xml": base64.b64encode(PROC).decode()}
    for envelope, expected in (
        ({field: "LOJA-7", "nota": note}, ["LOJA-7", "LOJA-100045"]),
        ({"nota": {**note, field: 77}}, ["77", "LOJA-100045"]),
        ({field: "LOJA-7", "nota": {**note, field: "LOJA-8"}}, ["LOJA-8", "LOJA-100045"]),
        ({field: "", "nota": note}, ["LOJA-100045"]),
        ({field: 0, "nota": note}, ["LOJA-100045"]),
        ({field: "0", "nota": note}, ["LOJA-100045"]),
        ({field: {"x": 1}, "nota": note}, ["LOJA-100045"]),
        ({field: "LOJA\x00", "nota": note}, ["LOJA-100045"]),
        ({field: "\ud800", "nota": note}, ["LOJA-100045"]),
        ({field: "LOJA-100045", "nota": note}, ["LOJA-100045"]),
    ):
        (fact,) = translate(json.dumps(envelope).encode()).facts
        assert [reference.value for reference in fact.references[1:]] == expected


# --- Garbage ------------------------------------------------------------------------------------------------------------------

INSERTED = (b"<!--", b"]]>", b"<?x?>", b"&a;", b"\x00", b"\xff")
GOOD = (
    Paper().proc().encode(),
    Paper().event().encode(),
    zipped({"1.xml": PROC, "2.xml": Paper().event().encode()}),
    gzip.compress(PROC),
    base64.b64encode(PROC),
    ('<?xml version="1.0" encoding="ISO-8859-1"?>' + UNSIGNED.proc()).encode("utf-16"),
    f"<a>{Paper().proc()}{base64.b64encode(zlib.compress(PROC)).decode()}</a>".encode(),
)


@given(body=st.sampled_from(GOOD), data=st.data())
@settings(deadline=None, max_examples=600)
def test_damaged_bytes_are_refused_in_one_way(body: bytes, data: st.DataObject) -> None:
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        match data.draw(st.sampled_from(("flip", "cut", "insert", "drop"))):
            case "flip":
                damaged[place : place + 1] = bytes([damaged[place] ^ (1 << data.draw(st.integers(0, 7)))]) if damaged else b""
            case "cut":
                del damaged[place:]
            case "insert":
                damaged[place:place] = data.draw(st.binary(max_size=8) | st.sampled_from(INSERTED))
            case _:
                del damaged[place : place + data.draw(st.integers(1, 60))]
    try:
        translation = ADAPTER.translate(RawDelivery(bytes(damaged), {}, RECEIVED_AT))
    except PayloadMalformed as error:
        assert len(str(error)) < 2000
        assert str(error).isprintable()
        return
    if isinstance(translation, Facts):
        assert translation.facts or translation.failed
