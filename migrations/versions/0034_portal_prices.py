"""prices and the ledger of the portal

The price of a package, and an index on the entries that no spend made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import Money

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_CREDITS = "kind not in ('spend','refund')"


def upgrade() -> None:
    """Bring the schema forward; prices arrive with the next import or change of a product."""
    op.add_column("packages", sa.Column("price", Money()))
    op.add_column("packages", sa.Column("is_for_sale", sa.Boolean()))
    op.create_index(
        "ix_entries_credits",
        "entries",
        ["account_id", "id"],
        postgresql_where=sa.text(_CREDITS),
        sqlite_where=sa.text(_CREDITS),
    )


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_entries_credits", table_name="entries")
    op.drop_column("packages", "is_for_sale")
    op.drop_column("packages", "price")
