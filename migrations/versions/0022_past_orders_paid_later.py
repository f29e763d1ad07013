"""past orders paid later

What becomes of an order that was placed before the store began to grant and
paid after it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    setting = sa.Column("past_orders_paid_later", sa.String(10), server_default="review", nullable=False)
    op.add_column("stores", setting)


def downgrade() -> None:
    """Bring the schema back."""
    # SQLite cannot copy a table that others refer to, so the column is dropped in place.
    op.execute("alter table stores drop column past_orders_paid_later")
