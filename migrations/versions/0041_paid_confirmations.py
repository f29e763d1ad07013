"""paid confirmations

Users who want to confirm before tokens of their balance are taken, and when they
last did, by module.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("accounts", sa.Column("confirm_paid", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "paid_confirmations",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("module", sa.String(64), nullable=False),
        sa.Column("confirmed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_paid_confirmations_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "module", name=op.f("pk_paid_confirmations")),
    )


def downgrade() -> None:
    """Bring the schema back; users are no longer asked."""
    op.drop_table("paid_confirmations")
    op.drop_column("accounts", "confirm_paid")
