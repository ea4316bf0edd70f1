"""What one transaction of the engine promises, on SQLite and on PostgreSQL alike."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from adapters.contract import Adapter, Facts, RawDelivery, unsigned
from hub.engine import operations, unknowns
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine
from hub.engine.order_document import order_document
from hub.engine.verify import verify
from hub.errors import StoreUnavailable
from schemas.commands import CommandReply
from schemas.documents import OrderView
from schemas.events import event_model
from schemas.facts import PaymentFact
from schemas.references import Reference
from tests.traffic import Message, canceled, charge, pix, placed, txid_of
from tests.world import NOW, command, delivery, feed, kinds, open_engine, open_exceptions, published, query, states

_ID = "5f0f7c1e-0000-4000-8000-{:012d}"


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = open_engine(any_database_url)
    yield engine
    assert verify(engine.database).findings == []


def count(engine: Engine, table: str) -> int:
    return int(query(engine, f"SELECT count(*) FROM {table}")[0][0])


# -- facts --------------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R1", "R2")
def test_a_paid_pix_moves_its_order_and_publishes_each_change_once(engine: Engine) -> None:
    assert kinds(feed(engine, [placed("100"), pix("100")])) == ["applied", "applied"]
    assert states(engine) == {"100": ("processing", "paid")}
    assert [(event["body"]["sequence"], event["routing_key"]) for event in published(engine)] == [
        (1, "order.placed"),
        (2, "order.status_changed.pending"),
        (3, "notification.requested.email.order_placed"),
        (4, "payment.captured"),
        (5, "invoice.created"),
        (6, "order.status_changed.processing"),
        (7, "notification.requested.email.order_approved"),
    ]


def test_every_published_body_fits_its_schema(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100"), pix("100", serial=1), canceled("100", at=NOW), placed("7", method="card")])
    feed(engine, [charge("7", "payment_failed", status="failed", at=NOW, transaction="not_authorized", hook="a")])
    events = published(engine)
    assert len(events) > 15
    for event in events:
        event_model(event["routing_key"]).model_validate(event["body"])


@pytest.mark.requirement("R1")
def test_an_exact_redelivery_is_filtered_by_the_inbox(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    assert kinds(feed(engine, [pix("100"), placed("100")])) == ["duplicate", "duplicate"]
    assert count(engine, "order_log") == 2


def test_the_same_movement_in_other_bytes_is_a_no_op_of_the_ledger(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    spaced = Message("payments.pix", json.dumps(json.loads(pix("100").body), indent=1).encode())
    assert kinds(feed(engine, [spaced])) == ["applied"]
    assert (count(engine, "order_log"), len(published(engine))) == (2, 7)


def test_an_unreadable_body_is_a_dead_letter_and_its_neighbours_are_applied(engine: Engine) -> None:
    bad = Message("payments.pix", b'{"pix": [')
    assert kinds(feed(engine, [placed("100"), bad, pix("100")])) == ["applied", "dead_letter", "applied"]
    ((kind, origin, attempts, body),) = query(engine, "SELECT kind, origin, attempts, body FROM dead_letters")
    assert (kind, origin, attempts, bytes(body)) == ("unreadable", "hub.in.payments.pix", 1, bad.body)
    feed(engine, [bad, bad])
    assert query(engine, "SELECT count(*), max(attempts) FROM dead_letters") == [(1, 3)]


def test_a_key_without_adapter_is_unroutable(engine: Engine) -> None:
    assert kinds(feed(engine, [Message("payments.nobody", b"{}")])) == ["dead_letter"]
    assert query(engine, "SELECT kind FROM dead_letters") == [("unroutable",)]


def test_personal_data_stays_out_of_ledger_and_log(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    for column, table in (("body", "order_log"), ("ledger", "orders"), ("body", "parked_facts")):
        for (kept,) in query(engine, f"SELECT {column} FROM {table}"):
            assert "Exemplo" not in kept and "exemplo.invalid" not in kept and "12345678909" not in kept and "Rua A" not in kept
    assert query(engine, "SELECT name, search FROM order_personal") == [("Cliente Exemplo", "cliente exemplo cliente100@exemplo.invalid")]


# -- parking ------------------------------------------------------------------------------------------------------------------


def test_a_fact_before_its_order_waits_and_is_applied_by_the_placement(engine: Engine) -> None:
    assert kinds(feed(engine, [pix("100")], cap=1)) == ["parked"]
    assert count(engine, "parked_facts") == 1
    feed(engine, [placed("100")])
    assert states(engine) == {"100": ("processing", "paid")}
    assert (count(engine, "parked_facts"), count(engine, "parked_references")) == (0, 0)


def test_the_edge_may_name_the_order_in_a_header(engine: Engine) -> None:
    loose = Message("payments.pix", json.dumps({"pix": [json.loads(pix("100").body)["pix"][0] | {"txid": "***"}]}).encode())
    assert kinds(engine.process([delivery(loose, headers={"hub-order": "100"})])) == ["parked"]
    feed(engine, [placed("100")])
    assert states(engine) == {"100": ("processing", "paid")}


def test_a_reference_learned_from_one_fact_frees_another(engine: Engine) -> None:
    """The charge's own id is known only through the gateway's order id; a later fact that names only the charge waits for it."""
    first = charge("7", "pending", status="pending", at=NOW, transaction="waiting_payment", hook="a")
    alone = json.loads(charge("7", "paid", status="paid", at=NOW, transaction="captured", hook="b", paid_amount=11970).body)
    del alone["data"]["order"]
    alone["data"]["code"] = "other"
    assert kinds(feed(engine, [placed("7", method="card"), Message("payments.pagarme", json.dumps(alone).encode())], cap=1)) == [
        "applied",
        "parked",
    ]
    feed(engine, [first])
    assert states(engine) == {"7": ("processing", "paid")}
    assert count(engine, "parked_facts") == 0


def test_a_parked_fact_past_its_time_becomes_an_orphan_and_can_be_driven_again(engine: Engine) -> None:
    feed(engine, [pix("100")])
    assert operations.expire_parked(engine, NOW + timedelta(hours=71)) == 0
    assert operations.expire_parked(engine, NOW + timedelta(hours=73)) == 1
    ((letter, kind, cause),) = query(engine, "SELECT id, kind, cause FROM dead_letters")
    assert kind == "orphan_event" and txid_of("100") in cause
    feed(engine, [placed("100")])
    assert states(engine) == {"100": ("new", "none")}
    assert operations.redrive(engine, letter, actor="ana").outcome == "applied"
    assert states(engine) == {"100": ("processing", "paid")}


def test_a_reference_claimed_by_two_orders_waits_for_a_person_and_does_not_expire(engine: Engine) -> None:
    second = placed("B2")
    second = Message(second.key, second.body.replace(txid_of("B2").encode(), txid_of("A1").encode()))
    feed(engine, [placed("A1"), second, pix("A1")])
    key = f"pix:txid:{txid_of('A1')}"
    assert open_exceptions(engine) == {("A1", "reference_conflict", key), ("B2", "reference_conflict", key)}
    assert operations.expire_parked(engine, NOW + timedelta(days=30)) == 0
    assert count(engine, "parked_facts") == 1


def test_two_contents_under_one_number_keep_the_earlier_and_tell(engine: Engine) -> None:
    later = placed("100", total=21970, at=NOW)
    later = Message(later.key, later.body.replace(b'"evt-100"', b'"evt-other"'))
    feed(engine, [later, placed("100")])
    assert query(engine, "SELECT total_cents FROM orders") == [(11970,)]
    assert query(engine, "SELECT unit_price_cents FROM order_items") == [(4990,)]
    assert {kind for _, kind, _ in open_exceptions(engine)} == {"conflicting_duplicate"}


# -- dead letters -------------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_a_redrive_would_do_and_does_nothing(engine: Engine) -> None:
    bare = Message("payments.nobody", pix("100").body)
    feed(engine, [placed("100"), bare])
    ((letter,),) = query(engine, "SELECT id FROM dead_letters")
    mended = replace(engine.adapters["payments.pix"], name="payments.nobody")
    engine.preparer.adapters["payments.nobody"] = mended  # type: ignore[index]
    told = operations.redrive(engine, letter, actor="ana", dry_run=True)
    assert (told.outcome, told.orders) == ("applied", ("100",))
    assert [key for key, _, _ in told.events][:2] == ["payment.captured", "invoice.created"]
    assert query(engine, "SELECT status FROM dead_letters") == [("open",)]
    assert (states(engine), len(published(engine))) == ({"100": ("new", "none")}, 3)
    real = operations.redrive(engine, letter, actor="ana")
    assert real.events == told.events
    assert states(engine) == {"100": ("processing", "paid")}
    assert query(engine, "SELECT status, settled_by FROM dead_letters") == [("redriven", "ana")]


def test_a_letter_that_dies_again_stays_open_and_counts(engine: Engine) -> None:
    feed(engine, [Message("payments.pix", b"[")])
    ((letter,),) = query(engine, "SELECT id FROM dead_letters")
    assert operations.redrive(engine, letter, actor="ana").outcome == "dead_letter"
    assert query(engine, "SELECT status, attempts FROM dead_letters") == [("open", 2)]
    assert operations.discard(engine, [letter], actor="ana", note="teste") == [letter]
    assert operations.redrive(engine, letter, actor="ana").outcome == "not_open"
    assert operations.redrive(engine, 10**6, actor="ana").outcome == "not_found"


def _poison(engine: Engine, number: str) -> None:
    """Register an adapter whose fact the database or the fold cannot take, as only a defect could make one."""

    def translate(raw: RawDelivery) -> Facts:
        fact = PaymentFact(
            kind="payment.captured",
            event_id="e1",
            provider="poison",
            references=(Reference(kind="order_number", value=number),),
            payment_key=Reference(kind="payment_id", value="p"),
            amount_cents=5,
            occurred_at=NOW,
        )
        return Facts((fact.model_copy(update={"amount_cents": "five"}),))

    adapter = Adapter(name="payments.poison", translate=translate, verify=unsigned, docs="")
    engine.preparer.adapters["payments.poison"] = adapter  # type: ignore[index]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_one_message_that_breaks_the_transaction_dies_alone(engine: Engine) -> None:
    _poison(engine, "3")
    batch: list[Message] = [placed(str(number)) for number in range(20)]
    batch.insert(7, Message("payments.poison", b"{}"))
    outcomes = kinds(feed(engine, batch))
    assert outcomes.count("applied") == 20 and outcomes[7] == "dead_letter"
    ((kind, trace),) = query(engine, "SELECT kind, traceback FROM dead_letters")
    assert kind == "adapter_error" and "Traceback" in trace


def test_a_database_that_is_away_pauses_the_batch() -> None:
    away = open_engine("sqlite://")
    object.__setattr__(away, "database", type(away.database).open("postgresql://nobody@127.0.0.1:9/none"))
    with pytest.raises(StoreUnavailable):
        feed(away, [placed("100")])
    away.database.dispose()


# -- commands -----------------------------------------------------------------------------------------------------------------


def replies(engine: Engine, *commands: Delivery) -> list[CommandReply]:
    """Send commands one by one and read their replies through the published schema."""
    found = []
    for one in commands:
        (outcome,) = engine.process([one])
        assert outcome.reply is not None
        found.append(CommandReply.model_validate(outcome.reply.body))
    return found


@pytest.mark.requirement("R4", "R47")
def test_an_approval_by_hand_pays_the_order_and_answers(engine: Engine) -> None:
    feed(engine, [placed("100")])
    (reply,) = replies(engine, command("order.approve", "100", id=_ID.format(1), actor="ana"))
    assert (reply.outcome, reply.state, reply.status, reply.version) == ("accepted", "processing", "processing", 2)
    assert "order.approve" not in reply.allowed_actions
    assert query(engine, "SELECT kind, actor, authenticated_actor FROM order_log WHERE position = 2") == [("order.approve", "ana", None)]


def test_a_repeated_command_gets_its_first_answer_and_another_payload_is_refused(engine: Engine) -> None:
    feed(engine, [placed("100")])
    data = {"amount_cents": 5000}
    first, again, other = replies(
        engine,
        command("order.approve", "100", id=_ID.format(1), data=data, idempotency_key="k1"),
        command("order.approve", "100", id=_ID.format(2), data=data, idempotency_key="k1"),
        command("order.approve", "100", id=_ID.format(3), data={"amount_cents": 6000}, idempotency_key="k1"),
    )
    assert (first.outcome, again.outcome, other.code) == ("accepted", "accepted", "key_reused")
    assert again.version == first.version == 2
    assert query(engine, "SELECT captured_cents FROM orders") == [(5000,)]


def test_the_same_command_twice_in_one_batch_acts_once(engine: Engine) -> None:
    feed(engine, [placed("100")])
    one = command("order.approve", "100", id=_ID.format(1), data={"amount_cents": 5000})
    outcomes = engine.process([one, one])
    assert [outcome.reply.body["outcome"] for outcome in outcomes if outcome.reply] == ["accepted", "accepted"]
    assert query(engine, "SELECT captured_cents FROM orders") == [(5000,)]


def test_a_rejected_command_changes_nothing_is_told_and_judged_anew(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    before = query(engine, "SELECT ledger, version, sequence FROM orders")
    cancel = command("order.cancel", "100", id=_ID.format(1))
    first, second = replies(engine, cancel, replace(cancel, at=NOW + timedelta(seconds=1)))
    assert (first.code, second.code) == ("cancel_requires_refund", "cancel_requires_refund")
    assert query(engine, "SELECT ledger, version, sequence FROM orders") == before
    told = [event for event in published(engine) if event["routing_key"] == "command.rejected"]
    assert len(told) == 2 and told[0]["message_id"] != told[1]["message_id"] and told[0]["order"] is None
    for event in told:
        event_model("command.rejected").model_validate(event["body"])


def test_codes_that_the_engine_itself_gives(engine: Engine) -> None:
    feed(engine, [placed("100")])
    codes = [
        reply.code
        for reply in replies(
            engine,
            command("order.approve", "404", id=_ID.format(1)),
            command("order.approve", "100", id=_ID.format(2), expected_version=9),
            command("order.approve", "100", id=_ID.format(3), actor="policy:me"),
            command("order.approve", "100", id=_ID.format(4), user="guest"),
        )
    ]
    assert codes == ["order_not_found", "version_conflict", "forbidden", "forbidden"]


def test_roles_decide_by_the_broker_verified_user(any_database_url: str) -> None:
    engine = open_engine(any_database_url, roles={"ana": "operator", "bia": "viewer"})
    feed(engine, [placed("100")])
    codes = [
        reply.code
        for reply in replies(
            engine,
            command("order.get", "100", id=_ID.format(1)),
            command("order.approve", "100", id=_ID.format(2)),
            command("order.approve", "100", id=_ID.format(3), user="bia"),
            command("reference.add", id=_ID.format(4), user="ana", data={"order": "100", "kind": "txid", "value": "x"}),
            command("order.approve", "100", id=_ID.format(5), user="ana"),
        )
    ]
    assert codes == [None, "forbidden", "forbidden", "forbidden", None]


def test_a_command_republished_by_the_hub_keeps_its_sender(any_database_url: str) -> None:
    engine = open_engine(any_database_url, roles={"ana": "operator"})
    feed(engine, [placed("100")])
    one = command("order.approve", "100", id=_ID.format(1), user="guest")
    trusted = replace(one, raw=replace(one.raw, headers={"hub-user": "ana"}))
    forged = replace(trusted, user_id="eve")
    assert [reply.outcome for reply in replies(engine, forged, trusted)] == ["rejected", "accepted"]


@pytest.mark.requirement("R43")
def test_order_get_shows_what_the_same_batch_has_done_so_far(engine: Engine) -> None:
    outcomes = engine.process([delivery(placed("100")), command("order.get", "100", id=_ID.format(1)), delivery(pix("100"))])
    assert outcomes[1].reply is not None
    seen = OrderView.model_validate(outcomes[1].reply.body["result"])
    assert (seen.state, seen.captured_cents, seen.version) == ("new", 0, 1)
    assert (count(engine, "order_log"), count(engine, "inbox")) == (2, 2)
    with engine.database.read() as connection:
        after = OrderView.model_validate(order_document(connection, "100"))
    assert (after.state, after.captured_cents) == ("processing", 11970)
    assert [line.text for line in after.timeline] == ["Pedido realizado: R$ 119,70", "Pagamento confirmado: R$ 119,70 (Pix)"]
    assert after.payments[0].references[0].kind in ("txid", "e2e")


def test_a_command_that_cannot_be_read_is_answered_and_kept(engine: Engine) -> None:
    (reply,) = replies(engine, command("order.approve", id=_ID.format(1)))
    assert (reply.outcome, reply.code, reply.id) == ("rejected", "invalid_payload", _ID.format(1))
    assert query(engine, "SELECT kind, origin FROM dead_letters") == [("invalid_command", "hub.commands")]


def test_a_reply_goes_to_reply_queues_only(engine: Engine) -> None:
    feed(engine, [placed("100")])
    one = replace(command("order.get", "100", id=_ID.format(1)), reply_to="hub.commands")
    (outcome,) = engine.process([one])
    assert outcome.reply is not None and outcome.reply.reply_to is None


def test_reference_add_settles_a_conflict_and_frees_what_waits(engine: Engine) -> None:
    second = placed("B2")
    second = Message(second.key, second.body.replace(txid_of("B2").encode(), txid_of("A1").encode()))
    feed(engine, [placed("A1"), second, pix("A1")])
    form = {"order": "B2", "kind": "txid", "value": txid_of("A1")}
    (reply,) = replies(engine, command("reference.add", id=_ID.format(1), data=form))
    assert (reply.outcome, reply.state) == ("accepted", "processing")
    assert reply.result == {"references": [f"pix:txid:{txid_of('A1')}"], "released": 1}
    assert states(engine) == {"A1": ("new", "none"), "B2": ("processing", "paid")}
    assert open_exceptions(engine) == set()
    assert [event["order"] for event in published(engine) if event["routing_key"] == "exception.resolved.reference_conflict"] == [
        "A1",
        "B2",
    ]


def test_reference_add_decides_for_a_fact_that_names_two_orders(engine: Engine) -> None:
    both = json.loads(pix("A1").body)
    both["pix"][0]["txid"] = txid_of("A1")
    feed(engine, [placed("A1"), placed("B2")])
    torn = delivery(Message("payments.pix", json.dumps(both).encode()), headers={"hub-order": "B2"})
    assert kinds(engine.process([torn])) == ["parked"]
    assert {order for order, _, _ in open_exceptions(engine)} == {"A1", "B2"}
    form = {"order": "B2", "kind": "txid", "value": txid_of("A1")}
    (reply,) = replies(engine, command("reference.add", id=_ID.format(1), data=form))
    assert (reply.outcome, reply.result["released"]) == ("accepted", 1)
    assert states(engine) == {"A1": ("new", "none"), "B2": ("processing", "paid")}
    assert open_exceptions(engine) == set()


def test_reference_add_needs_a_scope_where_nothing_waits(engine: Engine) -> None:
    feed(engine, [placed("A1")])
    form = {"order": "A1", "kind": "txid", "value": "t1"}
    unknown, named = replies(
        engine,
        command("reference.add", id=_ID.format(1), data=form),
        command("reference.add", id=_ID.format(2), data={**form, "scope": "pix"}),
    )
    assert (unknown.code, named.outcome) == ("invalid_payload", "accepted")
    assert query(engine, "SELECT order_number FROM order_references WHERE value = 't1'") == [("A1",)]


# -- unknown words ------------------------------------------------------------------------------------------------------------


def _unheard_of(number: str) -> Message:
    document = json.loads(charge(number, "paid", status="levitating", at=NOW, transaction="levitating", hook="z").body)
    document["type"] = "charge.levitated"
    return Message("payments.pagarme", json.dumps(document).encode())


def test_an_unknown_word_waits_and_is_applied_once_it_is_mapped(any_database_url: str) -> None:
    plain = open_engine(any_database_url)
    feed(plain, [placed("7", method="card"), _unheard_of("7")])
    (word,) = unknowns.unknown_words(plain)
    assert (word.provider, word.count, word.applied, word.orders, word.mapped_to) == ("pagarme", 1, 0, ("7",), None)
    assert {kind for _, kind, _ in open_exceptions(plain)} == {"unknown_status"}

    mapped = open_engine(any_database_url, word_maps={"PAGARME": {word.word: "payment.failed"}})
    assert unknowns.apply_mappings(mapped) == {"applied": 1, "needs_yes": 0}
    assert unknowns.apply_mappings(mapped) == {"applied": 0, "needs_yes": 0}
    assert states(mapped) == {"7": ("new", "failed")}
    assert open_exceptions(mapped) == set()
    assert verify(mapped.database).findings == []


def test_a_word_of_success_is_applied_only_with_a_persons_yes(any_database_url: str) -> None:
    (word,) = _words(any_database_url)
    engine = open_engine(any_database_url, word_maps={"PAGARME": {word: "payment.captured"}})
    assert unknowns.apply_mappings(engine) == {"applied": 0, "needs_yes": 1}
    assert states(engine) == {"7": ("new", "none")}
    assert unknowns.apply_mappings(engine, yes=True) == {"applied": 1, "needs_yes": 0}
    assert states(engine) == {"7": ("processing", "paid")}


def _words(url: str) -> list[str]:
    engine = open_engine(url)
    feed(engine, [placed("7", method="card"), _unheard_of("7")])
    return [one.word for one in unknowns.unknown_words(engine)]


def test_a_refold_mends_an_old_ledger_and_publishes_nothing(any_database_url: str) -> None:
    engine = open_engine(any_database_url)
    feed(engine, [placed("100"), pix("100"), pix("100", serial=1)])
    events = published(engine)
    with engine.database.begin() as connection:
        connection.execute(text("UPDATE orders SET ledger = replace(ledger, '11970', '11971'), fold_version = 0"))
    assert {finding.kind for finding in verify(engine.database).findings} >= {"refold"}
    assert operations.refold_order(engine, "100") is True
    assert operations.refold_order(engine, "100") is False
    assert verify(engine.database).findings == []
    assert published(engine) == events


def test_raw_messages_go_when_their_time_is_up(engine: Engine) -> None:
    feed(engine, [placed("100"), pix("100")])
    assert operations.purge_raw(engine, NOW + timedelta(days=29)) == 0
    assert operations.purge_raw(engine, NOW + timedelta(days=30), limit=1) == 1
    assert operations.purge_raw(engine, NOW + timedelta(days=30)) == 1
    assert count(engine, "raw_messages") == 0
