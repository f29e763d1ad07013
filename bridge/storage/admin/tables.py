"""The tables of admins and their sessions, and the figures kept for the console."""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, String, Table, Text

from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.columns import metadata
from bridge.storage.engine.types import BIG, Instant
from bridge.storage.stores.tables import stores

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


# The use of a whole store, its guests included, by day and module. Written by the job `roll_up`; never by a spend.
store_days = Table(
    "store_days",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("units", BIG, nullable=False),
    Column("tokens", BIG, nullable=False),
    Index("ix_store_days_day", "day"),
)


# How far `store_days` goes: it holds every day up to `day`, as of `as_of`.
rollups = Table(
    "rollups",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("day", Date, nullable=False),
    Column("as_of", Instant, nullable=False),
)


# The figures of a store with so many users that summing them up would keep a page waiting.
store_figures = Table(
    "store_figures",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("users", BIG, nullable=False),
    Column("users_with_tokens", BIG, nullable=False),
    # Text: the balances of a thousand users at the limit would not fit 64 bits.
    Column("balance", Text, nullable=False),
    Column("debt", Text, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("took_ms", BIG, nullable=False),
)


# What the users of such a store are sorted by. A spend does not write it: it would pay for every index.
account_figures = Table(
    "account_figures",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
    Column("store_id", Integer, nullable=False),
    Column("balance", BIG, nullable=False),
    Column("held", BIG, nullable=False),
    Column("debt", BIG, nullable=False),
    Column("used", BIG, nullable=False),
    Column("active_at", Instant, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("search_key", Text, nullable=False),
    Index("ix_account_figures_balance", "store_id", "balance", "account_id"),
    Index("ix_account_figures_held", "store_id", "held", "account_id"),
    Index("ix_account_figures_debt", "store_id", "debt", "account_id"),
    Index("ix_account_figures_used", "store_id", "used", "account_id"),
    Index("ix_account_figures_active", "store_id", "active_at", "account_id"),
    Index("ix_account_figures_name", "store_id", "name", "account_id"),
    Index("ix_account_figures_email", "store_id", "email", "account_id"),
    Index("ix_account_figures_roles", "store_id", "roles", "account_id"),
)
