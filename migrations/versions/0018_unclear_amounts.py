"""unclear amounts

A product's amount that is not clear is kept as the shop states it. The owner's
decision about orders that bought a product before it was a package is kept with
the product. A run that grants past orders keeps how far it got.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_LINE_INDEXES = (
    ("ix_order_lines_no_package", ["store_id", "product_id", "order_number"], "basis = 'no_package'"),
    ("ix_order_lines_no_package_sku", ["store_id", "sku", "order_number"], "basis = 'no_package' and sku <> ''"),
)


def _where(condition: str) -> dict[str, sa.TextClause]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unreadable", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("is_per_variation", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("late", sa.String(8), nullable=True))
        batch_op.add_column(sa.Column("late_by", sa.String(340), nullable=True))
        batch_op.add_column(sa.Column("late_at", Instant(), nullable=True))
        batch_op.create_check_constraint(op.f("ck_packages_late"), "late in ('grant','leave')")
    op.create_index("ix_packages_sku", "packages", ["store_id", "sku"], **_where("sku <> ''"))
    stamp = sa.Column("unclear_stamp", sa.String(200), server_default="", nullable=False)
    op.add_column("order_lines", stamp)
    # What stood at 0 because the product was no package is open to an amount from now on.
    op.execute(
        "update order_lines set basis = 'no_package'"
        " where tokens = 0 and basis is null and set_by is null and stamped is null and months is null"
    )
    # Products that orders wait for are listed from now on.
    op.execute(
        "insert into packages (store_id, product_id, variation_id, name, sku, updated_at)"
        " select l.store_id, l.product_id, 0, max(l.name), '', max(o.updated_at)"
        " from order_lines l join orders o on o.store_id = l.store_id and o.number = l.order_number"
        " where l.tokens is null and l.product_id > 0 and l.quantity > 0 and not exists (select 1 from packages p"
        " where p.store_id = l.store_id and p.product_id = l.product_id and p.variation_id = 0)"
        " group by l.store_id, l.product_id"
    )
    for name, columns, condition in _LINE_INDEXES:
        op.create_index(name, "order_lines", columns, **_where(condition))
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("past_done", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("past_total", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Bring the schema back."""
    with op.batch_alter_table("shop_reads", schema=None) as batch_op:
        batch_op.drop_column("past_total")
        batch_op.drop_column("past_done")
    for name, _, _ in _LINE_INDEXES:
        op.drop_index(name, table_name="order_lines")
    # SQLite would copy the table to drop a column by batch.
    op.execute("alter table order_lines drop column unclear_stamp")
    op.drop_index("ix_packages_sku", table_name="packages")
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_packages_late"), type_="check")
        for column in ("late_at", "late_by", "late", "is_per_variation", "unreadable"):
            batch_op.drop_column(column)
