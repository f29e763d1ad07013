"""thresholds of balances

Further thresholds of a store, and for each account the lowest one its balance is
below and what its last order granted. Alerts that were sent are not sent again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_BELOW = """
update accounts set alerted_below = (select low_balance from stores where stores.id = accounts.store_id)
where alert = 'low'
"""
_LAST_GRANT = """
update accounts set last_grant = coalesce((
  select sum(order_lines.granted) from order_lines
  where order_lines.store_id = accounts.store_id and order_lines.order_number = (
    select max(orders.number) from orders
    where orders.account_id = accounts.id and exists (
      select 1 from order_lines as granting
      where granting.store_id = orders.store_id and granting.order_number = orders.number and granting.granted > 0
    )
  )
), 0)
where purchased > 0
"""


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("stores", sa.Column("low_balance_thresholds", sa.JSON()))
    op.add_column("accounts", sa.Column("alerted_below", BIG))
    op.add_column("accounts", sa.Column("last_grant", BIG, server_default=sa.text("0"), nullable=False))
    op.execute(_BELOW)
    op.execute(_LAST_GRANT)


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_column("accounts", "last_grant")
    op.drop_column("accounts", "alerted_below")
    op.drop_column("stores", "low_balance_thresholds")
