"""keys on their own

A foreign key of each idempotency key to its store made every batch of spends
lock, and write to, the row of the store.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_constraint("fk_idempotency_keys_store_id", type_="foreignkey")


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_foreign_key("fk_idempotency_keys_store_id", "stores", ["store_id"], ["id"])
