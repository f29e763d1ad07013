"""The tables of limits, prices, plans, spends and holds."""

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
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.columns import metadata
from bridge.storage.engine.types import BIG, Instant
from bridge.storage.stores.tables import stores

operations = Table(
    "operations",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
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
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
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
    Column("second_window_starts_at", Instant),
    Column("second_window_ends_at", Instant),
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
    # Finds the open holds of a store, the newest first.
    Index(
        "ix_holds_open_of_store",
        "store_id",
        "id",
        postgresql_where=text("state = 'open'"),
        sqlite_where=text("state = 'open'"),
    ),
)


refunds = Table(
    "refunds",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
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
    # Finds the refunds since a moment, because ids follow time.
    Index("ix_refunds_id", "id"),
)


plan_terms = Table(
    "plan_terms",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
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
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
    Column("product_id", BIG, primary_key=True, autoincrement=False),
    Column("starts_at", Instant, primary_key=True),
    Column("ends_at", Instant, nullable=False),
    Column("used", BIG, nullable=False),
    CheckConstraint("used >= 0", name="used"),
)


limit_overrides = Table(
    "limit_overrides",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("allows", String(10), nullable=False),
    Column("tokens", BIG, nullable=False),
    Column("ends_at", Instant),
    Column("actor", String(340), nullable=False),
    Column("created_at", Instant, nullable=False),
    # The rule for the second window of the limit; null leaves that window to the rules of the audiences.
    Column("second_allows", String(10)),
    Column("second_tokens", BIG),
    CheckConstraint("allows in ('amount','unlimited','disabled')", name="allows"),
    CheckConstraint(f"tokens between 0 and {MAX_TOKENS}", name="tokens"),
    CheckConstraint("second_allows in ('amount','unlimited','disabled')", name="second_allows"),
    CheckConstraint(f"second_tokens between 0 and {MAX_TOKENS}", name="second_tokens"),
)


limit_resets = Table(
    "limit_resets",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("account_id", BIG),
    Column("module", String(64)),
    Column("role", String(100)),
    Column("reset_at", Instant, nullable=False),
    Column("actor", String(340), nullable=False),
    # The period of the windows that were reset; null for all.
    Column("period", String(10)),
    CheckConstraint("period in ('daily','weekly','monthly','never')", name="period"),
    Index("ix_limit_resets_account", "account_id", "reset_at"),
    # Those of single accounts lie apart from those of the whole store, which are read with the store's rules.
    Index("ix_limit_resets_store", "store_id", "account_id", "reset_at"),
)


modules = Table(
    "modules",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("label", String(100), nullable=False),
    Column("is_metered", Boolean, nullable=False, server_default=true()),
    Column("position", Integer, nullable=False),
    # Names by language, such as {"de": "Bilder"}; `label` for every other language.
    Column("labels", JSON(none_as_null=True)),
)


limits = Table(
    "limits",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("period", String(10), nullable=False),
    Column("message", String(500), nullable=False),
    # The period of the second window; null for a limit with one.
    Column("second_period", String(10)),
    # Where the use of the first window is counted: 0 or 1. The second counts in the other one.
    Column("counter", SmallInteger, nullable=False, server_default=text("0")),
    CheckConstraint("period in ('daily','weekly','monthly','never')", name="period"),
    CheckConstraint(
        "second_period in ('daily','weekly','monthly','never') and second_period <> period", name="second_period"
    ),
    CheckConstraint("counter in (0, 1)", name="counter"),
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


second_limit_rules = Table(
    "second_limit_rules",
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
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    # Two windows of a limit may begin at the same moment.
    Column("counter", SmallInteger, primary_key=True, autoincrement=False, server_default=text("0")),
    Column("ends_at", Instant),
    Column("used", BIG, nullable=False),
    # Of a guest: the part that was counted toward a user, when the guest signed in.
    Column("passed_on", BIG, nullable=False, server_default=text("0")),
    CheckConstraint("used >= 0", name="used"),
    CheckConstraint("counter in (0, 1)", name="counter"),
    Index("ix_window_uses_module", "module", "counter", "starts_at", "account_id"),
)


# When a user with `confirm_paid` last confirmed that tokens of the balance may pay for a module.
paid_confirmations = Table(
    "paid_confirmations",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("confirmed_at", Instant, nullable=False),
)


# The use of running windows that came with a merged account: part of the `used` of the window or, with a product, of
# the plan. A refund of a spend of the merged account lowers both.
carried_uses = Table(
    "carried_uses",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("product_id", BIG, primary_key=True, autoincrement=False),
    Column("starts_at", Instant, primary_key=True),
    Column("counter", SmallInteger, primary_key=True, autoincrement=False, server_default=text("0")),
    Column("used", BIG, nullable=False),
    CheckConstraint("used >= 0", name="used"),
)


# The part of a guest's window that counts for a user, since the guest signed in as them: part of the `used` of
# `carried_uses`. A refund of a spend of the guest lowers both, and the guest's own window.
guest_uses = Table(
    "guest_uses",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("guest_id", ForeignKey(accounts.c.id), nullable=False),
    Column("account_id", ForeignKey(accounts.c.id), nullable=False),
    Column("module", String(64), nullable=False),
    Column("counter", SmallInteger, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),
    # The start of the user's window, which an admin may have reset.
    Column("into_starts_at", Instant, nullable=False),
    Column("tokens", BIG, nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("tokens >= 0", name="tokens"),
    CheckConstraint("counter in (0, 1)", name="counter"),
    Index("ix_guest_uses_guest", "guest_id"),
    Index("ix_guest_uses_account", "account_id"),
    # Finds the rows of windows that are over.
    Index("ix_guest_uses_ends_at", "ends_at"),
)


spends = Table(
    "spends",
    metadata,
    # No foreign key to the account: the day in `usage_days` has one, which is checked once for each batch.
    Column("account_id", BIG, nullable=False),
    # The key is the id alone. With a key that begins with the account, each spend would write to a random page.
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
    Column("second_window_starts_at", Instant),
    CheckConstraint("tokens = from_plan + from_balance + from_allowance + uncovered", name="parts"),
    CheckConstraint("from_plan >= 0 and from_balance >= 0 and from_allowance >= 0 and uncovered >= 0", name="signs"),
    # From each source, at most the tokens paid are refunded, including those of an allowance whose window has ended.
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
    # No foreign key, because each batch would lock the store's row.
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
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("operation", String(100), primary_key=True),
    Column("site_id", BIG, primary_key=True, autoincrement=False),
    Column("source", String(100), primary_key=True),
    Column("units", BIG, nullable=False),
    Column("tokens", BIG, nullable=False),
    # Finds the latest days of a whole store without reading its history.
    Index("ix_usage_days_day_account_id", "day", "account_id"),
)


window_runs = Table(
    "window_runs",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
    Column("module", String(64), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("counter", SmallInteger, primary_key=True, autoincrement=False, server_default=text("0")),
    Column("ends_at", Instant),
    Column("announced_at", Instant, nullable=False),
    Column("ran_dry", Integer, nullable=False),
    # Receivers: users whose last use lies from `since` to the window's start; `reached_…` is the progress.
    Column("since", Instant),
    Column("reached_at", Instant),
    Column("reached_account", BIG),
    Column("finished_at", Instant),
)
