"""connect codes

One-time codes that connect the WordPress plugin of a site, and whether a store's REST
keys came from the plugin.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "connect_codes",
        sa.Column("id", BIG, primary_key=True, autoincrement=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("store_id", sa.Integer(), sa.ForeignKey("stores.id")),
        sa.Column("made_by", sa.String(340), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant()),
        sa.UniqueConstraint("code_hash", name=op.f("uq_connect_codes_code_hash")),
    )
    op.create_index("ix_connect_codes_expires_at", "connect_codes", ["expires_at"])
    op.add_column("stores", sa.Column("has_plugin_keys", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_column("stores", "has_plugin_keys")
    op.drop_index("ix_connect_codes_expires_at", table_name="connect_codes")
    op.drop_table("connect_codes")
