"""The tables of admins and their sessions, and the figures kept for the console."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

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
    # The role in every store; null for a person who has roles in single stores only.
    Column("role", String(10)),
    # Second factor: the encrypted secret, the last time step used, and the hashes of the unused recovery codes.
    Column("totp_secret", Text),
    Column("totp_step", BIG),
    Column("recovery_codes", JSON(none_as_null=True)),
    # The hash of the token of an invitation that is not accepted yet.
    Column("invite_hash", String(64)),
    Column("invite_expires_at", Instant),
)


admin_roles = Table(
    "admin_roles",
    metadata,
    Column("admin_id", ForeignKey("admins.id", ondelete="CASCADE"), primary_key=True),
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("role", String(10), nullable=False),
    CheckConstraint("role in ('viewer','manager','owner')", name="role"),
    Index("ix_admin_roles_store_id", "store_id"),
)


admin_sessions = Table(
    "admin_sessions",
    metadata,
    Column("id_hash", String(64), primary_key=True),
    Column("admin_id", ForeignKey("admins.id", ondelete="CASCADE"), nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    # The browser and the address at the sign-in, for the admin's list of sessions.
    Column("agent", String(200), nullable=False, server_default=""),
    Column("address", String(60), nullable=False, server_default=""),
    # A session begun with a pass is limited to one store and the role of the pass.
    Column("store_id", ForeignKey(stores.c.id, ondelete="CASCADE")),
    Column("role", String(10)),
    CheckConstraint("(store_id is null) = (role is null)", name="limit"),
    Index("ix_admin_sessions_admin_id", "admin_id", "began_at"),
)


# The use of a whole store, including its guests, by day and module. The job `roll_up` writes it; a spend never does.
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


# The same by every property: with the linked sites together (`site_id` 0), and by site. The job `roll_up_groups`
# writes it.
store_uses = Table(
    "store_uses",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("is_by_site", Boolean, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("site_id", BIG, primary_key=True, autoincrement=False),
    Column("module", String(64), primary_key=True),
    Column("operation", String(100), primary_key=True),
    Column("source", String(100), primary_key=True),
    Column("units", BIG, nullable=False),
    Column("tokens", BIG, nullable=False),
    Index("ix_store_uses_day", "day"),
)


# The progress of these two: each contains every day up to `day`, as of `as_of`.
rollups = Table(
    "rollups",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("day", Date, nullable=False),
    Column("as_of", Instant, nullable=False),
)


# The figures of a store with so many users that a page cannot add them up itself.
store_figures = Table(
    "store_figures",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("users", BIG, nullable=False),
    Column("users_with_tokens", BIG, nullable=False),
    # Text: a thousand of the largest balances add up to more than 64 bits.
    Column("balance", Text, nullable=False),
    Column("debt", Text, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("took_ms", BIG, nullable=False),
)


EXHAUSTED = "balance = 0 and purchased > 0"
"""The condition of a user who bought tokens and has none left."""

# The values by which users of such a store are sorted. A spend does not write them, because of the many indexes.
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
    # For the filters, beside those by which the list is sorted.
    Column("user_id", BIG, nullable=False, server_default=text("0")),
    Column("purchased", BIG, nullable=False, server_default=text("0")),
    # With the values of the filters, so that a user whom a filter leaves out is not read.
    Index("ix_account_figures_user", "store_id", "user_id", "account_id", "balance", "purchased", "debt", "active_at"),
    Index(
        "ix_account_figures_exhausted",
        "store_id",
        "account_id",
        postgresql_where=text(EXHAUSTED),
        sqlite_where=text(EXHAUSTED),
    ),
    Index("ix_account_figures_balance", "store_id", "balance", "account_id"),
    Index("ix_account_figures_held", "store_id", "held", "account_id"),
    Index("ix_account_figures_debt", "store_id", "debt", "account_id"),
    Index("ix_account_figures_used", "store_id", "used", "account_id"),
    Index("ix_account_figures_active", "store_id", "active_at", "account_id"),
    Index("ix_account_figures_name", "store_id", "name", "account_id"),
    Index("ix_account_figures_email", "store_id", "email", "account_id"),
    Index("ix_account_figures_roles", "store_id", "roles", "account_id"),
)


# A change of many balances: a preview until an admin confirms it, then applied row by row.
bulk_changes = Table(
    "bulk_changes",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("actor", String(340), nullable=False),
    Column("source", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("finished_at", Instant),
    # The bulk change whose applied rows this one takes back. Unique, so that each is undone once.
    Column("undo_of", BIG),
    CheckConstraint("source in ('csv','selection','filter')", name="source"),
    CheckConstraint("state in ('preview','running','done','cancelled')", name="state"),
    Index("ix_bulk_changes_store_id", "store_id", "id"),
    Index(
        "uq_bulk_changes_undo_of",
        "undo_of",
        unique=True,
        postgresql_where=text("undo_of is not null"),
        sqlite_where=text("undo_of is not null"),
    ),
)


bulk_rows = Table(
    "bulk_rows",
    metadata,
    Column("bulk_id", ForeignKey("bulk_changes.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("store_id", Integer, nullable=False),
    Column("user_id", BIG),
    Column("tokens", BIG),
    Column("reason", String(500), nullable=False),
    # The reason why the row cannot be applied; empty if it can.
    Column("error", String(300), nullable=False, server_default=""),
    # The ledger entry of a row that was applied.
    Column("entry_id", BIG),
)
