"""credits list"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("accounts", sa.Column("purchased", BIG, server_default=sa.text("0"), nullable=False))
    op.execute(
        "UPDATE accounts SET purchased = (SELECT coalesce(sum(entries.tokens - entries.debt), 0) FROM entries"
        " WHERE entries.account_id = accounts.id AND entries.kind IN ('grant', 'reversal'))"
        " WHERE user_id IS NOT NULL"
    )
    op.create_index("ix_accounts_store_id_purchased", "accounts", ["store_id", "purchased", "id"])
    op.create_index("ix_usage_days_day_account_id", "usage_days", ["day", "account_id"])


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_usage_days_day_account_id", table_name="usage_days")
    op.drop_index("ix_accounts_store_id_purchased", table_name="accounts")
    op.drop_column("accounts", "purchased")
