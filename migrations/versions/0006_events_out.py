"""events out"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WAITING = sa.text("fanned_out_at is null")
_PENDING = sa.text("state = 'pending'")
_HEAD = sa.text("state = 'pending' and next_attempt_at is not null")


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("outbox", sa.Column("fanned_out_at", Instant(), nullable=True))
    op.drop_index("ix_outbox_store_id_id", table_name="outbox")
    op.create_index("ix_outbox_store_id_created_at_id", "outbox", ["store_id", "created_at", "id"])
    op.create_index("ix_outbox_waiting", "outbox", ["id"], postgresql_where=_WAITING, sqlite_where=_WAITING)
    op.create_table(
        "event_endpoints",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("types", sa.JSON(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("resting_until", Instant(), nullable=True),
        sa.Column("last_attempt_at", Instant(), nullable=True),
        sa.Column("last_delivered_at", Instant(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=500), server_default="", nullable=False),
        sa.Column("disabled_at", Instant(), nullable=True),
        sa.Column("disabled_reason", sa.String(length=200), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_event_endpoints_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_endpoints")),
    )
    op.create_index(op.f("ix_event_endpoints_store_id"), "event_endpoints", ["store_id"])
    op.create_table(
        "event_deliveries",
        sa.Column("endpoint_id", BIG, nullable=False),
        sa.Column("event_id", BIG, autoincrement=False, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("state", sa.String(length=10), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=500), server_default="", nullable=False),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.CheckConstraint("state in ('pending','delivered','dead')", name=op.f("ck_event_deliveries_state")),
        sa.CheckConstraint("state = 'pending' or next_attempt_at is null", name=op.f("ck_event_deliveries_settled")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["event_endpoints.id"],
            name=op.f("fk_event_deliveries_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "event_id", name=op.f("pk_event_deliveries")),
    )
    _create_delivery_indexes()


def _create_delivery_indexes() -> None:
    table, lane = "event_deliveries", ["endpoint_id", "account_id"]
    due = ["endpoint_id", "next_attempt_at", "event_id"]
    op.create_index("ix_event_deliveries_due", table, due, postgresql_where=_HEAD, sqlite_where=_HEAD)
    op.create_index(
        "ix_event_deliveries_pending", table, [*lane, "event_id"], postgresql_where=_PENDING, sqlite_where=_PENDING
    )
    op.create_index("uq_event_deliveries_head", table, lane, unique=True, postgresql_where=_HEAD, sqlite_where=_HEAD)


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("event_deliveries")
    op.drop_table("event_endpoints")
    op.drop_index("ix_outbox_waiting", table_name="outbox")
    op.drop_index("ix_outbox_store_id_created_at_id", table_name="outbox")
    op.create_index("ix_outbox_store_id_id", "outbox", ["store_id", "id"])
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("fanned_out_at")
