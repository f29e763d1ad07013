"""Who calls: the holder of an access key, and what it may act on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an access key; a store's key acts for any account of the store.

    A linked site's key has the site and the one account it draws on; for a
    store's own key they are 0 and None. `name` says who it was in the ledger
    and never holds the key itself. `is_stale` says that the key's last use was
    noted some time ago. `key_hash` is set where the key was only remembered: it
    has to be looked up with the deed, in one transaction.
    """

    store_id: int
    name: str
    key_id: int = 0
    site_id: int = 0
    account_id: int | None = None
    is_stale: bool = False
    key_hash: str = ""
