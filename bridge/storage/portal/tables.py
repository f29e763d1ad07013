"""The tables of passes and of the sessions of buyers."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, Text

from bridge.storage.engine.columns import metadata
from bridge.storage.engine.types import BIG, Instant
from bridge.storage.stores.tables import stores

passes = Table(
    "passes",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("purpose", String(10), nullable=False),
    # The person: a user of the shop, or an admin by email.
    Column("user_id", BIG),
    Column("access", String(10)),
    Column("email", String(320)),
    Column("name", String(200)),
    Column("role", String(10)),
    # The person in one text, for counting their passes.
    Column("person", String(330), nullable=False),
    Column("language", String(10), nullable=False, server_default=""),
    Column("return_url", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    # Set once, by the request that the pass lets in.
    Column("used_at", Instant),
    CheckConstraint("purpose in ('widget','portal','credits')", name="purpose"),
    CheckConstraint("(user_id is null) <> (email is null)", name="person"),
    CheckConstraint("(email is null) = (role is null)", name="role"),
    Index("ix_passes_person", "store_id", "person", "created_at"),
    Index("ix_passes_created_at", "created_at"),
)


portal_sessions = Table(
    "portal_sessions",
    metadata,
    Column("id_hash", String(64), primary_key=True),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    # The user, not the account: an account that is merged into another one is found by its user.
    Column("user_id", BIG, nullable=False),
    Column("access", String(10), nullable=False),
    Column("language", String(10), nullable=False, server_default=""),
    Column("return_url", Text, nullable=False, server_default=""),
    Column("began_at", Instant, nullable=False),
    CheckConstraint("access in ('full','partial','none')", name="access"),
    Index("ix_portal_sessions_user", "store_id", "user_id", "began_at"),
    Index("ix_portal_sessions_began_at", "began_at"),
)
