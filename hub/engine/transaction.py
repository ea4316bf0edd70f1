"""One transaction over a batch of prepared deliveries: inbox, references, orders, facts one by one, then every row at once.

The lock order is the same for everyone: inbox keys sorted, references sorted, order numbers sorted, then the rest (architecture D4).
Facts of one order are applied one by one, each with a log row and events of its own, exactly as if each had come alone; only the
order row is written once.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from hub import faults
from hub.domain.decisions import Acknowledged
from hub.domain.effects import Cause, Effects, EventDraft, PolicyCommand, effects
from hub.domain.fold import apply_fact
from hub.domain.judgement import AddressText, ProviderRequest, TrackText
from hub.domain.labels import Statuses
from hub.domain.ledger import FOLD_VERSION, Ledger
from hub.domain.view import View, expire_at, view
from hub.engine import commands, notices, reference_add, rows, status_catalog, succession
from hub.engine.dead_letters import dead_letter_row, insert_dead_letters
from hub.engine.deliveries import COMMANDS_KEY, Outcome, OutcomeKind
from hub.engine.headers import kept_headers
from hub.engine.order_state import OrderState, OutboxRow, instant_text, message_id_of, shard_of
from hub.engine.personal import personal_row
from hub.engine.prepare import SUCCESS_KINDS, InboxKey, Prepared, PreparedFact, Preparer, mapped_fact
from hub.engine.references import Lookup, ReferenceKey, own_key
from hub.engine.rows import OutboundRow, ParkedRow, ReferenceRow
from hub.store import bulk, status_rows, tables
from schemas.commands import AddReference
from schemas.facts import OrderFact, parse_fact

_QUIET_AFTER: Final = timedelta(days=7)
OUTBOUND_PREFIX: Final = "hub.outbound/"
"""Before the routing key of an outbox row that goes to hub.outbound and not to hub.events."""
HUB_SOURCE: Final = "hub"
"""Source of log rows that the hub writes about itself."""


@dataclass(slots=True)
class _Waiting:
    """A fact that waits for its order: parked by this very transaction, or earlier (then it has a row, `stored_id`)."""

    fact: PreparedFact
    key: str
    at: datetime
    raw_sha256: str
    headers: dict[str, object]
    stored_id: int | None = None


@dataclass(slots=True)
class _Pending:
    """Rows that wait for flush()."""

    log: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    personal: list[dict[str, Any]] = field(default_factory=list)
    dead: list[dict[str, Any]] = field(default_factory=list)
    raw: dict[str, dict[str, Any]] = field(default_factory=dict)
    replies: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    addresses: list[tuple[str, AddressText, datetime]] = field(default_factory=list)
    tracks: list[tuple[str, TrackText]] = field(default_factory=list)


class UnitOfWork:
    """The one place where deliveries become rows. Lives as long as its transaction."""

    def __init__(self, connection: Connection, preparer: Preparer, *, bypass_inbox: bool = False, redriven: bool = False) -> None:
        self.connection: Final = connection
        self.preparer: Final = preparer
        self.orders: Final[dict[str, OrderState]] = {}
        self.references: Final[dict[ReferenceKey, ReferenceRow]] = {}
        self.pending = _Pending()
        self.published: Final[list[OutboxRow]] = []
        self.policies: Final[list[tuple[OrderState, PolicyCommand]]] = []
        self._bypass_inbox: Final = bypass_inbox
        self._redriven: Final = redriven
        self._waiting: Final[dict[str, _Waiting]] = {}
        self._waiting_under: Final[dict[ReferenceKey, list[str]]] = {}
        self.answers: Final[dict[str, tuple[str, str]]] = {}
        # Read before any order is locked: who changes them waits for all who work by them, and must never hold them up in turn.
        self.statuses: Statuses = status_catalog.load(connection)

    # -- the batch -------------------------------------------------------------------------------------------------------------

    def run(self, batch: Sequence[Prepared]) -> list[Outcome]:
        """Apply a batch in its order and write everything. The caller commits."""
        if any(prepared.command is not None and prepared.command.name.startswith(status_catalog.FAMILY) for prepared in batch):
            status_rows.lock(self.connection)
            self.statuses = status_catalog.load(self.connection)
        fresh = self._enter_inbox(batch)
        faults.reach("after_inbox")
        live = [prepared for prepared, is_fresh in zip(batch, fresh, strict=True) if is_fresh]
        self._open_references(live)
        faults.reach("after_references")
        self._open_orders(live)
        self.answers.update(rows.read_replies(self.connection, COMMANDS_KEY, [p.command.key for p in live if p.command is not None]))
        faults.reach("after_order_lock")
        outcomes = [
            self._deliver(prepared) if is_fresh else Outcome("duplicate", "exact redelivery")
            for prepared, is_fresh in zip(batch, fresh, strict=True)
        ]
        faults.reach("after_apply")
        self.flush()
        self._flush_parked()
        return outcomes

    def _enter_inbox(self, batch: Sequence[Prepared]) -> list[bool]:
        if self._bypass_inbox:
            return [True] * len(batch)
        wanted = {prepared.inbox: prepared.at for prepared in batch if prepared.inbox is not None}
        inserted = rows.insert_inbox(
            self.connection,
            [
                {"source": key.source, "event_id": key.event_id, "body_sha256": key.body_sha256, "received_at": wanted[key]}
                for key in sorted(wanted, key=lambda key: (key.source, key.event_id, key.body_sha256))
            ],
        )
        seen: set[InboxKey] = set()
        fresh: list[bool] = []
        for prepared in batch:
            key = prepared.inbox
            if key is None:
                fresh.append(True)
                continue
            fresh.append((key.source, key.event_id, key.body_sha256) in inserted and key not in seen)
            seen.add(key)
        return fresh

    # -- locks -----------------------------------------------------------------------------------------------------------------

    def _open_references(self, batch: Iterable[Prepared]) -> None:
        wanted: set[ReferenceKey] = set()
        claimed: dict[ReferenceKey, set[str]] = {}
        for prepared in batch:
            for item in prepared.facts:
                wanted.update(item.lookup.keys)
                wanted.update(item.claims)
                if item.placed is not None:
                    for key in item.claims:
                        claimed.setdefault(key, set()).add(item.placed.number)
            if prepared.command is not None and (new := succession.successor_of(self.connection, prepared, prepared.command)) is not None:
                for key in succession.claims(self, new):
                    wanted.add(key)
                    claimed.setdefault(key, set()).add(new.order.number)
            if prepared.command is not None and isinstance(prepared.command.data, AddReference):
                form = prepared.command.data
                for key in reference_add.keys_of(self.connection, form):
                    wanted.add(key)
                    claimed.setdefault(key, set()).add(form.order)
        self._load_references(wanted, claimed)

    def _load_references(self, wanted: set[ReferenceKey], claimed: dict[ReferenceKey, set[str]]) -> None:
        """Read all, lock those that may change, and follow facts parked under them until nothing new turns up."""
        wanted = wanted - self.references.keys()
        while wanted:
            found = rows.read_references(self.connection, wanted)
            unsettled = {
                key for key in wanted if (row := found.get(key)) is None or row.order is None or claimed.get(key, set()) - {row.order}
            }
            locked = rows.lock_references(self.connection, unsettled)
            self.references.update(found)
            self.references.update(locked)
            # Under a bound one only facts that name two orders wait: nobody needs them but a person who moves it.
            hiding = [key for key, row in locked.items() if row.may_hide_parked or claimed.get(key)]
            wanted = set()
            for parked in rows.read_parked(self.connection, hiding):
                waiting = self._reopened(parked)
                if waiting.fact.entry_key not in self._waiting:
                    self._wait(waiting)
                    wanted.update(waiting.fact.lookup.keys)
            wanted -= self.references.keys()

    def _reopened(self, row: ParkedRow) -> _Waiting:
        adapter = self.preparer.adapters.get(row.source)
        item = self.preparer.prepare_fact(parse_fact(orjson.loads(row.body)), row.source, adapter, None)
        # The row's own references too: `hub-order` of the delivery is among them, and the accounts listed may have changed since.
        keys = tuple(sorted({*item.lookup.keys, *row.references}))
        item = replace(item, lookup=replace(item.lookup, keys=keys), entry_key=row.entry_key)
        headers = orjson.loads(row.headers) if row.headers else {}
        return _Waiting(item, row.key, row.parked_at, row.raw_sha256 or "", headers, row.id)

    def _open_orders(self, batch: Iterable[Prepared]) -> None:
        numbers = {row.order for row in self.references.values() if row.order is not None}
        for row in self.references.values():
            numbers.update(row.claims)
        for prepared in batch:
            if prepared.command is not None and (number := commands.target_of(self.connection, prepared.command)) is not None:
                numbers.add(number)
                if (new := succession.successor_of(self.connection, prepared, prepared.command)) is not None:
                    numbers.add(new.order.number)
            numbers.update(item.placed.number for item in prepared.facts if item.placed is not None)
        for number, row_found in rows.lock_orders(self.connection, numbers).items():
            self.orders[number] = OrderState.opened(row_found, self.statuses)

    # -- one delivery ----------------------------------------------------------------------------------------------------------

    def _deliver(self, prepared: Prepared) -> Outcome:
        if prepared.command is not None:
            return commands.carry_out(self, prepared, prepared.command)
        for death in prepared.deaths:
            self.pending.dead.append(dead_letter_row(prepared, death, prepared.at))
        if prepared.deaths and not prepared.facts:
            return self._death_outcome(prepared)
        if prepared.ignored is not None:
            self._keep_raw(prepared)
            return Outcome("ignored", prepared.ignored)
        if prepared.fetch is not None and prepared.adapter is not None:
            self._keep_raw(prepared)
            self._queue_fetch(prepared)
            return Outcome("fetch", f"{prepared.fetch.resource} {prepared.fetch.resource_id}")
        raw_sha256 = self._keep_raw(prepared)
        touched: list[str] = []
        parked = 0
        for item in prepared.facts:
            number = self.fact(item, prepared, raw_sha256)
            if number is None:
                parked += 1
            else:
                touched.append(number)
        kind: OutcomeKind = "dead_letter" if prepared.deaths else ("applied" if touched else "parked")
        detail = f"{len(touched)} applied, {parked} parked, {len(prepared.deaths)} unreadable" if parked or prepared.deaths else ""
        return Outcome(kind, detail, tuple(dict.fromkeys(touched)))

    def _death_outcome(self, prepared: Prepared) -> Outcome:
        cause = prepared.deaths[0].cause
        reply = commands.unreadable_reply(prepared) if prepared.delivery.key == COMMANDS_KEY else None
        return Outcome("dead_letter", f"{prepared.deaths[0].kind}: {cause}", reply=reply)

    def fact(self, item: PreparedFact, prepared: Prepared, raw_sha256: str) -> str | None:
        """Apply one fact, or park it. Returns the order's number, None when parked."""
        if item.placed is not None:
            return self._place(item, prepared, raw_sha256)
        state = self._order_of(item, prepared.at)
        if state is not None:
            self._apply(state, item, prepared.at, raw_sha256)
            return state.number
        headers = kept_headers(prepared.delivery.raw.headers)
        if item.entry_key not in self._waiting:
            self._wait(_Waiting(item, prepared.delivery.key, prepared.at, raw_sha256, headers))
        return None

    def _order_of(self, item: PreparedFact, at: datetime) -> OrderState | None:
        """Find the one order that a fact's references name. Several: reference_conflict on each, and none."""
        hits = self._hits(item.lookup)
        found = [self.orders[number] for number in sorted(hits & self.orders.keys())]
        if len(found) > 1:
            claimants = tuple(state.number for state in found)
            for state in found:
                self._conflict(state, ":".join(item.lookup.keys[0]), claimants, at)
            return None
        return found[0] if found else None

    def _hits(self, lookup: Lookup) -> set[str]:
        """Return the orders that the references name; a second reading counts when the others name none, not even two at once."""
        strong = [self.references[key] for key in lookup.keys if key not in lookup.weak]
        hits = {row.order for row in strong if row.order is not None}
        if lookup.weak and not hits and not any(row.claims for row in strong):
            hits = {row.order for key in lookup.weak if (row := self.references[key]).order is not None}
        return hits

    def _place(self, item: PreparedFact, prepared: Prepared, raw_sha256: str) -> str:
        placed = item.placed
        assert placed is not None
        state = self.orders.get(placed.number)
        if state is None:
            state = self.orders[placed.number] = OrderState.new(placed.number)
        if state.customer_id is None:
            state.customer_id = placed.customer.id
        self._apply(state, item, prepared.at, raw_sha256)
        for key in item.claims:
            self._claim(key, state, prepared.at)
        return placed.number

    def load_claims(self, keys: Iterable[ReferenceKey], number: str) -> None:
        """Read and lock references that an order is about to claim."""
        wanted = set(keys)
        self._load_references(wanted, {key: {number} for key in wanted})

    def place_successor(
        self, fact: OrderFact, at: datetime, *, kin: frozenset[str], parent: str | None, done: frozenset[str]
    ) -> OrderState:
        """Place an order on a command's word. A reference that its kin hold stays theirs: no claim, no conflict (rules.md)."""
        item = self.preparer.prepare_fact(fact, HUB_SOURCE, None, None)
        assert item.placed is not None
        number = item.placed.number
        state = self.orders[number] = OrderState.new(number)
        state.done, state.customer_id = done, item.placed.customer.id
        first = len(self.pending.outbox)
        self._apply(state, item, at, "")
        if parent is not None:
            for event in self.pending.outbox[first:]:
                if event.routing_key == fact.kind:
                    event.body["parent"] = parent
        for key in item.claims:
            row = self.references[key]
            if kin.isdisjoint({row.order, *row.claims}):
                self._claim(key, state, at)
        return state

    def _claim(self, key: ReferenceKey, state: OrderState, at: datetime) -> None:
        row = self.references[key]
        if row.order == state.number or state.number in row.claims:
            return
        if row.order is None and not row.claims:
            self._bind(key, state, at)
            return
        # A second claim never fails an order: the reference becomes ambiguous and waits for a person (architecture D7).
        holders = row.claims if row.order is None else (row.order,)
        claimants = tuple(sorted({*holders, state.number}))
        row.order, row.claims, row.changed = None, claimants, True
        for claimant in claimants:
            if claimant in self.orders:
                self._conflict(self.orders[claimant], ":".join(key), claimants, at)

    def _bind(self, key: ReferenceKey, state: OrderState, at: datetime) -> None:
        """Give a reference its order, and apply what waits under it: any one of its references frees a fact, once."""
        row = self.references[key]
        row.order, row.changed = state.number, True
        for entry in self._waiting_under.pop(key, ()):
            waiting = self._waiting.get(entry)
            found = self._order_of(waiting.fact, at) if waiting is not None else None
            if waiting is None or found is None:
                continue
            del self._waiting[entry]
            if waiting.stored_id is not None:
                self.pending.released.append(waiting.stored_id)
            self._apply(found, waiting.fact, at, waiting.raw_sha256)

    def assign_reference(self, key: ReferenceKey, state: OrderState, at: datetime) -> list[PreparedFact]:
        """Give a reference to an order on a person's word, whoever had it; returns the facts that this frees."""
        row = self.references[key]
        row.claims = ()
        freed: list[PreparedFact] = []
        waiting = [self._waiting[entry] for entry in self._waiting_under.get(key, ()) if entry in self._waiting]
        self._bind(key, state, at)
        freed.extend(one.fact for one in waiting if one.fact.entry_key not in self._waiting)
        return freed

    def settle_conflicts(self, keys: set[str], at: datetime) -> None:
        """Close open reference_conflict exceptions, each with a row of its order's log."""
        for number, key in rows.open_conflicts(self.connection, keys):
            state = self.orders.get(number)
            if state is None:
                found = rows.lock_orders(self.connection, [number])
                state = self.orders[number] = OrderState.opened(found[number], self.statuses)
            position = state.advance(at)
            resolved = {"kind": "reference_conflict", "key": key}
            event = state.number_event(EventDraft("exception.resolved.reference_conflict", _conflict_body(resolved, key), at), at)
            self.pending.outbox.append(event)
            state.conflicts.discard(key)
            self._touch_exception(state, "reference_conflict", key, {"resolved_at": at, "resolution": "reference.add"})
            self._log_conflict(state, position, "reference.settled", key, resolved, at, event)

    def _wait(self, waiting: _Waiting) -> None:
        self._waiting[waiting.fact.entry_key] = waiting
        for key in waiting.fact.lookup.keys:
            self._waiting_under.setdefault(key, []).append(waiting.fact.entry_key)

    # -- the fold --------------------------------------------------------------------------------------------------------------

    def _apply(self, state: OrderState, item: PreparedFact, at: datetime, raw_sha256: str) -> None:
        fact = item.fact
        if fact.occurred_at_assumed and self._known(state, item.entry_key):
            return  # told again: the new time of receipt is no news, though the ledger would take it for a later word
        apply_fact(state.ledger, fact, item.source)
        changed = state.refresh()
        if not changed and self._known(state, item.entry_key):
            return  # the fold is idempotent: only an entry that changes nothing can be one that is there already
        before = state.view
        position = state.advance(at)
        events: list[OutboxRow] = []
        if changed:
            state.view = view(state.ledger, self.statuses)
            cause = Cause(fact.kind, item.source, fact.event_id, fact.occurred_at, None, fact)
            quiet = self._redriven and fact.occurred_at < at - _QUIET_AFTER
            events = self.publish(state, before, state.view, cause, at, quiet=quiet)
            for event in events:
                if item.placed is not None and event.routing_key == fact.kind:
                    # One of the few events that carry the whole order, personal data included; the ledger never saw that.
                    event.body["content"] = item.placed.model_dump(mode="json", exclude_none=True)
        if item.placed is not None:
            self._place_rows(state, item)
        self.log(
            state,
            position,
            kind=fact.kind,
            source=item.source,
            source_event_id=fact.event_id,
            entry_key=item.entry_key,
            occurred_at=fact.occurred_at,
            at=at,
            body=item.body,
            events=events,
            raw_sha256=raw_sha256,
        )
        commands.carry_out_policies(self, at)
        for key in item.lookup.teaches:
            row = self.references[key]
            if row.order is None and not row.claims:
                self._bind(key, state, at)

        if fact.kind.endswith(".unknown"):
            self._apply_mapped(state, item, at, raw_sha256)

    def _apply_mapped(self, state: OrderState, item: PreparedFact, at: datetime, raw_sha256: str) -> None:
        """Apply what an operator has mapped this word to. A word of success waits for `hub unknowns apply --yes`."""
        kind = self.preparer.settings.word_map(item.fact.provider).get(item.fact.raw_word or "")
        if kind is not None and kind not in SUCCESS_KINDS:
            self._apply(state, mapped_fact(self.preparer, item.fact, kind, item.source), at, raw_sha256)

    def append(self, number: str, item: PreparedFact, at: datetime) -> bool:
        """Apply one fact to an order that is known already, and write it; False when there is nothing new in it."""
        self._load_references(set(item.lookup.keys), {})
        found = rows.lock_orders(self.connection, [number])
        state = self.orders[number] = OrderState.opened(found[number], self.statuses)
        before = state.version
        self._apply(state, item, at, "")
        self.flush()
        return state.version > before

    def refold(self, state: OrderState, ledger: Ledger, at: datetime) -> bool:
        """Take another ledger for an order and write its rows; nothing is published, and what was done stays done."""
        before = state.view
        state.ledger = ledger
        changed = state.refresh()
        if not changed and state.fold_version == FOLD_VERSION:
            return False
        state.view = view(ledger, self.statuses)
        state.dirty, state.updated_at = True, at
        self._exception_rows(state, before, state.view, at, Cause("refold", HUB_SOURCE, state.number, at))
        self.flush()
        return changed

    def _known(self, state: OrderState, key: str) -> bool:
        return key in state.entries or (state.exists and rows.entry_exists(self.connection, state.number, key))

    def publish(
        self, state: OrderState, before: View | None, after: View, cause: Cause, at: datetime, *, quiet: bool = False
    ) -> list[OutboxRow]:
        """Turn a change of an order into events and projection rows."""
        result = effects(before, after, cause, state.done)
        events = list(state.publish(result, at, quiet=quiet))
        self.pending.outbox.extend(events)
        if result.invoice is not None:
            self.pending.invoices.append(
                {
                    "number": result.invoice.number,
                    "order_number": state.number,
                    "total_cents": result.invoice.total_cents,
                    "captures": orjson.dumps(list(result.invoice.captures)).decode(),
                    "created_at": at,
                }
            )
        self._exception_rows(state, before, after, at, cause)
        self._claims(state, result, at)
        self._text_rows(state, result, after, cause, at)
        for order in result.commands:
            self.policies.append((state, order))
        return events

    def _text_rows(self, state: OrderState, result: Effects, after: View, cause: Cause, at: datetime) -> None:
        """Keep what is in no ledger, since it may name a person."""
        self.pending.tracks.extend((state.number, track) for track in result.tracks)
        if result.address is not None:
            self.pending.addresses.append((state.number, result.address, at))
        comment = result.comment
        if comment is not None:
            document = None if comment.kind is None else orjson.dumps({"kind": comment.kind, "id": comment.document}).decode()
            self.pending.comments.append(
                {
                    "order_number": state.number,
                    "position": state.version,
                    "text": comment.text,
                    "document": document,
                    "status": after.status,
                    "actor": cause.actor,
                    "notified": comment.notified,
                    "visible": comment.visible,
                    "created_at": at,
                }
            )

    def log(
        self,
        state: OrderState,
        position: int,
        *,
        kind: str,
        source: str,
        source_event_id: str,
        entry_key: str,
        occurred_at: datetime,
        at: datetime,
        body: str,
        events: Sequence[OutboxRow],
        raw_sha256: str | None = None,
        actor: str | None = None,
        authenticated_actor: str | None = None,
    ) -> None:
        """Append one row to the order's log."""
        first = state.sequence - len(events) + 1
        state.entries.add(entry_key)
        self.pending.log.append(
            {
                "order_number": state.number,
                "position": position,
                "kind": kind,
                "source": source,
                "source_event_id": source_event_id,
                "entry_key": entry_key,
                "occurred_at": occurred_at,
                "recorded_at": at,
                "actor": actor,
                "authenticated_actor": authenticated_actor,
                "body": body,
                "raw_sha256": raw_sha256 or None,
                "fold_version": FOLD_VERSION,
                "events": orjson.dumps(
                    [[first + index, event.routing_key, event.message_id] for index, event in enumerate(events)]
                ).decode(),
            }
        )

    def _place_rows(self, state: OrderState, item: PreparedFact) -> None:
        placed = item.placed
        assert placed is not None and state.view is not None
        if getattr(item.fact, "content_hash", None) != state.view.content_hash:
            return  # another placement of this number stands; this one is only an exception
        state.customer_id = placed.customer.id
        state.historical = placed.historical
        state.placed = {
            "customer_id": placed.customer.id,
            "shipping_carrier": placed.shipping.carrier,
            "shipping_service": placed.shipping.service,
            "shipping_cents": placed.shipping.amount_cents,
            "discount_cents": placed.discount_cents,
            "historical": placed.historical,
            "placed_at": placed.placed_at,
        }
        self.pending.items = [row for row in self.pending.items if row["order_number"] != placed.number]
        self.pending.items.extend(
            {
                "order_number": placed.number,
                "line": line,
                "sku": entry.sku,
                "name": entry.name,
                "quantity": entry.quantity,
                "unit_price_cents": entry.unit_price_cents,
                "virtual": entry.virtual,
            }
            for line, entry in enumerate(placed.items, start=1)
        )
        self.pending.personal = [row for row in self.pending.personal if row["order_number"] != placed.number]
        self.pending.personal.append(personal_row(placed))

    def _claims(self, state: OrderState, result: Effects, at: datetime) -> None:
        """Register, or take back, words typed by hand by which a provider will name the order (a tracking number, an access key)."""
        for claim in result.claims:
            key = own_key(claim.provider, claim.kind, claim.value)
            self._load_references({key}, {key: {state.number}})
            row = self.references[key]
            for number in {row.order, *row.claims} - {None, *self.orders}:
                assert number is not None
                self.orders.update(
                    {one: OrderState.opened(found, self.statuses) for one, found in rows.lock_orders(self.connection, [number]).items()}
                )
            self._claim(key, state, at)
        for claim in result.disclaims:
            key = own_key(claim.provider, claim.kind, claim.value)
            self._load_references({key}, {key: {""}})
            row = self.references[key]
            if row.order == state.number:
                row.order, row.changed = None, True

    def _exception_rows(self, state: OrderState, before: View | None, after: View, at: datetime, cause: Cause) -> None:
        old = {(one.kind, one.key): one for one in before.exceptions} if before is not None else {}
        new = {(one.kind, one.key): one for one in after.exceptions}
        if old == new:
            return
        for identity, one in new.items():
            if identity not in old:
                self.open_exception(state, one.kind, one.key, dict(one.detail), one.resolve_with, at)
            elif old[identity].detail != one.detail:
                self._touch_exception(state, one.kind, one.key, {"detail": orjson.dumps(dict(one.detail)).decode()})
        settled: dict[tuple[str, str], dict[str, Any]] = {
            (entry.kind, entry.key): {"resolution": entry.resolution, "resolved_by": cause.actor}
            for entry in (cause.decision.entries if cause.decision is not None else ())
            if isinstance(entry, Acknowledged)
        }
        for kind, key in sorted(old.keys() - new.keys()):
            self._touch_exception(state, kind, key, {"resolved_at": at, **settled.get((kind, key), {})})

    def open_exception(
        self, state: OrderState, kind: str, key: str, detail: dict[str, Any], resolve_with: Sequence[str], at: datetime
    ) -> None:
        """Write an open exception; one per (order, kind, key)."""
        state.exceptions.append(
            {
                "order_number": state.number,
                "kind": kind,
                "key": key,
                "detail": orjson.dumps(detail).decode(),
                "resolve_with": orjson.dumps(list(resolve_with)).decode(),
                "opened_at": at,
                "resolved_at": None,
            }
        )

    def _touch_exception(self, state: OrderState, kind: str, key: str, change: dict[str, Any]) -> None:
        for row in reversed(state.exceptions):
            if row["kind"] == kind and row["key"] == key and row["resolved_at"] is None:
                row.update(change)
                return
        state.resolved.append({"order_number": state.number, "kind": kind, "key": key, **change})

    def _conflict(self, state: OrderState, key: str, claimants: tuple[str, ...], at: datetime) -> None:
        """Open `reference_conflict` on an order."""
        if key in state.conflicts or (state.number, key) in rows.open_conflicts(self.connection, {key}):
            return
        state.conflicts.add(key)
        detail = {"reference": key, "orders": list(claimants)}
        self.open_own_exception(state, "reference_conflict", key, detail, ("reference.add",), at)

    def open_own_exception(
        self, state: OrderState, kind: str, key: str, detail: dict[str, Any], resolve_with: tuple[str, ...], at: datetime
    ) -> None:
        """Open an exception of the engine's on an order. The ledger knows nothing of it, so it is a log row of the hub's own."""
        position = state.advance(at)
        opened = {"kind": kind, "key": key, "detail": detail, "resolve_with": list(resolve_with)}
        event = state.number_event(EventDraft(f"exception.opened.{kind}", _conflict_body(opened, key), at), at)
        self.pending.outbox.append(event)
        self.open_exception(state, kind, key, detail, resolve_with, at)
        name = "reference.conflict" if kind == "reference_conflict" else f"hub.{kind}"
        self._log_conflict(state, position, name, key, detail, at, event)

    def settle_own_exception(self, state: OrderState, kind: str, key: str, resolution: str, actor: str | None, at: datetime) -> None:
        """Close an exception of the engine's."""
        position = state.advance(at)
        resolved = {"kind": kind, "key": key, "resolution": resolution}
        event = state.number_event(EventDraft(f"exception.resolved.{kind}", _conflict_body(resolved, key), at), at)
        self.pending.outbox.append(event)
        self._touch_exception(state, kind, key, {"resolved_at": at, "resolution": resolution, "resolved_by": actor})
        self._log_conflict(state, position, f"hub.{kind}.settled", key, resolved, at, event)

    def order(self, number: str) -> OrderState:
        """Open an order that this transaction has not opened yet, or give the one it has."""
        state = self.orders.get(number)
        if state is None:
            state = self.orders[number] = OrderState.opened(rows.lock_orders(self.connection, [number])[number])
        return state

    def _log_conflict(
        self, state: OrderState, position: int, kind: str, key: str, body: dict[str, Any], at: datetime, event: OutboxRow
    ) -> None:
        self.log(
            state,
            position,
            kind=kind,
            source=HUB_SOURCE,
            source_event_id=key[:200],
            entry_key=hashlib.sha256(f"{kind}:{key}:{position}".encode()).hexdigest()[:32],
            occurred_at=at,
            at=at,
            body=orjson.dumps(body).decode(),
            events=[event],
        )

    # -- the rest --------------------------------------------------------------------------------------------------------------

    def ask_provider(self, number: str, command_id: str, request: ProviderRequest, at: datetime) -> None:
        """Queue what is to be asked of a provider. Its idempotency key follows from the command: given twice, it is the same request."""
        name = f"{command_id}:{request.action}:{request.payment}:{request.key}"
        parameters: dict[str, Any] = {"payment_key": {"kind": request.key_kind, "value": request.key}, "payment": request.payment}
        if request.refund is not None:
            parameters |= {"refund": request.refund, "amount_cents": request.amount_cents, "told_cents": request.told_cents}
        self.pending.requests.append(
            {
                "adapter": self.preparer.payment_adapters[request.provider],
                "action": request.action,
                "request_key": hashlib.sha256(name.encode()).hexdigest()[:32],
                "state": "queued",
                "order_number": number,
                "parameters": orjson.dumps(parameters).decode(),
                "created_at": at,
                "updated_at": at,
            }
        )

    def settle_request(self, row: OutboundRow, state: str, at: datetime) -> None:
        """Give a request that a person has decided on its end, or send it out again as if for the first time."""
        values: dict[str, Any] = {"state": state, "updated_at": at, "leased_until": None}
        if state == "queued":
            values |= {"started_at": None, "attempts": 0}
            name = f"outbound:{row.id}:{instant_text(at)}"
            self.write_outbox(self.connection, [work_message(row.id, row.adapter, row.action, name, at)])
        table = tables.outbound_requests
        self.connection.execute(table.update().where(table.c.id == row.id).values(**values))

    def _queue_fetch(self, prepared: Prepared) -> None:
        fetch, adapter = prepared.fetch, prepared.adapter
        assert fetch is not None and adapter is not None
        self.pending.requests.append(
            {
                "adapter": adapter.name,
                "action": "fetch",
                "request_key": f"{fetch.resource}:{fetch.resource_id}",
                "state": "queued",
                "order_number": None,
                "parameters": orjson.dumps(dict(fetch.parameters)).decode(),
                "created_at": prepared.at,
                "updated_at": prepared.at,
            }
        )

    def _keep_raw(self, prepared: Prepared) -> str:
        """Keep the raw message for trace and replay; one row per content. Returns its hash, empty when nothing is kept."""
        retention = self.preparer.settings.retention_of(prepared.delivery.key)
        if retention is None:
            return ""
        key = prepared.delivery.key
        digest = hashlib.sha256(f"{key}\n{prepared.body_sha256}".encode()).hexdigest()
        self.pending.raw[digest] = {
            "sha256": digest,
            "key": key,
            "headers": orjson.dumps(kept_headers(prepared.delivery.raw.headers)).decode(),
            "body": prepared.delivery.raw.body,
            "received_at": prepared.at,
            "expires_at": prepared.at + retention,
        }
        return digest

    # -- writing ---------------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write all pending rows, each table once. May be called again later in the same transaction."""
        connection, pending = self.connection, self.pending
        self.pending = _Pending()
        self._flush_orders()
        bulk.insert(connection, tables.order_log, pending.log)
        _flush_placements(connection, pending)
        for number, change, at in pending.addresses:
            rows.write_address(connection, number, change, at)
        bulk.insert(connection, tables.comments, pending.comments)
        rows.write_track_texts(connection, pending.tracks)
        rows.write_references(connection, {key: row for key, row in self.references.items() if row.changed})
        for row in self.references.values():
            row.changed = False
        bulk.insert(connection, tables.invoices, pending.invoices, suffix="ON CONFLICT (order_number) DO NOTHING")
        self._flush_outbox(pending.outbox)
        self.published.extend(pending.outbox)
        rows.delete_parked(connection, pending.released)
        insert_dead_letters(connection, pending.dead)
        if pending.raw:
            bulk.insert(
                connection, tables.raw_messages, [pending.raw[key] for key in sorted(pending.raw)], suffix="ON CONFLICT (sha256) DO NOTHING"
            )
        bulk.insert(connection, tables.inbox, pending.replies)
        self._flush_outbound(pending.requests)

    def _flush_outbound(self, requests: Sequence[dict[str, Any]]) -> None:
        """Write work for providers, and a message for each row that is new: it only names the row.

        While a read is queued a further notice adds nothing; one that has started gets a successor (architecture D9).
        """
        if not requests:
            return
        found = bulk.insert_returning(
            self.connection,
            tables.outbound_requests,
            sorted(requests, key=lambda row: (row["adapter"], row["request_key"])),
            suffix="ON CONFLICT (adapter, request_key) WHERE action = 'fetch' AND state = 'queued' DO NOTHING",
            returning=("id", "adapter", "action", "created_at"),
        )
        self.write_outbox(
            self.connection,
            [work_message(number, adapter, action, f"outbound:{number}", bulk.instant(at)) for number, adapter, action, at in found],
        )

    def _flush_orders(self) -> None:
        created: list[dict[str, Any]] = []
        updated: list[dict[str, Any]] = []
        replaced: list[dict[str, Any]] = []
        opened: list[dict[str, Any]] = []
        touched: list[dict[str, Any]] = []
        documents: list[rows.Changed] = []
        timers: list[dict[str, Any]] = []
        unset: list[str] = []
        for number in sorted(self.orders):
            state = self.orders[number]
            if not state.dirty or state.view is None or state.updated_at is None:
                continue
            row = state.columns(state.updated_at)
            if not state.exists:
                created.append({**row, **state.placed})
            else:
                updated.append(row)
                if state.placed:
                    replaced.append({"number": number, **state.placed})
            opened.extend(state.exceptions)
            touched.extend(state.resolved)
            documents.append(rows.Changed(number, state.first_view, state.view))
            self._timer(state, state.view, timers, unset)
            state.first_view = state.view
            state.exceptions, state.resolved, state.placed = [], [], {}
            state.exists, state.dirty = True, False
        bulk.insert(self.connection, tables.orders, created)
        bulk.update(self.connection, tables.orders, "number", updated)
        bulk.update(self.connection, tables.orders, "number", replaced)
        rows.write_exceptions(self.connection, opened, touched)
        rows.write_documents(self.connection, documents)
        rows.write_timers(self.connection, timers, unset)

    def _timer(self, state: OrderState, now: View, timers: list[dict[str, Any]], unset: list[str]) -> None:
        """Date the order.expire of an order that waits for its first money, or take it back."""
        calendar = self.preparer.shop.calendar
        before = None if state.first_view is None else expire_at(state.first_view, calendar)
        due = expire_at(now, calendar)
        if due == before:
            return
        if due is None:
            unset.append(state.number)
            return
        settled = due + timedelta(seconds=now.rules.expire_settle_s)
        timers.append({"order_number": state.number, "kind": "order.expire", "due_at": settled})

    def _flush_outbox(self, outbox: Sequence[OutboxRow]) -> None:
        notices.complete(self.connection, outbox, {number: state.view for number, state in self.orders.items() if state.view is not None})
        self.write_outbox(self.connection, outbox)

    @staticmethod
    def write_outbox(connection: Connection, outbox: Sequence[OutboxRow]) -> None:
        """Write rows for the relay."""
        bulk.insert(
            connection,
            tables.outbox,
            [
                {
                    "shard": shard_of(row.order, row.message_id),
                    "order_number": row.order,
                    "message_id": row.message_id,
                    "routing_key": row.routing_key,
                    "body": orjson.dumps(row.body).decode(),
                    "created_at": row.created_at,
                }
                for row in outbox
            ],
        )

    def _flush_parked(self) -> None:
        fresh = {entry: waiting for entry, waiting in self._waiting.items() if waiting.stored_id is None}
        if not fresh:
            return
        ttl = self.preparer.settings.parked_ttl
        facts = [
            {
                "key": waiting.key,
                "source": waiting.fact.source,
                "kind": waiting.fact.fact.kind,
                "entry_key": entry,
                "body": waiting.fact.body,
                "references": orjson.dumps([list(key) for key in waiting.fact.lookup.keys]).decode(),
                "raw_sha256": waiting.raw_sha256 or None,
                "headers": orjson.dumps(waiting.headers).decode(),
                "parked_at": waiting.at,
                "expires_at": waiting.at + ttl,
            }
            for entry, waiting in fresh.items()
        ]
        inserted = bulk.insert_returning(
            self.connection, tables.parked_facts, facts, suffix="ON CONFLICT (entry_key) DO NOTHING", returning=("entry_key", "id")
        )
        links = [
            {"scope": key.scope, "kind": key.kind, "value": key.value, "parked_id": row[1]}
            for row in inserted
            for key in fresh[row[0]].fact.lookup.keys
        ]
        bulk.insert(self.connection, tables.parked_references, links)

    def add_rejection(self, body: dict[str, Any], at: datetime) -> None:
        """Publish that a command was refused. It is no event of an order; each judgement is one of its own."""
        message_id = message_id_of(f"rejected:{body['id']}:{instant_text(at)}")
        self.pending.outbox.append(OutboxRow(None, message_id, "command.rejected", {**body, "recorded_at": instant_text(at)}, at))


def work_message(request: int, adapter: str, action: str, name: str, at: datetime) -> OutboxRow:
    """Describe the message on hub.outbound that there is work: which row, and nothing of what is in it."""
    body: dict[str, Any] = {"request": request, "adapter": adapter, "action": action}
    return OutboxRow(None, message_id_of(name), f"{OUTBOUND_PREFIX}{adapter}.{action}", body, at)


def _flush_placements(connection: Connection, pending: _Pending) -> None:
    if not pending.items and not pending.personal:
        return
    numbers = [row["order_number"] for row in pending.personal]
    rows.delete_items(connection, numbers)
    bulk.insert(connection, tables.order_items, pending.items)
    columns = ("name", "email", "document", "phone", "billing_address", "shipping_address", "search")
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
    bulk.insert(
        connection,
        tables.order_personal,
        pending.personal,
        suffix=f"ON CONFLICT (order_number) DO UPDATE SET {sets}, version = order_personal.version + 1",
    )


def _conflict_body(body: dict[str, Any], key: str) -> dict[str, Any]:
    return {**body, "cause": {"kind": "reference.conflict", "source": HUB_SOURCE, "event_id": key[:200]}}
