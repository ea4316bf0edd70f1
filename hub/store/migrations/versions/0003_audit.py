"""Who did what by hand: the table `audit`."""

import sqlalchemy as sa
from alembic import op

from hub.store.tables import UtcInstant

revision = "0003_audit"
down_revision = "0002_notices_sent"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True, comment="the log row it has, where the reason stands"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("authenticated_actor", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False, comment="at the time"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), server_default="{}", nullable=False, comment="JSON: what changed, as it was"),
        sa.Column("after", sa.Text(), server_default="{}", nullable=False, comment="JSON: the same as it is now"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_recorded_at", "audit", ["recorded_at"], unique=False)
    op.create_index("ix_audit_order_number", "audit", ["order_number"], unique=False)
    op.create_index("ix_audit_actor", "audit", ["actor"], unique=False)
