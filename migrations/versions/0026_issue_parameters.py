"""issue parameters

The problems of the last check, each as a code with its parameters, from which
every reader makes its own sentence. The column `sentences` of earlier versions
is no longer read or written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("issues", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.drop_column("issues")
