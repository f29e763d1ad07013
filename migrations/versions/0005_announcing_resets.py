"""announcing resets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("window_runs", sa.Column("since", Instant(), nullable=True))
    op.add_column("window_runs", sa.Column("reached_at", Instant(), nullable=True))
    op.add_column("window_runs", sa.Column("reached_account", BIG, nullable=True))
    op.add_column("window_runs", sa.Column("finished_at", Instant(), nullable=True))
    op.create_index("ix_window_uses_module", "window_uses", ["module", "starts_at", "account_id"], unique=False)


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_window_uses_module", table_name="window_uses")
    with op.batch_alter_table("window_runs", schema=None) as batch_op:
        for column in ("finished_at", "reached_account", "reached_at", "since"):
            batch_op.drop_column(column)
