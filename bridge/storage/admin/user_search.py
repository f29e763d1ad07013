"""The search among the users of a store, by name, email, user ID and order number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, TextClause, and_, func, or_, select, text

from bridge.domain.accounts.accounts import MAX_USER_ID, search_text
from bridge.storage.accounts.tables import accounts
from bridge.storage.admin import search_index
from bridge.storage.admin.tables import account_figures
from bridge.storage.engine.hints import unindexed
from bridge.storage.engine.ids import first_id_at
from bridge.storage.orders.tables import orders


def matches(store_id: int, search: str) -> ColumnElement[bool] | None:
    """Return the condition that the name or email has every word, or that the number is of the user or an order.

    None if the search has no words: it then leaves out no user.
    """
    words = search_text(search).split()
    if not words:
        return None
    numbered = _by_number(store_id, search, words)
    return or_(_has_words(accounts.c.search_key, words), *(accounts.c.id.in_(part) for part in numbered))


def find_accounts(
    connection: Connection, store_id: int, search: str, *, kept_at: datetime, most: int
) -> set[int] | None:
    """Return the accounts of a large store that a search finds, by the figures kept at a moment.

    None if there are more than `most`, or if the search has no words.
    """
    words = search_text(search).split()
    if not words:
        return None
    likely = search_index.candidates(words) if search_index.is_there(connection) else None
    kept_store = account_figures.c.store_id if likely is None else unindexed(account_figures.c.store_id)
    by_kept = select(account_figures.c.account_id).where(
        kept_store == store_id, _has_words(account_figures.c.search_key, words)
    )
    if likely is not None:
        # Joined, not a list of ids: SQLite would collect the whole list before the first row.
        rows = likely.subquery("likely")
        by_kept = by_kept.join(rows, rows.c.account_id == account_figures.c.account_id)
    # Accounts created after the figures were updated.
    by_text = select(accounts.c.id).where(
        accounts.c.id >= first_id_at(kept_at),
        unindexed(accounts.c.store_id) == store_id,
        _has_words(accounts.c.search_key, words),
    )
    found: set[int] = set()
    for part in (*_by_number(store_id, search, words), by_text, by_kept):
        found.update(connection.execute(part.limit(most + 1)).scalars())
        if len(found) > most:
            return None
    return found


def _has_words(key: ColumnElement[Any], words: Sequence[str]) -> ColumnElement[bool]:
    return and_(*(_has_word(key, word) for word in words))


def _has_word(key: ColumnElement[Any], word: str) -> ColumnElement[bool]:
    if search_index.begins_word(word):
        return or_(key.startswith(word, autoescape=True), key.contains(f" {word}", autoescape=True))
    return key.contains(word, autoescape=True)


def _by_number(store_id: int, search: str, words: Sequence[str]) -> list[Select[Any]]:
    number = search.strip().removeprefix("#")
    parts: list[Select[Any]] = []
    if len(words) == 1 and number:
        # The second condition lets SQLite use the partial index.
        parts.append(_buyers(store_id, orders.c.shop_number == number, text("shop_number <> ''")))
    if _is_id(number):
        parts.append(_buyers(store_id, orders.c.number == int(number)))
        person = func.coalesce(accounts.c.merged_into, accounts.c.id)
        parts.append(select(person).where(accounts.c.store_id == store_id, accounts.c.user_id == int(number)))
    return parts


def _buyers(store_id: int, *conditions: ColumnElement[bool] | TextClause) -> Select[Any]:
    return select(orders.c.account_id).where(
        orders.c.store_id == store_id, orders.c.account_id.is_not(None), *conditions
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= MAX_USER_ID
