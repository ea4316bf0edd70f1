"""Lists and pages of orders."""

import json

import pytest

from schemas.documents import OrderView
from tests.unit.cli.conftest import PARCELS, Run


def numbers(hub: Run, url: str, *options: str) -> list[str]:
    result = hub("orders", "list", "--json", "--database-url", url, *options)
    assert result.exit_code == 0, result.output
    return [row["number"] for row in json.loads(result.stdout)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["1001", "1002", "2001"]),
        (("--number", "1001"), ["1001"]),
        (("--number", "10*"), ["1001", "1002"]),
        (("--number", "10"), []),
        (("--product", "CAMISÉTA"), ["1001", "1002", "2001"]),
        (("--product", "calça"), []),
        (("--product", "100%"), []),
        (("--sku", "cam-01"), ["1001", "1002", "2001"]),
        (("--sku", "CAM*"), ["1001", "1002", "2001"]),
        (("--sku", "CAM"), []),
        (("--customer", "exemplo cliente"), ["1001", "1002", "2001"]),
        (("--customer", "ninguém"), []),
        (("--delivery", "melhor_envio"), ["1001", "1002", "2001"]),
        (("--delivery", "pac"), ["1001", "1002", "2001"]),
        (("--delivery", "sedex"), []),
        (("--from", "2026-11-20", "--to", "20/11/2026"), ["1001", "1002", "2001"]),
        (("--to", "2026-11-19"), []),
        (("--from", "2026-11-21"), []),
        (("--total-min", "119,70"), ["1001", "2001"]),
        (("--total-max", "119,70"), ["1001", "1002"]),
        (("--paid-min", "0,01"), ["1001", "2001"]),
        (("--paid-max", "119,70"), ["1001", "1002"]),
        (("--status", "pending"), ["1002"]),
        (("--status", "pending", "--status", "processing"), ["1001", "1002", "2001"]),
        (("--status", "pending,canceled"), ["1002"]),
        (("--exception", "overpaid"), ["2001"]),
        (("--number", "10*", "--status", "processing"), ["1001"]),
    ],
)
@pytest.mark.requirement("R3", "R17", "R18", "R19", "R20", "R21", "R22", "R23", "R24", "R25")
def test_filters(hub: Run, shop: str, options: tuple[str, ...], expected: list[str]) -> None:
    assert sorted(numbers(hub, shop, *options)) == expected


@pytest.mark.requirement("R15")
def test_lists_are_sorted_and_paged(hub: Run, shop: str) -> None:
    assert numbers(hub, shop, "--sort", "total") == ["1002", "1001", "2001"]
    assert numbers(hub, shop, "--sort", "-total") == ["2001", "1001", "1002"]
    assert numbers(hub, shop, "--sort", "number", "--limit", "2", "--page", "2") == ["2001"]


@pytest.mark.requirement("R28", "R51")
def test_the_table_is_for_shop_staff(hub: Run, shop: str) -> None:
    result = hub("orders", "list", "--database-url", shop, "--limit", "2")
    assert result.exit_code == 0
    assert "Faturado (aprovado)" in result.stdout
    assert "R$ 119,70" in result.stdout
    assert "3 pedidos, página 1 de 2" in result.stdout


@pytest.mark.requirement("R43", "R51", "R52")
def test_one_order_as_json_is_the_document_of_the_contract(hub: Run, shop: str) -> None:
    result = hub("orders", "show", "1001", "--json", "--database-url", shop)
    assert result.exit_code == 0
    order = OrderView.model_validate_json(result.stdout)
    assert (order.number, order.state, order.label) == ("1001", "processing", "Faturado (aprovado)")


@pytest.mark.requirement("R50", "R55")
def test_one_order_as_a_page(hub: Run, shop: str) -> None:
    result = hub("orders", "show", "2001", "--database-url", shop)
    assert result.exit_code == 0
    for words in ("Pedido 2001", "Cliente Exemplo", "Pagamento confirmado: R$ 200,00 (Pix)", "overpaid", "Histórico", "Faturas",
        "(processing), estado Faturado", "Cobrança: ", "Envio: melhor_envio PAC, frete R$", "E-mail enviado",
        "Situações que se podem escolher: Faturado (aprovado), Pedido em produção",
    ):  # fmt: skip
        assert words in result.stdout


