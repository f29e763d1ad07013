"""guest use

How much of a guest's free use was counted toward a user, when the guest signed in.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("window_uses", sa.Column("passed_on", BIG, server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    """Bring the schema back; a guest who signs in again counts twice."""
    op.drop_column("window_uses", "passed_on")
