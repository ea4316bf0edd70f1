"""What the ERPs' messages do to an order: golden bodies, real engine."""

import itertools
import json
from datetime import timedelta

import pytest

from hub.engine import unknowns
from hub.engine.engine import Engine
from scripts.golden import ROOT
from tests import traffic, world
from tests.traffic import Message

NUMBER = "LOJA-100045"
SITUATION = "callback_em_andamento"
WORD = "situacao Em andamento"


@pytest.fixture(autouse=True)
def _closed() -> None:
    world.close_engines()


def told(provider: str, case: str) -> Message:
    (path,) = (ROOT / "erp" / provider / case).glob("payload.*")
    return Message(f"erp.{provider}", path.read_bytes())


def paid() -> list[Message]:
    return [traffic.placed(NUMBER, total=13480), traffic.pix(NUMBER, cents=13480)]


def seen(engine: Engine) -> tuple[str, str]:
    ((fulfilment, fiscal),) = world.query(engine, "SELECT fulfilment_state, fiscal_state FROM orders")
    return fulfilment, fiscal


def test_a_situation_of_the_shops_own_waits_and_means_what_the_shop_says(any_database_url: str) -> None:
    engine = world.open_engine(any_database_url)
    world.feed(engine, [*paid(), told("bling", SITUATION)])
    assert seen(engine) == ("none", "none")
    assert {kind for _, kind, _ in world.open_exceptions(engine)} == {"unknown_status"}
    mapped = world.open_engine(any_database_url, word_maps={"BLING": {WORD: "order.production_started"}})
    assert unknowns.apply_mappings(mapped) == {"applied": 1, "needs_yes": 0}
    assert seen(mapped) == ("in_production", "none")
    assert world.open_exceptions(mapped) == set()


@pytest.mark.parametrize(
    ("kind", "fulfilment"), [("order.production_started", "in_production"), ("shipment.posted", "shipped"), ("order.accepted", "none")]
)
def test_a_word_may_be_of_the_order_or_of_a_parcel(kind: str, fulfilment: str) -> None:
    engine = world.open_engine("sqlite://", word_maps={"BLING": {WORD: kind}})
    world.feed(engine, [*paid(), told("bling", SITUATION)])
    assert seen(engine) == (fulfilment, "none")
    assert world.open_exceptions(engine) == set()


def test_a_note_is_issued_in_any_order_of_arrival() -> None:
    for messages in itertools.permutations([*paid(), told("bling", "callback_note_pending"), told("bling", "callback_note_authorized")]):
        engine = world.open_engine("sqlite://")
        outcomes = world.feed(engine, [*messages, messages[0]])
        assert "dead_letter" not in world.kinds(outcomes)
        assert seen(engine) == ("none", "issued")
        assert world.open_exceptions(engine) == set()
        world.close_engines()


def test_a_tracking_code_ships_nothing_and_makes_the_parcel_known() -> None:
    engine = world.open_engine("sqlite://", word_maps={"BLING": {"situacao Atendido": "order.accepted"}})
    world.feed(engine, [*paid(), told("bling", "callback_invoiced_and_labelled")])
    assert seen(engine) == ("none", "issued")
    assert world.query(engine, "SELECT number FROM shipment_tracks") == [("AB123456785BR",)]


def test_what_must_be_read_is_asked_once() -> None:
    engine = world.open_engine("sqlite://")
    world.feed(engine, [*paid(), told("bling", "order_updated"), told("bling", "order_updated")])
    rows = world.query(engine, "SELECT adapter, request_key, parameters FROM outbound_requests")
    assert [(adapter, key) for adapter, key, _ in rows] == [("erp.bling", "order:17000001")]
    assert json.loads(rows[0][2]) == {"account": "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4", "told_at": "2026-10-05T13:15:07+00:00"}


def test_tinys_situations_move_the_order_in_any_order_of_arrival() -> None:
    cases = ("account_preparando_envio", "integrator_tracking", "account_enviado")
    order, money = paid()
    for messages in itertools.permutations([order, *(told("tiny", case) for case in cases)]):
        engine = world.open_engine("sqlite://")
        world.feed(engine, [*messages, money, messages[-1]])
        assert seen(engine) == ("shipped", "none")
        assert world.open_exceptions(engine) == set()
        world.close_engines()


