"""a second window of a limit

Use, announced windows, spends and holds tell the two windows of a limit apart by
their counter; everything from before is of the first. The tables of use, of use
that came with merged accounts, and of announced windows get a longer key; on
SQLite they are copied.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bridge.storage.engine.types import BIG, Instant

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_MOST = 2**53 - 1
_PERIODS = "('daily','weekly','monthly','never')"
_CARRIED = ("account_id", "module", "product_id", "starts_at")
_ALLOWS = "('amount','unlimited','disabled')"


def upgrade() -> None:
    """Bring the schema forward."""
    _add_checked("limits", "second_period varchar(10)", f"second_period in {_PERIODS} and second_period <> period")
    _add_checked("limits", "counter smallint default 0 not null", "counter in (0, 1)")
    _add_checked("limit_overrides", "second_allows varchar(10)", f"second_allows in {_ALLOWS}")
    big = "integer" if op.get_bind().dialect.name == "sqlite" else "bigint"
    _add_checked("limit_overrides", f"second_tokens {big}", f"second_tokens between 0 and {_MOST}")
    _add_checked("limit_resets", "period varchar(10)", f"period in {_PERIODS}")
    op.create_table(
        "second_limit_rules",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(64), nullable=False),
        sa.Column("audience", sa.String(110), nullable=False),
        sa.Column("allows", sa.String(10), nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.CheckConstraint(f"allows in {_ALLOWS}", name=op.f("ck_second_limit_rules_allows")),
        sa.CheckConstraint(f"tokens between 0 and {_MOST}", name=op.f("ck_second_limit_rules_tokens")),
        sa.ForeignKeyConstraint(
            ["store_id", "module"],
            ["limits.store_id", "limits.module"],
            name=op.f("fk_second_limit_rules_store_id_module"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("store_id", "module", "audience", name=op.f("pk_second_limit_rules")),
    )
    op.add_column("spends", sa.Column("second_window_starts_at", Instant()))
    op.add_column("holds", sa.Column("second_window_starts_at", Instant()))
    op.add_column("holds", sa.Column("second_window_ends_at", Instant()))
    op.drop_index("ix_window_uses_module", table_name="window_uses")
    with op.batch_alter_table("window_uses", schema=None) as batch_op:
        batch_op.add_column(_counter())
        batch_op.create_check_constraint(op.f("ck_window_uses_counter"), "counter in (0, 1)")
        batch_op.drop_constraint("pk_window_uses", type_="primary")
        batch_op.create_primary_key("pk_window_uses", ["account_id", "module", "starts_at", "counter"])
    op.create_index("ix_window_uses_module", "window_uses", ["module", "counter", "starts_at", "account_id"])
    with op.batch_alter_table("window_runs", schema=None) as batch_op:
        batch_op.add_column(_counter())
        batch_op.drop_constraint("pk_window_runs", type_="primary")
        batch_op.create_primary_key("pk_window_runs", ["store_id", "module", "starts_at", "counter"])
    with op.batch_alter_table("carried_uses", schema=None) as batch_op:
        batch_op.add_column(_counter())
        batch_op.drop_constraint("pk_carried_uses", type_="primary")
        batch_op.create_primary_key("pk_carried_uses", [*_CARRIED, "counter"])


def downgrade() -> None:
    """Bring the schema back; second windows, with their rules and their use, are lost."""
    _keep_first("carried_uses", *_CARRIED)
    _keep_first("window_runs", "store_id", "module", "starts_at")
    op.drop_index("ix_window_uses_module", table_name="window_uses")
    _keep_first("window_uses", "account_id", "module", "starts_at")
    op.create_index("ix_window_uses_module", "window_uses", ["module", "starts_at", "account_id"])
    op.drop_column("holds", "second_window_ends_at")
    op.drop_column("holds", "second_window_starts_at")
    op.drop_column("spends", "second_window_starts_at")
    op.drop_table("second_limit_rules")
    for table, column in (
        ("limit_resets", "period"),
        ("limit_overrides", "second_tokens"),
        ("limit_overrides", "second_allows"),
        ("limits", "counter"),
        ("limits", "second_period"),
    ):
        op.drop_column(table, column)


def _counter() -> sa.Column[int]:
    return sa.Column("counter", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)


def _add_checked(table: str, column: str, condition: str) -> None:
    # As SQL: in a batch, SQLite would drop a table that others refer to.
    name = f"ck_{table}_{column.partition(' ')[0]}"
    op.execute(f"alter table {table} add column {column} constraint {name} check ({condition})")


def _keep_first(table: str, *key: str) -> None:
    """Remove the counter of a table, and the rows of the second one."""
    op.execute(f"delete from {table} where counter <> 0")  # noqa: S608
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.drop_constraint(f"pk_{table}", type_="primary")
        if table == "window_uses":
            batch_op.drop_constraint(op.f("ck_window_uses_counter"), type_="check")
        batch_op.drop_column("counter")
        batch_op.create_primary_key(f"pk_{table}", list(key))
