"""receipts

The sale of an order for its receipt: buyer, prices, taxes and refunds. Orders
that are stored already get it from the next document of the shop about them.
And the seller that receipts name.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("orders", sa.Column("sale", sa.JSON(none_as_null=True)))
    op.add_column("stores", sa.Column("seller_name", sa.String(200), nullable=False, server_default=""))
    op.add_column("stores", sa.Column("seller_address", sa.String(500), nullable=False, server_default=""))
    op.add_column("stores", sa.Column("seller_vat_id", sa.String(50), nullable=False, server_default=""))


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_column("stores", "seller_vat_id")
    op.drop_column("stores", "seller_address")
    op.drop_column("stores", "seller_name")
    op.drop_column("orders", "sale")
