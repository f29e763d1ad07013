"""The stored state of a store's connection to its shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.shop.inbox import Notice, NoticeKind
from bridge.domain.shop.issues import Code
from bridge.domain.shop.monitor import OF_WEBHOOKS, is_over
from bridge.domain.stores.public_address import delivery_fault
from bridge.domain.stores.stores import Store
from bridge.services.ops import addresses
from bridge.services.secrets import Vault
from bridge.services.shop import backfill, product_import
from bridge.storage.engine.database import Connection
from bridge.storage.orders import pending
from bridge.storage.shop import sync_state
from bridge.storage.shop.sync_state import ShopRead
from bridge.storage.stores import stores

_ENDING = 7
"""How many characters of a consumer key may be shown, as in WooCommerce's own list."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many items a background run has read, and the total; `total` is 0 if unknown."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The stored state of a store's shop, without calling the shop.

    `key_ending` is the end of the consumer key, empty without REST keys. `issues`
    are the keys of the last check's problems that may still exist, `notices` what
    deliveries reported since. `address_fault` is why deliveries would not arrive at
    the public URL; empty if they do. `importing` and `granting_past` are None if no
    such run is active. `left_out` counts the past orders that grant nothing though
    past orders do, because a person decided to leave them.
    """

    known: ShopRead
    key_ending: str
    packages: int
    last_delivery_at: datetime | None
    issues: tuple[str, ...]
    notices: tuple[Notice, ...]
    address_fault: str
    is_local_trial: bool
    importing: Progress | None
    granting_past: Progress | None
    left_out: int = 0

    @property
    def other_site(self) -> str:
        """The site that delivers with this store's secret and is not accepted; empty if there is none."""
        return next((one.detail for one in self.known.notices if one.kind is NoticeKind.OTHER_SITE), "")


def describe(connection: Connection, store: Store, *, public_url: str, vault_: Vault) -> ConnectionState:
    """Return the stored state of a store's connection; the host of the public URL is not looked up."""
    known = sync_state.find(connection, store.id)
    sealed = stores.credentials(connection, store.id).consumer_key
    packages = sync_state.count_packages(connection, store.id)
    last = sync_state.last_delivery(connection, store.id)
    importing = product_import.progress_of(connection, store)
    granting = backfill.progress_of(connection, store.id)
    return ConnectionState(
        known=known,
        key_ending=vault_.open(sealed)[-_ENDING:] if sealed else "",
        packages=packages,
        last_delivery_at=last,
        issues=_open_issues(store, known, has_keys=bool(sealed), packages=packages),
        notices=tuple(notice for notice in known.notices if not is_over(notice, last, known.webhooks_set_at)),
        address_fault=_address_fault(connection, store, public_url, has_arrived=last is not None),
        is_local_trial=addresses.is_local_trial(store.url),
        importing=None if importing is None else Progress(*importing),
        granting_past=None if granting is None else Progress(*granting),
        left_out=pending.count_withheld(connection, store) if store.history == "grant" and granting is None else 0,
    )


def has_webhooks(connection: Connection, store: Store) -> bool:
    """Return whether the store's webhooks were installed before."""
    return sync_state.find(connection, store.id).webhooks_set_at is not None


def _open_issues(store: Store, known: ShopRead, *, has_keys: bool, packages: int) -> tuple[str, ...]:
    over = {Code.NO_KEYS} if has_keys else set()
    if store.deliveries == "plugin":
        over |= OF_WEBHOOKS
    if packages or known.import_page is not None:
        over.add(Code.NO_PACKAGES)
    if known.looked_at is None:
        # The keys are new: problems found with the old ones do not apply to them.
        over |= {Code.SHOP, Code.KEYS_READ_ONLY}
    return tuple(key for key in known.faults if key.partition(" ")[0] not in over)


def _address_fault(connection: Connection, store: Store, public_url: str, *, has_arrived: bool) -> str:
    """Return the problem of the public URL; an arrived delivery proves that the shop can reach it."""
    where = addresses.service_address(connection, public_url, is_set=True)
    return where.mismatch or ("" if has_arrived else delivery_fault(public_url, shop_url=store.url))
