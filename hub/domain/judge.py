"""Whether a command may be done now, and what it puts into the ledger. Guards return codes; they never raise."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from hub.domain import paying, refunding, shipping
from hub.domain.decisions import (
    Acknowledged,
    AddressChanged,
    CancelRecord,
    Commented,
    HoldReleased,
    HoldSet,
    LabelChosen,
    NoticeResent,
    Originated,
    PaperIssued,
    ProductionStarted,
    Superseded,
)
from hub.domain.exceptions import RESOLVE
from hub.domain.guards import GUARDS, NO_OP, OK, Answer, guard
from hub.domain.judgement import (
    NOTHING_KNOWN,
    SHOP,
    Accepted,
    AddressText,
    By,
    CommentText,
    Judgement,
    Known,
    NoOp,
    Rejected,
    Shop,
    Texts,
    TrackText,
)
from hub.domain.ledger import Ledger
from hub.domain.succession import EDITED, child_number
from hub.domain.view import View
from schemas.commands import (
    AcceptReview,
    AddTrack,
    ApproveOrder,
    CancelOrder,
    Command,
    CommandData,
    CommentOrder,
    CreateCustomerLink,
    CreateRefund,
    CreateShipment,
    DenyReview,
    EditOrder,
    ExpireOrder,
    HoldOrder,
    MarkDelivered,
    MarkDifficulty,
    MarkFiscalIssued,
    MarkInTransit,
    MarkShipment,
    ReleaseOrder,
    RemoveTrack,
    ReorderOrder,
    ResendNotice,
    ResolveException,
    SetAddress,
    SetStatus,
    StartProduction,
    VoidPayment,
)

__all__ = [
    "Accepted", "AddressText", "CommentText", "Judgement", "Known", "NoOp", "Rejected", "Shop", "Texts", "TrackText", "judge", "offered",
]  # fmt: skip

INVOICE: Final = "invoice"
"""In `done` once the sale invoice was made."""

_REFUSALS: Final[Mapping[str, str]] = {
    "already_paid": "the order is paid already",
    "not_paid": "the order is not paid",
    "in_payment_review": "a payment is under review: accept or deny the review first",
    "not_in_review": "no payment is under review",
    "order_complete": "the order is complete",
    "order_closed": "the order is closed",
    "order_canceled": "the order is canceled",
    "order_held": "the order is held: release it first",
    "not_held": "the order is not held",
    "dispute_open": "the order is held by an open dispute, which ends with the dispute",
    "edit_requires_refund": "a paid order is not edited: refund it, and reorder",
    "cancel_requires_refund": "a paid order is not canceled: refund it",
    "not_due_yet": "it is too early to give the payment up",
    "nothing_to_produce": "nothing is left to produce",
    "nothing_to_ship": "nothing is left to ship",
    "not_shipped": "nothing has been shipped",
    "document_not_found": "no shipment has a tracking number",
    "nothing_to_refund": "no money is left to give back",
    "refund_pending": "a refund is on its way for all that is left",
    "use_shipment": "this status follows from shipment.create",
    "status_unknown": "there is no such status",
    "status_not_in_state": "this status is not one of the order's state",
}

_NOTHING_CHANGES: Final[Mapping[str, str]] = {
    "order.start_production": "production has started already",
    "order.expire": "the order is not waiting for a payment",
}

_LINKED: Final[Mapping[str, tuple[str, type[CommandData]]]] = {
    "in_production": ("order.start_production", StartProduction),
    "nf_issued": ("fiscal.mark_issued", MarkFiscalIssued),
    "in_transit": ("shipment.mark_in_transit", MarkInTransit),
    "delivery_difficulty": ("shipment.mark_difficulty", MarkDifficulty),
    "delivered": ("shipment.mark_delivered", MarkDelivered),
}
"""Statuses that are no mere labels: choosing one does what it says, and asks the same guard."""

_BY_SHIPMENT: Final = frozenset({"shipped", "partially_shipped"})


def judge(
    ledger: Ledger,
    view: View,
    command: Command,
    *,
    now: datetime,
    command_id: str,
    actor: str | None,
    shop: Shop = SHOP,
    known: Known = NOTHING_KNOWN,
) -> Judgement:
    """Judge one command on one order. Who may, idempotency and expected_version are the engine's business."""
    data = command.data
    by = By(
        command.name,
        command_id,
        now,
        actor,
        command.envelope.reason,
        getattr(data, "comment", None),
        getattr(data, "notify", None),
        getattr(data, "visible", None),
    )
    match data:
        case ResolveException():
            return _resolve(view, data, by, known)
        case VoidPayment():
            return paying.void(ledger, view, data, by, shop)
        case SetStatus():
            return _set_status(ledger, view, data, by, shop)
        case ResendNotice():
            return _resend(view, data, by, known)
        case ExpireOrder():
            return _expire(view, by, shop)
        case CreateCustomerLink():
            return _customer_link(by, known)
    if command.name not in GUARDS:
        return Rejected("invalid_payload", f"{command.name} is not a command for one order of this hub version")
    answer = guard(command.name, view.standing)
    if isinstance(data, CreateShipment) and answer == "not_paid" and data.force and view.standing.column in ("N", "PP"):
        if not (by.reason or "").strip():
            return Rejected("invalid_payload", "reason is required to ship an order that is not paid")
        answer = OK
    if answer != OK:
        return _refused(command.name, answer, view)
    return _carry_out(ledger, view, command.name, data, by, shop, known)


