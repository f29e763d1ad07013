"""unclear amounts

A product's amount that is not clear is kept as the shop states it. The owner's
decision about orders that bought a product before it was a package is kept with
the product. A run that grants past orders keeps how far it got.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.types import Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unreadable", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("is_per_variation", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("late", sa.String(8), nullable=True))
        batch_op.add_column(sa.Column("late_by", sa.String(340), nullable=True))
        batch_op.add_column(sa.Column("late_at", Instant(), nullable=True))
        batch_op.create_check_constraint(op.f("ck_packages_late"), "late in ('grant','leave')")
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("past_done", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("past_total", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.drop_column("past_total")
        batch_op.drop_column("past_done")
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_packages_late"), type_="check")
        for column in ("late_at", "late_by", "late", "is_per_variation", "unreadable"):
            batch_op.drop_column(column)
