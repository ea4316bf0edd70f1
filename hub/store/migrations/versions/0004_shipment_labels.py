"""The carriers' labels as files: the table `shipment_labels`."""

import sqlalchemy as sa
from alembic import op

from hub.store.tables import UtcInstant

revision = "0004_shipment_labels"
down_revision = "0003_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "shipment_labels",
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("label_id", sa.Text(), nullable=False, comment="the carrier's name of the label"),
        sa.Column(
            "shipment_id",
            sa.Text(),
            nullable=True,
            comment="the order's own, where it is known; else it follows from provider and label",
        ),
        sa.Column("content_type", sa.Text(), nullable=False, comment="application/pdf, image/png, image/jpeg"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="shows name and address: erased with order_personal"),
        sa.Column("stored_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("order_number", "provider", "label_id", name=op.f("pk_shipment_labels")),
    )
