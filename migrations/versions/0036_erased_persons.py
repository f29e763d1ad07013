"""erased persons

Accounts and orders whose personal data was erased, and the erasures with what
is still to be searched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_OPEN = "finished_at is null"


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("accounts", sa.Column("is_erased", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("accounts", sa.Column("erased_at", Instant()))
    op.add_column("orders", sa.Column("is_erased", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("stores", sa.Column("has_erased", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "erasures",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("actor", sa.String(340), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("terms", sa.JSON()),
        sa.Column("position", sa.JSON()),
        sa.Column("replaced", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("finished_at", Instant()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_erasures_account_id_accounts")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_erasures_store_id_stores")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index("ix_erasures_account_id", "erasures", ["account_id", "id"])
    op.create_index(
        "ix_erasures_open", "erasures", ["id"], postgresql_where=sa.text(_OPEN), sqlite_where=sa.text(_OPEN)
    )


def downgrade() -> None:
    """Bring the schema back; what was erased stays so, and may be stored again by a sync."""
    op.drop_table("erasures")
    op.drop_column("stores", "has_erased")
    op.drop_column("orders", "is_erased")
    op.drop_column("accounts", "erased_at")
    op.drop_column("accounts", "is_erased")
