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
from hub.domain.judgement import By
from hub.domain.view import View, view
from hub.engine import audit, customer_link, reference_add, rows, status_catalog, succession
from hub.engine.deliveries import COMMANDS_KEY, Outcome, Reply
from hub.engine.order_document import order_document
from hub.engine.order_state import OrderState, OutboxRow, instant_text, message_id_of
from hub.engine.prepare import Prepared
from hub.engine.roles import User, authenticated_user, may_command
from schemas.commands import (
    AddReference,
    Command,
    CreateCustomerLink,
    CreateRefund,
    EditOrder,
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
    if command.name.startswith(status_catalog.FAMILY):
        return _change_statuses(work, prepared, command, payload, user)
    if state is None:
        if isinstance(command.data, ResolveException):
            return _rejected(work, prepared, command, None, "exception_not_found", "no such exception is open")
        return _rejected(work, prepared, command, None, "order_not_found", f"no order {target}")
    if command.name == "order.get":
        work.flush()
        body = _body(work, command, "accepted", state, prepared.at, result=_document(work, state, prepared.at))
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
        form = command.data
        audit.note(work, command, prepared.at, user, order=state.number, after={"reference": f"{form.kind}:{form.value}", **result})
        body = _body(work, command, "accepted", state, prepared.at, result=result)
        _remember(work, prepared, command, payload, body)
        return Outcome("replied", f"{command.name} accepted", (state.number,), _reply(prepared, body))
    known = _known(work, state, command)
    successor = succession.successor_of(work.connection, prepared, command)
    if successor is not None:
        known = succession.known(work, state, successor, known)
    elif isinstance(command.data, EditOrder):
        return _rejected(work, prepared, command, state, "invalid_payload", "the new order's number would be too long")
    if known.exception is not None and known.exception[0] == "reference_conflict":
        return _rejected(work, prepared, command, state, "invalid_payload", "reference_conflict is settled by reference.add")
    if isinstance(command.data, ResolveException) and known.exception is not None and known.exception[0] == "outbound_unknown":
        actor = envelope.actor or user.name or "unknown"
        refusal = _settle_unknown(work, state, command.data.resolution, known.exception[1], actor, prepared.at)
        if refusal is not None:
            return _rejected(work, prepared, command, state, "invalid_payload", refusal)
        body = _body(work, command, "accepted", state, prepared.at, message=command.data.resolution)
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
        shop=replace(work.preparer.shop, statuses=work.statuses),
        known=known,
    )
    match verdict:
        case Rejected(code=code, message=message):
            return _rejected(work, prepared, command, state, code, message)
        case NoOp(message=message, result=result):
            body = _body(work, command, "no_op", state, prepared.at, message=message, result=dict(result))
        case Accepted() if isinstance(command.data, CreateRefund) and command.data.preview:
            body = _body(work, command, "accepted", state, prepared.at, message=f"preview: {verdict.message}", result=dict(verdict.result))
            return Outcome("replied", f"{command.name} preview", (state.number,), _reply(prepared, body))
        case Accepted():
            before = state.view
            if successor is None:
                _apply(work, prepared.at, command, state, verdict, user.name)
            else:
                _succeed(work, prepared, command, state, verdict, successor, user.name)
            _note(work, prepared, command, state, before, successor, user)
            result = dict(verdict.result)
            if isinstance(command.data, CreateCustomerLink):
                result |= customer_link.make(
                    work.preparer.settings,
                    customer_id=state.customer_id or "",
                    order=state.number,
                    actor=verdict.decision.actor or "",
                    nonce=envelope.id,
                    at=prepared.at,
                )
            body = _body(work, command, "accepted", state, prepared.at, message=verdict.message, result=result)
            if isinstance(command.data, CreateCustomerLink):  # a secret is kept nowhere: who repeats gets a new one
                return Outcome("replied", f"{command.name} accepted", (state.number,), _reply(prepared, body))
    _remember(work, prepared, command, payload, body)
    return Outcome("replied", f"{command.name} {body['outcome']}", (state.number,), _reply(prepared, body))


def refused_or_answered(work: "UnitOfWork", prepared: Prepared, command: Command) -> Outcome | None:
    """Say what stands against carrying a command out that is about no order: the role, or that it was answered before."""
    user = authenticated_user(prepared.delivery, work.preparer.settings)
    refusal = may_command(user, command.name, command.envelope.actor, work.preparer.settings)
    if refusal is not None:
        return _rejected(work, prepared, command, None, "forbidden", refusal)
    answered = rows.read_replies(work.connection, COMMANDS_KEY, [command.key]).get(command.key)
    if answered is None:
        return None
    if answered[0] != payload_hash(command):
        return _rejected(work, prepared, command, None, "key_reused", "this idempotency key was used for another request")
    body = {**orjson.loads(answered[1]), "id": command.envelope.id}
    return Outcome("duplicate", f"{command.name} answered before", reply=_reply(prepared, body))


def answer_letters(work: "UnitOfWork", prepared: Prepared, command: Command, result: dict[str, Any]) -> Outcome:
    """Answer dead.redrive or dead.discard by what became of the letters; a dry run leaves nothing behind."""
    counts: dict[str, int] = result["counts"]
    message = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    if counts and set(counts) == {"not_found"}:
        return _rejected(work, prepared, command, None, "dead_letter_not_found", "no such dead letter")
    outcome = "accepted" if set(counts) - {"not_open", "not_found", "not_here"} else "no_op"
    body = _body(work, command, outcome, None, prepared.at, message=message or "no dead letter fits", result=result)
    if not getattr(command.data, "dry_run", False):
        user = authenticated_user(prepared.delivery, work.preparer.settings)
        if outcome == "accepted":
            audit.note(work, command, prepared.at, user, after={"ids": [one["id"] for one in result["letters"]], **counts})
        _remember(work, prepared, command, payload_hash(command), body)
    return Outcome("replied", f"{command.name} {outcome}", (), _reply(prepared, body))


