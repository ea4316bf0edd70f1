"""The tables, as SQLAlchemy Core metadata. Names that operators may query are fixed by the contract.

Personal data (name, document, e-mail, phone, addresses) lives in `order_personal` and `raw_messages` only. JSON is
canonical text: it is written once and read whole, so a document type would only cost time (architecture D2).

There are no foreign keys to `orders`: the engine is the only writer, it holds the order's row lock, and each key would cost a
look-up and a share lock per row on the hot path.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant in UTC: timestamptz on PostgreSQL, fixed-width ISO text on SQLite so that text order is time order."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> object:  # type: ignore[override]
        """Choose the column type of the dialect."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """Refuse naive instants: they would mean another time on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must be aware")
        return value if dialect.name == "postgresql" else to_text(value)

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        """Return UTC whatever the session's time zone is."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.fromisoformat(str(value))


def to_text(value: datetime) -> str:
    """Write an instant as fixed-width ISO 8601 in UTC with microseconds."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


# SQLite gives rowids only to INTEGER primary keys.
_BIGID: Final = BigInteger().with_variant(Integer, "sqlite")


orders: Final = Table(
    "orders",
    metadata,
    Column("number", Text, primary_key=True),
    Column("ledger", Text, nullable=False, comment="canonical JSON, the fold of order_log"),
    Column("done", Text, nullable=False, server_default="[]", comment="JSON list: keys of effects that have happened"),
    Column("version", Integer, nullable=False, server_default="0", comment="log rows so far; grows by one with each"),
    Column("sequence", Integer, nullable=False, server_default="0", comment="events so far"),
    Column("status_sequence", Integer, nullable=False, server_default="0"),
    Column("fold_version", SmallInteger, nullable=False, server_default="1"),
    Column("state", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("base_state", Text, nullable=False),
    Column("payment_state", Text, nullable=False),
    Column("fulfilment_state", Text, nullable=False),
    Column("fiscal_state", Text, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("due_cents", BigInteger, nullable=False),
    Column("captured_cents", BigInteger, nullable=False),
    Column("refunded_cents", BigInteger, nullable=False),
    Column("charged_back_cents", BigInteger, nullable=False),
    Column("customer_id", Text),
    Column("shipping_carrier", Text),
    Column("shipping_service", Text),
    Column("shipping_cents", BigInteger, nullable=False, server_default="0"),
    Column("discount_cents", BigInteger, nullable=False, server_default="0"),
    Column("parent", Text),
    Column("child", Text),
    Column("historical", Boolean, nullable=False, server_default=text("false")),
    Column("placed_at", UtcInstant, nullable=False),
    Column("updated_at", UtcInstant, nullable=False),
    Index("ix_orders_status_placed_at", "status", "placed_at"),
    Index("ix_orders_placed_at", "placed_at"),
)

order_items: Final = Table(
    "order_items",
    metadata,
    Column("order_number", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_cents", BigInteger, nullable=False),
    Column("virtual", Boolean, nullable=False),
    Index("ix_order_items_sku", "sku"),
)

order_personal: Final = Table(
    "order_personal",
    metadata,
    Column("order_number", Text, primary_key=True),
    Column("name", Text),
    Column("email", Text),
    Column("document", Text),
    Column("phone", Text),
    Column("billing_address", Text, comment="JSON"),
    Column("shipping_address", Text, comment="JSON"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("history", Text, nullable=False, server_default="[]", comment="JSON: addresses that were replaced, with version and time"),
    Column("search", Text, nullable=False, server_default="", comment="names and e-mail, accents and case folded"),
    Column("erased_at", UtcInstant),
    Index("ix_order_personal_email", "email"),
)

order_log: Final = Table(
    "order_log",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("order_number", Text, nullable=False),
    Column("position", Integer, nullable=False, comment="1, 2, 3 ... within the order"),
    Column("kind", Text, nullable=False, comment="fact kind, or command name"),
    Column("source", Text, nullable=False),
    Column("source_event_id", Text, nullable=False),
    Column("entry_key", Text, nullable=False, comment="hash of source, event id and content without times: a repeat has the same"),
    Column("occurred_at", UtcInstant, nullable=False),
    Column("recorded_at", UtcInstant, nullable=False),
    Column("actor", Text),
    Column("authenticated_actor", Text),
    Column("body", Text, nullable=False, comment="canonical JSON of the fact, or of the decision"),
    Column("raw_sha256", Text, comment="the raw message it came in"),
    Column("fold_version", SmallInteger, nullable=False),
    Column("events", Text, nullable=False, server_default="[]", comment="JSON: [[sequence, routing key, id], ...] published by this row"),
    UniqueConstraint("order_number", "position"),
    UniqueConstraint("order_number", "entry_key"),
    Index("ix_order_log_source_event_id", "source_event_id"),
    Index(
        "ix_order_log_unknown",
        "kind",
        postgresql_where=text("kind IN ('payment.unknown', 'shipment.unknown', 'fiscal.unknown')"),
        sqlite_where=text("kind IN ('payment.unknown', 'shipment.unknown', 'fiscal.unknown')"),
    ),
)

order_references: Final = Table(
    "order_references",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("order_number", Text, comment="null: facts wait for it, or ambiguous"),
    Column("claims", Text, comment="JSON list of order numbers; more than one = ambiguous"),
    Index("ix_order_references_order_number", "order_number"),
    Index("ix_order_references_value", "value"),
)

parked_facts: Final = Table(
    "parked_facts",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, comment="inbound key"),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("entry_key", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False, comment="canonical fact, no names"),
    Column("references", Text, nullable=False, comment="JSON [[scope, kind, value], ...]"),
    Column("raw_sha256", Text),
    Column("headers", Text, comment="JSON: headers needed for a dead letter, secrets removed"),
    Column("parked_at", UtcInstant, nullable=False),
    Column("expires_at", UtcInstant, nullable=False),
    Index("ix_parked_facts_expires_at", "expires_at"),
)

parked_references: Final = Table(
    "parked_references",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("parked_id", _BIGID, ForeignKey("parked_facts.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_parked_references_parked_id", "parked_id"),
)

raw_messages: Final = Table(
    "raw_messages",
    metadata,
    Column("sha256", Text, primary_key=True, comment="of key and body"),
    Column("key", Text, nullable=False),
    Column("headers", Text, nullable=False, comment="JSON, without secrets"),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", UtcInstant, nullable=False),
    Column("expires_at", UtcInstant),
    Index("ix_raw_messages_expires_at", "expires_at"),
)

inbox: Final = Table(
    "inbox",
    metadata,
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("body_sha256", Text, primary_key=True, comment="empty for commands: their key alone is unique"),
    Column("payload_sha256", Text, comment="commands: what the key was used for"),
    Column("reply", Text, comment="commands: the answer, given again on a repeat"),
    Column("received_at", UtcInstant, nullable=False),
    Index("ix_inbox_received_at", "received_at"),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("shard", SmallInteger, nullable=False),
    Column("order_number", Text),
    Column("message_id", Text, nullable=False),
    Column("routing_key", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
    Column("traceparent", Text),
    Index("ix_outbox_shard_id", "shard", "id"),
)

outbound_requests: Final = Table(
    "outbound_requests",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("adapter", Text, nullable=False),
    Column("action", Text, nullable=False, comment="fetch, refund, void, ..."),
    Column("request_key", Text, nullable=False, comment="fetch: resource and id; others: idempotency key"),
    Column("order_number", Text),
    Column("state", Text, nullable=False, comment="queued, started, done, unknown, failed"),
    Column("parameters", Text, nullable=False, comment="JSON of keys and amounts; the HTTP body is built at send time"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    Column("created_at", UtcInstant, nullable=False),
    Column("updated_at", UtcInstant, nullable=False),
    Column("started_at", UtcInstant, comment="since when the provider may know of it: its key memory runs from here"),
    Column("leased_until", UtcInstant, comment="a gateway has it in hand until then"),
    Index("ix_outbound_requests_adapter_request_key", "adapter", "request_key"),
    Index(
        "uq_outbound_requests_queued_fetch",
        "adapter",
        "request_key",
        unique=True,
        postgresql_where=text("action = 'fetch' AND state = 'queued'"),
        sqlite_where=text("action = 'fetch' AND state = 'queued'"),
    ),
    Index("ix_outbound_requests_state", "state"),
)

timers: Final = Table(
    "timers",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("order_number", Text),
    Column("kind", Text, nullable=False),
    Column("due_at", UtcInstant, nullable=False),
    Column("parameters", Text, nullable=False, server_default="{}"),
    UniqueConstraint("order_number", "kind"),
    Index("ix_timers_due_at", "due_at"),
)

workers: Final = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("roles", Text, nullable=False, comment="JSON list: worker, relay, ..."),
    Column("state", Text, nullable=False, comment="idle, batch, pause"),
    Column("started_at", UtcInstant, nullable=False),
    Column("seen_at", UtcInstant, nullable=False),
)

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("dedupe_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("origin", Text, nullable=False, comment="queue"),
    Column("routing_key", Text, nullable=False),
    Column("adapter", Text),
    Column("order_number", Text),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("first_failed_at", UtcInstant, nullable=False),
    Column("last_failed_at", UtcInstant, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", Text, nullable=False, comment="JSON"),
    Column("properties", Text, nullable=False, server_default="{}", comment="JSON: user_id, reply_to, ... of the message"),
    Column("traceback", Text),
    Column("status", Text, nullable=False, comment="open, redriven, discarded"),
    Column(
        "offered_again", Boolean, nullable=False, server_default=text("false"), comment="delivery_limit letters get one more try, alone"
    ),
    Column("note", Text),
    Column("settled_at", UtcInstant),
    Column("settled_by", Text),
    Index(
        "uq_dead_letters_open_dedupe_key",
        "dedupe_key",
        unique=True,
        postgresql_where=text("status = 'open'"),
        sqlite_where=text("status = 'open'"),
    ),
    Index("ix_dead_letters_status_kind", "status", "kind"),
    Index("ix_dead_letters_order_number", "order_number"),
)

exceptions: Final = Table(
    "exceptions",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("order_number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("detail", Text, nullable=False, comment="JSON"),
    Column("resolve_with", Text, nullable=False, comment="JSON list of commands"),
    Column("opened_at", UtcInstant, nullable=False),
    Column("resolved_at", UtcInstant),
    Column("resolution", Text),
    Column("resolved_by", Text),
    Index(
        "uq_exceptions_open", "order_number", "kind", "key", unique=True,
        postgresql_where=text("resolved_at IS NULL"), sqlite_where=text("resolved_at IS NULL"),
    ),
    Index("ix_exceptions_kind_key", "kind", "key"),
)  # fmt: skip

invoices: Final = Table(
    "invoices",
    metadata,
    Column("number", Text, primary_key=True),
    Column("order_number", Text, nullable=False, unique=True, comment="one sale invoice per order"),
    Column("total_cents", BigInteger, nullable=False),
    Column("captures", Text, nullable=False, comment="JSON list of transaction keys"),
    Column("created_at", UtcInstant, nullable=False),
    Column("email_sent", Boolean, nullable=False, server_default=text("false")),
    Index("ix_invoices_created_at", "created_at"),
)

shipments: Final = Table(
    "shipments",
    metadata,
    Column("order_number", Text, primary_key=True),
    Column("id", Text, primary_key=True, comment="the order's own: not unique among orders"),
    Column("carrier", Text),
    Column("state", Text, nullable=False),
    Column("items", Text, nullable=False, server_default="[]", comment="JSON [[sku, quantity], ...]"),
    Column("shipped_at", UtcInstant),
    Column("created_at", UtcInstant, nullable=False),
    Column("updated_at", UtcInstant, nullable=False),
)

shipment_labels: Final = Table(
    "shipment_labels",
    metadata,
    Column("order_number", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("label_id", Text, primary_key=True, comment="the carrier's name of the label"),
    Column("shipment_id", Text, comment="the order's own, where it is known; else it follows from provider and label"),
    Column("content_type", Text, nullable=False, comment="application/pdf, image/png, image/jpeg"),
    Column("body", LargeBinary, nullable=False, comment="shows name and address: erased with order_personal"),
    Column("stored_at", UtcInstant, nullable=False),
)

shipment_tracks: Final = Table(
    "shipment_tracks",
    metadata,
    Column("order_number", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("shipment_id", Text, nullable=False),
    Column("carrier", Text),
    Column("title", Text),
    Column("url", Text),
    Index("ix_shipment_tracks_number", "number"),
)

refunds: Final = Table(
    "refunds",
    metadata,
    Column("order_number", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("payment", Text),
    Column("state", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("mode", Text),
    Column("method", Text),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("created_at", UtcInstant, nullable=False),
    Column("updated_at", UtcInstant, nullable=False),
)

transactions: Final = Table(
    "transactions",
    metadata,
    Column("order_number", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False, comment="authorization, capture, refund, void, chargeback"),
    Column("payment", Text, comment="attempt id"),
    Column("parent", Text),
    Column("provider", Text),
    Column("method", Text),
    Column("amount_cents", BigInteger),
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    Column("occurred_at", UtcInstant, nullable=False),
    Index("ix_transactions_occurred_at", "occurred_at"),
)

fiscal_documents: Final = Table(
    "fiscal_documents",
    metadata,
    Column("order_number", Text, primary_key=True),
    Column("id", Text, primary_key=True, comment="the order's own: not unique among orders"),
    Column("access_key", Text),
    Column("number", Text),
    Column("series", Text),
    Column("state", Text, nullable=False),
    Column("evidence", Text),
    Column("total_cents", BigInteger),
    Column("issued_at", UtcInstant),
    Index("ix_fiscal_documents_access_key", "access_key"),
)

comments: Final = Table(
    "comments",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("order_number", Text, nullable=False),
    Column("position", Integer, nullable=False, comment="the log row it came with"),
    Column("text", Text, nullable=False, comment="free text may name a person: erased with order_personal"),
    Column("document", Text),
    Column("status", Text, nullable=False),
    Column("actor", Text),
    Column("notified", Boolean, nullable=False),
    Column("visible", Boolean, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
    Index("ix_comments_order_number", "order_number"),
)

statuses: Final = Table(
    "statuses",
    metadata,
    Column("code", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("states", Text, nullable=False, server_default="[]", comment="JSON list of states it is assigned to"),
    Column("default_of", Text, nullable=False, server_default="[]", comment="JSON list of states it is the default of"),
    Column("built_in", Boolean, nullable=False, server_default=text("false")),
)

notices_sent: Final = Table(
    "notices_sent",
    metadata,
    Column("key", Text, primary_key=True, comment="the notice's: one e-mail each"),
    Column("order_number", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("message_id", Text, nullable=False, comment="derived from the key, so that a second copy is known as one"),
    Column("status", Text, nullable=False, comment="started, deferred, sent, failed, bounced, skipped"),
    Column("attempts", Integer, nullable=False),
    Column(
        "uncertain",
        Integer,
        nullable=False,
        server_default="0",
        comment="tries that ended without an answer: so many copies more may exist",
    ),
    Column("detail", Text, comment="the mail server's words, addresses masked"),
    Column("started_at", UtcInstant, nullable=False),
    Column("held_until", UtcInstant, comment="status started: until then the try belongs to its process"),
    Column("sent_at", UtcInstant),
    Column("updated_at", UtcInstant, nullable=False),
    Index("ix_notices_sent_order_number", "order_number"),
    Index("ix_notices_sent_status", "status"),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", _BIGID, primary_key=True, autoincrement=True),
    Column("recorded_at", UtcInstant, nullable=False),
    Column("command", Text, nullable=False),
    Column("command_id", Text, nullable=False),
    Column("order_number", Text),
    Column("position", Integer, comment="the log row it has, where the reason stands"),
    Column("actor", Text, nullable=False),
    Column("authenticated_actor", Text),
    Column("role", Text, nullable=False, comment="at the time"),
    Column("reason", Text),
    Column("before", Text, nullable=False, server_default="{}", comment="JSON: what changed, as it was"),
    Column("after", Text, nullable=False, server_default="{}", comment="JSON: the same as it is now"),
    Index("ix_audit_recorded_at", "recorded_at"),
    Index("ix_audit_order_number", "order_number"),
    Index("ix_audit_actor", "actor"),
)

saved_filters: Final = Table(
    "saved_filters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("filter", Text, nullable=False, comment="JSON: option -> value"),
    Column("saved_by", Text, nullable=False, comment="the login"),
    Column("saved_at", UtcInstant, nullable=False),
)
