"""The tables of orders, their lines and packages."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, false, text

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.columns import _amount, metadata
from bridge.storage.engine.types import BIG, Instant, Money
from bridge.storage.stores.tables import stores

AWAITED = "account_id is null and customer_id <> 0 and status in ('on-hold','processing')"
"""The condition of an order that is paid, or soon will be, and has granted nothing yet."""

WAITING = "(question <> '' or unpaid_since is not null) and (account_id is not null or customer_id > 0)"
"""The condition of an order of a user that needs attention or is not paid."""

orders = Table(
    "orders",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("number", BIG, primary_key=True, autoincrement=False),
    Column("status", String(64), nullable=False),
    Column("modified_at", Instant),
    Column("customer_id", BIG, nullable=False),
    Column("email", String(320), nullable=False),
    Column("email_key", String(320)),
    Column("name", String(300), nullable=False),
    Column("currency", String(8), nullable=False),
    Column("placed_at", Instant),
    Column("decided_at", Instant),
    Column("effect", String(8), nullable=False),
    Column("keeper_id", BIG, nullable=False),
    Column("keeper_at", Instant),
    Column("total", Money, nullable=False),
    Column("refunded", Money, nullable=False),
    Column("refunds", JSON(none_as_null=True)),
    # The refunds that an owner has reviewed, with the person and the time.
    Column("seen", JSON(none_as_null=True)),
    Column("question", String(40), nullable=False, server_default=""),
    Column("account_id", ForeignKey(accounts.c.id)),
    Column("claimed_by", ForeignKey(accounts.c.id)),
    Column("is_parked", Boolean, nullable=False, server_default=false()),
    # Its person was erased: no document brings email and name back.
    Column("is_erased", Boolean, nullable=False, server_default=false()),
    Column("trash_key", String(100), nullable=False),
    Column("trashed_at", Instant),
    Column("trashed_after", Instant),
    Column("restored_at", Instant),
    Column("restored_seen_at", Instant),
    Column("restores_ahead", Boolean, nullable=False),
    # The number that the shop shows for the order; empty if it is the id.
    Column("shop_number", String(100), nullable=False, server_default=""),
    Column("order_key", String(100), nullable=False, server_default=""),
    Column("parent_id", BIG, nullable=False, server_default=text("0")),
    Column("transaction_id", String(200), nullable=False, server_default=""),
    # The source document of each value; another order with the same number; people's decisions about review items;
    # the open review items. `question` is the kind of the most urgent one.
    Column("sources", JSON(none_as_null=True)),
    Column("rival", JSON(none_as_null=True)),
    Column("decisions", JSON(none_as_null=True)),
    Column("reviews", JSON(none_as_null=True)),
    # Buyer, prices, taxes and refunds for a receipt; null where no document stated them. Personal data.
    Column("sale", JSON(none_as_null=True)),
    # When a granted order got an unpaid status.
    Column("unpaid_since", Instant),
    # The last comparison with the shop: its result (null once the order has changed), its time, the differences.
    Column("sync", String(10)),
    Column("compared_at", Instant),
    Column("differences", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("sync in ('in_sync','warning','mismatch')", name="sync"),
    Index("ix_orders_account_id", "account_id", "number"),
    # Without this index, removing the accounts of a store reads all orders once for each account.
    Index(
        "ix_orders_claimed_by",
        "claimed_by",
        postgresql_where=text("claimed_by is not null"),
        sqlite_where=text("claimed_by is not null"),
    ),
    Index(
        "ix_orders_parent",
        "store_id",
        "parent_id",
        postgresql_where=text("parent_id <> 0"),
        sqlite_where=text("parent_id <> 0"),
    ),
    Index(
        "ix_orders_transaction",
        "store_id",
        "transaction_id",
        postgresql_where=text("transaction_id <> ''"),
        sqlite_where=text("transaction_id <> ''"),
    ),
    Index(
        "ix_orders_shop_number",
        "store_id",
        "shop_number",
        postgresql_where=text("shop_number <> ''"),
        sqlite_where=text("shop_number <> ''"),
    ),
    Index(
        "ix_orders_unpaid",
        "unpaid_since",
        postgresql_where=text("unpaid_since is not null"),
        sqlite_where=text("unpaid_since is not null"),
    ),
    Index(
        "ix_orders_differing",
        "store_id",
        "number",
        postgresql_where=text("sync in ('warning','mismatch')"),
        sqlite_where=text("sync in ('warning','mismatch')"),
    ),
    Index(
        "ix_orders_parked",
        "store_id",
        "email_key",
        postgresql_where=text("is_parked"),
        sqlite_where=text("is_parked"),
    ),
    # The orders of a user that have granted nothing and may soon.
    Index(
        "ix_orders_awaited",
        "store_id",
        "customer_id",
        postgresql_where=text(AWAITED),
        sqlite_where=text(AWAITED),
    ),
    Index(
        "ix_orders_waiting",
        "store_id",
        "account_id",
        "customer_id",
        postgresql_where=text(WAITING),
        sqlite_where=text(WAITING),
    ),
    Index(
        "ix_orders_questions",
        "store_id",
        "number",
        postgresql_where=text("question <> ''"),
        sqlite_where=text("question <> ''"),
    ),
)


order_lines = Table(
    "order_lines",
    metadata,
    Column("store_id", Integer, primary_key=True),
    Column("order_number", BIG, primary_key=True, autoincrement=False),
    Column("line_id", BIG, primary_key=True, autoincrement=False),
    Column("product_id", BIG, nullable=False),
    Column("variation_id", BIG, nullable=False),
    Column("quantity", BIG, nullable=False),
    Column("total", Money, nullable=False),
    Column("name", String(300), nullable=False),
    Column("sku", String(200), nullable=False),
    Column("stamped", BIG),
    # With it, the stamp is a plan: tokens of each month.
    Column("stamped_months", Integer),
    Column("is_gone", Boolean, nullable=False, server_default=false()),
    # The stamp on the line, if it is not a clear amount.
    Column("unclear_stamp", String(200), nullable=False, server_default=""),
    # The quantity that the shop states, null if none. `quantity` is the same rounded up, and 0 for a removed line.
    Column("pieces", Money),
    Column("tokens", BIG),
    Column("months", Integer),
    # How the amount was determined, and from which product, variation and stamp.
    Column("basis", String(12)),
    Column("priced", JSON(none_as_null=True)),
    # The source document of each value.
    Column("sources", JSON(none_as_null=True)),
    _amount("granted"),
    Column("postings", Integer, nullable=False, server_default=text("0")),
    # The person who set the amount of one unit, and the time.
    Column("set_by", String(340)),
    Column("set_at", Instant),
    CheckConstraint("granted >= 0", name="granted"),
    CheckConstraint(f"tokens between 0 and {MAX_TOKENS}", name="tokens"),
    # A line never grants more than it is worth. Divided, because a product could exceed 64 bits.
    CheckConstraint(
        "case when granted = 0 then 1 when tokens is null or tokens = 0 then 0"
        " when (granted - 1) / tokens < quantity then 1 else 0 end = 1",
        name="granted_once",
    ),
    Index(
        "ix_order_lines_unpriced",
        "store_id",
        "product_id",
        postgresql_where=text("tokens is null"),
        sqlite_where=text("tokens is null"),
    ),
    Index(
        "ix_order_lines_no_package",
        "store_id",
        "product_id",
        "order_number",
        postgresql_where=text("basis = 'no_package'"),
        sqlite_where=text("basis = 'no_package'"),
    ),
    Index(
        "ix_order_lines_no_package_sku",
        "store_id",
        "sku",
        "order_number",
        postgresql_where=text("basis = 'no_package' and sku <> ''"),
        sqlite_where=text("basis = 'no_package' and sku <> ''"),
    ),
)


packages = Table(
    "packages",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("product_id", BIG, primary_key=True, autoincrement=False),
    Column("variation_id", BIG, primary_key=True, autoincrement=False),
    Column("admin_tokens", BIG),
    Column("shop_tokens", BIG),
    # The plan that an admin set, and the months of the shop's own plan.
    Column("plan", String(100)),
    Column("months", Integer),
    Column("shop_months", Integer),
    Column("name", String(300), nullable=False, server_default=""),
    Column("sku", String(200), nullable=False, server_default=""),
    # An unclear amount of the shop: the meta key, the value as text, and the reason.
    Column("unreadable", JSON(none_as_null=True)),
    # Marked as a package; the amounts are on its variations.
    Column("is_per_variation", Boolean, nullable=False, server_default=false()),
    # The shop's price of a piece, and whether it can be bought there; null where the shop stated nothing.
    Column("price", Money),
    Column("is_for_sale", Boolean),
    # The owner's decision about orders of the product from before it was a package.
    Column("late", String(8)),
    Column("late_by", String(340)),
    Column("late_at", Instant),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("late in ('grant','leave')", name="late"),
    Index("ix_packages_sku", "store_id", "sku", postgresql_where=text("sku <> ''"), sqlite_where=text("sku <> ''")),
    CheckConstraint(f"admin_tokens between 0 and {MAX_TOKENS}", name="admin_tokens"),
    CheckConstraint(f"shop_tokens between 0 and {MAX_TOKENS}", name="shop_tokens"),
    CheckConstraint("months between 1 and 1200", name="months"),
    CheckConstraint("shop_months between 1 and 1200", name="shop_months"),
)
