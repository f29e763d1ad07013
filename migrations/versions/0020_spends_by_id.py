"""room in the pages of accounts, spends by their id alone, resets of accounts apart

A spend at a random account wrote all indexes of its account and a random page of
the spends' key. Existing pages of accounts get their room as they are rewritten.
On SQLite the table of spends is copied.
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    _index_resets("store_id", "account_id", "reset_at")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE accounts SET (fillfactor = 85)")
        op.execute("ALTER TABLE spends DROP CONSTRAINT pk_spends")
        # The unique index by id becomes the key: nothing is built or copied.
        op.execute("ALTER TABLE spends ADD CONSTRAINT pk_spends PRIMARY KEY USING INDEX ix_spends_id")
        return
    op.drop_index("ix_spends_id", "spends")
    _replace_key("id")


def downgrade() -> None:
    """Bring the schema back."""
    _index_resets("store_id", "reset_at")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE accounts RESET (fillfactor)")
        op.execute(
            "ALTER TABLE spends DROP CONSTRAINT pk_spends, ADD CONSTRAINT pk_spends PRIMARY KEY (account_id, id)"
        )
    else:
        _replace_key("account_id", "id")
    op.create_index("ix_spends_id", "spends", ["id"], unique=True)


def _index_resets(*columns: str) -> None:
    op.drop_index("ix_limit_resets_store", "limit_resets")
    op.create_index("ix_limit_resets_store", "limit_resets", list(columns))


def _replace_key(*columns: str) -> None:
    with op.batch_alter_table("spends", schema=None) as batch_op:
        batch_op.drop_constraint("pk_spends", type_="primary")
        batch_op.create_primary_key("pk_spends", list(columns))
