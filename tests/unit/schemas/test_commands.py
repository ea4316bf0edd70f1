"""Commands: what is read, what is refused and how that is told."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.commands import (
    COMMANDS,
    AddTrack,
    ApproveOrder,
    CommandInvalid,
    CommandReply,
    CreateRefund,
    CreateShipment,
    HoldOrder,
    LegibleEnvelope,
    TrackForm,
    legible_envelope,
    message_model,
    needs_order,
    parse_command,
    payload_hash,
)

ID = "0b6b2a0e-6f2f-4e0c-9f5c-0a4f3f3d2c1b"
ORDER = {"items": [{"sku": "A", "quantity": 1, "unit_price_cents": 100}], "total_cents": 100}
PLACED = {**ORDER, "number": "100000500", "placed_at": "2026-11-25T10:00:00-03:00"}
KEY_OF_NOTE = "3526" + "1" * 40

# One complete example per command: every field of the contract's table is in it.
FULL: dict[str, dict[str, Any]] = {
    "order.get": {},
    "order.approve": {"payment": "a1", "method": "transfer", "amount_cents": 11970, "comment": "ok", "notify": True, "visible": False},
    "order.cancel": {"comment": "ok", "notify": True, "visible": False},
    "order.expire": {"comment": "ok", "notify": True, "visible": False},
    "order.start_production": {"comment": "ok", "notify": True, "visible": False},
    "order.hold": {"hold_reason": "fraud"},
    "order.release": {"hold_reason": "fraud"},
    "order.set_status": {"status": "embalado", "comment": "ok", "notify": True, "visible": True},
    "order.comment": {"text": "Olá", "document": {"kind": "invoice", "id": "1"}, "notify": True, "visible": True},
    "order.set_address": {"type": "shipping", "address": {"street": "Rua B", "number": "1", "city": "Campinas", "state": "SP"}},
    "order.edit": {"order": ORDER, "notify": False},
    "order.reorder": {"order": PLACED},
    "review.accept": {"payment": "a1", "comment": "ok"},
    "review.deny": {"payment": "a1", "comment": "ok"},
    "payment.void": {"payment": "a1", "comment": "ok"},
    "fiscal.mark_issued": {
        "number": "1",
        "series": "1",
        "access_key": KEY_OF_NOTE,
        "url": "https://nf.exemplo.invalid/1",
        "notify": True,
        "visible": True,
    },
    "shipment.create": {
        "carrier": "custom",
        "title": "Motoboy",
        "tracks": [{"number": "AA1", "carrier": "jadlog", "title": "J", "url": "https://x.invalid"}],
        "items": [{"sku": "A", "quantity": 1}],
        "force": True,
        "comment": "ok",
        "notify": True,
        "visible": True,
    },
    "shipment.add_track": {"shipment": "s1", "number": "AA1", "carrier": "jadlog", "title": "J"},
    "shipment.remove_track": {"shipment": "s1", "number": "AA1", "carrier": "jadlog", "title": "J"},
    "shipment.mark_in_transit": {"shipment": "s1", "at": "2026-11-25T10:00:00-03:00", "comment": "ok", "notify": True, "visible": True},
    "shipment.mark_difficulty": {"shipment": "s1", "at": "2026-11-25T10:00:00-03:00", "comment": "ok", "notify": True, "visible": True},
    "shipment.mark_delivered": {"shipment": "s1", "at": "2026-11-25T10:00:00-03:00", "comment": "ok", "notify": True, "visible": True},
    "refund.create": {
        "lines": [{"sku": "A", "quantity": 1, "back_to_stock": True}],
        "shipping_cents": 100,
        "extra_cents": 1,
        "fee_cents": 2,
        "mode": "offline",
        "method": "deposit",
        "payment": "a1",
        "comment": "ok",
        "notify": True,
        "visible": True,
    },
    "notify.resend": {"kind": "invoice", "document": "1"},
    "customer.impersonate_link": {},
    "reference.add": {"order": "100000417", "kind": "txid", "value": "abc", "scope": "pix"},
    "exception.resolve": {"exception": 7, "resolution": "refunded", "note": "by bank"},
    "dead.redrive": {"ids": [1, 2], "isolate": True, "dry_run": True},
    "dead.discard": {"filter": {"kind": "unreadable", "cause": "trailer"}, "note": "test file"},
    "status.create": {"code": "embalado", "label": "Embalado", "state": "processing"},
    "status.assign": {"code": "embalado", "state": "complete"},
    "status.unassign": {"code": "embalado", "state": "complete"},
    "status.set_default": {"code": "embalado", "state": "processing"},
    "status.delete": {"code": "embalado"},
}


def envelope(command: str, data: object = None, **more: object) -> dict[str, Any]:
    """A whole command message."""
    document: dict[str, Any] = {"id": ID, "command": command, "data": FULL[command] if data is None else data}
    if needs_order(command):
        document["order"] = "100000417"
    return document | more


def refusal(document: object) -> CommandInvalid:
    """The error that this document gives."""
    with pytest.raises(CommandInvalid) as caught:
        parse_command(document)
    return caught.value


def test_the_contracts_envelope_is_read() -> None:
    command = parse_command(
        {
            "id": ID,
            "command": "order.approve",
            "order": "100000417",
            "actor": "ana",
            "reason": "comprovante conferido",
            "idempotency_key": "ana-1",
            "expected_version": 7,
            "data": {},
        }
    )
    assert command.name == "order.approve"
    assert command.key == "ana-1"
    assert command.envelope.expected_version == 7
    assert command.data == ApproveOrder()


def test_every_command_has_an_example_here() -> None:
    assert FULL.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_field_of_the_contract_is_read(name: str) -> None:
    command = parse_command(envelope(name))
    assert command.data.model_dump(exclude_unset=True).keys() == FULL[name].keys()
    assert type(command.data) is COMMANDS[name]
    message_model(name).model_validate(envelope(name))


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_fields_are_refused(name: str) -> None:
    assert refusal(envelope(name, FULL[name] | {"nmber": 1})).places == ("data.nmber",)
    assert refusal(envelope(name, priority=1)).places == ("priority",)


@pytest.mark.parametrize("name", [name for name in COMMANDS if needs_order(name)])
def test_commands_of_one_order_name_it(name: str) -> None:
    document = envelope(name)
    del document["order"]
    assert refusal(document).places == ("order",)
    with pytest.raises(ValidationError):
        message_model(name).model_validate(document)


def test_the_families_that_need_an_order_are_those_of_the_contract() -> None:
    free = {name.partition(".")[0] for name in COMMANDS if not needs_order(name)}
    assert free == {"reference", "exception", "dead", "status"}


@pytest.mark.parametrize(
    ("command", "data", "place"),
    [
        ("order.approve", {"amount_cents": 0}, "data.amount_cents"),
        ("order.approve", {"amount_cents": 100.0}, "data.amount_cents"),
        ("order.approve", {"amount_cents": 10**13}, "data.amount_cents"),
        ("order.approve", {"method": "deposit"}, "data.method"),
        ("order.approve", {"notify": "yes"}, "data.notify"),
        ("order.hold", {"hold_reason": "dispute"}, "data"),
        ("order.hold", {"hold_reason": "Any Thing"}, "data.hold_reason"),
        ("order.set_status", {}, "data.status"),
        ("order.comment", {}, "data.text"),
        ("order.comment", {"text": "a\x00"}, "data.text"),
        ("order.comment", {"text": "x" * 5000}, "data.text"),
        ("order.comment", {"text": "a", "document": {"kind": "order", "id": "1"}}, "data.document.kind"),
        ("order.set_address", {"type": "billing", "address": {"stret": "Rua"}}, "data.address.stret"),
        ("order.set_address", {"type": "billing", "address": {}}, "data.address"),
        ("order.set_address", {"type": "home", "address": {"street": "Rua"}}, "data.type"),
        ("order.edit", {"order": PLACED}, "data.order"),
        ("order.reorder", {"order": ORDER}, "data.order.number"),
        ("fiscal.mark_issued", {"access_key": "123"}, "data.access_key"),
        ("fiscal.mark_issued", {"url": "javascript:alert(1)"}, "data.url"),
        ("shipment.create", {"carrier": "custom", "tracks": [{"number": "1", "url": "ftp://x"}]}, "data.tracks.0.url"),
        ("shipment.create", {"carrier": "custom", "items": []}, "data.items"),
        ("shipment.create", {"carrier": "custom", "items": [{"sku": "A", "quantity": 0}]}, "data.items.0.quantity"),
        ("shipment.mark_delivered", {"at": "2026-11-25T10:00:00"}, "data.at"),
        ("refund.create", {}, "data.mode"),
        ("refund.create", {"mode": "offline"}, "data"),
        ("refund.create", {"mode": "online", "shipping_cents": -1}, "data.shipping_cents"),
        ("notify.resend", {"kind": "order", "document": "1"}, "data"),
        ("customer.impersonate_link", {"ttl": 1}, "data.ttl"),
        ("reference.add", {"order": "1", "kind": "cpf", "value": "1"}, "data.kind"),
        ("exception.resolve", {"exception": "7", "resolution": "x"}, "data.exception"),
        ("exception.resolve", {"exception": 7, "resolution": "  "}, "data.resolution"),
        ("dead.redrive", {}, "data"),
        ("dead.redrive", {"ids": []}, "data.ids"),
        ("dead.redrive", {"ids": [True]}, "data.ids.0"),
        ("dead.redrive", {"ids": [1], "filter": {"kind": "unreadable"}}, "data"),
        ("dead.redrive", {"filter": {}}, "data.filter"),
        ("dead.redrive", {"filter": {"kind": None}}, "data.filter"),
        ("dead.discard", {"ids": [1]}, "data.note"),
        ("status.create", {"code": "em.balado"}, "data.code"),
        ("status.assign", {"code": "embalado"}, "data.state"),
        ("status.set_default", {"code": "embalado", "state": "shipped"}, "data.state"),
    ],
)
def test_wrong_data_is_told_by_its_place(command: str, data: dict[str, Any], place: str) -> None:
    error = refusal(envelope(command, data))
    assert place in error.places
    assert place in str(error)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"id": "not-a-uuid"}, "id"),
        ({"id": 7}, "id"),
        ({"command": "order.explode"}, "command"),
        ({"command": None}, "command"),
        ({"order": 100000417}, "order"),
        ({"expected_version": "7"}, "expected_version"),
        ({"expected_version": -1}, "expected_version"),
        ({"expected_version": 10**400}, "expected_version"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"data": []}, "data"),
        ({"data": None}, "data"),
    ],
)
def test_a_wrong_envelope_is_told_by_its_place(change: dict[str, Any], place: str) -> None:
    assert place in refusal(envelope("order.hold") | change).places


def test_reference_add_must_not_contradict_its_envelope() -> None:
    parse_command(envelope("reference.add", order="100000417"))
    assert refusal(envelope("reference.add", order="100000418")).places == ("data.order",)


def test_an_error_never_shows_a_value() -> None:
    error = refusal(envelope("order.set_address", {"type": "billing", "address": {"name": "Maria \x00", "street": 12345678909}}))
    assert "Maria" not in str(error)
    assert "12345678909" not in str(error)
    assert error.__suppress_context__


def test_an_error_stays_short() -> None:
    items = [{"sku": "", "quantity": 0, "unit_price_cents": -1}] * 1000
    assert len(str(refusal(envelope("order.edit", {"order": {"items": items, "total_cents": 1}})))) < 1000
    assert len(str(refusal(envelope("order.hold", {"x" * 100_000: 1})))) < 1000


def test_forms_left_empty_are_for_the_rules_to_judge() -> None:
    assert parse_command(envelope("shipment.add_track", {})).data == AddTrack(number="")
    assert parse_command(envelope("shipment.add_track", {"number": "  "})).data == AddTrack(number="")
    assert parse_command(envelope("shipment.create", {"tracks": [{}]})).data == CreateShipment(carrier="", tracks=(TrackForm(number=""),))


def test_hold_is_for_the_operator_unless_said_otherwise() -> None:
    assert parse_command(envelope("order.hold", {})).data == HoldOrder(hold_reason="operator")


@pytest.mark.parametrize(
    ("data", "everything"),
    [
        ({}, True),
        ({"comment": "x"}, True),
        ({"lines": []}, False),
        ({"shipping_cents": 0}, False),
        ({"fee_cents": 1}, False),
        ({"extra_cents": 1}, False),
    ],
)
def test_a_refund_without_figures_is_of_everything(data: dict[str, Any], everything: bool) -> None:
    refund = parse_command(envelope("refund.create", {"mode": "online"} | data)).data
    assert isinstance(refund, CreateRefund)
    assert refund.everything is everything


# -- anything at all ---------------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(st.characters()),
    st.sampled_from([ID, "order.approve", "order.edit", "dead.redrive", "100000417", "\x00", "\ud800"]),
)
KEYS = st.one_of(
    st.sampled_from(["id", "command", "order", "data", "actor", "ids", "filter", "amount_cents", "items", "tracks", "number"]),
    st.text(st.characters()),
)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=20)


@settings(deadline=None)
@given(DOCUMENTS, st.sampled_from([*COMMANDS, None]))
def test_whatever_comes_is_read_or_refused_in_storable_words(document: Any, name: str | None) -> None:
    if name is not None:
        document = envelope(name, document if isinstance(document, dict) else {"data": document})
    try:
        command = parse_command(document)
    except CommandInvalid as error:
        assert "\x00" not in str(error)
        str(error).encode()
        "".join(error.places).encode()
    else:
        assert len(payload_hash(command)) == 64
        command.data.model_dump_json()


@settings(deadline=None)
@given(DOCUMENTS)
def test_what_is_legible_can_be_answered(document: Any) -> None:
    legible = legible_envelope(document)
    reply = CommandReply(id=legible.id, command=legible.command, order=legible.order, outcome="rejected", code="invalid_payload")
    assert "\\u0000" not in reply.model_dump_json()


def test_the_legible_part_of_a_broken_command_is_kept() -> None:
    assert legible_envelope({"id": "7", "command": "order.hold", "order": "1", "data": 5}) == LegibleEnvelope("7", "order.hold", "1")
    assert legible_envelope({"id": 7, "command": "x" * 201, "order": "1\x00"}) == LegibleEnvelope()
    assert legible_envelope([]) == LegibleEnvelope()


# -- the hash of what is asked -----------------------------------------------------------------------------------------


def test_the_hash_covers_what_is_asked() -> None:
    base = payload_hash(parse_command(envelope("order.approve", {"amount_cents": 100})))
    assert base != payload_hash(parse_command(envelope("order.approve", {"amount_cents": 101})))
    assert base != payload_hash(parse_command(envelope("order.approve", {"amount_cents": 100}, order="2")))
    assert payload_hash(parse_command(envelope("order.cancel", {}))) != payload_hash(parse_command(envelope("order.expire", {})))


def test_the_hash_leaves_out_who_asks_and_how() -> None:
    base = payload_hash(parse_command(envelope("order.approve", {"amount_cents": 100})))
    again = envelope(
        "order.approve",
        {"amount_cents": 100, "method": None},
        id=str(uuid.uuid4()),
        actor="bia",
        reason="again",
        expected_version=3,
        idempotency_key="k",
    )
    assert payload_hash(parse_command(again)) == base


@settings(deadline=None)
@given(st.permutations(list(FULL["refund.create"].items())))
def test_the_hash_does_not_depend_on_the_order_of_fields(items: list[tuple[str, Any]]) -> None:
    assert payload_hash(parse_command(envelope("refund.create", dict(items)))) == payload_hash(parse_command(envelope("refund.create")))


def test_equal_instants_hash_alike() -> None:
    one = envelope("shipment.mark_delivered", {"at": "2026-11-25T10:00:00-03:00"})
    other = envelope("shipment.mark_delivered", {"at": "2026-11-25T13:00:00Z"})
    assert payload_hash(parse_command(one)) == payload_hash(parse_command(other))


def test_the_id_is_compared_in_lower_case() -> None:
    assert parse_command(envelope("order.get", id=ID.upper())).envelope.id == ID


# -- replies -----------------------------------------------------------------------------------------------------------


def test_a_reply_is_read_back() -> None:
    reply = CommandReply(
        id=ID,
        command="order.approve",
        order="1",
        outcome="accepted",
        message="captured",
        state="processing",
        status="processing",
        version=3,
        allowed_actions=("order.hold",),
        result={"payment": "a1"},
    )
    assert CommandReply.model_validate(json.loads(reply.model_dump_json())) == reply


@pytest.mark.parametrize(
    ("outcome", "code"), [("rejected", None), ("accepted", "forbidden"), ("no_op", "forbidden"), ("rejected", "because")]
)
def test_only_a_rejection_has_a_code_and_it_is_a_known_one(outcome: str, code: str | None) -> None:
    with pytest.raises(ValidationError):
        CommandReply.model_validate({"id": ID, "command": "order.get", "outcome": outcome, "code": code})
