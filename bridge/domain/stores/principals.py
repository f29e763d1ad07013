"""Callers: the holder of an access key, and its permissions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an access key; a store's key acts for any account of the store.

    A linked site's key has the site and the one account it draws on; for a
    store's own key they are 0 and None. `name` identifies the caller in the
    ledger and never holds the key itself. `is_stale` means that the key's
    last use was recorded some time ago. `key_hash` is set if the key came
    from the cache: it must be looked up again in the transaction that uses it.
    """

    store_id: int
    name: str
    key_id: int = 0
    site_id: int = 0
    account_id: int | None = None
    is_stale: bool = False
    key_hash: str = ""
