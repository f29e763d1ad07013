"""connecting"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "key_requests",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=True),
        sa.Column("wanted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_key_requests_store_id")),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_key_requests")),
    )
    op.create_index("ix_key_requests_expires_at", "key_requests", ["expires_at"])
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sentences", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("looked_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("pinged_at", Instant(), nullable=True))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.drop_column("pinged_at")
        batch_op.drop_column("looked_at")
        batch_op.drop_column("sentences")
    op.drop_index("ix_key_requests_expires_at", table_name="key_requests")
    op.drop_table("key_requests")
