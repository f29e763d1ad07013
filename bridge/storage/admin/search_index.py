"""SQLite's index of parts of words, for the search among the users of a large store.

Triggers keep it in line with `account_figures`. It lists which accounts may
match; the caller compares their text. PostgreSQL has an index of its own
(`trgm_account_figures_search`), and a SQLite without FTS5 has neither: there, a
search reads every user of the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, select, text

TABLE = "account_search"
MOST_PARTS = 40
"""How many parts of the words are looked up; the text of the accounts is compared with the whole words."""
_PAGES_MERGED = 64
"""How many pages of the index one transaction merges, some 250 KB."""
_LENGTH = 3
"""The length of the indexed parts."""


def is_there(connection: Connection) -> bool:
    """Return whether the database has the index; False on PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return False
    found = text("select 1 from sqlite_master where name = :name")
    return connection.execute(found, {"name": TABLE}).first() is not None


def shrink(connection: Connection, *, is_begun: bool) -> bool:
    """Do a bounded part of removing the deleted words from the index; return whether there is more to do.

    SQLite only marks words as deleted until it merges the parts of its index. The
    first call (not `is_begun`) plans the merge of all parts, the others go on with it.
    """
    if not is_there(connection):
        return False
    driver: Any = connection.connection.dbapi_connection
    before: int = driver.total_changes
    pages = _PAGES_MERGED if is_begun else -_PAGES_MERGED
    connection.execute(text(f"insert into {TABLE}({TABLE}, rank) values ('merge', :pages)"), {"pages": pages})  # noqa: S608 -- a name of the schema
    # As SQLite documents it: the statement itself counts as one change.
    return int(driver.total_changes) - before > 1


def begins_word(word: str) -> bool:
    """Return whether a word is so short that it is compared with the beginnings of words.

    Short words of other scripts are found anywhere: Chinese names, for example,
    have two or three characters and no spaces.
    """
    return len(word) < _LENGTH and word.isascii()


def candidates(words: Sequence[str]) -> Select[int] | None:
    """Return a query for the ids of accounts, of all stores, that may have the words; None if the index has no part."""
    parts: list[str] = []
    for word in words:
        # Two spaces precede each word in the index, so a part also says where a word begins.
        padded = f"{'':>{_LENGTH - len(word)}}{word}" if begins_word(word) else word
        parts += [padded[place : place + _LENGTH] for place in range(len(padded) - _LENGTH + 1)]
    if not parts:
        return None
    quoted = ('"{}"'.format(part.replace('"', '""')) for part in list(dict.fromkeys(parts))[:MOST_PARTS])
    found = text(f"select rowid as account_id from {TABLE} where {TABLE} match :parts")  # noqa: S608 -- a name of the schema
    found = found.bindparams(bindparam("parts", " AND ".join(quoted)))
    rows = found.columns(account_id=BigInteger()).subquery()
    return select(rows.c.account_id)
