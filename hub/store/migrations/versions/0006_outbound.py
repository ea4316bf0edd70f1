"""Work for providers: since when one may know of a request, and until when a gateway has it in hand."""

import sqlalchemy as sa
from alembic import op

from hub.store.tables import UtcInstant

revision = "0006_outbound"
down_revision = "0005_saved_filters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    started = "since when the provider may know of it: its key memory runs from here"
    op.add_column("outbound_requests", sa.Column("started_at", UtcInstant(), nullable=True, comment=started))
    leased = "a gateway has it in hand until then"
    op.add_column("outbound_requests", sa.Column("leased_until", UtcInstant(), nullable=True, comment=leased))
