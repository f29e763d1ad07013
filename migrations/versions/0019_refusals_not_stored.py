"""refusals are not stored

A refusal moved nothing, so its key is decided again. Those that earlier
versions stored are removed.
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.execute("delete from idempotency_keys where status >= 400")


def downgrade() -> None:
    """Bring the schema back: nothing to do, refusals moved nothing."""
