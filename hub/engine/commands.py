"""Carrying out commands inside the transaction: who may, has it been answered before, what the domain says, the reply."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection

from hub.domain.decisions import Decision, RefundDone, RefundFailed
from hub.domain.effects import Cause
from hub.domain.fold import apply_decision
from hub.domain.judge import Accepted, Judgement, Known, NoOp, Rejected, judge, offered
from hub.domain.view import view
from hub.engine import reference_add, rows
from hub.engine.deliveries import COMMANDS_KEY, Outcome, Reply
from hub.engine.order_document import order_document
from hub.engine.order_state import OrderState, instant_text, message_id_of
from hub.engine.prepare import Prepared
from hub.engine.roles import authenticated_user, may_command
from schemas.commands import (
    AddReference,
    Command,
    ResendNotice,
    ResolveException,
    SetAddress,
    legible_envelope,
    parse_command,
    payload_hash,
)

if TYPE_CHECKING:
    from hub.engine.transaction import UnitOfWork

_REPLY_QUEUES: Final = ("amq.rabbitmq.reply-to.", "reply.")


def carry_out(work: "UnitOfWork", prepared: Prepared, command: Command) -> Outcome:
    """Judge one command and apply its decision. Accepted and no_op answers are final; a rejected command is judged anew."""
    envelope = command.envelope
    target = target_of(work.connection, command)
    state = work.orders.get(target) if target is not None else None
    user = authenticated_user(prepared.delivery, work.preparer.settings)
    refusal = may_command(user, command.name, envelope.actor, work.preparer.settings)
    if refusal is not None:
        return _rejected(work, prepared, command, state, "forbidden", refusal)
    payload = payload_hash(command)
    answered = work.answers.get(command.key)
    if answered is not None and command.name != "order.get":
        if answered[0] != payload:
            return _rejected(work, prepared, command, state, "key_reused", "this idempotency key was used for another request")
        body = {**orjson.loads(answered[1]), "id": envelope.id}
        return Outcome("duplicate", f"{command.name} answered before", reply=_reply(prepared, body))
    if state is None:
        if isinstance(command.data, ResolveException):
            return _rejected(work, prepared, command, None, "exception_not_found", "no such exception is open")
        return _rejected(work, prepared, command, None, "order_not_found", f"no order {target}")
    if command.name == "order.get":
        work.flush()
        body = _body(command, "accepted", state, prepared.at, result=_document(work, state, prepared.at))
        return Outcome("replied", command.name, (state.number,), _reply(prepared, body))
    if envelope.expected_version is not None and envelope.expected_version != state.version:
        message = f"expected version {envelope.expected_version}, the order is at {state.version}"
        return _rejected(work, prepared, command, state, "version_conflict", message)
    if isinstance(command.data, AddReference):
        keys = reference_add.keys_of(work.connection, command.data)
        if not keys:
            message = "nothing waits under this reference; name its scope to register it all the same"
            return _rejected(work, prepared, command, state, "invalid_payload", message)
        result = reference_add.add_reference(work, prepared, state, keys)
        body = _body(command, "accepted", state, prepared.at, result=result)
        _remember(work, prepared, command, payload, body)
        return Outcome("replied", f"{command.name} accepted", (state.number,), _reply(prepared, body))
    known = _known(work, state, command)
    if known.exception is not None and known.exception[0] == "reference_conflict":
        return _rejected(work, prepared, command, state, "invalid_payload", "reference_conflict is settled by reference.add")
    if isinstance(command.data, ResolveException) and known.exception is not None and known.exception[0] == "outbound_unknown":
        actor = envelope.actor or user.name or "unknown"
        refusal = _settle_unknown(work, state, command.data.resolution, known.exception[1], actor, prepared.at)
        if refusal is not None:
            return _rejected(work, prepared, command, state, "invalid_payload", refusal)
        body = _body(command, "accepted", state, prepared.at, message=command.data.resolution)
        _remember(work, prepared, command, payload, body)
        return Outcome("replied", f"{command.name} accepted", (state.number,), _reply(prepared, body))
    assert state.view is not None
    verdict = judge(
        state.ledger,
        state.view,
        command,
        now=prepared.at,
        command_id=envelope.id,
        actor=envelope.actor or user.name or "unknown",
        shop=work.preparer.shop,
        known=known,
    )
    match verdict:
        case Rejected(code=code, message=message):
            return _rejected(work, prepared, command, state, code, message)
        case NoOp(message=message, result=result):
            body = _body(command, "no_op", state, prepared.at, message=message, result=dict(result))
        case Accepted():
            _apply(work, prepared.at, command, state, verdict, user.name)
            body = _body(command, "accepted", state, prepared.at, message=verdict.message, result=dict(verdict.result))
    _remember(work, prepared, command, payload, body)
    return Outcome("replied", f"{command.name} {body['outcome']}", (state.number,), _reply(prepared, body))


def target_of(connection: Connection, command: Command) -> str | None:
    """Name the order a command is about; exception.resolve names it by the exception."""
    if isinstance(command.data, ResolveException):
        found = rows.exception_of(connection, command.data.exception)
        if found is None or command.envelope.order not in (None, found[0]):
            return None
        return found[0]
    return command.target


def _known(work: "UnitOfWork", state: OrderState, command: Command) -> Known:
    """Gather what the order's rows say and its ledger does not, as far as this command asks for it."""
    known = Known(done=state.done)
    match command.data:
        case ResolveException(exception=exception):
            found = rows.exception_of(work.connection, exception)
            return replace(known, exception=None if found is None else found[1:])
        case SetAddress() | ResendNotice():
            work.flush()
            version, erased = rows.read_personal(work.connection, state.number)
            return replace(known, address_version=version, customer_erased=erased)
        case _:
            return known


