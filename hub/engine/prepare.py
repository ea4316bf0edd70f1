"""What can be done to a delivery before any transaction: verify, translate, look at the shape. Pure but for the adapters' code.

A delivery that fails here is dead already; its neighbours in the batch never notice.
"""

import hashlib
import json
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError

from adapters.contract import Adapter, Facts, Fetch, Ignored, PayloadMalformed, SignatureInvalid
from hub.config import Settings
from hub.domain.judgement import Shop
from hub.engine.deliveries import COMMANDS_KEY, Delivery
from hub.engine.personal import content_hash, without_personal_data
from hub.engine.references import Lookup, ReferenceKey, Scopes, claims_of, lookup_of
from schemas.commands import Command, parse_command
from schemas.facts import Fact, OrderFact, parse_fact
from schemas.orders import OrderRules, PlacedOrder

CANONICAL_HEADER: Final = "hub-canonical-fact"
"""Header of a dead letter whose body is a canonical fact (an orphan), not a raw message; its value is the source."""

MAPPED_SUFFIX: Final = "#mapped"

SUCCESS_KINDS: Final = frozenset({"payment.captured", "shipment.delivered", "fiscal.issued"})
"""What an unknown word is never taken for without a person saying so."""

_TRACEBACK_LIMIT: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class PreparedFact:
    """A fact ready to be applied. `placed` is the whole order with its personal data; the fact itself carries none."""

    fact: Fact
    source: str
    lookup: Lookup
    entry_key: str
    body: str
    claims: tuple[ReferenceKey, ...] = ()
    placed: PlacedOrder | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """Why a delivery, or a part of it, becomes a dead letter."""

    kind: str
    cause: str
    body: bytes
    traceback: str | None = None
    headers: Mapping[str, object] = field(default_factory=dict)
    """What a part adds to the headers of its delivery: where it stood."""


@dataclass(frozen=True, slots=True)
class InboxKey:
    """Identity of an exact redelivery: same source, same event id, same bytes."""

    source: str
    event_id: str
    body_sha256: str


@dataclass(slots=True)
class Prepared:
    """A delivery after everything that needs no transaction."""

    delivery: Delivery
    at: datetime
    body_sha256: str
    adapter: Adapter | None = None
    facts: tuple[PreparedFact, ...] = ()
    deaths: tuple[Death, ...] = ()
    ignored: str | None = None
    fetch: Fetch | None = None
    command: Command | None = None
    inbox: InboxKey | None = None
    references: frozenset[ReferenceKey] = field(default_factory=frozenset)


_NOT_IDENTITY: Final = frozenset({"occurred_at", "occurred_at_assumed", "rules"})


