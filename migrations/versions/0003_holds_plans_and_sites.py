"""holds plans and sites"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "limit_resets",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("module", sa.String(length=64), nullable=True),
        sa.Column("role", sa.String(length=100), nullable=True),
        sa.Column("reset_at", Instant(), nullable=False),
        sa.Column("actor", sa.String(length=340), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_limit_resets_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_limit_resets")),
    )
    with op.batch_alter_table("limit_resets", schema=None) as batch_op:
        batch_op.create_index("ix_limit_resets_account", ["account_id", "reset_at"], unique=False)
        batch_op.create_index("ix_limit_resets_store", ["store_id", "reset_at"], unique=False)

    op.create_table(
        "operations",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("tokens_per_unit", BIG, nullable=False),
        sa.Column("max_units", BIG, nullable=True),
        sa.Column("parts", sa.JSON(), nullable=True),
        sa.CheckConstraint("max_units > 0", name=op.f("ck_operations_max_units")),
        sa.CheckConstraint(
            "tokens_per_unit between 0 and 9007199254740991", name=op.f("ck_operations_tokens_per_unit")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_operations_store_id")),
        sa.PrimaryKeyConstraint("store_id", "key", name=op.f("pk_operations")),
    )
    op.create_table(
        "holds",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("site_id", BIG, nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=100), nullable=True),
        sa.Column("units", BIG, nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.Column("from_plan", BIG, nullable=False),
        sa.Column("from_balance", BIG, nullable=False),
        sa.Column("from_allowance", BIG, nullable=False),
        sa.Column("window_starts_at", Instant(), nullable=True),
        sa.Column("window_ends_at", Instant(), nullable=True),
        sa.Column("plan_parts", sa.JSON(), nullable=True),
        sa.Column("source", sa.String(length=100), nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("spend_id", BIG, nullable=True),
        sa.CheckConstraint("(spend_id is not null) = (state = 'captured')", name=op.f("ck_holds_captured_once")),
        sa.CheckConstraint("state in ('open','captured','released','expired')", name=op.f("ck_holds_state")),
        sa.CheckConstraint("from_plan >= 0 and from_balance >= 0 and from_allowance >= 0", name=op.f("ck_holds_signs")),
        sa.CheckConstraint("tokens = from_plan + from_balance + from_allowance", name=op.f("ck_holds_parts")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_holds_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_holds")),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index(
            "ix_holds_expiring",
            ["expires_at"],
            unique=False,
            postgresql_where=sa.text("state = 'open'"),
            sqlite_where=sa.text("state = 'open'"),
        )
        batch_op.create_index("ix_holds_id", ["id"], unique=True)
        batch_op.create_index(
            "ix_holds_open",
            ["account_id", "expires_at"],
            unique=False,
            postgresql_where=sa.text("state = 'open'"),
            sqlite_where=sa.text("state = 'open'"),
        )

    op.create_table(
        "limit_overrides",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("allows", sa.String(length=10), nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.Column("actor", sa.String(length=340), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("allows in ('amount','unlimited','disabled')", name=op.f("ck_limit_overrides_allows")),
        sa.CheckConstraint("tokens between 0 and 9007199254740991", name=op.f("ck_limit_overrides_tokens")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_limit_overrides_account_id")),
        sa.PrimaryKeyConstraint("account_id", "module", name=op.f("pk_limit_overrides")),
    )
    op.create_table(
        "link_codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_link_codes_account_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_link_codes_store_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_link_codes")),
    )
    op.create_table(
        "plan_terms",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("order_number", BIG, autoincrement=False, nullable=False),
        sa.Column("line_id", BIG, autoincrement=False, nullable=False),
        sa.Column("product_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("bought_at", Instant(), nullable=False),
        sa.CheckConstraint("months >= 0 and tokens >= 0", name=op.f("ck_plan_terms_signs")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_plan_terms_account_id")),
        sa.PrimaryKeyConstraint("account_id", "store_id", "order_number", "line_id", name=op.f("pk_plan_terms")),
        sa.UniqueConstraint(
            "store_id", "order_number", "line_id", name=op.f("uq_plan_terms_store_id_order_number_line_id")
        ),
    )
    op.create_table(
        "plan_uses",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("product_id", BIG, autoincrement=False, nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("used", BIG, nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_plan_uses_used")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_plan_uses_account_id")),
        sa.PrimaryKeyConstraint("account_id", "product_id", "starts_at", name=op.f("pk_plan_uses")),
    )
    op.create_table(
        "refunds",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("spend_id", BIG, nullable=False),
        sa.Column("to_plan", BIG, nullable=False),
        sa.Column("to_balance", BIG, nullable=False),
        sa.Column("to_allowance", BIG, nullable=False),
        sa.Column("lapsed", BIG, nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "to_plan >= 0 and to_balance >= 0 and to_allowance >= 0 and lapsed >= 0", name=op.f("ck_refunds_signs")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_refunds_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_refunds")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index("ix_refunds_spend", ["account_id", "spend_id"], unique=False)

    op.create_table(
        "sites",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("monthly_cap", BIG, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("unlinked_at", Instant(), nullable=True),
        sa.CheckConstraint("monthly_cap >= 0", name=op.f("ck_sites_monthly_cap")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sites_account_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_sites_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
    )
    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.create_index("ix_sites_account_id", ["account_id", "id"], unique=False)

    op.create_table(
        "site_uses",
        sa.Column("site_id", BIG, nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("used", BIG, nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_site_uses_used")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_site_uses_site_id")),
        sa.PrimaryKeyConstraint("site_id", "starts_at", name=op.f("pk_site_uses")),
    )


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_table("site_uses")
    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.drop_index("ix_sites_account_id")

    op.drop_table("sites")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index("ix_refunds_spend")

    op.drop_table("refunds")
    op.drop_table("plan_uses")
    op.drop_table("plan_terms")
    op.drop_table("link_codes")
    op.drop_table("limit_overrides")
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_holds_open", postgresql_where=sa.text("state = 'open'"), sqlite_where=sa.text("state = 'open'")
        )
        batch_op.drop_index("ix_holds_id")
        batch_op.drop_index(
            "ix_holds_expiring", postgresql_where=sa.text("state = 'open'"), sqlite_where=sa.text("state = 'open'")
        )

    op.drop_table("holds")
    op.drop_table("operations")
    with op.batch_alter_table("limit_resets", schema=None) as batch_op:
        batch_op.drop_index("ix_limit_resets_store")
        batch_op.drop_index("ix_limit_resets_account")

    op.drop_table("limit_resets")
