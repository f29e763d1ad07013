"""shop health

How a shop's REST API is reached, what of it could not be read, why a sync
stopped, and which installation looks after its webhooks.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import Instant

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_COLUMNS = ("access", "set_aside", "stopped", "scan", "caretaker")


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        for name in _COLUMNS:
            batch_op.add_column(sa.Column(name, sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("tried_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("shop_error_topic", sa.String(100), nullable=True))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.drop_column("shop_error_topic")
        batch_op.drop_column("tried_at")
        for name in reversed(_COLUMNS):
            batch_op.drop_column(name)
