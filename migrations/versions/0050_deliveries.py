"""deliveries

What reports changes of a shop: its webhooks, or the WordPress plugin alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("stores", sa.Column("deliveries", sa.String(10), nullable=False, server_default="webhooks"))


def downgrade() -> None:
    """Bring the schema back; the webhooks of all shops are checked and repaired again."""
    op.drop_column("stores", "deliveries")
