"""`hub replay`: what goes in, what comes out, and what is refused."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.store.database import Database
from schemas.documents import ReplayOutput
from tests import traffic, world
from tests.unit.cli.conftest import Run


def line(message: traffic.Message, **members: Any) -> str:
    return json.dumps({"key": message.key, "body": message.body.decode(), **members}) + "\n"


def lines(*messages: traffic.Message) -> str:
    return "".join(line(message) for message in messages)


def command(name: str, order: str, serial: int, **envelope: Any) -> traffic.Message:
    document = {"id": f"5f0c1e5a-0000-4000-8000-{serial:012}", "command": name, "order": order, **envelope}
    return traffic.Message("hub.commands", json.dumps(document).encode())


def replay(hub: Run, stdin: str, *options: str, **settings: str) -> dict[str, Any]:
    result = hub("replay", "-", "--json", *options, stdin=stdin, **settings)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    ReplayOutput.model_validate(document)
    return document


def test_the_answer_is_the_document_of_the_contract(hub: Run) -> None:
    answer = replay(
        hub,
        lines(
            traffic.placed("1001"),
            traffic.pix("1001"),
            traffic.pix("1001"),
            command("order.get", "1001", 1),
            command("order.cancel", "1001", 2),
            traffic.Message("payments.pix", b"{"),
            traffic.pix("9009"),
        ),
    )
    assert set(answer) == {
        "orders", "events", "replies", "exceptions", "dead_letters", "parked", "fetches", "outbound", "counts",
    }  # fmt: skip
    (order,) = answer["orders"]
    assert (order["number"], order["label"]) == ("1001", "Faturado (aprovado)")
    keys = [event["routing_key"] for event in answer["events"]]
    assert keys == [
        "order.placed", "order.status_changed.pending", "notification.requested.email.order_placed", "payment.captured", "invoice.created",
        "order.status_changed.processing", "notification.requested.email.order_approved", "command.rejected",
    ]  # fmt: skip
    assert [event["sequence"] for event in answer["events"][:-1]] == list(range(1, 8))
    assert [reply["outcome"] for reply in answer["replies"]] == ["accepted", "rejected"]
    assert answer["replies"][0]["result"]["number"] == "1001"
    assert [letter["kind"] for letter in answer["dead_letters"]] == ["unreadable"]
    assert [(one["key"], one["kind"]) for one in answer["parked"]] == [("payments.pix", "payment.captured")]
    assert answer["counts"]["messages"] == 7
    assert answer["counts"]["duplicate"] == 1


def test_an_unreadable_command_is_answered_and_kept(hub: Run) -> None:
    answer = replay(hub, lines(traffic.Message("hub.commands", b'{"id": "x", "command": "order.fly"}')))
    assert [reply["code"] for reply in answer["replies"]] == ["invalid_payload"]
    assert [letter["kind"] for letter in answer["dead_letters"]] == ["invalid_command"]


def test_a_key_that_nobody_reads_is_unroutable(hub: Run) -> None:
    answer = replay(hub, lines(traffic.Message("payments.nobody", b"{}")))
    assert [letter["kind"] for letter in answer["dead_letters"]] == ["unroutable"]


def test_a_notice_that_only_hints_is_listed_under_fetches(hub: Run) -> None:
    body = (Path(__file__).parents[2] / "golden/payments/pix/cob_paid_without_its_pix/payload.json").read_bytes()
    answer = replay(hub, lines(traffic.Message("payments.pix", body)))
    (fetch,) = answer["fetches"]
    assert fetch["adapter"] == "payments.pix"
    assert fetch["resource_id"] == "ped1001a0000000000000000000001"
    assert answer["outbound"] == []


def test_answers_for_fetches_are_counted_not_delivered(hub: Run) -> None:
    given = json.dumps({"key": "fetched/payments.pagarme/charge-ch_1", "body": {}}) + "\n"
    answer = replay(hub, given)
    assert answer["counts"]["messages"] == 0
    assert answer["counts"]["fetched_answers"] == 1


def test_a_fixed_clock_ends_what_waited_too_long(hub: Run) -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    old = (now - timedelta(hours=73)).isoformat()
    young = (now - timedelta(hours=71)).isoformat()
    given = line(traffic.pix("9001"), received_at=old) + line(traffic.pix("9002"), received_at=young)
    answer = replay(hub, given, "--now", now.isoformat())
    assert [letter["kind"] for letter in answer["dead_letters"]] == ["orphan_event"]
    assert len(answer["parked"]) == 1
    assert [letter["kind"] for letter in replay(hub, given)["dead_letters"]] == [], "without --now no time passes"


def test_a_fixed_clock_lets_timers_fire_at_the_end(hub: Run) -> None:
    given = lines(
        traffic.placed("1001"), traffic.placed("1002"), traffic.pix("1002"), traffic.placed("1003"), command("order.hold", "1003", 1)
    )
    soon, late = (traffic.START + timedelta(days=days) for days in (1, 30))
    early = replay(hub, given, "--now", soon.isoformat())
    assert {one["number"]: one["status"] for one in early["orders"]} == {"1001": "pending", "1002": "processing", "1003": "holded"}
    assert early["counts"]["timers"] == 0
    ended = replay(hub, given, "--now", late.isoformat())
    assert {one["number"]: one["status"] for one in ended["orders"]} == {"1001": "canceled", "1002": "processing", "1003": "holded"}
    (canceled,) = (one for one in ended["orders"] if one["number"] == "1001")
    assert canceled["timeline"][-1]["actor"] == "policy:expire"
    assert canceled["timeline"][-1]["at"].startswith(f"{late:%Y-%m-%d}")
    assert "order.status_changed.canceled" in {event["routing_key"] for event in ended["events"] if event["order"] == "1001"}
    assert {one["status"] for one in replay(hub, given)["orders"]} == {"pending", "processing", "holded"}, "without --now no timer fires"


def test_shuffling_moves_no_fact_past_a_command(hub: Run) -> None:
    """The Pix comes after the cancellation however the facts are shuffled: it never saves the order."""
    given = lines(
        traffic.placed("1001"), traffic.placed("1002"), command("order.cancel", "1001", 1), traffic.pix("1002"), traffic.pix("1001")
    )
    for seed in range(8):
        answer = replay(hub, given, "--shuffle", str(seed))
        assert {one["number"]: one["status"] for one in answer["orders"]} == {"1001": "canceled", "1002": "processing"}
        assert [one["kind"] for one in answer["exceptions"]] == ["paid_after_cancel"]


def test_a_fixed_clock_gives_the_same_answer_twice(hub: Run) -> None:
    given = lines(traffic.placed("1001"), traffic.pix("1001"))
    options = ("--now", "2026-11-25T12:00:00Z")
    assert replay(hub, given, *options) == replay(hub, given, *options)


def test_headers_are_passed_on(hub: Run) -> None:
    http = {"hub-http-headers": {"content-type": "application/json"}}
    signed = line(traffic.pix("1001"), headers={**http, "hub-http-query": {"hmac": "s3cret"}})
    forged = line(traffic.pix("1001"), headers={**http, "hub-http-query": {"hmac": "wrong"}})
    answer = replay(hub, lines(traffic.placed("1001")) + forged + signed, HUB_SECRETS_PIX_WEBHOOK="s3cret")
    assert [letter["kind"] for letter in answer["dead_letters"]] == ["untrusted"]
    assert answer["orders"][0]["payment_state"] == "paid"


STORY: Sequence[traffic.Message] = (
    traffic.placed("1001"),
    traffic.placed("1002", total=5000),
    traffic.pix("1001"),
    command("order.cancel", "1002", 1),
    traffic.pix("1002", cents=5000),
    traffic.placed("1003"),
    traffic.pix("1003", cents=11000),
    traffic.pix("1003", cents=970, serial=1),
)


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_and_repeated_input_has_the_same_end(hub: Run, seed: int) -> None:
    def end(answer: dict[str, Any]) -> Any:
        states = [(one["number"], one["state"], one["payment_state"], one["captured_cents"]) for one in answer["orders"]]
        return states, sorted((one["order"], one["kind"], one["key"]) for one in answer["exceptions"])

    assert end(replay(hub, lines(*STORY), "--shuffle", str(seed), "--repeat", "2")) == end(replay(hub, lines(*STORY)))


def test_the_cap_of_a_batch_cannot_be_seen(hub: Run) -> None:
    options = ("--now", "2026-11-25T12:00:00Z")
    one, many = (replay(hub, lines(*STORY), *options, "--batch-max", cap) for cap in ("1", "256"))
    assert [event for event in one["events"] if event["order"]] == [event for event in many["events"] if event["order"]]


def test_tables_for_people(hub: Run) -> None:
    result = hub("replay", "-", stdin=lines(*STORY))
    assert result.exit_code == 0
    for words in ("Pedidos", "Cancelado", "paid_after_cancel", "8 messages: 7 applied, 1 replied", "3 orders"):
        assert words in result.stdout


def test_quiet_tells_only_the_counts(hub: Run) -> None:
    result = hub("replay", "-", "--quiet", stdin=lines(*STORY))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "8 messages: 7 applied, 1 replied"
    assert result.stdout.splitlines()[1].startswith("now: 3 orders, ")
    assert len(result.stdout.splitlines()) == 2
    assert "1 order," in hub("replay", "-", "--quiet", stdin=lines(traffic.placed("1001"))).stdout


def test_an_empty_input_is_no_error(hub: Run) -> None:
    assert replay(hub, "")["counts"]["messages"] == 0


# -- databases ---------------------------------------------------------------------------------------------------------------------


def count(url: str, table: str) -> int:
    database = Database.open(url)
    with database.read() as connection:
        found = int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
    database.dispose()
    return found


def test_a_fresh_database_is_made_and_kept_and_nothing_is_left_to_publish(hub: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    answer = replay(hub, lines(*STORY), "--database-url", url)
    assert len(answer["events"]) == answer["counts"]["events"] > 0
    assert count(url, "outbox") == 0
    assert hub("orders", "list", "--database-url", url).exit_code == 0
    assert hub("verify", "--database-url", url).exit_code == 0


def test_a_database_that_is_not_empty_is_refused(hub: Run, shop: str) -> None:
    result = hub("replay", "-", "--database-url", shop, stdin=lines(traffic.placed("3001")))
    assert result.exit_code == 2
    assert "--into-live" in result.stderr
    assert count(shop, "orders") == 3


def test_into_live_adds_to_it_and_leaves_the_events_to_the_running_hub(hub: Run, shop: str) -> None:
    before = count(shop, "outbox")
    answer = replay(hub, lines(traffic.placed("3001"), traffic.Message("payments.pix", b"[")), "--database-url", shop, "--into-live")
    assert [order["number"] for order in answer["orders"]] == ["3001"], "only what this input touched"
    assert answer["events"] == []
    assert answer["exceptions"] == []
    assert len(answer["dead_letters"]) == 1
    assert count(shop, "outbox") == before + 3


def test_into_live_needs_a_database_with_a_schema(hub: Run, tmp_path: Path) -> None:
    assert hub("replay", "-", "--into-live", stdin="").exit_code == 2
    assert hub("replay", "-", "--into-live", "--database-url", f"sqlite:///{tmp_path / 'none.db'}", stdin="").exit_code == 3


def test_a_bad_line_changes_nothing(hub: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    result = hub("replay", "-", "--database-url", url, stdin=lines(traffic.placed("1001")) + "{bad\n")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: standard input:2: is not JSON")
    assert not (tmp_path / "new.db").exists()


def test_replay_on_both_databases(hub: Run, any_database_url: str) -> None:
    world.close_engines()
    answer = replay(hub, lines(*STORY), "--database-url", any_database_url, "--now", "2026-11-25T12:00:00Z")
    memory = replay(hub, lines(*STORY), "--now", "2026-11-25T12:00:00Z")
    assert answer["orders"] == memory["orders"]
    assert [event for event in answer["events"] if event["order"]] == [event for event in memory["events"] if event["order"]]


MP_ORDER = traffic.Message(
    "shop.orders",
    json.dumps(
        {
            "type": "order.placed.v1",
            "id": "evt-1001",
            "order": {
                "number": "1001",
                "placed_at": "2026-01-22T09:00:00-03:00",
                "items": [{"sku": "CAM-01", "name": "Camiseta", "quantity": 1, "unit_price_cents": 14990}],
                "total_cents": 14990,
                "payments": [{"method": "pix", "provider": "mercadopago", "reference": "1001", "amount_cents": 14990}],
            },
        }
    ).encode(),
)
MP_NOTICE = traffic.Message("payments.mercadopago", b'{"id": 1, "type": "payment", "data": {"id": "900000001"}}')
MP_PAYMENT = {
    "id": 900000001, "status": "approved", "status_detail": "accredited", "transaction_amount": 149.9, "currency_id": "BRL",
    "payment_method_id": "pix", "payment_type_id": "bank_transfer", "external_reference": "1001", "refunds": [],
    "date_approved": "2026-01-22T10:05:00.000-03:00", "date_last_updated": "2026-01-22T10:05:00.000-03:00",
}  # fmt: skip
MP_ANSWER = traffic.Message("fetched/payments.mercadopago/payment-900000001.json", json.dumps(MP_PAYMENT).encode())


def test_without_an_answer_a_read_stays_queued_and_is_no_event(hub: Run) -> None:
    answer = replay(hub, lines(MP_ORDER, MP_NOTICE))
    (fetch,) = answer["fetches"]
    assert (fetch["resource"], fetch["resource_id"], fetch["state"]) == ("payment", "900000001", "queued")
    assert not [event for event in answer["events"] if "outbound" in event["routing_key"]]
    assert answer["counts"]["events"] == len(answer["events"])


@pytest.mark.parametrize("first", [True, False], ids=["the answer first", "the notice first"])
def test_an_answer_of_the_input_is_what_the_provider_says(first: bool, hub: Run) -> None:
    told = (MP_ANSWER, MP_NOTICE) if first else (MP_NOTICE, MP_ANSWER)
    # In one batch with the notice, and still the command sees the money.
    answer = replay(hub, lines(MP_ORDER, *told, command("order.start_production", "1001", 1)))
    assert [fetch["state"] for fetch in answer["fetches"]] == ["done"]
    assert [order["payment_state"] for order in answer["orders"]] == ["paid"]
    assert [reply["outcome"] for reply in answer["replies"]] == ["accepted"]
    assert answer["counts"]["fetched_answers"] == 1


def test_the_answer_that_was_given_last_counts(hub: Run) -> None:
    pending = traffic.Message(
        MP_ANSWER.key, json.dumps({**MP_PAYMENT, "status": "pending", "status_detail": "pending_waiting_payment"}).encode()
    )
    answer = replay(hub, lines(MP_ORDER, pending, MP_ANSWER, MP_NOTICE))
    assert [order["payment_state"] for order in answer["orders"]] == ["paid"]


def test_an_answer_lies_in_a_file(hub: Run, tmp_path: Path) -> None:
    for message, name in ((MP_ORDER, "0001.json"), (MP_NOTICE, "0002.json"), (MP_ANSWER, None)):
        file = tmp_path / (f"{message.key}/{name}" if name else message.key)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(message.body)
    result = hub("replay", str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert [order["payment_state"] for order in answer["orders"]] == ["paid"]
    assert answer["counts"]["fetched_answers"] == 1


def test_an_answer_that_cannot_be_read_is_a_dead_letter(hub: Run) -> None:
    answer = replay(hub, lines(MP_ORDER, traffic.Message(MP_ANSWER.key, b'{"id": 1}'), MP_NOTICE))
    assert [letter["kind"] for letter in answer["dead_letters"]] == ["outbound_exhausted"]
