"""The tables of metering: modules, limits, spends, windows and history."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
    true,
)

from bridge.domain.accounts import MAX_TOKENS
from bridge.storage.schema import metadata
from bridge.storage.types import BIG, Instant

modules = Table(
    "modules",
    metadata,
    Column("store_id", ForeignKey("stores.id"), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("label", String(100), nullable=False),
    Column("is_metered", Boolean, nullable=False, server_default=true()),
    Column("position", Integer, nullable=False),
)

limits = Table(
    "limits",
    metadata,
    Column("store_id", ForeignKey("stores.id"), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("period", String(10), nullable=False),
    Column("message", String(500), nullable=False),
    CheckConstraint("period in ('daily','weekly','monthly','never')", name="period"),
)

limit_rules = Table(
    "limit_rules",
    metadata,
    Column("store_id", Integer, primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("audience", String(110), primary_key=True),
    Column("allows", String(10), nullable=False),
    Column("tokens", BIG, nullable=False),
    CheckConstraint("allows in ('amount','unlimited','disabled')", name="allows"),
    CheckConstraint(f"tokens between 0 and {MAX_TOKENS}", name="tokens"),
    ForeignKeyConstraint(["store_id", "module"], ["limits.store_id", "limits.module"], ondelete="CASCADE"),
)

window_uses = Table(
    "window_uses",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("ends_at", Instant),
    Column("used", BIG, nullable=False),
    CheckConstraint("used >= 0", name="used"),
    Index("ix_window_uses_module", "module", "starts_at", "account_id"),
)

spends = Table(
    "spends",
    metadata,
    # No foreign key: the day of history each spend counts in has one, checked once for an account and batch.
    Column("account_id", BIG, nullable=False),
    # The key is the id alone: spends are found by it, and a key that began with the account would cost each spend a
    # random page.
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", Integer, nullable=False),
    Column("module", String(64), nullable=False),
    Column("operation", String(100)),
    Column("units", BIG, nullable=False),
    Column("tokens", BIG, nullable=False),
    Column("from_plan", BIG, nullable=False),
    Column("from_balance", BIG, nullable=False),
    Column("from_allowance", BIG, nullable=False),
    Column("window_starts_at", Instant),
    Column("source", String(100)),
    Column("reference", String(200)),
    Column("created_at", Instant, nullable=False),
    Column("site_id", BIG, nullable=False, server_default=text("0")),
    Column("hold_id", BIG),
    Column("uncovered", BIG, nullable=False, server_default=text("0")),
    Column("plan_parts", JSON),
    Column("back_plan", BIG, nullable=False, server_default=text("0")),
    Column("back_balance", BIG, nullable=False, server_default=text("0")),
    Column("back_allowance", BIG, nullable=False, server_default=text("0")),
    Column("lapsed", BIG, nullable=False, server_default=text("0")),
    CheckConstraint("tokens = from_plan + from_balance + from_allowance + uncovered", name="parts"),
    CheckConstraint("from_plan >= 0 and from_balance >= 0 and from_allowance >= 0 and uncovered >= 0", name="signs"),
    # Never more given back than was paid, source by source; what an allowance lost with its window counts too.
    CheckConstraint(
        "back_plan >= 0 and back_plan <= from_plan and back_balance >= 0 and back_balance <= from_balance"
        " and back_allowance >= 0 and back_allowance <= from_allowance and lapsed >= 0"
        " and back_plan + back_allowance + lapsed <= from_plan + from_allowance",
        name="given_back",
    ),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # No foreign key: each batch would lock the store's row, and stores are never deleted.
    Column("store_id", Integer, primary_key=True, autoincrement=False),
    Column("site_id", BIG, primary_key=True, autoincrement=False, server_default=text("0")),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

usage_days = Table(
    "usage_days",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("operation", String(100), primary_key=True),
    Column("site_id", BIG, primary_key=True, autoincrement=False),
    Column("source", String(100), primary_key=True),
    Column("units", BIG, nullable=False),
    Column("tokens", BIG, nullable=False),
    # The use of a whole store in its last days, however long its history is.
    Index("ix_usage_days_day_account_id", "day", "account_id"),
)

window_runs = Table(
    "window_runs",
    metadata,
    Column("store_id", ForeignKey("stores.id"), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("ends_at", Instant),
    Column("announced_at", Instant, nullable=False),
    Column("ran_dry", Integer, nullable=False),
    # Who is told lies from `since` to the window's start; the announcing got as far as `reached_…`.
    Column("since", Instant),
    Column("reached_at", Instant),
    Column("reached_account", BIG),
    Column("finished_at", Instant),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey("stores.id"), nullable=False),
    Column("account_id", BIG),
    Column("type", String(60), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("fanned_out_at", Instant),
    Index("ix_outbox_store_id_created_at_id", "store_id", "created_at", "id"),
    Index(
        "ix_outbox_waiting",
        "id",
        postgresql_where=text("fanned_out_at is null"),
        sqlite_where=text("fanned_out_at is null"),
    ),
)