def test_an_order_that_is_not_there_is_status_1(hub: Run, shop: str) -> None:
    for verb in ("show", "actions"):
        result = hub("orders", verb, "77", "--database-url", shop)
        assert result.exit_code == 1
        assert result.stderr.strip() == "error: there is no order 77"


@pytest.mark.requirement("R40", "R89")
def test_actions_are_those_the_order_accepts(hub: Run, shop: str) -> None:
    result = hub("orders", "actions", "1002", "--json", "--database-url", shop)
    assert {"order.approve", "order.cancel"} <= set(json.loads(result.stdout))
    assert "Faturar" in hub("orders", "actions", "1002", "--database-url", shop).stdout


def test_a_database_that_is_not_there_is_status_3_and_is_not_made(hub: Run) -> None:
    result = hub("orders", "list", "--database-url", "sqlite:///nothing.db")
    assert result.exit_code == 3
    assert "hub db upgrade" in result.stderr
    assert hub("db", "upgrade", "--database-url", "sqlite:///nothing.db").exit_code == 0
    assert hub("orders", "list", "--database-url", "sqlite:///nothing.db").exit_code == 0


def test_a_database_that_cannot_be_reached_is_status_3(hub: Run) -> None:
    result = hub("orders", "list", "--database-url", "postgresql://nobody:geheim@127.0.0.1:9/none")
    assert result.exit_code == 3
    assert "geheim" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.requirement("R68", "R84", "R87")
def test_movements_of_money_and_invoices(hub: Run, shop: str) -> None:
    rows = json.loads(hub("transactions", "list", "--json", "--order", "2001", "--database-url", shop).stdout)
    assert [(row["order"], row["kind"], row["amount_cents"]) for row in rows] == [("2001", "capture", 20000)] * 2
    rows = json.loads(hub("invoices", "list", "--json", "--database-url", shop).stdout)
    assert sorted(row["order"] for row in rows) == ["1001", "2001"]
    assert "R$ 200,00" in hub("invoices", "list", "--database-url", shop).stdout
    assert "captura" in hub("transactions", "list", "--kind", "capture", "--database-url", shop).stdout


def test_the_page_shows_parcels_papers_and_what_staff_must_look_at(hub: Run, parcels: str) -> None:
    base = ("--direct", "--database-url", parcels)
    label = f"melhor_envio:9b1f0c52-5d0e-4c57-8a55-001{PARCELS}"
    note = ("--text", "cliente avisa: [portaria] fechada", "--visible", "--document", f"shipment:{label}")
    assert hub("order", "comment", PARCELS, *note, "--actor", "ana", *base).exit_code == 0
    page = hub("orders", "show", PARCELS, "--database-url", parcels)
    assert page.exit_code == 0, page.output
    for words in (
        "Atenção: dificuldade de entrega",
        "Entregas", label, label.replace("-001", "-002"), f"T1X{PARCELS}", f"T2X{PARCELS}", "Dificuldade de entrega", "Entregue",
        "Notas fiscais", "Nota fiscal emitida", "XML autorizado",
        "Comentários", "cliente avisa: [portaria] fechada", f"entrega {label}",
    ):  # fmt: skip
        assert words in page.stdout, words
    document = json.loads(hub("orders", "show", PARCELS, "--json", "--database-url", parcels).stdout)
    OrderView.model_validate(document)
    assert document["attention"] == ["delivery_difficulty"]
    assert [(one["document"]["kind"], one["visible"]) for one in document["comments"]] == [("shipment", True)]


def test_the_page_says_why_an_order_is_held(hub: Run, shop: str) -> None:
    for reason in ("fraud", "laudo"):
        assert hub("order", "hold", "1001", "--hold-reason", reason, "--direct", "--database-url", shop).exit_code == 0
    page = hub("orders", "show", "1001", "--database-url", shop).stdout
    assert "Segurado por: suspeita de fraude, laudo" in page
    assert "Pedido segurado" in page
