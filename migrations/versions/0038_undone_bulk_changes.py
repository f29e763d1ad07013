"""undone bulk changes

A bulk change can be undone once, by another one that names it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_UNDONE = sa.text("undo_of is not null")


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("bulk_changes", sa.Column("undo_of", BIG))
    op.create_index(
        "uq_bulk_changes_undo_of",
        "bulk_changes",
        ["undo_of"],
        unique=True,
        postgresql_where=_UNDONE,
        sqlite_where=_UNDONE,
    )


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("uq_bulk_changes_undo_of", table_name="bulk_changes")
    op.drop_column("bulk_changes", "undo_of")
