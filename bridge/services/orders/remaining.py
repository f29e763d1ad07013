"""The rest of each purchase: tokens are used in the order in which they were bought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from bridge.domain.accounts.accounts import Account
from bridge.domain.accounts.ledger import Entry
from bridge.domain.accounts.merging import is_merge
from bridge.storage.accounts import ledger, merges
from bridge.storage.engine.database import Connection

MOST_ENTRIES = 5_000
"""How many entries are read; what lies behind them counts as used."""
_PAGE = 500


def tokens_left(connection: Connection, account: Account) -> Mapping[int, int]:
    """Return the tokens that are left of each order, by number; an order without any is left out.

    Spends use the oldest tokens first, so the balance consists of the newest ones.
    Accounts that were merged count as if they had always been one.
    """
    ids = [account.id, *merges.list_members(connection, account.id)]
    return divide(account.balance, _credits(connection, ids))


def divide(balance: int, credits: Iterable[Entry]) -> dict[int, int]:
    """Return the parts of a balance by order; `credits` are the entries that no spend made, the newest first.

    A reversal takes from its own order what was granted before it. Tokens of no
    order, such as a correction, are passed over with their part of the balance.
    """
    left, reversed_ = Counter[int](), Counter[int]()
    for entry in credits:
        if balance <= 0:
            break
        order = entry.order_number
        if entry.tokens < 0:
            if order is not None:
                reversed_[order] -= entry.tokens
            continue
        tokens = entry.tokens
        if order is not None:
            gone = min(tokens, reversed_[order])
            reversed_[order] -= gone
            tokens -= gone
        part = min(tokens, balance)
        balance -= part
        if order is not None and part:
            left[order] += part
    return dict(left)


def _credits(connection: Connection, account_ids: Collection[int]) -> Iterator[Entry]:
    before: int | None = None
    for _ in range(MOST_ENTRIES // _PAGE):
        page = ledger.list_credits(connection, account_ids, before=before, limit=_PAGE)
        yield from (entry for entry in page if not is_merge(entry.reference))
        if len(page) < _PAGE:
            return
        before = page[-1].id
