"""The policy of each store: cached, and read again only after a change."""

from __future__ import annotations

from collections.abc import Collection

from bridge.domain.stores.stores import Policy
from bridge.storage.engine.cache import Memory
from bridge.storage.engine.database import Connection
from bridge.storage.metering import limits, manual_resets, overrides, plans, prices
from bridge.storage.stores import stores

_known: Memory[int, Policy] = Memory(most=1_000)
"""The latest policy of each store; it is replaced as a whole, so no lock is needed."""


def for_stores(connection: Connection, store_ids: Collection[int]) -> dict[int, Policy]:
    """Return the policies of these stores, as this transaction sees them.

    One statement reads the version of each policy; only a policy with a new version
    is read again. A change applies from its commit on.
    """
    versions = stores.versions(connection, store_ids)
    return {store_id: of_version(connection, store_id, version) for store_id, version in versions.items()}


def cached(connection: Connection, store_id: int) -> Policy | None:
    """Return the latest policy that was read of a store; None if there is none.

    It may be used only if its version is compared with the stored one, in the
    statement or transaction that uses it.
    """
    return _known.of(connection).get(store_id)


def of_version(connection: Connection, store_id: int, version: int) -> Policy:
    """Return the policy of a store whose version this transaction has read already."""
    policy = cached(connection, store_id)
    if policy is None or policy.store.config_version != version:
        policy = _read(connection, store_id)
        _known.keep(connection, {store_id: policy})
    return policy


def for_store(connection: Connection, store_id: int) -> Policy:
    """Return the policy of one store."""
    return for_stores(connection, [store_id])[store_id]


def _read(connection: Connection, store_id: int) -> Policy:
    store = stores.get(connection, store_id)
    return Policy(
        store=store,
        calendar=store.calendar,
        modules=limits.list_modules(connection, store_id),
        limits=limits.list_limits(connection, store_id),
        operations=prices.list_all(connection, store_id),
        resets=manual_resets.store_resets(connection, store_id),
        has_plans=plans.has_any(connection, store_id),
        has_overrides=overrides.has_overrides(connection, store_id),
        has_account_resets=manual_resets.has_account_resets(connection, store_id),
    )
