"""The tables of stores and their access keys."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, false, text

from bridge.storage.engine.columns import metadata
from bridge.storage.engine.types import BIG, Instant

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
    # Further thresholds that are announced: numbers of tokens, and shares such as "20%".
    Column("low_balance_thresholds", JSON(none_as_null=True)),
    Column("reversal_policy", String(10), nullable=False, server_default="debt"),
    Column("guest_policy", String(10), nullable=False, server_default="automatic"),
    Column("accept_unknown_modules", Boolean, nullable=False, server_default=false()),
    # The policy for an order placed before `grants_from` and paid after it.
    Column("past_orders_paid_later", String(10), nullable=False, server_default="review"),
    Column("grants_from", Instant),
    Column("asks_from", Instant),
    # The addresses of other sites whose deliveries the owner accepts.
    Column("accepted_sources", JSON(none_as_null=True)),
    Column("webhook_secret", Text, nullable=False),
    Column("consumer_key", Text),
    Column("consumer_secret", Text),
    # Whether the REST keys came from the WordPress plugin, which deletes them when it disconnects.
    Column("has_plugin_keys", Boolean, nullable=False, server_default=false()),
    Column("guest_salt", String(64), nullable=False),
    Column("config_version", BIG, nullable=False, server_default=text("1")),
    Column("created_at", Instant, nullable=False),
    # Former slugs of the store, the oldest first: webhooks created with one of them still arrive.
    Column("former_slugs", JSON(none_as_null=True)),
    # Whether an admin's change of a balance needs a reason; the last choice on the shortcode page.
    Column("require_reason", Boolean, nullable=False, server_default=false()),
    Column("shortcode", JSON(none_as_null=True)),
    # What reports changes of the shop: its webhooks, or the WordPress plugin alone.
    Column("deliveries", String(10), nullable=False, server_default="webhooks"),
    # Whether a person was ever erased: only then are orders compared with erased users.
    Column("has_erased", Boolean, nullable=False, server_default=false()),
    # The seller on receipts; the store's name is used where there is none.
    Column("seller_name", String(200), nullable=False, server_default=""),
    Column("seller_address", String(500), nullable=False, server_default=""),
    Column("seller_vat_id", String(50), nullable=False, server_default=""),
    # Set while the store is being removed: it is no longer shown or served.
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
    Column("name", String(100), nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Index("ix_access_keys_site_id", "site_id"),
)


# Every change of a setting, a key or an admin. Rows are never changed; those of a removed store are deleted with it.
changes = Table(
    "changes",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    # Null for a change that concerns the whole installation, such as a new admin.
    Column("store_id", ForeignKey("stores.id")),
    Column("actor", String(340), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    Index("ix_changes_store_id", "store_id", "id"),
    Index("ix_changes_subject", "store_id", "subject", "id"),
)
