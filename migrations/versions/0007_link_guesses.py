"""link guesses"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "link_guesses",
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("guesses", sa.Integer(), nullable=False),
        sa.CheckConstraint("guesses >= 0", name=op.f("ck_link_guesses_guesses")),
        sa.PrimaryKeyConstraint("client", "starts_at", name=op.f("pk_link_guesses")),
    )
    op.create_index("ix_link_guesses_starts_at", "link_guesses", ["starts_at"])
    op.create_index("ix_link_codes_expires_at", "link_codes", ["expires_at"])
    op.create_index("ix_access_keys_site_id", "access_keys", ["site_id"])


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_access_keys_site_id", table_name="access_keys")
    op.drop_index("ix_link_codes_expires_at", table_name="link_codes")
    op.drop_table("link_guesses")
