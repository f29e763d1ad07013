"""figures of the console

Use by store and day, and the figures that the users of a large store are
sorted and searched by. A job fills them. Names and emails get a form for the
search, without case and accents.
"""

from __future__ import annotations

import logging

import sqlalchemy as sa
from alembic import op

from bridge.domain.accounts.accounts import search_text
from bridge.storage.engine.types import BIG, Instant

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

log = logging.getLogger(__name__)

_BATCH = 5_000
_SORTED = ("balance", "held", "debt", "used", "name", "email", "roles")


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "store_days",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("module", sa.String(64), nullable=False),
        sa.Column("units", BIG, nullable=False),
        sa.Column("tokens", BIG, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_store_days_store_id_stores")),
        sa.PrimaryKeyConstraint("store_id", "day", "module", name=op.f("pk_store_days")),
    )
    op.create_index("ix_store_days_day", "store_days", ["day"])
    op.create_table(
        "rollups",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("as_of", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rollups")),
    )
    op.create_table(
        "store_figures",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("users", BIG, nullable=False),
        sa.Column("users_with_tokens", BIG, nullable=False),
        sa.Column("balance", sa.Text(), nullable=False),
        sa.Column("debt", sa.Text(), nullable=False),
        sa.Column("as_of", Instant(), nullable=False),
        sa.Column("took_ms", BIG, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_store_figures_store_id_stores")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_store_figures")),
    )
    op.create_table(
        "account_figures",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        *(sa.Column(name, BIG, nullable=False) for name in ("balance", "held", "debt", "used")),
        sa.Column("active_at", Instant(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "email", "roles", "search_key")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_figures_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_figures")),
    )
    for name in _SORTED:
        op.create_index(f"ix_account_figures_{name}", "account_figures", ["store_id", name, "account_id"])
    op.create_index("ix_account_figures_active", "account_figures", ["store_id", "active_at", "account_id"])
    op.create_index("ix_refunds_id", "refunds", ["id"])
    op.add_column("accounts", sa.Column("search_key", sa.String(600)))
    _fill_search_keys()
    _index_parts_of_words()


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_column("accounts", "search_key")
    op.drop_index("ix_refunds_id", table_name="refunds")
    for table in ("account_figures", "store_figures", "rollups", "store_days"):
        op.drop_table(table)


def _fill_search_keys() -> None:
    accounts = sa.table("accounts", *(sa.column(name) for name in ("id", "user_id", "name", "email", "search_key")))
    change = sa.update(accounts).where(accounts.c.id == sa.bindparam("row")).values(search_key=sa.bindparam("found"))
    connection, last = op.get_bind(), -1
    while True:
        rows = connection.execute(
            sa.select(accounts.c.id, accounts.c.name, accounts.c.email)
            .where(accounts.c.id > last, accounts.c.user_id.is_not(None))
            .order_by(accounts.c.id)
            .limit(_BATCH)
        ).all()
        if not rows:
            return
        found = [{"row": row.id, "found": search_text(row.name, row.email)} for row in rows]
        named = [each for each in found if each["found"]]
        if named:
            connection.execute(change, named)
        last = rows[-1].id


def _index_parts_of_words() -> None:
    """Let PostgreSQL find parts of words; where its extension is missing, a search reads every user of the store."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    try:
        with connection.begin_nested():
            connection.execute(sa.text("create extension if not exists pg_trgm"))
            connection.execute(
                sa.text(
                    "create index trgm_account_figures_search on account_figures using gin (search_key gin_trgm_ops)"
                )
            )
    except sa.exc.DBAPIError as error:
        log.warning("PostgreSQL has no pg_trgm, so searching users takes longer: %s", str(error.orig).splitlines()[0])
