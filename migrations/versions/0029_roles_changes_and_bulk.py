"""roles of admins, recorded changes, bulk changes

Admins who exist already are owners, as they were. Names for access keys, two
settings of a store, and what a second factor and an invitation need.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_ROLE = "role in ('viewer','manager','owner')"


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("admins", sa.Column("role", sa.String(10)))
    op.add_column("admins", sa.Column("totp_secret", sa.Text()))
    op.add_column("admins", sa.Column("totp_step", BIG))
    op.add_column("admins", sa.Column("recovery_codes", sa.JSON()))
    op.add_column("admins", sa.Column("invite_hash", sa.String(64)))
    op.add_column("admins", sa.Column("invite_expires_at", Instant()))
    op.execute("update admins set role = 'owner'")
    op.add_column("admin_sessions", sa.Column("agent", sa.String(200), server_default="", nullable=False))
    op.add_column("admin_sessions", sa.Column("address", sa.String(60), server_default="", nullable=False))
    op.add_column("stores", sa.Column("require_reason", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("stores", sa.Column("shortcode", sa.JSON()))
    op.add_column("access_keys", sa.Column("name", sa.String(100), server_default="", nullable=False))
    op.create_table(
        "admin_roles",
        sa.Column("admin_id", sa.Integer(), nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.CheckConstraint(_ROLE, name=op.f("ck_admin_roles_role")),
        sa.ForeignKeyConstraint(
            ["admin_id"], ["admins.id"], name=op.f("fk_admin_roles_admin_id_admins"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_admin_roles_store_id_stores")),
        sa.PrimaryKeyConstraint("admin_id", "store_id", name=op.f("pk_admin_roles")),
    )
    op.create_index("ix_admin_roles_store_id", "admin_roles", ["store_id"])
    op.create_table(
        "changes",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer()),
        sa.Column("actor", sa.String(340), nullable=False),
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.Column("after", sa.JSON()),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_changes_store_id_stores")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index("ix_changes_store_id", "changes", ["store_id", "id"])
    op.create_table(
        "bulk_changes",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(340), nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("confirmed_at", Instant()),
        sa.Column("finished_at", Instant()),
        sa.CheckConstraint("source in ('csv','selection','filter')", name=op.f("ck_bulk_changes_source")),
        sa.CheckConstraint("state in ('preview','running','done','cancelled')", name=op.f("ck_bulk_changes_state")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_bulk_changes_store_id_stores")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_changes")),
    )
    op.create_index("ix_bulk_changes_store_id", "bulk_changes", ["store_id", "id"])
    op.create_table(
        "bulk_rows",
        sa.Column("bulk_id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("user_id", BIG),
        sa.Column("tokens", BIG),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("error", sa.String(300), server_default="", nullable=False),
        sa.Column("entry_id", BIG),
        sa.ForeignKeyConstraint(["bulk_id"], ["bulk_changes.id"], name=op.f("fk_bulk_rows_bulk_id_bulk_changes")),
        sa.PrimaryKeyConstraint("bulk_id", "position", name=op.f("pk_bulk_rows")),
    )


def downgrade() -> None:
    """Bring the schema back; recorded and bulk changes are lost."""
    for table in ("bulk_rows", "bulk_changes", "changes", "admin_roles"):
        op.drop_table(table)
    op.drop_column("access_keys", "name")
    op.drop_column("stores", "shortcode")
    op.drop_column("stores", "require_reason")
    op.drop_column("admin_sessions", "address")
    op.drop_column("admin_sessions", "agent")
    for column in ("invite_expires_at", "invite_hash", "recovery_codes", "totp_step", "totp_secret", "role"):
        op.drop_column("admins", column)
