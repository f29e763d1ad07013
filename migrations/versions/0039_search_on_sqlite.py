"""search on SQLite

An index of parts of words, so that a search among the users of a large store
does not read all of them. PostgreSQL has had one since 0028.
"""

from __future__ import annotations

import logging
import sqlite3

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

log = logging.getLogger(__name__)

# Two spaces precede each word, so that the first letter of a word is a part of three characters as well.
_FILL = """insert into account_search (rowid, words)
    select account_id, '  ' || replace(search_key, ' ', '  ') from account_figures"""
_ADD = """insert into account_search (rowid, words)
    values (new.account_id, '  ' || replace(new.search_key, ' ', '  '));"""
_REMOVE = """insert into account_search (account_search, rowid, words)
    values ('delete', old.account_id, '  ' || replace(old.search_key, ' ', '  '));"""
# A migration that copies account_figures has to create these triggers again.
_TRIGGERS = {
    "account_search_add": f"after insert on account_figures begin {_ADD} end",
    "account_search_remove": f"after delete on account_figures begin {_REMOVE} end",
    "account_search_change": (
        "after update of search_key on account_figures when old.search_key <> new.search_key"
        f" begin {_REMOVE} {_ADD} end"
    ),
}


def upgrade() -> None:
    """Bring the schema forward."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    if not has_parts_of_words():
        log.warning("This SQLite has no FTS5 with trigrams, so searching users takes longer")
        return
    connection.exec_driver_sql(
        "create virtual table account_search using fts5"
        "(words, content = '', columnsize = 0, detail = none, tokenize = 'trigram')"
    )
    connection.exec_driver_sql(_FILL)
    for name, body in _TRIGGERS.items():
        connection.exec_driver_sql(f"create trigger {name} {body}")


def downgrade() -> None:
    """Bring the schema back."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for name in _TRIGGERS:
            connection.execute(sa.text(f"drop trigger if exists {name}"))
        connection.execute(sa.text("drop table if exists account_search"))


def has_parts_of_words() -> bool:
    """Return whether the SQLite of this process has FTS5 with its trigram tokenizer."""
    with sqlite3.connect(":memory:") as memory:
        try:
            memory.execute("create virtual table tried using fts5(words, tokenize = 'trigram')")
        except sqlite3.OperationalError:
            return False
    return True
