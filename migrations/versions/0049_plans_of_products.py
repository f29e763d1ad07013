"""plans of products

The months of a plan as the shop states them, on products and on order lines.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_MONTHS = "shop_months between 1 and 1200"


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("order_lines", sa.Column("stamped_months", sa.Integer(), nullable=True))
    name = op.f("ck_packages_shop_months")
    if op.get_bind().dialect.name == "sqlite":
        # With the constraint, SQLite would copy the table for nothing more.
        months = sa.Column("shop_months", sa.Integer(), sa.CheckConstraint(_MONTHS, name=name), nullable=True)
        op.add_column("packages", months)
    else:
        op.add_column("packages", sa.Column("shop_months", sa.Integer(), nullable=True))
        op.create_check_constraint(name, "packages", _MONTHS)


def downgrade() -> None:
    """Bring the schema back; plans that the shop states are forgotten, the terms of orders stay."""
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_packages_shop_months"), type_="check")
        batch_op.drop_column("shop_months")
    op.drop_column("order_lines", "stamped_months")