def _refused(command: str, answer: Answer, view: View) -> Judgement:
    if answer in (OK, NO_OP):
        return NoOp(_NOTHING_CHANGES.get(command, f"the order is {view.state} already"))
    if answer == "order_held" and "dispute" in view.hold_reasons:
        return Rejected(answer, "the order is held by an open dispute")
    return Rejected(answer, _REFUSALS[answer])  # type: ignore[arg-type]


def _carry_out(ledger: Ledger, view: View, command: str, data: CommandData, by: By, shop: Shop, known: Known) -> Judgement:
    """Do what the guard has let pass, if the rest of it can be done."""
    match data:
        case ApproveOrder():
            return paying.approve(ledger, view, data, by)
        case AcceptReview():
            return paying.accept_review(ledger, view, data, by)
        case DenyReview():
            return paying.deny_review(view, data, by)
        case CancelOrder():
            return by.accept(CancelRecord(entry="cancel", reason="operator"), message="canceled")
        case HoldOrder():
            return _hold(view, data, by)
        case ReleaseOrder():
            return _release(view, data, by)
        case StartProduction():
            return by.accept(ProductionStarted(entry="production"), message="production started")
        case MarkFiscalIssued():
            return _mark_issued(view, data, by)
        case CreateShipment():
            return shipping.create_shipment(ledger, view, data, by, shop)
        case AddTrack():
            return shipping.add_track(ledger, view, data, by, shop)
        case RemoveTrack():
            return shipping.remove_track(ledger, view, data, by)
        case MarkShipment():
            return shipping.mark(view, command, data, by)
        case CreateRefund():
            return refunding.create_refund(ledger, view, data, by, shop)
        case SetAddress():
            return _set_address(view, data, by, known)
        case CommentOrder():
            return _comment(view, data, by, known)
        case EditOrder():
            return _edit(view, by, known)
        case ReorderOrder():
            return _reorder(view, data, by, known)
        case _:
            return Accepted(by.decide(()))


# -- the order ---------------------------------------------------------------------------------------------------------------------


def _expire(view: View, by: By, shop: Shop) -> Judgement:
    """Give an unpaid order up. The hub's own timer is never refused: what it finds changed is dropped, or left for later."""
    answer = guard("order.expire", view.standing)
    if answer != OK:
        refusal = _refused("order.expire", answer, view)
        return NoOp(refusal.message) if by.policy else refusal
    due = None if view.expiry is None else view.expiry.due(shop.calendar)
    if due is None or by.at < due:
        message = _REFUSALS["not_due_yet"] + ("" if due is None else f": it is due at {due.isoformat()}")
        return NoOp(message) if by.policy else Rejected("not_due_yet", message)
    if view.state == "holded":
        # Its timer is dated to the release, so there is nothing to remember.
        message = "the order is held: it is given up when it is released"
        return NoOp(message) if by.policy else by.accept(message=message)
    return by.accept(CancelRecord(entry="cancel", reason="expired"), message="canceled for lack of payment")


def _edit(view: View, by: By, known: Known) -> Judgement:
    """End the order in favour of another, which the engine places in the same transaction."""
    child = known.successor or child_number(view.number, None)
    if known.customer_erased:
        return Rejected("customer_erased", "the customer's data has been erased")
    if known.successor_exists:
        return Rejected("order_exists", f"there is an order {child} already, and it is not of this one")
    canceled = CancelRecord(entry="cancel", reason=EDITED)
    return by.accept(canceled, Superseded(entry="superseded", child=child), result={"child": child}, message=f"replaced by {child}")


