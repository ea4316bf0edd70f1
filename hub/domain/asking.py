"""What can be asked of a provider about a payment: which of its own payments is meant, and what is left on it."""

from collections.abc import Iterator
from typing import NamedTuple

from hub.domain.attempts import charged_back_of, refunded_of
from hub.domain.judgement import ProviderRequest
from hub.domain.ledger import Ledger
from hub.domain.references import KEY_CODES, decoded
from hub.domain.view import AttemptView, View


class ProviderPayment(NamedTuple):
    """One payment as its provider knows it."""

    key_kind: str
    key: str
    captured_cents: int
    told_cents: int
    left_cents: int


def payments_at_provider(ledger: Ledger, view: View, attempt: AttemptView) -> Iterator[ProviderPayment]:
    """List an attempt's payments at its provider, by their own names."""
    for name, record in ledger.payments.items():
        provider, _, word = name.partition("|")
        if provider != attempt.provider or word[:2] not in KEY_CODES or view.payment_of.get(name) != attempt.id:
            continue
        captured = record.captured[-1][2] if record.captured else 0
        told = refunded_of(record)
        kind, value = decoded(word)
        yield ProviderPayment(kind, value, captured, told, captured - told - charged_back_of(record))


def refund_request(ledger: Ledger, view: View, attempt: AttemptView, refund: str, amount_cents: int) -> ProviderRequest | str:
    """Choose the provider's payment that gives back so much, or say why there is none.

    One refund at a time on one payment: what a provider tells of a payment are totals, and with two under way nobody could say which
    of them a total holds.
    """
    if attempt.refund_pending_cents:
        return f"a refund of payment {attempt.id} is on its way: its end comes first"
    fits = [one for one in payments_at_provider(ledger, view, attempt) if one.left_cents >= amount_cents]
    if not fits:
        return f"{attempt.provider} knows no single payment of {attempt.id} with {amount_cents} cents left: do it there, mode offline"
    one = min(fits, key=lambda payment: (payment.left_cents, payment.key))
    return ProviderRequest("refund", attempt.provider, attempt.id, one.key_kind, one.key, amount_cents, one.told_cents, refund)


def void_request(ledger: Ledger, view: View, attempt: AttemptView) -> ProviderRequest | None:
    """Ask for the release of a payment that has not been captured; None when its provider has given it no name yet."""
    for one in payments_at_provider(ledger, view, attempt):
        if not one.captured_cents:
            return ProviderRequest("void", attempt.provider, attempt.id, one.key_kind, one.key)
    return None
