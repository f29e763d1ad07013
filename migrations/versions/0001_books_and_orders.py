"""books and orders"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant, Money

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "admins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("session_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admins")),
        sa.UniqueConstraint("email_key", name=op.f("uq_admins_email_key")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "order_lines",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("order_number", BIG, autoincrement=False, nullable=False),
        sa.Column("line_id", BIG, autoincrement=False, nullable=False),
        sa.Column("product_id", BIG, nullable=False),
        sa.Column("variation_id", BIG, nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("total", Money(), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("stamped", BIG, nullable=True),
        sa.Column("tokens", BIG, nullable=True),
        sa.Column("months", sa.Integer(), nullable=True),
        sa.Column("granted", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("postings", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "case when granted = 0 then 1 when tokens is null or tokens = 0 then 0"
            " when (granted - 1) / tokens < quantity then 1 else 0 end = 1",
            name=op.f("ck_order_lines_granted_once"),
        ),
        sa.CheckConstraint("granted >= 0", name=op.f("ck_order_lines_granted")),
        sa.CheckConstraint("tokens between 0 and 9007199254740991", name=op.f("ck_order_lines_tokens")),
        sa.PrimaryKeyConstraint("store_id", "order_number", "line_id", name=op.f("pk_order_lines")),
    )
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.create_index(
            "ix_order_lines_unpriced",
            ["store_id", "product_id"],
            unique=False,
            postgresql_where=sa.text("tokens is null"),
            sqlite_where=sa.text("tokens is null"),
        )

    op.create_table(
        "runs",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("outcome", sa.String(length=500), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_runs")),
    )
    op.create_table(
        "stores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("week_start", sa.Integer(), nullable=False),
        sa.Column("spend_order", sa.JSON(), nullable=False),
        sa.Column("grant_statuses", sa.JSON(), nullable=False),
        sa.Column("purchase_url", sa.String(length=500), nullable=False),
        sa.Column("low_balance", BIG, nullable=False),
        sa.Column("webhook_secret", sa.Text(), nullable=False),
        sa.Column("consumer_key", sa.Text(), nullable=True),
        sa.Column("consumer_secret", sa.Text(), nullable=True),
        sa.Column("guest_salt", sa.String(length=64), nullable=False),
        sa.Column("config_version", BIG, server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
        sa.UniqueConstraint("slug", name=op.f("uq_stores_slug")),
    )
    op.create_table(
        "access_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("site_id", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_access_keys_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_access_keys_key_hash")),
    )
    with op.batch_alter_table("access_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_keys_store_id"), ["store_id"], unique=False)

    op.create_table(
        "accounts",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("user_id", BIG, nullable=True),
        sa.Column("guest_hash", sa.String(length=64), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("email_key", sa.String(length=320), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("name_key", sa.String(length=200), nullable=True),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("balance", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("debt", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("alert", sa.String(length=10), server_default="new", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint("alert in ('new','ok','low','exhausted')", name=op.f("ck_accounts_alert")),
        sa.CheckConstraint("(user_id is null) <> (guest_hash is null)", name=op.f("ck_accounts_user_or_guest")),
        sa.CheckConstraint("balance >= 0 and balance <= 9007199254740991", name=op.f("ck_accounts_balance")),
        sa.CheckConstraint("debt >= 0", name=op.f("ck_accounts_debt")),
        sa.CheckConstraint(
            "user_id is not null or (balance = 0 and debt = 0)", name=op.f("ck_accounts_guest_has_no_balance")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_accounts_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("store_id", "guest_hash", name=op.f("uq_accounts_store_id_guest_hash")),
        sa.UniqueConstraint("store_id", "user_id", name=op.f("uq_accounts_store_id_user_id")),
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index("ix_accounts_store_id_email_key", ["store_id", "email_key"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("shop_delivery", sa.String(length=100), nullable=False),
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("resource_id", BIG, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=500), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=True),
        sa.Column("processed_at", Instant(), nullable=True),
        sa.CheckConstraint("state in ('received','processed','ignored','rejected')", name=op.f("ck_deliveries_state")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_deliveries_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_due",
            ["next_attempt_at"],
            unique=False,
            postgresql_where=sa.text("state = 'received'"),
            sqlite_where=sa.text("state = 'received'"),
        )
        batch_op.create_index("ix_deliveries_store_id_id", ["store_id", "id"], unique=False)

    op.create_table(
        "packages",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("product_id", BIG, autoincrement=False, nullable=False),
        sa.Column("variation_id", BIG, autoincrement=False, nullable=False),
        sa.Column("admin_tokens", BIG, nullable=True),
        sa.Column("shop_tokens", BIG, nullable=True),
        sa.Column("plan", sa.String(length=100), nullable=True),
        sa.Column("months", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=300), server_default="", nullable=False),
        sa.Column("sku", sa.String(length=200), server_default="", nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint("admin_tokens between 0 and 9007199254740991", name=op.f("ck_packages_admin_tokens")),
        sa.CheckConstraint("months between 1 and 1200", name=op.f("ck_packages_months")),
        sa.CheckConstraint("shop_tokens between 0 and 9007199254740991", name=op.f("ck_packages_shop_tokens")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_packages_store_id")),
        sa.PrimaryKeyConstraint("store_id", "product_id", "variation_id", name=op.f("pk_packages")),
    )
    op.create_table(
        "entries",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.Column("debt", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("balance_after", BIG, nullable=False),
        sa.Column("debt_after", BIG, nullable=False),
        sa.Column("actor", sa.String(length=340), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("store_id", sa.Integer(), nullable=True),
        sa.Column("order_number", BIG, nullable=True),
        sa.Column("line_id", BIG, nullable=True),
        sa.Column("posting", sa.Integer(), nullable=True),
        sa.Column("spend_id", BIG, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("kind in ('grant','spend','refund','reversal','adjustment')", name=op.f("ck_entries_kind")),
        sa.CheckConstraint("balance_after >= 0 and debt_after >= 0", name=op.f("ck_entries_after")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_entries_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_entries")),
    )
    op.create_index(
        "uq_entries_posting",
        "entries",
        ["store_id", "order_number", "line_id", "posting"],
        unique=True,
        postgresql_where=sa.text("order_number is not null"),
        sqlite_where=sa.text("order_number is not null"),
    )
    op.create_table(
        "orders",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("number", BIG, autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("modified_at", Instant(), nullable=True),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=True),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("currency", sa.String(length=8), nullable=False),
        sa.Column("placed_at", Instant(), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("effect", sa.String(length=8), nullable=False),
        sa.Column("keeper_id", BIG, nullable=False),
        sa.Column("keeper_at", Instant(), nullable=True),
        sa.Column("total", Money(), nullable=False),
        sa.Column("refunded", Money(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("claimed_by", BIG, nullable=True),
        sa.Column("is_parked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("trash_key", sa.String(length=100), nullable=False),
        sa.Column("trashed_at", Instant(), nullable=True),
        sa.Column("trashed_after", Instant(), nullable=True),
        sa.Column("restored_at", Instant(), nullable=True),
        sa.Column("restored_seen_at", Instant(), nullable=True),
        sa.Column("restores_ahead", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_orders_account_id")),
        sa.ForeignKeyConstraint(["claimed_by"], ["accounts.id"], name=op.f("fk_orders_claimed_by")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_orders_store_id")),
        sa.PrimaryKeyConstraint("store_id", "number", name=op.f("pk_orders")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("ix_orders_account_id", ["account_id", "number"], unique=False)
        batch_op.create_index(
            "ix_orders_parked",
            ["store_id", "email_key"],
            unique=False,
            postgresql_where=sa.text("is_parked"),
            sqlite_where=sa.text("is_parked"),
        )


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_orders_parked", postgresql_where=sa.text("is_parked"), sqlite_where=sa.text("is_parked")
        )
        batch_op.drop_index("ix_orders_account_id")

    op.drop_table("orders")
    op.drop_table("entries")
    op.drop_table("packages")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_deliveries_store_id_id")
        batch_op.drop_index(
            "ix_deliveries_due",
            postgresql_where=sa.text("state = 'received'"),
            sqlite_where=sa.text("state = 'received'"),
        )

    op.drop_table("deliveries")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_index("ix_accounts_store_id_email_key")

    op.drop_table("accounts")
    with op.batch_alter_table("access_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_keys_store_id"))

    op.drop_table("access_keys")
    op.drop_table("stores")
    op.drop_table("runs")
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_order_lines_unpriced",
            postgresql_where=sa.text("tokens is null"),
            sqlite_where=sa.text("tokens is null"),
        )

    op.drop_table("order_lines")
    op.drop_table("leases")
    op.drop_table("admins")
