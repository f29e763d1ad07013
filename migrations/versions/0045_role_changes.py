"""role changes

The roles of users before each change, so that an explanation of an earlier
decision decides by the roles of then. Where there are users already, the moment
of the update is recorded: before it, their roles are not known.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_BEGINNING = "roles_recorded"


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "role_changes",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_role_changes_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_role_changes")),
    )
    op.create_index("ix_role_changes_id", "role_changes", ["id"])
    connection = op.get_bind()
    if connection.execute(sa.text("select 1 from accounts limit 1")).first() is not None:
        state = sa.table(
            "service_state",
            sa.column("name", sa.String),
            sa.column("value", sa.String),
            sa.column("recorded_at", Instant()),
        )
        connection.execute(sa.insert(state).values(name=_BEGINNING, value="", recorded_at=datetime.now(UTC)))


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_table("role_changes")
    op.execute(sa.text("delete from service_state where name = :name").bindparams(name=_BEGINNING))
