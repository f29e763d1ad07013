"""metering"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "idempotency_keys",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("site_id", BIG, server_default=sa.text("0"), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_idempotency_keys_store_id")),
        sa.PrimaryKeyConstraint("store_id", "site_id", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_keys_created_at", ["created_at"], unique=False)

    op.create_table(
        "limits",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.CheckConstraint("period in ('daily','weekly','monthly','never')", name=op.f("ck_limits_period")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_limits_store_id")),
        sa.PrimaryKeyConstraint("store_id", "module", name=op.f("pk_limits")),
    )
    op.create_table(
        "modules",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("is_metered", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_modules_store_id")),
        sa.PrimaryKeyConstraint("store_id", "key", name=op.f("pk_modules")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_outbox_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_store_id_id", ["store_id", "id"], unique=False)

    op.create_table(
        "window_runs",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.Column("announced_at", Instant(), nullable=False),
        sa.Column("ran_dry", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_window_runs_store_id")),
        sa.PrimaryKeyConstraint("store_id", "module", "starts_at", name=op.f("pk_window_runs")),
    )
    op.create_table(
        "limit_rules",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("audience", sa.String(length=110), nullable=False),
        sa.Column("allows", sa.String(length=10), nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.CheckConstraint("allows in ('amount','unlimited','disabled')", name=op.f("ck_limit_rules_allows")),
        sa.CheckConstraint("tokens between 0 and 9007199254740991", name=op.f("ck_limit_rules_tokens")),
        sa.ForeignKeyConstraint(
            ["store_id", "module"],
            ["limits.store_id", "limits.module"],
            name=op.f("fk_limit_rules_store_id_module"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("store_id", "module", "audience", name=op.f("pk_limit_rules")),
    )
    op.create_table(
        "spends",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=100), nullable=True),
        sa.Column("units", BIG, nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.Column("from_plan", BIG, nullable=False),
        sa.Column("from_balance", BIG, nullable=False),
        sa.Column("from_allowance", BIG, nullable=False),
        sa.Column("window_starts_at", Instant(), nullable=True),
        sa.Column("source", sa.String(length=100), nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("site_id", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("hold_id", BIG, nullable=True),
        sa.Column("uncovered", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("plan_parts", sa.JSON(), nullable=True),
        sa.Column("back_plan", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("back_balance", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("back_allowance", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("lapsed", BIG, server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "back_plan >= 0 and back_plan <= from_plan and back_balance >= 0 and back_balance <= from_balance"
            " and back_allowance >= 0 and back_allowance <= from_allowance and lapsed >= 0"
            " and back_plan + back_allowance + lapsed <= from_plan + from_allowance",
            name=op.f("ck_spends_given_back"),
        ),
        sa.CheckConstraint(
            "from_plan >= 0 and from_balance >= 0 and from_allowance >= 0 and uncovered >= 0",
            name=op.f("ck_spends_signs"),
        ),
        sa.CheckConstraint(
            "tokens = from_plan + from_balance + from_allowance + uncovered", name=op.f("ck_spends_parts")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_spends_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_spends")),
    )
    with op.batch_alter_table("spends", schema=None) as batch_op:
        batch_op.create_index("ix_spends_id", ["id"], unique=True)

    op.create_table(
        "usage_days",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=100), nullable=False),
        sa.Column("site_id", BIG, autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("units", BIG, nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_usage_days_account_id")),
        sa.PrimaryKeyConstraint(
            "account_id", "day", "module", "operation", "site_id", "source", name=op.f("pk_usage_days")
        ),
    )
    op.create_table(
        "window_uses",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.Column("used", BIG, nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_window_uses_used")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_window_uses_account_id")),
        sa.PrimaryKeyConstraint("account_id", "module", "starts_at", name=op.f("pk_window_uses")),
    )


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_table("window_uses")
    op.drop_table("usage_days")
    with op.batch_alter_table("spends", schema=None) as batch_op:
        batch_op.drop_index("ix_spends_id")

    op.drop_table("spends")
    op.drop_table("limit_rules")
    op.drop_table("window_runs")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_store_id_id")

    op.drop_table("outbox")
    op.drop_table("modules")
    op.drop_table("limits")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_keys_created_at")

    op.drop_table("idempotency_keys")