def _reorder(view: View, form: ReorderOrder, by: By, known: Known) -> Judgement:
    """Let a further order begin; of this one nothing changes, its log included (invariant I23)."""
    number = form.order.number
    if known.successor_exists or number == view.number:
        return Rejected("order_exists", f"there is an order {number} already")
    entry = Originated(entry="originated", how="reorder", order=view.number)
    return by.accept(entry, result={"order": number}, message=f"placed {number}")


def _hold(view: View, form: HoldOrder, by: By) -> Judgement:
    if form.hold_reason in view.holds.values():
        return NoOp(f"the order is held already, reason {form.hold_reason}")
    return by.accept(HoldSet(entry="hold", reason=form.hold_reason), message=f"held, reason {form.hold_reason}")


def _release(view: View, form: ReleaseOrder, by: By) -> Judgement:
    reason = form.hold_reason
    if reason == "dispute" and "dispute" in view.hold_reasons:
        return Rejected("dispute_open", _REFUSALS["dispute_open"])
    released = tuple(sorted(key for key, set_for in view.holds.items() if reason in (None, set_for)))
    if not released:
        return Rejected("not_held", f"the order is not held for {reason}")
    reasons = sorted({view.holds[key] for key in released})
    return by.accept(HoldReleased(entry="release", holds=released), result={"released": reasons}, message="released")


def _set_status(ledger: Ledger, view: View, form: SetStatus, by: By, shop: Shop) -> Judgement:
    """Choose the status that is shown. A linked one is reached by doing what it says."""
    status = form.status
    if status not in shop.statuses.labels:
        return Rejected("status_unknown", _REFUSALS["status_unknown"])
    if status in _BY_SHIPMENT:
        return Rejected("use_shipment", _REFUSALS["use_shipment"])
    assigned = status in shop.statuses.assigned[view.state]
    if status in _LINKED:
        name, model = _LINKED[status]
        answer = guard(name, view.standing)
        if answer == OK and assigned:
            return _carry_out(ledger, view, name, model(), by, shop, NOTHING_KNOWN)
        if answer != OK:
            return _refused(name, answer, view)
    if not assigned:
        return Rejected("status_not_in_state", f"{status} is not a status of the state {view.state}")
    slot = "held" if view.state == "holded" else "base"
    chosen = ledger.labels.get(slot)
    entry = LabelChosen.model_validate(
        {
            "entry": "label",
            "slot": slot,
            "status": status,
            "base_state": view.base_state,
            "fulfilment_state": view.fulfilment_state,
            "fiscal_state": view.fiscal_state,
            "ordinal": 1 if chosen is None else chosen.ordinal + 1,
        }
    )
    return by.accept(entry, message=f"status {status}")


def _comment(view: View, form: CommentOrder, by: By, known: Known) -> Judgement:
    kind = identity = None
    if form.document is not None:
        kind, identity = form.document.kind, form.document.id
        if identity not in _documents(view, kind, known):
            return Rejected("document_not_found", f"the order has no such {kind}")
        if not form.text.strip():
            return Rejected("comment_required", "a comment on a document needs a text")
    text = CommentText(form.text, kind, identity, form.notify is True, form.visible is True)
    return Accepted(by.decide((Commented(entry="comment", kind=kind, document=identity),)), {}, "noted", Texts(text))


def _set_address(view: View, form: SetAddress, by: By, known: Known) -> Judgement:
    address = form.address.model_dump(mode="json", exclude_none=True)
    old = known.address or {}
    fields = tuple(sorted(name for name in {*address, *old} if address.get(name) != old.get(name)))
    if not fields:
        return NoOp(f"this is the {form.type} address already")
    version = known.address_version + 1
    message = f"{form.type} address changed"
    warnings = _bear_the_old_one(view) if form.type == "shipping" else []
    if warnings:
        message += f"; {', '.join(warnings)} bear{'s' if len(warnings) == 1 else ''} the old one"
    text = AddressText(form.type, version, address)
    entry = AddressChanged(entry="address", type=form.type, version=version, fields=fields)
    accepted = by.accept(entry, result={"version": version, "changed": list(fields), "warnings": warnings}, message=message)
    return replace(accepted, texts=Texts(address=text))