def carry_out_policies(work: "UnitOfWork", at: datetime) -> None:
    """Carry out what the hub orders itself to do, at once and in the same transaction; what is refused is no longer needed."""
    while work.policies:
        state, order = work.policies.pop(0)
        command_id = policy_command_id(state, order.command)
        document = {"id": command_id, "command": order.command, "order": state.number, "data": dict(order.data)}
        command = parse_command(document)
        give_policy_command(work, state, command, order.actor, at)


def policy_command_id(state: OrderState, name: str) -> str:
    """Give the id of a command of the hub's own: the same if the transaction is tried again."""
    return message_id_of(f"policy:{state.number}:{state.version}:{name}")


def give_policy_command(work: "UnitOfWork", state: OrderState, command: Command, actor: str, at: datetime) -> Judgement:
    """Judge a command of the hub's own and apply it; there is nobody to answer."""
    assert state.view is not None
    verdict = judge(
        state.ledger,
        state.view,
        command,
        now=at,
        command_id=command.envelope.id,
        actor=actor,
        shop=work.preparer.shop,
        known=_known(work, state, command),
    )
    if isinstance(verdict, Accepted):
        _apply(work, at, command, state, verdict, None)
    return verdict


def _settle_unknown(work: "UnitOfWork", state: OrderState, resolution: str, key: str, actor: str, at: datetime) -> str | None:
    """Settle a request of which nobody could say what became, on a person's word: `done`, `failed`, or `retry` to make it again."""
    if resolution not in ("done", "failed", "retry"):
        return "resolution must be done (the provider did it), failed (it did not), or retry (it did not, ask it again)"
    request = int(key.removeprefix("outbound:"))
    row = rows.lock_outbound(work.connection, request)
    if row is None or row.state != "unknown":
        return "the request was settled otherwise"
    refund = orjson.loads(row.parameters).get("refund")
    if refund is not None and resolution != "retry":
        payment = orjson.loads(row.parameters).get("payment")
        entry: RefundDone | RefundFailed = (
            RefundDone(entry="refund_done", refund=refund, payment=payment)
            if resolution == "done"
            else RefundFailed(entry="refund_failed", refund=refund, payment=payment)
        )
        record_outcome(
            work, state, Decision(kind=f"refund.{resolution}", command_id=f"outbound:{request}", at=at, actor=actor, entries=(entry,))
        )
    work.settle_own_exception(state, "outbound_unknown", key, resolution, actor, at)
    work.settle_request(row, "queued" if resolution == "retry" else resolution, at)
    return None


def record_outcome(work: "UnitOfWork", state: OrderState, decision: Decision) -> None:
    """Write down what became of a request to a provider, as a decision of the hub's own; what is known already leaves no row."""
    before = state.view
    apply_decision(state.ledger, decision)
    if not state.refresh():
        return
    position = state.advance(decision.at)
    state.view = view(state.ledger)
    cause = Cause(decision.kind, COMMANDS_KEY, decision.command_id, decision.at, decision.actor, decision)
    events = work.publish(state, before, state.view, cause, decision.at)
    document = decision.model_dump(mode="json", exclude_none=True)
    work.log(
        state,
        position,
        kind=decision.kind,
        source=COMMANDS_KEY,
        source_event_id=decision.command_id,
        entry_key=hashlib.sha256(f"{COMMANDS_KEY}:{decision.kind}:{decision.command_id}".encode()).hexdigest()[:32],
        occurred_at=decision.at,
        at=decision.at,
        body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode(),
        events=events,
        actor=decision.actor,
    )
    carry_out_policies(work, decision.at)


