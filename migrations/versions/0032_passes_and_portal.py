"""passes and the portal

Passes, the sessions of buyers, and sessions of admins that are limited to one
store.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "passes",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column("user_id", BIG),
        sa.Column("access", sa.String(10)),
        sa.Column("email", sa.String(320)),
        sa.Column("name", sa.String(200)),
        sa.Column("role", sa.String(10)),
        sa.Column("person", sa.String(330), nullable=False),
        sa.Column("language", sa.String(10), server_default="", nullable=False),
        sa.Column("return_url", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant()),
        sa.CheckConstraint("purpose in ('widget','portal','credits')", name=op.f("ck_passes_purpose")),
        sa.CheckConstraint("(user_id is null) <> (email is null)", name=op.f("ck_passes_person")),
        sa.CheckConstraint("(email is null) = (role is null)", name=op.f("ck_passes_role")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_passes_store_id_stores")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_passes")),
    )
    op.create_index("ix_passes_person", "passes", ["store_id", "person", "created_at"])
    op.create_index("ix_passes_created_at", "passes", ["created_at"])
    op.create_table(
        "portal_sessions",
        sa.Column("id_hash", sa.String(64), nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("access", sa.String(10), nullable=False),
        sa.Column("language", sa.String(10), server_default="", nullable=False),
        sa.Column("return_url", sa.Text(), server_default="", nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.CheckConstraint("access in ('full','partial','none')", name=op.f("ck_portal_sessions_access")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_portal_sessions_store_id_stores")),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_portal_sessions")),
    )
    op.create_index("ix_portal_sessions_user", "portal_sessions", ["store_id", "user_id", "began_at"])
    op.create_index("ix_portal_sessions_began_at", "portal_sessions", ["began_at"])
    with op.batch_alter_table("admin_sessions") as batch_op:
        batch_op.add_column(sa.Column("store_id", sa.Integer()))
        batch_op.add_column(sa.Column("role", sa.String(10)))
        batch_op.create_foreign_key(
            op.f("fk_admin_sessions_store_id_stores"), "stores", ["store_id"], ["id"], ondelete="CASCADE"
        )
        batch_op.create_check_constraint(op.f("ck_admin_sessions_limit"), "(store_id is null) = (role is null)")


def downgrade() -> None:
    """Bring the schema back; buyers and admins who came with a pass are signed out."""
    op.execute("delete from admin_sessions where store_id is not null")
    with op.batch_alter_table("admin_sessions") as batch_op:
        batch_op.drop_constraint(op.f("ck_admin_sessions_limit"), type_="check")
        batch_op.drop_constraint(op.f("fk_admin_sessions_store_id_stores"), type_="foreignkey")
        batch_op.drop_column("role")
        batch_op.drop_column("store_id")
    op.drop_table("portal_sessions")
    op.drop_table("passes")
