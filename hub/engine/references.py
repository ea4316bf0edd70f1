"""Under which rows of order_references a fact is looked up, and which of them it teaches (rules.md, References)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from adapters.contract import Adapter
from hub.domain.parcels import same_number
from schemas.facts import Fact, OrderFact, ShipmentFact
from schemas.orders import DeclaredPayment, PlacedOrder

SHOP_SCOPE: Final = "shop"
_ALSO_ORDER_NUMBERS: Final = frozenset({"gateway_order_code", "external_reference", "our_number"})
_ANY_BANK: Final = "*"


class ReferenceKey(NamedTuple):
    """Primary key of order_references."""

    scope: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where a fact is looked for, sorted; `teaches` are those its order learns when it is applied.

    `weak` keys find an order only if none of the others does. They are further readings of a nosso número whose check digit is
    uncertain: title 12345 may be title 1234 with digit 5, and most often there is an order of that number too.
    """

    keys: tuple[ReferenceKey, ...]
    teaches: frozenset[ReferenceKey]
    weak: frozenset[ReferenceKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Scopes:
    """Gives a provider's references their scope: the account joins it only where the settings list the account."""

    accounts: Mapping[str, tuple[str, ...]]

    def of(self, provider: str, account: str | None) -> str:
        """Return `provider` or `provider:account`."""
        if account is not None and account in self.accounts.get(provider, ()):
            return f"{provider}:{account}"
        return provider


def order_number_key(number: str) -> ReferenceKey:
    """The order number itself always matches."""
    return ReferenceKey(SHOP_SCOPE, "order_number", number)


def _keys_of(scope: str, kind: str, value: str) -> tuple[ReferenceKey, ...]:
    """Return the keys of one reference; the first is its own, the others are further places to look."""
    if kind == "order_number":
        return (order_number_key(value),)
    if kind == "nosso_numero":
        bank, colon, digits = value.partition(":")
        if not colon:
            bank, digits = _ANY_BANK, value
        digits = digits.lstrip("0") or "0"
        own = ReferenceKey(scope, kind, f"{bank}:{digits}")
        # A number declared without its bank is matched by its digits under any bank.
        return (own,) if bank == _ANY_BANK else (own, ReferenceKey(scope, kind, f"{_ANY_BANK}:{digits}"))
    # Staff type a number in small letters or in groups; carriers write it in one piece.
    own = ReferenceKey(scope, kind, same_number(value) if kind == "tracking" else value)
    return (own, order_number_key(value)) if kind in _ALSO_ORDER_NUMBERS else (own,)


def own_key(scope: str, kind: str, value: str) -> ReferenceKey:
    """Return the row under which one reference stands, its value as the table holds it."""
    return _keys_of(scope, kind, value)[0]


def declared_keys(payment: DeclaredPayment, adapters: Mapping[str, Adapter], scopes: Scopes) -> set[ReferenceKey]:
    """Return what a declared payment claims for its order. A bare reference stands under every kind its adapter lists."""
    scope = scopes.of(payment.provider, payment.account)
    keys = {_keys_of(scope, reference.kind, reference.value)[0] for reference in payment.references}
    if payment.reference is not None:
        adapter = adapters.get(f"payments.{payment.provider}")
        kinds = adapter.reference_kinds if adapter is not None and adapter.reference_kinds else ("external_reference",)
        keys |= {_keys_of(scope, kind, payment.reference)[0] for kind in kinds}
    return keys


def claims_of(order: PlacedOrder, adapters: Mapping[str, Adapter], scopes: Scopes) -> tuple[ReferenceKey, ...]:
    """Return everything that order.placed claims, sorted."""
    keys = {order_number_key(order.number)}
    for payment in order.payments:
        keys |= declared_keys(payment, adapters, scopes)
    return tuple(sorted(keys))


def lookup_of(fact: Fact, adapter: Adapter | None, scopes: Scopes, order_hint: str | None) -> Lookup:
    """Return where to look for the order of a fact. `order_hint` is the header `hub-order`."""
    scope = scopes.of(fact.provider, fact.account)
    shared = frozenset(adapter.shared_kinds) if adapter is not None else frozenset()
    keys: set[ReferenceKey] = set()
    teaches: set[ReferenceKey] = set()
    weak: set[ReferenceKey] = set()
    read = False
    for reference in fact.references:
        own, *others = _keys_of(scope, reference.kind, reference.value)
        if reference.kind == "nosso_numero":
            if read:  # another reading of the one before it
                weak.update((own, *others))
                continue
            read = True
        keys.add(own)
        keys.update(others)
        if reference.kind not in shared and reference.kind != "order_number":
            teaches.add(own)
    if isinstance(fact, ShipmentFact):
        # A platform that names the carrier behind a number: the carrier will name the order by it, and nothing else.
        beside = {own_key(track.carrier, "tracking", track.number) for track in fact.tracks if track.carrier not in (None, fact.provider)}
        keys |= beside
        teaches |= beside
    if isinstance(fact, OrderFact) and fact.number is not None:
        keys.add(order_number_key(fact.number))
    if order_hint:
        keys.add(order_number_key(order_hint))
    weak -= keys
    return Lookup(tuple(sorted(keys | weak)), frozenset(teaches), frozenset(weak))
