"""The tables of linked sites and link codes."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table

from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.columns import metadata
from bridge.storage.engine.types import BIG, Instant
from bridge.storage.stores.tables import stores

sites = Table(
    "sites",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("account_id", ForeignKey(accounts.c.id), nullable=False),
    Column("url", String(500), nullable=False),
    Column("name", String(200), nullable=False),
    Column("monthly_cap", BIG),
    Column("created_at", Instant, nullable=False),
    Column("unlinked_at", Instant),
    CheckConstraint("monthly_cap >= 0", name="monthly_cap"),
    Index("ix_sites_account_id", "account_id", "id"),
)


site_uses = Table(
    "site_uses",
    metadata,
    Column("site_id", ForeignKey("sites.id"), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("used", BIG, nullable=False),
    CheckConstraint("used >= 0", name="used"),
)


link_codes = Table(
    "link_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("account_id", ForeignKey(accounts.c.id), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_link_codes_expires_at", "expires_at"),
)


link_guesses = Table(
    "link_guesses",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("guesses", Integer, nullable=False),
    CheckConstraint("guesses >= 0", name="guesses"),
    Index("ix_link_guesses_starts_at", "starts_at"),
)