def _document(work: "UnitOfWork", state: OrderState, at: datetime) -> dict[str, Any]:
    assert state.view is not None
    document = order_document(work.connection, state.number) or {}
    return {**document, "allowed_actions": list(offered(state.view, state.done, at, work.preparer.shop))}


def _apply(work: "UnitOfWork", at: datetime, command: Command, state: OrderState, verdict: Accepted, user: str | None) -> None:
    before, decision = state.view, verdict.decision
    apply_decision(state.ledger, decision)
    changed = state.refresh()
    position = state.advance(at)
    events = []
    if changed or decision.entries:  # a comment or a notice sent again is in no ledger, and is published all the same
        state.view = view(state.ledger)
        cause = Cause(command.name, COMMANDS_KEY, command.envelope.id, at, decision.actor, decision, verdict.texts)
        events = work.publish(state, before, state.view, cause, at)
    for request in verdict.requests:
        work.ask_provider(state.number, command.envelope.id, request, at)
    document = decision.model_dump(mode="json", exclude_none=True)
    work.log(
        state,
        position,
        kind=command.name,
        source=COMMANDS_KEY,
        source_event_id=command.envelope.id,
        entry_key=hashlib.sha256(f"{COMMANDS_KEY}:{command.key}".encode()).hexdigest()[:32],
        occurred_at=at,
        at=at,
        body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode(),
        events=events,
        actor=decision.actor,
        authenticated_actor=user,
    )
    carry_out_policies(work, at)


def _remember(work: "UnitOfWork", prepared: Prepared, command: Command, payload: str, body: dict[str, Any]) -> None:
    document = orjson.dumps(body).decode()
    work.answers[command.key] = (payload, document)
    work.pending.replies.append(
        {
            "source": COMMANDS_KEY,
            "event_id": command.key,
            "body_sha256": "",
            "payload_sha256": payload,
            "reply": document,
            "received_at": prepared.at,
        }
    )


def _rejected(work: "UnitOfWork", prepared: Prepared, command: Command, state: OrderState | None, code: str, message: str) -> Outcome:
    body = _body(command, "rejected", state, prepared.at, code=code, message=message)
    event = {key: body[key] for key in ("id", "command", "order", "code", "message", "state", "allowed_actions")}
    event["actor"] = command.envelope.actor
    event["occurred_at"] = instant_text(prepared.at)
    work.add_rejection(event, prepared.at)
    orders = (state.number,) if state is not None else ()
    return Outcome("replied", f"{command.name} rejected: {code}", orders, _reply(prepared, body))


def _body(
    command: Command,
    outcome: str,
    state: OrderState | None,
    at: datetime,
    *,
    code: str | None = None,
    message: str = "",
    result: dict[str, Any] | None = None,
) -> dict[str, Any]:
    now = state.view if state is not None else None
    return {
        "id": command.envelope.id,
        "command": command.name,
        "order": state.number if state is not None else command.target,
        "outcome": outcome,
        "code": code,
        "message": message,
        "state": now.state if now is not None else None,
        "status": now.status if now is not None else None,
        "version": state.version if state is not None else None,
        "allowed_actions": list(offered(now, state.done, at)) if now is not None and state is not None else [],
        "result": result or {},
    }


def unreadable_reply(prepared: Prepared) -> Reply | None:
    """Answer a command that cannot be read, if its reply_to can."""
    try:
        document = orjson.loads(prepared.delivery.raw.body)
    except orjson.JSONDecodeError:
        document = None
    known = legible_envelope(document)
    body: dict[str, Any] = {
        "id": known.id,
        "command": known.command,
        "order": known.order,
        "outcome": "rejected",
        "code": "invalid_payload",
        "message": prepared.deaths[0].cause if prepared.deaths else "",
        "state": None,
        "status": None,
        "version": None,
        "allowed_actions": [],
        "result": {},
    }
    return _reply(prepared, body)


def _reply(prepared: Prepared, body: dict[str, Any]) -> Reply:
    """Address an answer. A reply looks like a command and is sent by the hub's own user, so it goes to reply queues only."""
    reply_to = prepared.delivery.reply_to
    allowed = reply_to is not None and reply_to.startswith(_REPLY_QUEUES)
    return Reply(reply_to if allowed else None, prepared.delivery.correlation_id, body)
