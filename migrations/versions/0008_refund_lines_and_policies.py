"""refund lines and policies"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("forgiven", BIG, server_default=sa.text("0"), nullable=False))

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("refunds", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("question", sa.String(length=40), server_default="", nullable=False))
        batch_op.create_index(
            "ix_orders_questions",
            ["store_id", "number"],
            postgresql_where=sa.text("question <> ''"),
            sqlite_where=sa.text("question <> ''"),
        )

    with op.batch_alter_table("stores", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reversal_policy", sa.String(length=10), server_default="debt", nullable=False))
        batch_op.add_column(sa.Column("guest_policy", sa.String(length=10), server_default="automatic", nullable=False))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("stores", schema=None) as batch_op:
        batch_op.drop_column("guest_policy")
        batch_op.drop_column("reversal_policy")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_questions")
        batch_op.drop_column("question")
        batch_op.drop_column("refunds")

    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.drop_column("forgiven")
