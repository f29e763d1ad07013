"""widget

An index of the orders that are paid, or soon will be, and have granted nothing
yet; names of modules by language.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_AWAITED = sa.text("account_id is null and customer_id <> 0 and status in ('on-hold','processing')")


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_index(
        "ix_orders_awaited",
        "orders",
        ["store_id", "customer_id"],
        postgresql_where=_AWAITED,
        sqlite_where=_AWAITED,
    )
    op.add_column("modules", sa.Column("labels", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Bring the schema back; names by language are lost."""
    op.drop_column("modules", "labels")
    op.drop_index("ix_orders_awaited", table_name="orders")
