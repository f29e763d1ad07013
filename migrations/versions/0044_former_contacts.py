"""former contacts

Earlier emails and names of users, so that an erasure finds them in free texts.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward; what was replaced before is not known."""
    op.create_table(
        "former_contacts",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("kind", sa.String(5), nullable=False),
        sa.Column("contact", sa.String(320), nullable=False),
        sa.Column("replaced_at", Instant(), nullable=False),
        sa.CheckConstraint("kind in ('email','name')", name=op.f("ck_former_contacts_kind")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_former_contacts_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", "kind", "contact", name=op.f("pk_former_contacts")),
    )


def downgrade() -> None:
    """Bring the schema back; earlier emails and names are forgotten."""
    op.drop_table("former_contacts")
