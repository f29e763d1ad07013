"""import goes on

How far an import of a shop's products got, so that it can be cut off.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("import_page", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("import_total", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.drop_column("import_total")
        batch_op.drop_column("import_page")
