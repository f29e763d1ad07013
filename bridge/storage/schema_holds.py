"""The tables of prices, holds, refunds, plans and the exceptions to a limit."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from bridge.domain.accounts import MAX_TOKENS
from bridge.storage.schema import metadata
from bridge.storage.types import BIG, Instant

operations = Table(
    "operations",
    metadata,
    Column("store_id", ForeignKey("stores.id"), primary_key=True),
    Column("key", String(100), primary_key=True),
    Column("module", String(64), nullable=False),
    Column("tokens_per_unit", BIG, nullable=False),
    Column("max_units", BIG),
    Column("parts", JSON),
    CheckConstraint(f"tokens_per_unit between 0 and {MAX_TOKENS}", name="tokens_per_unit"),
    CheckConstraint("max_units > 0", name="max_units"),
)

holds = Table(
    "holds",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", Integer, nullable=False),
    Column("site_id", BIG, nullable=False),
    Column("module", String(64), nullable=False),
    Column("operation", String(100)),
    Column("units", BIG, nullable=False),
    Column("tokens", BIG, nullable=False),
    Column("from_plan", BIG, nullable=False),
    Column("from_balance", BIG, nullable=False),
    Column("from_allowance", BIG, nullable=False),
    Column("window_starts_at", Instant),
    Column("window_ends_at", Instant),
    Column("plan_parts", JSON),
    Column("source", String(100)),
    Column("reference", String(200)),
    Column("state", String(10), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("spend_id", BIG),
    CheckConstraint("state in ('open','captured','released','expired')", name="state"),
    CheckConstraint("tokens = from_plan + from_balance + from_allowance", name="parts"),
    CheckConstraint("from_plan >= 0 and from_balance >= 0 and from_allowance >= 0", name="signs"),
    CheckConstraint("(spend_id is not null) = (state = 'captured')", name="captured_once"),
    Index("ix_holds_id", "id", unique=True),
    Index(
        "ix_holds_open",
        "account_id",
        "expires_at",
        postgresql_where=text("state = 'open'"),
        sqlite_where=text("state = 'open'"),
    ),
    Index(
        "ix_holds_expiring",
        "expires_at",
        postgresql_where=text("state = 'open'"),
        sqlite_where=text("state = 'open'"),
    ),
)

refunds = Table(
    "refunds",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("spend_id", BIG, nullable=False),
    Column("to_plan", BIG, nullable=False),
    Column("to_balance", BIG, nullable=False),
    Column("to_allowance", BIG, nullable=False),
    Column("lapsed", BIG, nullable=False),
    Column("reason", String(500), nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("to_plan >= 0 and to_balance >= 0 and to_allowance >= 0 and lapsed >= 0", name="signs"),
    Index("ix_refunds_spend", "account_id", "spend_id"),
)

plan_terms = Table(
    "plan_terms",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("store_id", Integer, primary_key=True),
    Column("order_number", BIG, primary_key=True, autoincrement=False),
    Column("line_id", BIG, primary_key=True, autoincrement=False),
    Column("product_id", BIG, nullable=False),
    Column("name", String(300), nullable=False),
    Column("tokens", BIG, nullable=False),
    Column("months", Integer, nullable=False),
    Column("bought_at", Instant, nullable=False),
    CheckConstraint("months >= 0 and tokens >= 0", name="signs"),
    UniqueConstraint("store_id", "order_number", "line_id"),
)

plan_uses = Table(
    "plan_uses",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("product_id", BIG, primary_key=True, autoincrement=False),
    Column("starts_at", Instant, primary_key=True),
    Column("ends_at", Instant, nullable=False),
    Column("used", BIG, nullable=False),
    CheckConstraint("used >= 0", name="used"),
)

limit_overrides = Table(
    "limit_overrides",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("allows", String(10), nullable=False),
    Column("tokens", BIG, nullable=False),
    Column("ends_at", Instant),
    Column("actor", String(340), nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("allows in ('amount','unlimited','disabled')", name="allows"),
    CheckConstraint(f"tokens between 0 and {MAX_TOKENS}", name="tokens"),
)

limit_resets = Table(
    "limit_resets",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey("stores.id"), nullable=False),
    Column("account_id", BIG),
    Column("module", String(64)),
    Column("role", String(100)),
    Column("reset_at", Instant, nullable=False),
    Column("actor", String(340), nullable=False),
    Index("ix_limit_resets_account", "account_id", "reset_at"),
    # Those of single accounts lie apart from those of the whole store, which are read with the store's rules.
    Index("ix_limit_resets_store", "store_id", "account_id", "reset_at"),
)

sites = Table(
    "sites",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey("stores.id"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
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
    Column("store_id", ForeignKey("stores.id"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
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
