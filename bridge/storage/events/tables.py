"""The tables of the outbox, its endpoints and its deliveries."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from bridge.storage.engine.columns import metadata
from bridge.storage.engine.types import BIG, Instant
from bridge.storage.stores.tables import stores

event_endpoints = Table(
    "event_endpoints",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False, index=True),
    Column("url", String(2000), nullable=False),
    Column("secret", Text, nullable=False),
    Column("types", JSON),
    Column("created_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("resting_until", Instant),
    Column("last_attempt_at", Instant),
    Column("last_delivered_at", Instant),
    Column("last_status", Integer),
    Column("last_error", String(500), nullable=False, server_default=""),
    Column("disabled_at", Instant),
    Column("disabled_reason", String(200), nullable=False, server_default=""),
)


_PENDING = text("state = 'pending'")

_HEAD = text("state = 'pending' and next_attempt_at is not null")

event_deliveries = Table(
    "event_deliveries",
    metadata,
    Column("endpoint_id", ForeignKey("event_endpoints.id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", BIG, primary_key=True, autoincrement=False),
    # 0 for an event of the store itself: these events are also sent in order.
    Column("account_id", BIG, nullable=False),
    Column("state", String(10), nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # Set only for the first pending event of an account; the others wait until it is settled.
    Column("next_attempt_at", Instant),
    Column("last_status", Integer),
    Column("last_error", String(500), nullable=False, server_default=""),
    Column("delivered_at", Instant),
    CheckConstraint("state in ('pending','delivered','dead')", name="state"),
    CheckConstraint("state = 'pending' or next_attempt_at is null", name="settled"),
    Index(
        "ix_event_deliveries_due",
        "endpoint_id",
        "next_attempt_at",
        "event_id",
        postgresql_where=_HEAD,
        sqlite_where=_HEAD,
    ),
    Index(
        "ix_event_deliveries_pending",
        "endpoint_id",
        "account_id",
        "event_id",
        postgresql_where=_PENDING,
        sqlite_where=_PENDING,
    ),
    # Keeps the order: at most one event of an account is being sent to an endpoint.
    Index(
        "uq_event_deliveries_head",
        "endpoint_id",
        "account_id",
        unique=True,
        postgresql_where=_HEAD,
        sqlite_where=_HEAD,
    ),
)


outbox = Table(
    "outbox",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
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
