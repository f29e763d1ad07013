"""recorded public URL; stores that are renamed or removed

The running service records its public URL. A renamed store keeps the slugs it
had; a store that is being removed is marked until its last row is gone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "service_state",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.String(1000), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_state")),
    )
    # Not in a batch: on SQLite that would recreate the table, which other tables refer to.
    op.add_column("stores", sa.Column("former_slugs", sa.JSON(), nullable=True))
    op.add_column("stores", sa.Column("removing_at", Instant(), nullable=True))
    op.create_index(
        "ix_orders_claimed_by",
        "orders",
        ["claimed_by"],
        postgresql_where=sa.text("claimed_by is not null"),
        sqlite_where=sa.text("claimed_by is not null"),
    )


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_orders_claimed_by", table_name="orders")
    op.drop_column("stores", "removing_at")
    op.drop_column("stores", "former_slugs")
    op.drop_table("service_state")
