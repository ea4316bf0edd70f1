"""E-mails that the hub sends itself: one row per notice."""

import sqlalchemy as sa
from alembic import op

from hub.store.tables import UtcInstant

revision = "0002_notices_sent"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "notices_sent",
        sa.Column("key", sa.Text(), nullable=False, comment="the notice's: one e-mail each"),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False, comment="derived from the key, so that a second copy is known as one"),
        sa.Column("status", sa.Text(), nullable=False, comment="started, deferred, sent, failed, bounced, skipped"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "uncertain",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="tries that ended without an answer: so many copies more may exist",
        ),
        sa.Column("detail", sa.Text(), nullable=True, comment="the mail server's words, addresses masked"),
        sa.Column("started_at", UtcInstant(), nullable=False),
        sa.Column("held_until", UtcInstant(), nullable=True, comment="status started: until then the try belongs to its process"),
        sa.Column("sent_at", UtcInstant(), nullable=True),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notices_sent")),
    )
    op.create_index("ix_notices_sent_order_number", "notices_sent", ["order_number"], unique=False)
    op.create_index("ix_notices_sent_status", "notices_sent", ["status"], unique=False)
