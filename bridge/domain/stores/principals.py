"""Principals: the holders of access keys, verified or not, and what they may act for."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of an access key; a store's key acts for any account of the store.

    A linked site's key has the site and the one account it draws on; for a
    store's own key they are 0 and None. `name` identifies the holder in the
    ledger and never holds the key itself. Take a `Caller` wherever a key must
    have been verified.
    """

    store_id: int
    name: str
    key_id: int = 0
    site_id: int = 0
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Caller(Principal):
    """The holder of a key that was looked up for this request.

    `is_stale` means that the key's last use was recorded some time ago.
    """

    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class UnverifiedCaller(Principal):
    """The holder of a key according to a cache; the key may have been revoked since.

    Only the group commit and the widget accept one: they look the key up by `key_hash`
    in the transaction, or the statement, that does what was requested.
    """

    key_hash: str = field(kw_only=True, repr=False)