def _change_statuses(work: "UnitOfWork", prepared: Prepared, command: Command, payload: str, user: User) -> Outcome:
    actor = command.envelope.actor or user.name or "unknown"
    before = status_catalog.document_of(work.statuses, command)
    verdict = status_catalog.carry_out(work, command, prepared.at, actor, user.name)
    match verdict:
        case Rejected(code=code, message=message):
            return _rejected(work, prepared, command, None, code, message)
        case NoOp(message=message):
            body = _body(work, command, "no_op", None, prepared.at, message=message)
        case done:
            body = _body(work, command, "accepted", None, prepared.at, message=done["message"], result=done["result"])
            audit.note(work, command, prepared.at, user, before={"status": before}, after=done["result"])
    _remember(work, prepared, command, payload, body)
    return Outcome("replied", f"{command.name} {body['outcome']}", (), _reply(prepared, body))


def _succeed(
    work: "UnitOfWork",
    prepared: Prepared,
    command: Command,
    state: OrderState,
    verdict: Accepted,
    successor: succession.Successor,
    user: str | None,
) -> None:
    """Place the new order, and let each log say what concerns it: an edited order ends, a reordered one is left as it was."""
    if successor.parent is None:
        _apply(work, prepared.at, command, succession.place(work, prepared, command, successor), verdict, user)
        return
    events = _apply(work, prepared.at, command, state, verdict, user)
    for event in events:
        if event.routing_key == "order.edited":
            content = successor.order.model_dump(mode="json", exclude_none=True, exclude={"number", "placed_at"})
            event.body["content"] = content
    child = succession.place(work, prepared, command, successor)
    by = By(command.name, command.envelope.id, prepared.at, verdict.decision.actor, command.envelope.reason)
    _apply(work, prepared.at, command, child, succession.origin(command, by), user)
    work.flush()
    succession.link(work.connection, state.number, child.number)


def _note(
    work: "UnitOfWork",
    prepared: Prepared,
    command: Command,
    state: OrderState,
    before: View | None,
    successor: succession.Successor | None,
    user: User,
) -> None:
    """Write down who did it and what changed. A reorder changes the new order only, so the act is its own."""
    order, position = state.number, state.version
    if successor is not None and successor.parent is None:
        placed = work.orders[successor.order.number]
        audit.note(work, command, prepared.at, user, order=placed.number, position=placed.version, after={"reorder_of": state.number})
        return
    were, are = ({}, {}) if before is None or state.view is None else audit.difference(before, state.view)
    if successor is not None:
        are = {**are, "child": successor.order.number}
    audit.note(work, command, prepared.at, user, order=order, position=position, before=were, after=are)


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
        case SetAddress() | ResendNotice() | CreateCustomerLink():
            work.flush()
            version, erased = rows.read_personal(work.connection, state.number)
            known = replace(known, address_version=version, customer_erased=erased)
            if isinstance(command.data, SetAddress):
                return replace(known, address=rows.read_address(work.connection, state.number, command.data.type))
            secret = work.preparer.settings.customer_link_secret
            return replace(known, customer_known=state.customer_id is not None, links=secret is not None)
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
        shop=replace(work.preparer.shop, statuses=work.statuses),
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


def _offered(work: "UnitOfWork", state: OrderState, at: datetime) -> list[str]:
    if state.view is None:
        return []
    links = customer_link.available(work.preparer.settings, state.customer_id)
    return list(offered(state.view, state.done, at, work.preparer.shop, links=links))


def _apply(work: "UnitOfWork", at: datetime, command: Command, state: OrderState, verdict: Accepted, user: str | None) -> list[OutboxRow]:
    before, decision = state.view, verdict.decision
    apply_decision(state.ledger, decision)
    changed = state.refresh()
    position = state.advance(at)
    events: list[OutboxRow] = []
    if changed or decision.entries:  # a comment or a notice sent again is in no ledger, and is published all the same
        state.view = view(state.ledger, work.statuses)
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
        entry_key=hashlib.sha256(f"{COMMANDS_KEY}:{_occasion(command, position)}".encode()).hexdigest()[:32],
        occurred_at=at,
        at=at,
        body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode(),
        events=events,
        actor=decision.actor,
        authenticated_actor=user,
    )
    carry_out_policies(work, at)
    return events


def _occasion(command: Command, position: int) -> str:
    """Tell one carrying out from another: a link is made anew each time it is asked for, and each time is in the log."""
    return f"{command.key}:{position}" if isinstance(command.data, CreateCustomerLink) else command.key


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
    body = _body(work, command, "rejected", state, prepared.at, code=code, message=message)
    event = {key: body[key] for key in ("id", "command", "order", "code", "message", "state", "allowed_actions")}
    event["actor"] = command.envelope.actor
    event["occurred_at"] = instant_text(prepared.at)
    work.add_rejection(event, prepared.at)
    orders = (state.number,) if state is not None else ()
    return Outcome("replied", f"{command.name} rejected: {code}", orders, _reply(prepared, body))


def _body(
    work: "UnitOfWork",
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
        "allowed_actions": _offered(work, state, at) if state is not None else [],
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