def _bear_the_old_one(view: View) -> list[str]:
    """List what was made out to the address that is replaced (R54)."""
    shipped = any(shipment.shipped_at is not None for shipment in view.shipments)
    label = any(shipment.shipped_at is None for shipment in view.shipments)
    issued = any(paper.sale and paper.state == "issued" for paper in view.fiscal_documents)
    return [name for name, there in (("label", label), ("shipment", shipped), ("tax paper", issued)) if there]


def _customer_link(by: By, known: Known) -> Judgement:
    """Allow a look into the customer's account; the link itself is made, and forgotten, by the engine."""
    if known.customer_erased:
        return Rejected("customer_erased", "the customer's data has been erased")
    if not known.customer_known:
        return Rejected("customer_unknown", "the shop named no customer for this order")
    if not known.links:
        return Rejected("link_unavailable", "HUB_CUSTOMER_LINK_SECRET is not set")
    return by.accept(message="link made")


# -- papers and notices ------------------------------------------------------------------------------------------------------------


def _mark_issued(view: View, form: MarkFiscalIssued, by: By) -> Judgement:
    """Take a person's word that the tax paper exists; what proves it is merged into it later."""
    sales = [paper for paper in view.fiscal_documents if paper.sale and paper.state != "ignored"]
    if form.access_key is not None:
        same = [paper for paper in sales if paper.access_key == form.access_key]
    elif form.number is not None:
        same = [paper for paper in sales if paper.number == form.number and form.series in (None, paper.series)]
    else:
        same = [paper for paper in sales if paper.state == "issued"]
    if any(paper.state == "issued" for paper in same):
        return NoOp("this tax paper is issued already", {"document": same[0].id})
    if any(paper.state in ("canceled", "denied") for paper in same):
        return Rejected("invalid_payload", f"this tax paper is {same[0].state}: it needs a new one")
    entry = PaperIssued(entry="paper", access_key=form.access_key, number=form.number, series=form.series, url=form.url)
    return by.accept(entry, message="tax paper marked as issued")


def _documents(view: View, kind: str, known: Known) -> list[str]:
    """List the documents of a kind, the latest last."""
    match kind:
        case "invoice":
            return [view.invoice_number] if INVOICE in known.done else []
        case "shipment":
            return [shipment.id for shipment in view.shipments if shipment.shipped_at is not None]
        case "refund":
            return [refund.id for refund in sorted(view.refunds, key=lambda refund: refund.at)]
        case _:
            return []


def _resend(view: View, form: ResendNotice, by: By, known: Known) -> Judgement:
    """Send a notice once more, under a key of its own."""
    document = form.document
    if form.kind == "order":
        if view.base_state == "canceled":
            return Rejected("order_canceled", _REFUSALS["order_canceled"])
    else:
        documents = _documents(view, form.kind, known)
        document = document or (documents[-1] if documents else None)
        if document is None or document not in documents:
            return Rejected("document_not_found", f"the order has no such {form.kind}")
    if known.customer_erased:
        return Rejected("customer_erased", "the customer's data has been erased")
    return by.accept(NoticeResent(entry="resent", kind=form.kind, document=document), message="will be sent again")


def _resolve(view: View, form: ResolveException, by: By, known: Known) -> Judgement:
    """Settle an exception as it stands; more of the same opens it again."""
    found = next((one for one in view.exceptions if (one.kind, one.key) == known.exception), None)
    if found is None:
        return Rejected("exception_not_found", "no such exception is open")
    if RESOLVE not in found.resolve_with:
        return Rejected("invalid_payload", f"{found.kind} is settled by {' or '.join(found.resolve_with)}")
    entry = Acknowledged.model_validate(
        {"entry": "acknowledged", "kind": found.kind, "key": found.key, "mark": found.mark, "resolution": form.resolution}
    )
    noted = replace(by, comment=form.note)
    return noted.accept(entry, result={"exception": form.exception}, message=f"{found.kind} resolved")


def offered(view: View, done: frozenset[str], now: datetime, shop: Shop = SHOP, *, links: bool = False) -> tuple[str, ...]:
    """List the commands that would be accepted now with a valid payload (invariant I20). What needs force is not offered.

    To what the view allows it adds what hangs on the time, on the invoice that was made, on the customer's account (`links`).
    """
    actions = view.allowed_actions
    if view.expiry is not None and guard("order.expire", view.standing) == OK and view.expiry.due(shop.calendar) <= now:
        actions = (*actions, "order.expire")
    if INVOICE in done and "notify.resend" not in actions:
        actions = (*actions, "notify.resend")
    return (*actions, "customer.impersonate_link") if links else actions
