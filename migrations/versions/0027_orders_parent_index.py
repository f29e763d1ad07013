"""orders parent index

SQLite took the condition `parent_id > 0` of the index for a range to search, and
read every child order of the store. `parent_id <> 0` is no range.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    _replace("parent_id <> 0")


def downgrade() -> None:
    """Bring the schema back."""
    _replace("parent_id > 0")


def _replace(condition: str) -> None:
    op.drop_index("ix_orders_parent", table_name="orders")
    op.create_index(
        "ix_orders_parent",
        "orders",
        ["store_id", "parent_id"],
        postgresql_where=sa.text(condition),
        sqlite_where=sa.text(condition),
    )
