"""filters of the console

Indexes for the filters of users, deliveries and recorded changes. The figures of
large stores get two values more; a job keeps them again from the beginning.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_EXHAUSTED = sa.text("balance = 0 and purchased > 0")
_WAITING = sa.text("(question <> '' or unpaid_since is not null) and (account_id is not null or customer_id > 0)")
_OF_FILTERS = ["store_id", "user_id", "account_id", "balance", "purchased", "debt", "active_at"]


def upgrade() -> None:
    """Bring the schema forward."""
    for name in ("user_id", "purchased"):
        op.add_column("account_figures", sa.Column(name, BIG, nullable=False, server_default=sa.text("0")))
    # Without the sums of its store, an account's figures are not used until the job has completed them.
    op.execute("delete from store_figures")
    op.create_index("ix_account_figures_user", "account_figures", _OF_FILTERS)
    op.create_index(
        "ix_account_figures_exhausted",
        "account_figures",
        ["store_id", "account_id"],
        postgresql_where=_EXHAUSTED,
        sqlite_where=_EXHAUSTED,
    )
    op.create_index(
        "ix_orders_waiting",
        "orders",
        ["store_id", "account_id", "customer_id"],
        postgresql_where=_WAITING,
        sqlite_where=_WAITING,
    )
    op.create_index("ix_deliveries_state", "deliveries", ["store_id", "state", "id"])
    op.create_index("ix_changes_subject", "changes", ["store_id", "subject", "id"])


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_index("ix_changes_subject", table_name="changes")
    op.drop_index("ix_deliveries_state", table_name="deliveries")
    op.drop_index("ix_orders_waiting", table_name="orders")
    op.drop_index("ix_account_figures_exhausted", table_name="account_figures")
    op.drop_index("ix_account_figures_user", table_name="account_figures")
    for name in ("purchased", "user_id"):
        op.drop_column("account_figures", name)
