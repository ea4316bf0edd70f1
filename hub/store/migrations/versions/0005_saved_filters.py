"""Filters of the list of orders under names; the follow-up lists of invoices and of money by time."""

import sqlalchemy as sa
from alembic import op

from hub.store.tables import UtcInstant

revision = "0005_saved_filters"
down_revision = "0004_shipment_labels"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the indexes."""
    op.create_table(
        "saved_filters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False, comment="JSON: option -> value"),
        sa.Column("saved_by", sa.Text(), nullable=False, comment="the login"),
        sa.Column("saved_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_saved_filters")),
    )
    op.create_index("ix_invoices_created_at", "invoices", ["created_at"], unique=False)
    op.create_index("ix_transactions_occurred_at", "transactions", ["occurred_at"], unique=False)
