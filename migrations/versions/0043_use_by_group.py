"""use by group

The use of stores by day and every property, so that `GET /v1/usage` by site,
operation or source reads no row for each user. A job fills it from the history.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "store_uses",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("is_by_site", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("site_id", BIG, autoincrement=False, nullable=False),
        sa.Column("module", sa.String(64), nullable=False),
        sa.Column("operation", sa.String(100), nullable=False),
        sa.Column("source", sa.String(100), nullable=False),
        sa.Column("units", BIG, nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_store_uses_store_id_stores")),
        sa.PrimaryKeyConstraint(
            *("store_id", "is_by_site", "day", "site_id", "module", "operation", "source"),
            name=op.f("pk_store_uses"),
        ),
    )
    op.create_index("ix_store_uses_day", "store_uses", ["day"])


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_table("store_uses")
    op.execute("delete from rollups where name = 'groups'")
