"""The first schema: orders, their log, inbox and outbox, parked facts, dead letters and the lists."""

import sqlalchemy as sa
from alembic import op

from hub.store.tables import UtcInstant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "comments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="the log row it came with"),
        sa.Column("text", sa.Text(), nullable=False, comment="free text may name a person: erased with order_personal"),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("notified", sa.Boolean(), nullable=False),
        sa.Column("visible", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index("ix_comments_order_number", "comments", ["order_number"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="queue"),
        sa.Column("routing_key", sa.Text(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=True),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("first_failed_at", UtcInstant(), nullable=False),
        sa.Column("last_failed_at", UtcInstant(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("properties", sa.Text(), server_default="{}", nullable=False, comment="JSON: user_id, reply_to, ... of the message"),
        sa.Column("traceback", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False, comment="open, redriven, discarded"),
        sa.Column(
            "offered_again",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="delivery_limit letters get one more try, alone",
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("settled_at", UtcInstant(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index("ix_dead_letters_order_number", "dead_letters", ["order_number"], unique=False)
    op.create_index("ix_dead_letters_status_kind", "dead_letters", ["status", "kind"], unique=False)
    op.create_index(
        "uq_dead_letters_open_dedupe_key",
        "dead_letters",
        ["dedupe_key"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
        sqlite_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "exceptions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("resolve_with", sa.Text(), nullable=False, comment="JSON list of commands"),
        sa.Column("opened_at", UtcInstant(), nullable=False),
        sa.Column("resolved_at", UtcInstant(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exceptions")),
    )
    op.create_index("ix_exceptions_kind_key", "exceptions", ["kind", "key"], unique=False)
    op.create_index(
        "uq_exceptions_open",
        "exceptions",
        ["order_number", "kind", "key"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
        sqlite_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "fiscal_documents",
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="the order's own: not unique among orders"),
        sa.Column("access_key", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("total_cents", sa.BigInteger(), nullable=True),
        sa.Column("issued_at", UtcInstant(), nullable=True),
        sa.PrimaryKeyConstraint("order_number", "id", name=op.f("pk_fiscal_documents")),
    )
    op.create_index("ix_fiscal_documents_access_key", "fiscal_documents", ["access_key"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False, comment="empty for commands: their key alone is unique"),
        sa.Column("payload_sha256", sa.Text(), nullable=True, comment="commands: what the key was used for"),
        sa.Column("reply", sa.Text(), nullable=True, comment="commands: the answer, given again on a repeat"),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", "body_sha256", name=op.f("pk_inbox")),
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"], unique=False)
    op.create_table(
        "invoices",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False, comment="one sale invoice per order"),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("captures", sa.Text(), nullable=False, comment="JSON list of transaction keys"),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("email_sent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_invoices")),
        sa.UniqueConstraint("order_number", name=op.f("uq_invoices_order_number")),
    )
    op.create_table(
        "order_items",
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price_cents", sa.BigInteger(), nullable=False),
        sa.Column("virtual", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("order_number", "line", name=op.f("pk_order_items")),
    )
    op.create_index("ix_order_items_sku", "order_items", ["sku"], unique=False)
    op.create_table(
        "order_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="1, 2, 3 ... within the order"),
        sa.Column("kind", sa.Text(), nullable=False, comment="fact kind, or command name"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_event_id", sa.Text(), nullable=False),
        sa.Column(
            "entry_key", sa.Text(), nullable=False, comment="hash of source, event id and content without times: a repeat has the same"
        ),
        sa.Column("occurred_at", UtcInstant(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("authenticated_actor", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False, comment="canonical JSON of the fact, or of the decision"),
        sa.Column("raw_sha256", sa.Text(), nullable=True, comment="the raw message it came in"),
        sa.Column("fold_version", sa.SmallInteger(), nullable=False),
        sa.Column(
            "events",
            sa.Text(),
            server_default="[]",
            nullable=False,
            comment="JSON: [[sequence, routing key, id], ...] published by this row",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_log")),
        sa.UniqueConstraint("order_number", "entry_key", name=op.f("uq_order_log_order_number_entry_key")),
        sa.UniqueConstraint("order_number", "position", name=op.f("uq_order_log_order_number_position")),
    )
    op.create_index("ix_order_log_source_event_id", "order_log", ["source_event_id"], unique=False)
    op.create_index(
        "ix_order_log_unknown",
        "order_log",
        ["kind"],
        unique=False,
        postgresql_where=sa.text("kind IN ('payment.unknown', 'shipment.unknown', 'fiscal.unknown')"),
        sqlite_where=sa.text("kind IN ('payment.unknown', 'shipment.unknown', 'fiscal.unknown')"),
    )
    op.create_table(
        "order_personal",
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("billing_address", sa.Text(), nullable=True, comment="JSON"),
        sa.Column("shipping_address", sa.Text(), nullable=True, comment="JSON"),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "history", sa.Text(), server_default="[]", nullable=False, comment="JSON: addresses that were replaced, with version and time"
        ),
        sa.Column("search", sa.Text(), server_default="", nullable=False, comment="names and e-mail, accents and case folded"),
        sa.Column("erased_at", UtcInstant(), nullable=True),
        sa.PrimaryKeyConstraint("order_number", name=op.f("pk_order_personal")),
    )
    op.create_index("ix_order_personal_email", "order_personal", ["email"], unique=False)
    op.create_table(
        "order_references",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=True, comment="null: facts wait for it, or ambiguous"),
        sa.Column("claims", sa.Text(), nullable=True, comment="JSON list of order numbers; more than one = ambiguous"),
        sa.PrimaryKeyConstraint("scope", "kind", "value", name=op.f("pk_order_references")),
    )
    op.create_index("ix_order_references_order_number", "order_references", ["order_number"], unique=False)
    op.create_index("ix_order_references_value", "order_references", ["value"], unique=False)
    op.create_table(
        "orders",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("ledger", sa.Text(), nullable=False, comment="canonical JSON, the fold of order_log"),
        sa.Column("done", sa.Text(), server_default="[]", nullable=False, comment="JSON list: keys of effects that have happened"),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False, comment="log rows so far; grows by one with each"),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False, comment="events so far"),
        sa.Column("status_sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fold_version", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("base_state", sa.Text(), nullable=False),
        sa.Column("payment_state", sa.Text(), nullable=False),
        sa.Column("fulfilment_state", sa.Text(), nullable=False),
        sa.Column("fiscal_state", sa.Text(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("due_cents", sa.BigInteger(), nullable=False),
        sa.Column("captured_cents", sa.BigInteger(), nullable=False),
        sa.Column("refunded_cents", sa.BigInteger(), nullable=False),
        sa.Column("charged_back_cents", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("shipping_carrier", sa.Text(), nullable=True),
        sa.Column("shipping_service", sa.Text(), nullable=True),
        sa.Column("shipping_cents", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("discount_cents", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("child", sa.Text(), nullable=True),
        sa.Column("historical", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("placed_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_orders")),
    )
    op.create_index("ix_orders_placed_at", "orders", ["placed_at"], unique=False)
    op.create_index("ix_orders_status_placed_at", "orders", ["status", "placed_at"], unique=False)
    op.create_table(
        "outbound_requests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False, comment="fetch, refund, void, ..."),
        sa.Column("request_key", sa.Text(), nullable=False, comment="fetch: resource and id; others: idempotency key"),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False, comment="queued, started, done, unknown, failed"),
        sa.Column("parameters", sa.Text(), nullable=False, comment="JSON of keys and amounts; the HTTP body is built at send time"),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_requests")),
    )
    op.create_index("ix_outbound_requests_adapter_request_key", "outbound_requests", ["adapter", "request_key"], unique=False)
    op.create_index("ix_outbound_requests_state", "outbound_requests", ["state"], unique=False)
    op.create_index(
        "uq_outbound_requests_queued_fetch",
        "outbound_requests",
        ["adapter", "request_key"],
        unique=True,
        postgresql_where=sa.text("action = 'fetch' AND state = 'queued'"),
        sqlite_where=sa.text("action = 'fetch' AND state = 'queued'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("routing_key", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_shard_id", "outbox", ["shard", "id"], unique=False)
    op.create_table(
        "parked_facts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="inbound key"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entry_key", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="canonical fact, no names"),
        sa.Column("references", sa.Text(), nullable=False, comment="JSON [[scope, kind, value], ...]"),
        sa.Column("raw_sha256", sa.Text(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=True, comment="JSON: headers needed for a dead letter, secrets removed"),
        sa.Column("parked_at", UtcInstant(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked_facts")),
        sa.UniqueConstraint("entry_key", name=op.f("uq_parked_facts_entry_key")),
    )
    op.create_index("ix_parked_facts_expires_at", "parked_facts", ["expires_at"], unique=False)
    op.create_table(
        "raw_messages",
        sa.Column("sha256", sa.Text(), nullable=False, comment="of key and body"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False, comment="JSON, without secrets"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_raw_messages")),
    )
    op.create_index("ix_raw_messages_expires_at", "raw_messages", ["expires_at"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("order_number", "id", name=op.f("pk_refunds")),
    )
    op.create_table(
        "shipment_tracks",
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("order_number", "number", name=op.f("pk_shipment_tracks")),
    )
    op.create_index("ix_shipment_tracks_number", "shipment_tracks", ["number"], unique=False)
    op.create_table(
        "shipments",
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="the order's own: not unique among orders"),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("items", sa.Text(), server_default="[]", nullable=False, comment="JSON [[sku, quantity], ...]"),
        sa.Column("shipped_at", UtcInstant(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("order_number", "id", name=op.f("pk_shipments")),
    )
    op.create_table(
        "statuses",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("states", sa.Text(), server_default="[]", nullable=False, comment="JSON list of states it is assigned to"),
        sa.Column("default_of", sa.Text(), server_default="[]", nullable=False, comment="JSON list of states it is the default of"),
        sa.Column("built_in", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_statuses")),
    )
    op.create_table(
        "timers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", UtcInstant(), nullable=False),
        sa.Column("parameters", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timers")),
        sa.UniqueConstraint("order_number", "kind", name=op.f("uq_timers_order_number_kind")),
    )
    op.create_index("ix_timers_due_at", "timers", ["due_at"], unique=False)
    op.create_table(
        "transactions",
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="authorization, capture, refund, void, chargeback"),
        sa.Column("payment", sa.Text(), nullable=True, comment="attempt id"),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("occurred_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("order_number", "key", name=op.f("pk_transactions")),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False, comment="JSON list: worker, relay, ..."),
        sa.Column("state", sa.Text(), nullable=False, comment="idle, batch, pause"),
        sa.Column("started_at", UtcInstant(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "parked_references",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("parked_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["parked_id"], ["parked_facts.id"], name=op.f("fk_parked_references_parked_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scope", "kind", "value", "parked_id", name=op.f("pk_parked_references")),
    )
    op.create_index("ix_parked_references_parked_id", "parked_references", ["parked_id"], unique=False)
