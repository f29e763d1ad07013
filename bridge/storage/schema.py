"""The tables of stores, people, books and orders.

Keys begin with the account, or with the store for what belongs to orders, so
that one account's rows lie together and the tables can be spread one day.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from bridge.domain.accounts import MAX_TOKENS
from bridge.storage.types import BIG, Instant, Money

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def _amount(name: str, **options: object) -> Column[int]:
    return Column(name, BIG, nullable=False, server_default=text("0"), **options)  # type: ignore[arg-type]


stores = Table(
    "stores",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("url", String(500), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("week_start", Integer, nullable=False),
    Column("spend_order", JSON, nullable=False),
    Column("grant_statuses", JSON, nullable=False),
    Column("purchase_url", String(500), nullable=False),
    Column("low_balance", BIG, nullable=False),
    Column("reversal_policy", String(10), nullable=False, server_default="debt"),
    Column("guest_policy", String(10), nullable=False, server_default="automatic"),
    Column("accept_unknown_modules", Boolean, nullable=False, server_default=false()),
    # What becomes of an order that was placed before `grants_from` and paid after it.
    Column("past_orders_paid_later", String(10), nullable=False, server_default="review"),
    Column("grants_from", Instant),
    Column("asks_from", Instant),
    # Addresses of other sites whose deliveries the owner accepts.
    Column("accepted_sources", JSON(none_as_null=True)),
    Column("webhook_secret", Text, nullable=False),
    Column("consumer_key", Text),
    Column("consumer_secret", Text),
    Column("guest_salt", String(64), nullable=False),
    Column("config_version", BIG, nullable=False, server_default=text("1")),
    Column("created_at", Instant, nullable=False),
    # The slugs the store had before, the first of all in front: webhooks made under one still arrive.
    Column("former_slugs", JSON(none_as_null=True)),
    # Set while the store is being removed: it is shown and served no more.
    Column("removing_at", Instant),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("store_id", ForeignKey("stores.id"), nullable=False, index=True),
    Column("site_id", BIG, nullable=False, server_default=text("0")),
    Column("account_id", BIG),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("prefix", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Index("ix_access_keys_site_id", "site_id"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey("stores.id"), nullable=False),
    Column("user_id", BIG),
    Column("guest_hash", String(64)),
    Column("email", String(320)),
    Column("email_key", String(320)),
    Column("name", String(200)),
    Column("name_key", String(200)),
    Column("roles", JSON, nullable=False),
    _amount("balance"),
    _amount("debt"),
    # What grants brought less what reversals took back: the ledger adds to it with each such entry.
    _amount("purchased"),
    Column("alert", String(10), nullable=False, server_default="new"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("alert in ('new','ok','low','exhausted')", name="alert"),
    CheckConstraint(f"balance >= 0 and balance <= {MAX_TOKENS}", name="balance"),
    CheckConstraint("debt >= 0", name="debt"),
    CheckConstraint("(user_id is null) <> (guest_hash is null)", name="user_or_guest"),
    CheckConstraint("user_id is not null or (balance = 0 and debt = 0)", name="guest_has_no_balance"),
    UniqueConstraint("store_id", "user_id"),
    UniqueConstraint("store_id", "guest_hash"),
    Index("ix_accounts_store_id_email_key", "store_id", "email_key"),
    # For the credits list. What a spend changes has none: each one would pay for it.
    Index("ix_accounts_store_id_purchased", "store_id", "purchased", "id"),
    # Room in each page, so that a changed balance is written beside the old one and no index has to be.
    postgresql_with={"fillfactor": 85},
)

entries = Table(
    "entries",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("kind", String(12), nullable=False),
    Column("tokens", BIG, nullable=False),
    Column("debt", BIG, nullable=False, server_default=text("0")),
    Column("forgiven", BIG, nullable=False, server_default=text("0")),
    Column("balance_after", BIG, nullable=False),
    Column("debt_after", BIG, nullable=False),
    Column("actor", String(340), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("reference", String(200)),
    Column("store_id", Integer),
    Column("order_number", BIG),
    Column("line_id", BIG),
    Column("posting", Integer),
    Column("spend_id", BIG),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("kind in ('grant','spend','refund','reversal','adjustment')", name="kind"),
    CheckConstraint("balance_after >= 0 and debt_after >= 0", name="after"),
    # Two processes that both post a line's next difference cannot both succeed.
    Index(
        "uq_entries_posting",
        "store_id",
        "order_number",
        "line_id",
        "posting",
        unique=True,
        postgresql_where=text("order_number is not null"),
        sqlite_where=text("order_number is not null"),
    ),
)

orders = Table(
    "orders",
    metadata,
    Column("store_id", ForeignKey("stores.id"), primary_key=True),
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
    # The refunds an owner has looked at, by whom and when.
    Column("seen", JSON(none_as_null=True)),
    Column("question", String(40), nullable=False, server_default=""),
    Column("account_id", ForeignKey("accounts.id")),
    Column("claimed_by", ForeignKey("accounts.id")),
    Column("is_parked", Boolean, nullable=False, server_default=false()),
    Column("trash_key", String(100), nullable=False),
    Column("trashed_at", Instant),
    Column("trashed_after", Instant),
    Column("restored_at", Instant),
    Column("restored_seen_at", Instant),
    Column("restores_ahead", Boolean, nullable=False),
    # The shop's own number of the order, empty where it is the id.
    Column("shop_number", String(100), nullable=False, server_default=""),
    Column("order_key", String(100), nullable=False, server_default=""),
    Column("parent_id", BIG, nullable=False, server_default=text("0")),
    Column("transaction_id", String(200), nullable=False, server_default=""),
    # Which document each value comes from; another order with this number; what people decided about review items,
    # and those that are open: `question` is the kind of the most urgent one.
    Column("sources", JSON(none_as_null=True)),
    Column("rival", JSON(none_as_null=True)),
    Column("decisions", JSON(none_as_null=True)),
    Column("reviews", JSON(none_as_null=True)),
    # Since when a granted order has an unpaid status.
    Column("unpaid_since", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_orders_account_id", "account_id", "number"),
    # Without it, removing a store's accounts reads all orders for each of them.
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
        postgresql_where=text("parent_id > 0"),
        sqlite_where=text("parent_id > 0"),
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
        "ix_orders_parked",
        "store_id",
        "email_key",
        postgresql_where=text("is_parked"),
        sqlite_where=text("is_parked"),
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
    Column("is_gone", Boolean, nullable=False, server_default=false()),
    # A stamp on the line that is no clear amount.
    Column("unclear_stamp", String(200), nullable=False, server_default=""),
    # The quantity as the shop states it, null where it states none; `quantity` is it rounded up, 0 for a removed line.
    Column("pieces", Money),
    Column("tokens", BIG),
    Column("months", Integer),
    # How the amount was determined, and the product, variation and stamp it was derived from.
    Column("basis", String(12)),
    Column("priced", JSON(none_as_null=True)),
    # Which document each value comes from.
    Column("sources", JSON(none_as_null=True)),
    _amount("granted"),
    Column("postings", Integer, nullable=False, server_default=text("0")),
    # Who said by hand what a piece brings, and when.
    Column("set_by", String(340)),
    Column("set_at", Instant),
    CheckConstraint("granted >= 0", name="granted"),
    CheckConstraint(f"tokens between 0 and {MAX_TOKENS}", name="tokens"),
    # Never above the line's worth. Divided, not multiplied: the product can pass 64 bits.
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

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey("stores.id"), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("topic", String(100), nullable=False),
    Column("source", String(500), nullable=False),
    Column("shop_delivery", String(100), nullable=False),
    Column("webhook_id", String(40), nullable=False),
    Column("resource_id", BIG),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("outcome", String(500), nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", Instant),
    Column("processed_at", Instant),
    # The address of another site that sent it: it waits until the owner accepts the site.
    Column("held_for", String(500)),
    Column("digest", String(64)),
    Column("repeats", Integer, nullable=False, server_default=text("0")),
    Column("repeated_at", Instant),
    CheckConstraint("state in ('received','processed','ignored','rejected')", name="state"),
    Index("ix_deliveries_store_id_id", "store_id", "id"),
    Index("ix_deliveries_resource", "store_id", "resource_id", "id"),
    Index(
        "ix_deliveries_due",
        "next_attempt_at",
        postgresql_where=text("state = 'received'"),
        sqlite_where=text("state = 'received'"),
    ),
    Index(
        "ix_deliveries_held",
        "store_id",
        "id",
        postgresql_where=text("held_for is not null"),
        sqlite_where=text("held_for is not null"),
    ),
)

admins = Table(
    "admins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String(320), nullable=False),
    Column("email_key", String(320), nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant),
)

admin_sessions = Table(
    "admin_sessions",
    metadata,
    Column("id_hash", String(64), primary_key=True),
    Column("admin_id", ForeignKey("admins.id", ondelete="CASCADE"), nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("ix_admin_sessions_admin_id", "admin_id", "began_at"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(80), nullable=False),
    Column("expires_at", Instant, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String(500), nullable=False, server_default=""),
)
