"""guest uses

Which use of a guest counts toward which user, so that a refund lowers the user's count.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "guest_uses",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("guest_id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("module", sa.String(64), nullable=False),
        sa.Column("counter", sa.SmallInteger(), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.Column("into_starts_at", Instant(), nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("tokens >= 0", name=op.f("ck_guest_uses_tokens")),
        sa.CheckConstraint("counter in (0, 1)", name=op.f("ck_guest_uses_counter")),
        sa.ForeignKeyConstraint(["guest_id"], ["accounts.id"], name=op.f("fk_guest_uses_guest_id_accounts")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_guest_uses_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_uses")),
    )
    op.create_index("ix_guest_uses_guest", "guest_uses", ["guest_id"])
    op.create_index("ix_guest_uses_account", "guest_uses", ["account_id"])
    op.create_index("ix_guest_uses_ends_at", "guest_uses", ["ends_at"])


def downgrade() -> None:
    """Bring the schema back; refunds to guests lower the count of no user."""
    op.drop_table("guest_uses")
