"""review items

Which document each value of an order comes from, the identity of an order, what
people decided about it, and how the amount of a line was determined. Deliveries
of other sites wait, and repeated deliveries are counted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant, Money

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEXES = {
    "orders": {
        "ix_orders_parent": (["store_id", "parent_id"], "parent_id > 0"),
        "ix_orders_transaction": (["store_id", "transaction_id"], "transaction_id <> ''"),
        "ix_orders_shop_number": (["store_id", "shop_number"], "shop_number <> ''"),
        "ix_orders_unpaid": (["unpaid_since"], "unpaid_since is not null"),
    },
    "deliveries": {"ix_deliveries_held": (["store_id", "id"], "held_for is not null")},
}


def _columns() -> dict[str, list[sa.Column[object]]]:
    def json(name: str) -> sa.Column[object]:
        return sa.Column(name, sa.JSON(none_as_null=True), nullable=True)

    def text(name: str, length: int) -> sa.Column[object]:
        return sa.Column(name, sa.String(length=length), server_default="", nullable=False)

    return {
        "orders": [
            text("shop_number", 100),
            text("order_key", 100),
            sa.Column("parent_id", BIG, server_default=sa.text("0"), nullable=False),
            text("transaction_id", 200),
            json("sources"),
            json("rival"),
            json("decisions"),
            json("reviews"),
            sa.Column("unpaid_since", Instant(), nullable=True),
        ],
        "order_lines": [
            sa.Column("pieces", Money(), nullable=True),
            sa.Column("basis", sa.String(length=12), nullable=True),
            json("priced"),
            json("sources"),
        ],
        "deliveries": [
            sa.Column("held_for", sa.String(length=500), nullable=True),
            sa.Column("digest", sa.String(length=64), nullable=True),
            sa.Column("repeats", sa.Integer(), server_default=sa.text("0"), nullable=False),
            sa.Column("repeated_at", Instant(), nullable=True),
        ],
        "stores": [json("accepted_sources")],
        "shop_reads": [json("notices")],
    }


def upgrade() -> None:
    """Bring the schema forward."""
    for table, columns in _columns().items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.add_column(column)
    op.execute("update order_lines set pieces = cast(quantity as text)")
    for table, indexes in _INDEXES.items():
        for name, (names, condition) in indexes.items():
            where = sa.text(condition)
            op.create_index(name, table, names, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Bring the schema back."""
    for table, indexes in _INDEXES.items():
        for name in indexes:
            op.drop_index(name, table_name=table)
    for table, columns in _columns().items():
        for column in reversed(columns):
            # SQLite cannot copy a table that others refer to, so the column is dropped in place.
            op.execute(f"alter table {table} drop column {column.name}")