def test_omies_stages_and_note_move_the_order_in_any_order_of_arrival() -> None:
    # The note names the order by the ERP's own id, which the first message has taught: until then it waits.
    cases = ("order_included", "stage_20", "note_authorized")
    order, money = paid()
    for messages in itertools.permutations([order, *(told("omie", case) for case in cases)]):
        engine = world.open_engine("sqlite://", word_maps={"OMIE": {"etapa 20": "order.production_started"}})
        world.feed(engine, [*messages, money, messages[-1]])
        assert seen(engine) == ("in_production", "issued")
        assert world.open_exceptions(engine) == set()
        world.close_engines()


# --- Rules of erp.md 6 --------------------------------------------------------------------------------------------------------


def test_a_test_note_moves_nothing_in_a_shop_that_sells() -> None:  # R7
    engine = world.open_engine("sqlite://")
    world.feed(engine, [*paid(), told("omie", "order_included"), told("omie", "note_in_homologation")])
    assert seen(engine) == ("none", "none")
    assert world.query(engine, "SELECT state FROM fiscal_documents") == [("ignored",)]


def test_a_note_that_is_canceled_before_shipping_takes_its_state_back_and_after_shipping_alarms() -> None:  # R4, R5
    notes = [told("bling", "callback_note_authorized"), told("bling", "callback_note_canceled")]
    engine = world.open_engine("sqlite://")
    world.feed(engine, [*paid(), *notes])
    assert seen(engine) == ("none", "canceled")
    assert world.open_exceptions(engine) == set()
    world.close_engines()
    engine = world.open_engine("sqlite://")
    world.feed(engine, [*paid(), told("tiny", "account_enviado"), notes[0]])
    # Neither says when it happened, so the times of receipt decide which came first.
    world.feed(engine, [world.delivery(notes[1], at=world.NOW + timedelta(hours=1))])
    assert seen(engine) == ("shipped", "canceled")
    assert {kind for _, kind, _ in world.open_exceptions(engine)} == {"nf_canceled_after_ship"}


def test_the_erp_cancels_a_paid_order_and_a_person_decides_about_the_money() -> None:  # R6
    engine = world.open_engine("sqlite://")
    world.feed(engine, [*paid(), told("bling", "callback_canceled")])
    assert {kind for _, kind, _ in world.open_exceptions(engine)} == {"paid_after_cancel"}


def test_a_note_of_an_order_nobody_knows_waits_for_it() -> None:  # R3
    engine = world.open_engine("sqlite://")
    assert world.kinds(world.feed(engine, [told("bling", "callback_note_authorized")])) == ["parked"]
    world.feed(engine, paid())
    assert seen(engine) == ("none", "issued")


def test_what_nobody_knows_is_answered_and_never_tried_again() -> None:  # R13
    engine = world.open_engine("sqlite://")
    strange = [told("bling", "resource_nobody_knows"), told("tiny", "type_nobody_knows"), told("omie", "topic_nobody_knows")]
    malformed = [told("bling", "neither_webhook_nor_callback"), told("tiny", "not_a_webhook"), told("omie", "neither_topic_nor_ping")]
    assert world.kinds(world.feed(engine, [*strange, *malformed])) == ["ignored"] * 3 + ["dead_letter"] * 3


def test_a_note_told_again_by_another_attempt_is_one_note() -> None:  # R1
    engine = world.open_engine("sqlite://")
    again = told("omie", "note_authorized")
    later = Message(again.key, again.body.replace(b"11111111-2222", b"99999999-2222"))
    world.feed(engine, [*paid(), told("omie", "order_included"), again, again, later])
    assert world.query(engine, "SELECT state, number FROM fiscal_documents") == [("issued", "1234")]


def test_an_attempt_of_a_later_hour_says_nothing_new(any_database_url: str) -> None:  # R1
    engine = world.open_engine(any_database_url)
    again = told("tiny", "account_aberto")
    world.feed(engine, [*paid(), again])
    for hours in (3, 1):
        assert "dead_letter" not in world.kinds(world.feed(engine, [world.delivery(again, at=world.NOW + timedelta(hours=hours))]))
    assert world.query(engine, "SELECT count(*) FROM order_log WHERE kind = 'order.accepted'") == [(1,)]
    assert world.query(engine, "SELECT count(*) FROM dead_letters") == [(0,)]