def entry_key(source: str, document: Mapping[str, Any]) -> str:
    """Identify a log row: source, event id, kind and content, but not the time, which a repeat may assume anew."""
    identity = {name: value for name, value in document.items() if name not in _NOT_IDENTITY}
    return hashlib.sha256(orjson.dumps([source, identity], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _headers_hint(headers: Mapping[str, object]) -> str | None:
    hint = headers.get("hub-order")
    return hint if isinstance(hint, str) and 0 < len(hint) <= 64 and "\x00" not in hint else None


@dataclass(frozen=True, slots=True)
class Preparer:
    """Holds what preparation needs to know; built once per engine."""

    adapters: Mapping[str, Adapter]
    settings: Settings
    scopes: Scopes
    rules: OrderRules
    shop: Shop

    @property
    def payment_adapters(self) -> dict[str, str]:
        """Name the adapter of each payment provider that can be asked for something."""
        return {
            adapter.provider: name
            for name, adapter in self.adapters.items()
            if adapter.family == "payments" and adapter.outbound is not None and adapter.outbound.operations
        }

    def prepare(self, delivery: Delivery, now: datetime) -> Prepared:
        """Verify and translate one delivery. Never raises: an adapter's bug is the dead letter `adapter_error`."""
        body = delivery.raw.body
        prepared = Prepared(delivery, delivery.at or now, hashlib.sha256(body).hexdigest())
        if delivery.key == COMMANDS_KEY:
            self._command(prepared)
            return prepared
        if CANONICAL_HEADER in delivery.raw.headers:
            self._canonical(prepared)
            return prepared
        adapter = self._adapter_of(delivery.key)
        if adapter is None:
            prepared.deaths = (Death("unroutable", f"no adapter reads the key {delivery.key!r}", body),)
            return prepared
        prepared.adapter = adapter
        try:
            adapter.verify(delivery.raw, self.settings.secrets(adapter.provider))
            translation = adapter.translate(delivery.raw)
            self._translated(prepared, adapter, translation)
        except SignatureInvalid as error:
            prepared.deaths = (Death("untrusted", str(error), body),)
        except PayloadMalformed as error:
            prepared.deaths = (Death("unreadable", str(error), body),)
        except Exception as error:  # an adapter's defect must not take its neighbours along
            trace = traceback.format_exc(limit=-20)[-_TRACEBACK_LIMIT:]
            prepared.facts = ()
            prepared.deaths = (Death("adapter_error", f"{type(error).__name__} in {adapter.name}", body, trace),)
        return prepared

    def translated(self, delivery: Delivery, adapter: Adapter, translation: Facts | Ignored | Fetch, now: datetime) -> Prepared:
        """Prepare what an adapter has made of a provider's answer: it is trusted, the hub asked for it."""
        prepared = Prepared(delivery, delivery.at or now, hashlib.sha256(delivery.raw.body).hexdigest(), adapter)
        self._translated(prepared, adapter, translation)
        prepared.inbox = None
        return prepared

    def _adapter_of(self, key: str) -> Adapter | None:
        # A queue is bound with `<family>.<provider>.#`: what follows the provider is the edge's business.
        return self.adapters.get(".".join(key.split(".")[:2]))

    def _translated(self, prepared: Prepared, adapter: Adapter, translation: Facts | Ignored | Fetch) -> None:
        delivery_id = translation.delivery_id
        match translation:
            case Facts(facts=facts, failed=failed):
                hint = _headers_hint(prepared.delivery.raw.headers)
                prepared.facts = tuple(self.prepare_fact(fact, adapter.name, adapter, hint) for fact in facts)
                prepared.deaths = tuple(Death("unreadable", part.cause, part.part, headers=part.headers) for part in failed)
            case Ignored(reason=reason):
                prepared.ignored = reason
            case Fetch():
                prepared.fetch = translation
        if prepared.deaths or prepared.fetch is not None:
            return  # neither leaves an inbox row (architecture D3)
        if delivery_id is not None or adapter.body_identifies_event:
            prepared.inbox = InboxKey(adapter.name, delivery_id or "", prepared.body_sha256)

    def prepare_fact(self, fact: Fact, source: str, adapter: Adapter | None, hint: str | None) -> PreparedFact:
        """Strip personal data, find the look-up keys and the log's identity of a fact."""
        placed: PlacedOrder | None = None
        claims: tuple[ReferenceKey, ...] = ()
        if isinstance(fact, OrderFact) and fact.order is not None:
            placed = fact.order
            claims = claims_of(placed, self.adapters, self.scopes)
            fact = fact.model_copy(
                update={
                    "order": without_personal_data(placed),
                    "number": placed.number,
                    "content_hash": content_hash(placed),
                    "rules": self.rules,
                }
            )
        lookup = lookup_of(fact, adapter, self.scopes, hint)
        document = fact.model_dump(mode="json", exclude_defaults=True)
        body = orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
        return PreparedFact(fact, source, lookup, entry_key(source, document), body, claims, placed)

    def _canonical(self, prepared: Prepared) -> None:
        body = prepared.delivery.raw.body
        source = str(prepared.delivery.raw.headers[CANONICAL_HEADER])
        try:
            fact = parse_fact(orjson.loads(body))
        except (ValidationError, ValueError) as error:
            prepared.deaths = (Death("unreadable", f"stored fact: {error}", body),)
            return
        adapter = self.adapters.get(source)
        prepared.facts = (self.prepare_fact(fact, source, adapter, _headers_hint(prepared.delivery.raw.headers)),)

    def _command(self, prepared: Prepared) -> None:
        body = prepared.delivery.raw.body
        try:
            prepared.command = parse_command(load_document(body))
        except ValueError as error:  # pydantic's ValidationError is one
            prepared.deaths = (Death("invalid_command", describe(error), body),)


def mapped_fact(preparer: Preparer, fact: Fact, kind: str, source: str) -> PreparedFact:
    """Make the fact that an unknown one turns out to be, once its word is mapped; an event id of its own, the time of the old."""
    document = fact.model_dump(mode="json", exclude_defaults=True)
    document |= {"kind": kind, "event_id": f"{fact.event_id}{MAPPED_SUFFIX}"}
    return preparer.prepare_fact(parse_fact(document), source, preparer.adapters.get(source), None)


def load_document(body: bytes) -> Any:
    """Read a JSON body as strictly as the adapters read theirs. Raises: ValueError, with the place of the fault.

    A name that stands twice in one object is refused: which of two amounts is meant must not depend on the reader.
    """
    orjson.loads(body)  # refuses NaN, what is no UTF-8, and nesting that would exhaust the stack below
    return json.loads(body, object_pairs_hook=_unique_names)


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the name {twice[:60]!r} stands twice in one object")
    return names


def describe(error: ValueError) -> str:
    """Say where a body is wrong, never with the value found there: it may name a person."""
    if isinstance(error, ValidationError):
        parts = [f"{'.'.join(str(step) for step in item['loc']) or 'body'}: {item['msg']}" for item in error.errors(include_input=False)]
        return "; ".join(parts[:5]) + (f"; and {len(parts) - 5} more" if len(parts) > 5 else "")
    return str(error)
