"""Providers that keep books, as their APIs are documented: Pagar.me's charges and the bank's devoluções."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fake_provider import Answer, Asked


@dataclass
class Charge:
    """One charge of Pagar.me; amounts in cents, cumulative."""

    id: str
    amount: int
    captured: bool = True
    canceled: int = 0
    refunds: list[int] = field(default_factory=list)
    waiting: int = 0

    def document(self) -> dict[str, Any]:
        """Give the charge as GET /charges/{id} and DELETE /charges/{id} show it."""
        if self.waiting:
            status, word = "paid", "pending_refund"
        elif self.captured:
            status = "canceled" if self.canceled >= self.amount else "paid"
            word = "captured" if not self.refunds else ("refunded" if status == "canceled" else "partial_refunded")
        else:
            status, word = ("canceled", "voided") if self.canceled else ("pending", "authorized_pending_capture")
        moved = self.waiting or (self.refunds or [self.amount])[-1]
        transaction = {"id": f"tran_{self.id}_{len(self.refunds)}", "status": word, "amount": moved}
        told = {"id": self.id, "amount": self.amount, "canceled_amount": self.canceled, "status": status, "payment_method": "credit_card"}
        paid = {"paid_amount": self.amount, "paid_at": "2026-01-22T13:05:10Z"} if self.captured else {}
        return {**told, **paid, "currency": "BRL", "last_transaction": transaction}


class PagarmeBooks:
    """Charges, and keys remembered. `fault` may spoil an answer before or after the work is done."""

    def __init__(self, fault: Callable[[Asked], str | None] = lambda _: None) -> None:
        self.charges: dict[str, Charge] = {}
        self.keys: dict[str, tuple[int, dict[str, Any]]] = {}
        self.fault = fault
        self.slow = False

    def __call__(self, asked: Asked) -> Answer:
        """Answer as the Core API v5 does."""
        fault = self.fault(asked)
        match fault:
            case "429":
                return Answer(429, {"message": "slow down"}, {"Retry-After": "1"})
            case "500":
                return Answer(500, {"message": "internal"})
        answer = self._work(asked)
        match fault:
            case "reset":
                return Answer(reset=True)
            case "late":
                return Answer(answer.status, answer.document, after_s=1.3)
            case "500 after":
                return Answer(502, None)
        return answer

    def _work(self, asked: Asked) -> Answer:
        charge = self.charges.get(asked.path.rpartition("/")[2])
        if charge is None:
            return Answer(404, {"message": "charge not found"})
        if asked.method == "GET":
            return Answer(200, charge.document())
        assert asked.method == "DELETE"
        key = asked.headers["idempotency-key"]
        if key in self.keys:
            return Answer(*self.keys[key])
        status, document = self._cancel(charge, json.loads(asked.body).get("amount"))
        self.keys[key] = (status, document)
        return Answer(status, document)

    def _cancel(self, charge: Charge, cents: int | None) -> tuple[int, dict[str, Any]]:
        cents = charge.amount - charge.canceled if cents is None else cents
        if cents <= 0 or charge.canceled + charge.waiting + cents > charge.amount:
            return 412, {"message": "nothing to cancel"}
        if self.slow:
            charge.waiting = cents
        else:
            charge.canceled += cents
            if charge.captured:
                charge.refunds.append(cents)
        return 200, charge.document()


class PixBooks:
    """The bank: devoluções by the id that the shop chose, and tokens."""

    def __init__(self, received: dict[str, int]) -> None:
        self.received = received
        self.refunds: dict[tuple[str, str], dict[str, Any]] = {}
        self.status = "EM_PROCESSAMENTO"
        self.tokens = 0

    def __call__(self, asked: Asked) -> Answer:
        """Answer as the API Pix does."""
        if asked.path == "/oauth/token":
            self.tokens += 1
            return Answer(200, {"access_token": f"token{self.tokens}", "expires_in": 3600, "token_type": "Bearer"})
        assert asked.headers["authorization"] == f"Bearer token{self.tokens}"
        _, _, e2e, _, refund_id = asked.path.split("/")
        known = self.refunds.get((e2e, refund_id))
        if asked.method == "GET":
            return Answer(404, {"status": 404}) if known is None else Answer(200, known)
        if known is None:
            value = json.loads(asked.body)["valor"]
            known = self.refunds[e2e, refund_id] = {
                "id": refund_id,
                "rtrId": f"D{len(self.refunds):031d}",
                "valor": value,
                "horario": {"solicitacao": "2026-11-25T12:00:00Z"},
                "status": self.status,
            }
        return Answer(201, known)


def at_random(chance: random.Random, share: float) -> Callable[[Asked], str | None]:
    """Spoil this share of all answers, in every way there is."""
    faults = ("429", "500", "reset", "late", "500 after")
    return lambda _: chance.choice(faults) if chance.random() < share else None
