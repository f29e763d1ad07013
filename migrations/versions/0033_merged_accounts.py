"""merged accounts

The account that another one was merged into, a record of each merge, and the
use of running windows that came with it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_MERGED = "merged_into is not null"


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("accounts", sa.Column("merged_into", BIG))
    op.create_index(
        "ix_accounts_merged_into",
        "accounts",
        ["merged_into"],
        postgresql_where=sa.text(_MERGED),
        sqlite_where=sa.text(_MERGED),
    )
    op.create_table(
        "merges",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("into_id", BIG, nullable=False),
        sa.Column("balance", BIG, nullable=False),
        sa.Column("debt", BIG, nullable=False),
        sa.Column("purchased", BIG, nullable=False),
        sa.Column("actor", sa.String(340), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("account_id <> into_id", name=op.f("ck_merges_two_accounts")),
        sa.CheckConstraint("balance >= 0 and debt >= 0", name=op.f("ck_merges_signs")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_merges_account_id_accounts")),
        sa.ForeignKeyConstraint(["into_id"], ["accounts.id"], name=op.f("fk_merges_into_id_accounts")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_merges_store_id_stores")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
        sa.UniqueConstraint("account_id", name=op.f("uq_merges_account_id")),
    )
    op.create_index("ix_merges_into_id", "merges", ["into_id", "id"])
    op.create_table(
        "carried_uses",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("module", sa.String(64), nullable=False),
        sa.Column("product_id", BIG, autoincrement=False, nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("used", BIG, nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_carried_uses_used")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_carried_uses_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", "module", "product_id", "starts_at", name=op.f("pk_carried_uses")),
    )


def downgrade() -> None:
    """Bring the schema back; accounts that were merged look like separate ones without tokens."""
    op.drop_table("carried_uses")
    op.drop_table("merges")
    op.drop_index("ix_accounts_merged_into", "accounts")
    op.drop_column("accounts", "merged_into")
