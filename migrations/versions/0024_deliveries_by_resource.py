"""deliveries by resource

The newest deliveries about an order, a product or a customer are found by it: a
repeated delivery is counted instead of stored again.
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_index("ix_deliveries_resource", "deliveries", ["store_id", "resource_id", "id"])


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_deliveries_resource", table_name="deliveries")
