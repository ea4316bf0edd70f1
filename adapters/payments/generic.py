"""Canonical payment facts: payments.generic, for bank statements, scripts and manual tools.

Source: contract.md, Inbound keys; schemas/json/payment.facts.v1.json. Amounts: integer centavos. Times: ISO 8601 with offset. Event id: the
fact's `id`. The words are the hub's own and closed: one that is not among them is refused, as is a field nobody knows.

References are looked up in the scope `generic`; `order`, the order number, is found in any case. A fact joins the attempt of another
provider by a reference that the attempt declared, so that a Pix proved by the statement and told by the bank counts once.
"""

from typing import Any, Final

from adapters.contract import Adapter, Facts, Idempotency, RawDelivery, unsigned
from adapters.parsing import canonical_facts
from schemas.facts import PaymentFact
from schemas.payments import GENERIC_KINDS, GenericFact
from schemas.references import Reference

PROVIDER: Final = "generic"


def translate(delivery: RawDelivery) -> Facts:
    """Translate canonical facts. Raises: PayloadMalformed, naming the fact's place and field."""
    return canonical_facts(delivery, GenericFact, _fact)


def _fact(told: GenericFact) -> PaymentFact:
    payment = told.payment
    names = (*payment.references, *([payment.key] if payment.key else []))
    number = (Reference(kind="order_number", value=payment.order),) if payment.order else ()
    figures: dict[str, Any] = payment.model_dump(exclude={"order", "references", "key", "currency"}, exclude_unset=True)
    return PaymentFact(
        kind=told.kind,
        event_id=told.id,
        provider=PROVIDER,
        account=told.account,
        references=tuple(dict.fromkeys((*number, *names))),
        occurred_at=told.occurred_at,
        raw_word=told.source,
        reason=told.reason,
        payment_key=payment.key,
        **figures,
    )


ADAPTER: Final = Adapter(
    name="payments.generic",
    translate=translate,
    verify=unsigned,
    docs="schemas/json/payment.facts.v1.json",
    body_identifies_event=True,
    reference_kinds=("payment_id", "external_reference", "txid", "e2e"),
    statuses=GENERIC_KINDS,
    methods=("card", "pix", "boleto", "transfer", "cash", "wallet", "other"),
    amount_format="integer cents",
    time_zone="offset in every time",
    idempotency=Idempotency("none"),
)
