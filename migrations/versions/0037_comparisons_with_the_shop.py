"""comparisons with the shop

The result of the last comparison of each order with the shop, its time, and the
values that differ. Orders are compared when they are next read from the shop.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import Instant

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_DIFFERING = sa.text("sync in ('warning','mismatch')")
_CHECK = "sync in ('in_sync','warning','mismatch')"


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("orders", sa.Column("compared_at", Instant()))
    op.add_column("orders", sa.Column("differences", sa.JSON()))
    if op.get_bind().dialect.name == "sqlite":
        # Added with its column: SQLite would copy the table to add a constraint.
        op.execute(f"alter table orders add column sync varchar(10) constraint ck_orders_sync check ({_CHECK})")
    else:
        op.add_column("orders", sa.Column("sync", sa.String(10)))
        op.create_check_constraint(op.f("ck_orders_sync"), "orders", _CHECK)
    op.create_index(
        "ix_orders_differing",
        "orders",
        ["store_id", "number"],
        postgresql_where=_DIFFERING,
        sqlite_where=_DIFFERING,
    )


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_orders_differing", table_name="orders")
    for column in ("sync", "differences", "compared_at"):
        op.drop_column("orders", column)
