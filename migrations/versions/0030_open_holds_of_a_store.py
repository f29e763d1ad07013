"""open holds of a store

An index on the open holds of each store, for the list of holds.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_index(
        "ix_holds_open_of_store",
        "holds",
        ["store_id", "id"],
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_holds_open_of_store", table_name="holds")
