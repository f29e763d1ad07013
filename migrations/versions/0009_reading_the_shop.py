"""reading the shop"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "shop_reads",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("cursor_at", Instant(), nullable=True),
        sa.Column("trash_cursor_at", Instant(), nullable=True),
        sa.Column("swept_to", BIG, nullable=True),
        sa.Column("swept_at", Instant(), nullable=True),
        sa.Column("polled_at", Instant(), nullable=True),
        sa.Column("bad_signature_at", Instant(), nullable=True),
        sa.Column("shop_error_at", Instant(), nullable=True),
        sa.Column("webhooks_set_at", Instant(), nullable=True),
        sa.Column("unapplied", sa.JSON(), nullable=True),
        sa.Column("faults", sa.JSON(), nullable=True),
        sa.Column("faults_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_shop_reads_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_shop_reads")),
    )
    with op.batch_alter_table("stores", schema=None) as batch_op:
        batch_op.add_column(sa.Column("grants_from", Instant(), nullable=True))
        batch_op.add_column(sa.Column("asks_from", Instant(), nullable=True))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("stores", schema=None) as batch_op:
        batch_op.drop_column("asks_from")
        batch_op.drop_column("grants_from")

    op.drop_table("shop_reads")
