"""What a paper says, and what it must agree in: the gate, the purposes, the statuses, the order it names."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Facts, Ignored, PayloadMalformed, RawDelivery
from adapters.erp.nfe import ADAPTER, adapter
from adapters.erp.nfe.linking import LinkRules
from adapters.erp.nfe.statuses import note_kind
from hub.engine.references import ReferenceKey, Scopes, lookup_of
from schemas.facts import FiscalFact
from scripts.golden import RECEIVED_AT
from tests.papers import BUYER, Item, Paper, key_of

SALE = Paper(signed_by=None)


def facts(xml: str) -> tuple[FiscalFact, ...]:
    translation = ADAPTER.translate(RawDelivery(xml.encode(), {}, RECEIVED_AT))
    assert isinstance(translation, Facts)
    assert not translation.failed
    return tuple(fact for fact in translation.facts if isinstance(fact, FiscalFact))


def fact(xml: str) -> FiscalFact:
    (one,) = facts(xml)
    return one


def orders(paper: Paper) -> list[str]:
    return [reference.value for reference in fact(paper.proc()).references if reference.kind == "external_reference"]


# --- The gate -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("<cUF>35</cUF>", "<cUF>33</cUF>", "ide.cUF"),
        ("<dhEmi>2026-10-", "<dhEmi>2026-11-", "ide.dhEmi"),
        ("<dhEmi>2026-", "<dhEmi>2025-", "ide.dhEmi"),
        ("<mod>55</mod>", "<mod>65</mod>", "ide.mod"),
        ("<serie>1</serie>", "<serie>2</serie>", "ide.serie"),
        ("<nNF>1234</nNF>", "<nNF>12340</nNF>", "ide.nNF"),
        ("<tpEmis>1</tpEmis>", "<tpEmis>6</tpEmis>", "ide.tpEmis"),
        ("<cNF>87654321</cNF>", "<cNF>12345678</cNF>", "ide.cNF"),
        ("<cDV>0</cDV>", "<cDV>1</cDV>", "ide.cDV"),
        ("<emit><CNPJ>11222333000181</CNPJ>", "<emit><CNPJ>11222333000262</CNPJ>", "emit"),
        ("<emit><CNPJ>11222333000181</CNPJ>", "<emit><CPF>22333000181</CPF>", "emit"),
    ],
)
@pytest.mark.parametrize("alone", [False, True])
def test_every_part_of_the_access_key_agrees_with_its_field(old: str, new: str, field: str, alone: bool) -> None:
    xml = SALE.nfe() if alone else SALE.proc()
    assert old in xml
    place = "NFe" if alone else "nfeProc.NFe"
    with pytest.raises(PayloadMalformed, match=re.escape(f"{place}.infNFe.{field}: says otherwise than the access key")):
        facts(xml.replace(old, new))


@pytest.mark.parametrize("name", ["cUF", "cNF", "mod", "serie", "nNF", "dhEmi", "tpNF", "tpEmis", "cDV", "tpAmb", "finNFe"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(PayloadMalformed, match=f"ide.{name}: "):
        facts(re.sub(f"<{name}>[^<]*</{name}>", "", SALE.proc(), count=1))


@pytest.mark.parametrize("name", ["chNFe", "dhRecbto", "cStat", "tpAmb"])
def test_a_field_that_the_answer_lacks_is_named(name: str) -> None:
    with pytest.raises(PayloadMalformed, match=f"infProt.{name}: "):
        facts(SALE.proc(re.sub(f"<{name}>[^<]*</{name}>", "", SALE.protocol())))


@pytest.mark.parametrize("name", ["infNFe", "ide", "emit", "total", "ICMSTot", "vNF", "det", "prod", "cProd", "qCom", "protNFe", "infProt"])
def test_a_note_that_lacks_a_part_is_refused(name: str) -> None:
    xml = SALE.proc()
    start, end = re.search(f"<{name}[ >]", xml), xml.index(f"</{name}>") + len(name) + 3
    assert start is not None
    with pytest.raises(PayloadMalformed):
        facts(xml[: start.start()] + xml[end:])


def test_a_person_may_issue_notes_with_the_cpf_in_the_key() -> None:
    paper = Paper(issuer="98765432100", issuer_kind="CPF", series="920", signed_by=None)
    assert paper.access_key[6:20] == "00098765432100"
    assert fact(paper.proc()).issuer == "00098765432100"


def test_signs_between_the_groups_of_a_cnpj_do_not_count() -> None:
    assert fact(SALE.proc().replace("<CNPJ>11222333000181<", "<CNPJ>11.222.333/0001-81<")).issuer == "11222333000181"


def test_the_month_is_the_one_that_is_written_whatever_the_offset() -> None:
    # 23:30 of October 31st in São Paulo is November in UTC.
    paper = Paper(emitted="2026-10-31T23:30:00-03:00", signed_by=None)
    assert fact(paper.proc()).issued_at == datetime(2026, 11, 1, 2, 30, tzinfo=UTC)


def test_the_total_is_what_the_buyer_owes() -> None:
    # vNFTot holds taxes besides (erp.md R9).
    xml = SALE.proc().replace("</ICMSTot>", "</ICMSTot><vNFTot>150.00</vNFTot>")
    assert fact(xml).total_cents == 13480


# --- What is said -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", list("123456789"))
@pytest.mark.parametrize("direction", list("01"))
@pytest.mark.parametrize("original", [(), (key_of("3526101122233300018155001000000001187654321"),)])
@pytest.mark.parametrize("status", ["100", "150", "302", "610", "101", "204", "104", "1115"])
def test_only_an_outgoing_note_of_purpose_1_is_a_sale(purpose: str, direction: str, original: tuple[str, ...], status: str) -> None:
    paper = Paper(purpose=purpose, direction=direction, originals=original, signed_by=None)
    translation = ADAPTER.translate(RawDelivery(paper.proc(paper.protocol(status, "-")).encode(), {}, RECEIVED_AT))
    is_sale = purpose == "1" and direction == "1"
    if isinstance(translation, Ignored):
        assert not is_sale or status == "104"
        return
    assert isinstance(translation, Facts)
    kinds = {one.kind for one in translation.facts}
    if status in {"100", "150"}:
        assert ("fiscal.issued" in kinds) == is_sale
    else:
        assert "fiscal.issued" not in kinds
    if not is_sale:
        assert kinds <= {"fiscal.returned", "fiscal.canceled", "fiscal.corrected", "fiscal.unknown"}


@given(st.from_regex(r"[0-9]{3,4}", fullmatch=True))
def test_only_100_and_150_say_issued(status: str) -> None:
    assert (note_kind(status) == "fiscal.issued") == (status in {"100", "150"})


def test_a_reason_names_nobody() -> None:
    motive = (
        f"Rejeicao: elemento 'xNome' com \"Maria Exemplo\" e {BUYER} e 123.456.789-09 e 11.222.333/0001-81 no lote 351000000000001,"
        f" chave {SALE.access_key} de 2026-10-05"
    ).replace('"', "&quot;")
    one = fact(SALE.proc(SALE.protocol("225", motive, number="")))
    expected = f"225 Rejeicao: elemento '...' com '...' e ... e ... e ... no lote ..., chave {SALE.access_key} de 2026-10-05"
    assert one.reason == expected


def test_nothing_of_the_buyer_is_in_a_fact() -> None:
    for xml in (SALE.proc(), SALE.nfe(), SALE.event(detail=f"<xJust>{BUYER} Maria Exemplo</xJust>")):
        text = fact(xml).model_dump_json()
        assert BUYER not in text
        assert "Maria" not in text


def test_the_same_paper_in_other_bytes_is_the_same_fact() -> None:
    assert fact(SALE.proc().replace("><", ">\n  <")) == fact(SALE.proc())


def test_units_of_one_sku_are_added_up() -> None:
    paper = Paper(items=(Item("A", "1"), Item("B", "0.5"), Item("A", "2.00"), Item("B", "0.5000")), signed_by=None)
    assert [(item.sku, item.quantity) for item in fact(paper.proc()).items] == [("A", 3), ("B", 1)]


@pytest.mark.parametrize("quantity", ["0.7500", "1000001"])
def test_units_that_cannot_be_told_are_left_out_and_flagged(quantity: str) -> None:
    one = fact(Paper(items=(Item("A", "1"), Item("B", quantity)), signed_by=None).proc())
    assert one.items == ()
    assert "items_unknown" in one.flags


# --- Which order --------------------------------------------------------------------------------------------------------------


def test_words_are_tried_in_the_order_of_the_sheet() -> None:
    paper = Paper(
        items=(Item(xped="B"), Item(xped="B")), purchase="A", fields=(("Pedido Site", "C"),), free_text="Pedido site: D-1.", signed_by=None
    )
    assert orders(paper) == ["A", "B", "C", "D-1"]


def test_an_item_without_a_word_does_not_contradict_the_others() -> None:
    assert orders(Paper(items=(Item(xped=""), Item(xped="B")), purchase="", free_text="", signed_by=None)) == ["B"]


def test_a_word_too_long_to_be_an_order_number_is_left_out() -> None:
    assert orders(Paper(items=(Item(xped=""),), purchase="x" * 65, free_text="", signed_by=None)) == []


@pytest.mark.parametrize("name", ["pedido_loja", "Pedido Loja", "PEDIDO-LOJA", "Número Pedido Loja", "idPedidoEcommerce"])
def test_a_named_field_is_found_however_it_is_spelt(name: str) -> None:
    assert orders(Paper(items=(Item(xped=""),), purchase="", free_text="", fields=((name, "X-1"),), signed_by=None)) == ["X-1"]


@pytest.mark.parametrize("name", ["pedido", "Pedido ERP", "Transportadora", ""])
def test_a_field_that_may_hold_the_erps_own_number_is_not_read(name: str) -> None:
    assert orders(Paper(items=(Item(xped=""),), purchase="", free_text="", fields=((name, "X-1"),), signed_by=None)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pedido loja: LOJA-1", ["LOJA-1"]),
        ("PEDIDO SITE #abc-9; obrigado", ["abc-9"]),
        ("pedido loja : 123 pedido loja: 123", ["123"]),
        ("pedido loja: 123, pedido site: 124", []),
        ("Pedido: 123", []),
        ("pedido loja 123", []),
        ("pedido loja: 12", []),
    ],
)
def test_free_text_is_read_only_where_it_is_plain(text: str, expected: list[str]) -> None:
    assert orders(Paper(items=(Item(xped=""),), purchase="", free_text=text, signed_by=None)) == expected


def test_a_shop_may_set_other_words() -> None:
    rules = LinkRules(fields=frozenset({"ordem"}), pattern=re.compile(r"OC (\d+)"))
    paper = Paper(items=(Item(xped=""),), purchase="", free_text="OC 77 Pedido loja: X-1", fields=(("Ordem", "5"),), signed_by=None)
    translation = adapter(rules).translate(RawDelivery(paper.proc().encode(), {}, RECEIVED_AT))
    assert isinstance(translation, Facts)
    assert [reference.value for reference in translation.facts[0].references[1:]] == ["5", "77"]


def test_a_number_of_15_characters_from_an_item_may_have_been_cut() -> None:
    cut = "MERCADOLIVRE-12"
    assert len(cut) == 15
    alone = Paper(items=(Item(xped=cut),), purchase="", free_text="", signed_by=None)
    assert "order_reference_perhaps_cut" in fact(alone.proc()).flags
    beside = Paper(items=(Item(xped=cut),), purchase="", free_text=f"Pedido loja: {cut}345", signed_by=None)
    assert orders(beside) == [f"{cut}345"]
    assert "order_reference_perhaps_cut" not in fact(beside.proc()).flags
    # compra/xPed has room for 60: fifteen characters there are not cut.
    assert "order_reference_perhaps_cut" not in fact(Paper(items=(Item(xped=""),), purchase=cut, free_text="", signed_by=None).proc()).flags


def test_the_engine_looks_for_an_order_of_that_number_and_learns_only_the_access_key() -> None:
    lookup = lookup_of(fact(SALE.proc()), ADAPTER, Scopes({}), None)
    assert ReferenceKey("shop", "order_number", "LOJA-100045") in lookup.keys
    assert {key.kind for key in lookup.teaches} == {"access_key"}


def test_a_return_is_never_found_by_the_number_of_the_sale() -> None:
    paper = Paper(purpose="4", direction="0", originals=(SALE.access_key,), number="2000", signed_by=None)
    one = fact(paper.proc())
    assert [(reference.kind, reference.value) for reference in one.references] == [
        ("access_key", SALE.access_key),
        ("access_key", paper.access_key),
    ]


# --- Events -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "counts"),
    [("135", True), ("136", True), ("155", True), ("573", True), ("101", True), ("151", True), ("218", True), ("420", True)]
    + [(status, False) for status in ("128", "501", "999", "656", "222", "100", "150", "110")],
)
def test_only_the_answer_decides_whether_a_note_is_canceled(status: str, counts: bool) -> None:
    translation = ADAPTER.translate(RawDelivery(SALE.event(status=status, motive="-").encode(), {}, RECEIVED_AT))
    assert isinstance(translation, Facts) == counts
    if isinstance(translation, Facts):
        assert [one.kind for one in translation.facts] == ["fiscal.canceled"]


@pytest.mark.parametrize("status", ["101", "151", "155", "218", "420"])
def test_statuses_of_a_cancellation_make_no_other_event_effective(status: str) -> None:
    translation = ADAPTER.translate(RawDelivery(SALE.event("110110", status=status, motive="-").encode(), {}, RECEIVED_AT))
    assert isinstance(translation, Ignored)


def test_an_event_of_a_company_with_letters_is_read() -> None:
    # The official XSD of events still knows digits only (erp.md 1.6).
    paper = Paper(issuer="12ABC34501DE35", number="1235", signed_by=None)
    assert fact(paper.event()).access_key == "35261012ABC34501DE35550010000012351876543219"


@pytest.mark.parametrize("sequence", ["1", "20", "100"])
def test_an_event_is_known_by_note_type_and_sequence(sequence: str) -> None:
    one = fact(SALE.event("110110", sequence=sequence))
    assert one.event_id == f"{SALE.access_key}:110110:{sequence}"


@pytest.mark.parametrize(
    "xml",
    [
        SALE.event(identity=f"ID110111{SALE.access_key}02"),
        SALE.event(identity="ID"),
        SALE.event(answer_key=Paper(number="2").access_key),
        SALE.event().replace("<tpEvento>110111", "<tpEvento>110110", 1),
        SALE.event().replace("<nSeqEvento>1<", "<nSeqEvento>2<", 1),
        SALE.event().replace("<tpAmb>1<", "<tpAmb>2<", 1),
        SALE.event()[: SALE.event().index("<retEvento")] + "</procEventoNFe>",
        SALE.event().replace("<dhRegEvento>2026-10-05T12:00:02-03:00</dhRegEvento>", ""),
        SALE.event().replace("</evento>", "</evento><evento/>"),
    ],
)
def test_an_event_that_contradicts_itself_is_refused(xml: str) -> None:
    with pytest.raises(PayloadMalformed):
        facts(xml)
