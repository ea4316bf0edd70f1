"""Old notifications: a form with a code, and the transaction in XML that is read by it.

Source: https://dev.pagseguro.uol.com.br/reference/api-notificacoes-v3 as public integrations use it. Statuses beyond 3 are not verified.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from adapters.contract import Facts, PayloadMalformed
from adapters.parsing import SAO_PAULO, Moment, decimal_to_cents, parse_xml, read_moment
from schemas.base import PaymentMethod
from schemas.facts import PaymentFact, PaymentKind
from schemas.references import Reference

CHARGE_PREFIX: Final = "CHAR_"

STATUSES: Final[Mapping[str, PaymentKind]] = {
    "1": "payment.pending",
    "2": "payment.in_review",
    "3": "payment.captured",
    "4": "payment.captured",  # the money can be drawn now: the same capture
    "5": "payment.chargeback_opened",  # dispute
    "6": "payment.refunded",
    "7": "payment.voided",
    "8": "payment.chargeback_lost",  # debited: given to the buyer
    "9": "payment.chargeback_opened",  # held back while the card's bank decides
}

_METHODS: Final[Mapping[str, PaymentMethod]] = {
    "1": "card",
    "2": "boleto",
    "3": "transfer",
    "4": "wallet",
    "7": "transfer",
    "8": "card",
    "11": "pix",
}
"""paymentMethod/type."""

_WITH_MONEY: Final = frozenset({"3", "4", "5", "6", "8", "9"})
OTHER_TYPES: Final = frozenset({"preApproval", "applicationAuthorization"})

_FORM: Final = re.compile(rb"[A-Za-z0-9%+._~&=-]{1,500}\s*")
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def notification_code(body: bytes) -> tuple[str, str] | None:
    """Return (type, code) of an old notification; None = the body is not one."""
    if not _FORM.fullmatch(body):
        return None
    fields = dict(parse_qsl(body.decode("ascii").strip()))
    kind, code = fields.get("notificationType", ""), fields.get("notificationCode", "")
    if kind not in {"transaction", *OTHER_TYPES} or not _CODE.fullmatch(code):
        return None
    return kind, code


def transaction(body: bytes, received_at: datetime) -> Facts:
    """Translate a transaction as XML. Units: reais become cents. Raises: PayloadMalformed."""
    root = parse_xml(body)
    code, status = _text(root, "code"), _text(root, "status")
    if root.tag != "transaction":
        raise PayloadMalformed("transaction: is not the root of the answer")
    if code is None or not _CODE.fullmatch(code):
        raise PayloadMalformed("transaction/code: missing, or not an id")
    if status is None or len(status) > 40:
        raise PayloadMalformed("transaction/status: missing, or too long")
    gross = _read(root, "grossAmount", decimal_to_cents)
    happened = _read(root, "lastEventDate", _moment) or _read(root, "date", _moment) or Moment(received_at, assumed=True)
    came = _read(root, "date", _moment) or happened
    key = Reference(kind="charge_id", value=f"{CHARGE_PREFIX}{code.upper()}")
    references = [key, Reference(kind="charge_id", value=code)]
    reference = _text(root, "reference")
    if reference is not None and len(reference) <= 200:
        references.append(Reference(kind="external_reference", value=reference))

    def fact(kind: PaymentKind, moment: Moment, **more: Any) -> PaymentFact:
        return PaymentFact(
            kind=kind,
            event_id=f"{key.value}:{status}:{kind.partition('.')[2]}",
            provider="pagbank",
            references=tuple(references),
            occurred_at=moment.at,
            occurred_at_assumed=moment.assumed,
            raw_word=f"transaction/{status}",
            payment_key=key,
            method=_METHODS.get(_text(root, "paymentMethod/type") or ""),
            **more,
        )

    kind = STATUSES.get(status, "payment.unknown")
    if status not in _WITH_MONEY:
        return Facts((fact(kind, happened, amount_cents=gross),))
    if gross is None:
        raise PayloadMalformed("transaction/grossAmount: missing, and the transaction is said to be paid")
    # When it was paid is not said: not before it was begun, and no later than the last that happened to it.
    paid = happened if kind == "payment.captured" else Moment(came.at, assumed=True)
    fee = _read(root, "feeAmount", decimal_to_cents)
    facts = [fact("payment.captured", paid, amount_cents=gross, paid_cents=gross, fee_cents=fee or None)]
    if kind == "payment.refunded":
        facts.append(fact(kind, happened, cumulative_cents=gross))
    elif kind != "payment.captured":
        facts.append(fact(kind, happened, funds_withdrawn=kind == "payment.chargeback_lost"))
    return Facts(tuple(facts))


def _moment(value: object) -> Moment:
    return read_moment(value, SAO_PAULO)


def _text(root: Any, path: str) -> str | None:
    found = root.findtext(path)
    return found.strip() or None if isinstance(found, str) else None


def _read(root: Any, path: str, reader: Callable[[object], Any]) -> Any:
    text = _text(root, path)
    if text is None:
        return None
    try:
        return reader(text)
    except ValueError as error:
        raise PayloadMalformed(f"transaction/{path}: {error}") from error
