"""Invoice, packing slip, refund: what stands on them, worked out by hand from the order."""

import pytest

from hub.documents.papers import PrintedOrder, invoices, packing_slips, refunds
from hub.documents.sheet import render
from tests.unit.documents.orders import DESK, SHOP, item, order, pages, parcel, refund


def invoice_lines(printed: PrintedOrder) -> list[str]:
    return pages(render(list(invoices(printed, DESK)), SHOP))[0].splitlines()


def test_an_invoice_says_who_sold_what_to_whom_for_how_much() -> None:
    lines = invoice_lines(PrintedOrder(order(), shipping_cents=1990))
    for expected in (
        "Loja Exemplo Ltda",
        "CNPJ 12.345.678/0001-95",
        "Rua do Comércio, 10",
        "Fatura",
        "F-501",
        "Emitida em 25/11/2026 22:30",
        "100000501",
        "25/11/2026 10:00",
        "Faturado (aprovado)",
        "Maria Conceição",
        "CPF 123.456.789-09",
        "maria@exemplo.invalid",
        "Rua das Acácias, 120 - Apto 42",
        "CEP 13010-000 Campinas - SP",
        "Camiseta 1",
        "R$ 500,00",
        "R$ 1.000,00",
        "R$ 214,66",
        "Esta fatura é um documento da loja e não substitui a nota fiscal.",
        "Página 1 de 1",
    ):
        assert expected in lines


def test_the_sums_lead_to_the_total() -> None:
    # 1.000,00 + 214,66 + 19,90 - 10,00 = 1.224,56; the order's total says 1.234,56, so 10,00 were added by the shop.
    lines = invoice_lines(PrintedOrder(order(), shipping_cents=1990, discount_cents=1000))
    at = lines.index("Soma dos itens")
    assert lines[at : at + 12] == [
        "Soma dos itens", "R$ 1.214,66", "Frete", "R$ 19,90", "Desconto", "-R$ 10,00", "Ajuste", "R$ 10,00",
        "Total da fatura", "R$ 1.234,56", "Pago, Pix", "R$ 1.234,56",
    ]  # fmt: skip


def test_canceled_units_are_taken_off_before_the_invoice_total() -> None:
    bill = {"number": "F-501", "total_cents": 101990, "captures": [], "created_at": "2026-11-26T01:30:00+00:00"}
    lines = invoice_lines(PrintedOrder(order(invoices=[bill]), shipping_cents=1990))
    at = lines.index("Itens cancelados")
    assert lines[at : at + 4] == ["Itens cancelados", "-R$ 214,66", "Total da fatura", "R$ 1.019,90"]


def test_an_invoice_names_the_tax_papers_that_are_valid() -> None:
    key = "35261112345678000195550010000012341000012345"
    paper = {"id": "f1", "access_key": key, "number": "1234", "series": "1", "evidence": "nfe_proc", "total_cents": 1, "issued_at": None}
    text = "\n".join(
        invoice_lines(PrintedOrder(order(fiscal_documents=[{**paper, "state": "issued"}, {**paper, "number": "99", "state": "canceled"}])))
    )
    assert "NF-e nº 1234 série 1, chave de acesso 3526 1112 3456 7800 0195 5500 1000 0012 3410 0001 2345" in text
    assert "nº 99" not in text


@pytest.mark.requirement("R36")
def test_a_packing_slip_per_parcel_lists_its_units_and_no_price() -> None:
    parcels = [
        parcel("E1", ("CAM-001", 2)),
        parcel("E2", ("CAM-002", 1), carrier="correios", tracks=[]),
        parcel("E3", ("CAM-002", 1), state="canceled"),
    ]
    pdf = render(list(packing_slips(PrintedOrder(order(shipments=parcels)), DESK)), SHOP)
    first, second = pages(pdf)
    assert {"Embalagem", "Pedido 100000501", "Volume 1 de 2", "Melhor Envio", "AA123456789BR", "Camiseta 1"} <= set(first.splitlines())
    assert {"Volume 2 de 2", "correios", "sem código", "Camiseta 2"} <= set(second.splitlines())
    assert "Camiseta 2" not in first
    assert "Camiseta 1" not in second
    for text in (first, second):
        assert "R$" not in text
        assert "123.456.789-09" not in text
        assert {"Maria Conceição", "Rua das Acácias, 120 - Apto 42", "Separado por", "Conferido por"} <= set(text.splitlines())


def test_a_carrier_on_no_list_is_called_as_its_track_is() -> None:
    tracks = [{"number": "X1", "carrier": "custom", "title": "Motoboy Zé"}]
    shipments = [parcel("E1", ("CAM-001", 1), carrier="custom", tracks=tracks), parcel("E2", ("CAM-002", 1), carrier=None, tracks=[])]
    first, second = pages(render(list(packing_slips(PrintedOrder(order(shipments=shipments)), DESK)), SHOP))
    assert "Motoboy Zé" in first
    assert "Não informado" in second


def test_a_parcel_whose_content_nobody_told_lists_the_order_and_says_so() -> None:
    items = [item(1, quantity=3, canceled=1), item(2, virtual=True), item(3, canceled=1)]
    (text,) = pages(render(list(packing_slips(PrintedOrder(order(items, shipments=[parcel("E1")])), DESK)), SHOP))
    assert "Camiseta 1" in text
    assert "Camiseta 2" not in text
    assert "Camiseta 3" not in text
    assert "O conteúdo deste volume não foi informado: estão listados todos os itens do pedido." in text


@pytest.mark.requirement("R37")
def test_a_refund_shows_its_lines_and_what_makes_up_the_amount() -> None:
    # 500,00 of goods + 19,90 freight + 5,00 extra - 2,50 fee = 522,40
    detail = {"lines": [["CAM-001", 1, True], ["CAM-002", 1, False]], "shipping_cents": 1990, "extra_cents": 500, "fee_cents": 250}
    one = refund("R1", 52240, mode="offline", method="deposit", detail=detail)
    (text,) = pages(render(list(refunds(PrintedOrder(order(refunds=[one])), DESK)), SHOP))
    lines = text.splitlines()
    at = lines.index("Itens")
    assert lines[at : at + 10] == [
        "Itens", "R$ 500,00", "Frete", "R$ 19,90", "Valor adicional", "R$ 5,00", "Taxa retida", "-R$ 2,50",
        "Total do reembolso", "R$ 522,40",
    ]  # fmt: skip
    assert {"Reembolso", "R1", "feito", "Depósito", "pela loja", "Sim", "Não"} <= set(lines)


def test_a_refund_told_by_the_provider_has_its_amount_alone() -> None:
    (text,) = pages(render(list(refunds(PrintedOrder(order(refunds=[refund("D1", 500, state="pending")])), DESK)), SHOP))
    assert {"em andamento", "Pix", "Total do reembolso", "R$ 5,00"} <= set(text.splitlines())
    assert "Produto" not in text


def test_an_erased_customer_is_shown_as_such() -> None:
    erased = order(customer={"id": "c1"}, shipping_address=None, shipments=[parcel("E1")], refunds=[refund("R1", 100)])
    printed = PrintedOrder(erased, customer_erased=True)
    for write in (invoices, packing_slips, refunds):
        (text,) = pages(render(list(write(printed, DESK)), SHOP))
        assert "Dados pessoais apagados" in text


def test_an_order_without_customer_data_says_that_it_has_none() -> None:
    assert "Não informado" in invoice_lines(PrintedOrder(order(customer={}, shipping_address=None)))


def test_no_document_is_no_file() -> None:
    with pytest.raises(ValueError, match="no document"):
        render([], SHOP)
