"""lines of deleted products

A line whose product an older document named keeps its id; that the product is
gone is noted beside it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_gone", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.drop_column("is_gone")
