"""answers by hand

Who said what a piece of a line brings, and which refunds of an order an owner
has looked at.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("seen", sa.JSON(none_as_null=True), nullable=True))

    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("set_by", sa.String(length=340), nullable=True))
        batch_op.add_column(sa.Column("set_at", Instant(), nullable=True))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.drop_column("set_at")
        batch_op.drop_column("set_by")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("seen")
