"""The tables of accounts and the ledger."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

from bridge.domain.accounts.accounts import MAX_SEARCH_KEY, MAX_TOKENS
from bridge.storage.engine.columns import _amount, metadata
from bridge.storage.engine.types import BIG, Instant
from bridge.storage.stores.tables import stores

accounts = Table(
    "accounts",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("user_id", BIG),
    Column("guest_hash", String(64)),
    Column("email", String(320)),
    Column("email_key", String(320)),
    Column("name", String(200)),
    Column("name_key", String(200)),
    # Name and email in the form that a search compares, see `search_text`.
    Column("search_key", String(MAX_SEARCH_KEY)),
    Column("roles", JSON, nullable=False),
    _amount("balance"),
    _amount("debt"),
    # Tokens granted minus tokens reversed; updated with each ledger entry of these kinds.
    _amount("purchased"),
    Column("alert", String(10), nullable=False, server_default="new"),
    # The lowest threshold the balance was below when the alert was recorded; what the last order granted.
    Column("alerted_below", BIG),
    _amount("last_grant"),
    # The account it was merged into, which is never merged itself. No foreign key: SQLite cannot add one to a table.
    Column("merged_into", BIG),
    # Whether the person was erased, and when last: orders placed before then never bring contacts back.
    Column("is_erased", Boolean, nullable=False, server_default=false()),
    Column("erased_at", Instant),
    # Whether the user wants to confirm before tokens of the balance are taken.
    Column("confirm_paid", Boolean, nullable=False, server_default=false()),
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
    # For the credits list. Columns that a spend changes have no index, because each spend would have to update it.
    Index("ix_accounts_store_id_purchased", "store_id", "purchased", "id"),
    Index(
        "ix_accounts_merged_into",
        "merged_into",
        postgresql_where=text("merged_into is not null"),
        sqlite_where=text("merged_into is not null"),
    ),
    # Free space in each page: a changed row is written to the same page, and no index needs an update.
    postgresql_with={"fillfactor": 85},
)


# Earlier emails and names, by which an erasure finds a person in free texts.
former_contacts = Table(
    "former_contacts",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("kind", String(5), primary_key=True),
    Column("contact", String(320), primary_key=True),
    Column("replaced_at", Instant, nullable=False),
    CheckConstraint("kind in ('email','name')", name="kind"),
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
    # For what is left of each purchase. A spend does not touch it.
    Index(
        "ix_entries_credits",
        "account_id",
        "id",
        postgresql_where=text("kind not in ('spend','refund')"),
        sqlite_where=text("kind not in ('spend','refund')"),
    ),
    # If two processes post the next difference of a line, only one succeeds.
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


# The roles that an account had before each change, to explain earlier decisions. The first roles of an account, stored
# when it is created, follow none.
role_changes = Table(
    "role_changes",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id), primary_key=True),
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("roles", JSON, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("ix_role_changes_id", "id"),
)


# Accounts of one person that became one: what moved from `account_id` to `into_id`, each once. The ledger has an entry
# for it on either side, with the reference `merge:<id>`.
merges = Table(
    "merges",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("account_id", ForeignKey(accounts.c.id), nullable=False, unique=True),
    Column("into_id", ForeignKey(accounts.c.id), nullable=False),
    Column("balance", BIG, nullable=False),
    Column("debt", BIG, nullable=False),
    Column("purchased", BIG, nullable=False),
    Column("actor", String(340), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("account_id <> into_id", name="two_accounts"),
    CheckConstraint("balance >= 0 and debt >= 0", name="signs"),
    Index("ix_merges_into_id", "into_id", "id"),
)


_IS_OPEN = text("finished_at is null")

# Persons who were erased. `terms` are the texts still to be searched for, `position` is how far; both go at the end.
erasures = Table(
    "erasures",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("account_id", ForeignKey(accounts.c.id), nullable=False),
    Column("actor", String(340), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("terms", JSON(none_as_null=True)),
    Column("position", JSON(none_as_null=True)),
    Column("replaced", BIG, nullable=False, server_default=text("0")),
    Column("finished_at", Instant),
    Index("ix_erasures_account_id", "account_id", "id"),
    Index("ix_erasures_open", "id", postgresql_where=_IS_OPEN, sqlite_where=_IS_OPEN),
)
