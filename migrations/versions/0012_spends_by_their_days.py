"""spends by their days

Each spend counts in a row of `usage_days`, written with it, whose foreign key
is checked once for an account and batch; a foreign key of each spend had the
account looked up as often as it spent.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("spends", schema=None) as batch_op:
        batch_op.drop_constraint("fk_spends_account_id", type_="foreignkey")


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("spends", schema=None) as batch_op:
        batch_op.create_foreign_key("fk_spends_account_id", "accounts", ["account_id"], ["id"])
