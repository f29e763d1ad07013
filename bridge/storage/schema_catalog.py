"""The table of products and the tokens they bring."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, false, text

from bridge.domain.accounts import MAX_TOKENS
from bridge.storage.schema import metadata
from bridge.storage.types import BIG, Instant

packages = Table(
    "packages",
    metadata,
    Column("store_id", ForeignKey("stores.id"), primary_key=True),
    Column("product_id", BIG, primary_key=True, autoincrement=False),
    Column("variation_id", BIG, primary_key=True, autoincrement=False),
    Column("admin_tokens", BIG),
    Column("shop_tokens", BIG),
    Column("plan", String(100)),
    Column("months", Integer),
    Column("name", String(300), nullable=False, server_default=""),
    Column("sku", String(200), nullable=False, server_default=""),
    # The shop's amount where it is not clear: the meta key, the value as text, and the reason.
    Column("unreadable", JSON(none_as_null=True)),
    # Marked as a package whose amounts its variations carry.
    Column("is_per_variation", Boolean, nullable=False, server_default=false()),
    # The owner's decision about orders that bought the product before it was a package.
    Column("late", String(8)),
    Column("late_by", String(340)),
    Column("late_at", Instant),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("late in ('grant','leave')", name="late"),
    Index("ix_packages_sku", "store_id", "sku", postgresql_where=text("sku <> ''"), sqlite_where=text("sku <> ''")),
    CheckConstraint(f"admin_tokens between 0 and {MAX_TOKENS}", name="admin_tokens"),
    CheckConstraint(f"shop_tokens between 0 and {MAX_TOKENS}", name="shop_tokens"),
    CheckConstraint("months between 1 and 1200", name="months"),
)
