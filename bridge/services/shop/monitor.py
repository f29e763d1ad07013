"""The monitor: check that each shop still delivers its orders, and repair what can be repaired."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from bridge.clients.woocommerce.api import ShopClient
from bridge.clients.woocommerce.lists import modified_at
from bridge.domain.errors import ShopUnreachable
from bridge.domain.events.events import EventType, NewEvent
from bridge.domain.ops.clock import TOLERANCE, unless_ahead
from bridge.domain.shop.access import ShopAccess
from bridge.domain.shop.errors import BadShopAddress, ShopKeysRefused
from bridge.domain.shop.health import Caretaker
from bridge.domain.shop.inbox import State
from bridge.domain.shop.issues import STOPPING, Code, Issue, OtherInstallation, UnclearAmount
from bridge.domain.shop.monitor import NAMED, OF_WEBHOOKS, QUIET, RECENT, HealthSnapshot, Unprocessed, find_issues
from bridge.domain.shop.reconciliation import Report
from bridge.domain.shop.subscriptions import SubscriptionState, Webhook, are_all_ours, state_of
from bridge.domain.stores.stores import Store
from bridge.rendering.event_payloads import silent_payload
from bridge.rendering.issues import describe_with_command
from bridge.services.ops import nightly_audit
from bridge.services.orders import packages
from bridge.services.shop import health, reconcile, rest, subscriptions
from bridge.services.shop.ingest import SyncContext
from bridge.services.shop.paging import Document
from bridge.services.shop.rest import Shops
from bridge.services.shop.subscriptions import WebhookTarget
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox
from bridge.storage.shop import inbox, sync_state
from bridge.storage.shop.sync_state import ShopRead
from bridge.storage.stores import stores

log = logging.getLogger(__name__)

_REPORTED_STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")
"""The shop delivers each change of orders with these statuses, but not of abandoned drafts, for example."""
POLL_REQUESTS, POLL_SECONDS = 500, 120.0
"""The limits for reading a silent shop; the next sync does the rest."""
CHECK_REQUESTS = 50
"""The most requests of a check whose time is limited."""
_DAY = timedelta(days=1)
_CLOCKS = timedelta(seconds=5)
"""The possible error of the measured difference of two clocks."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class MonitorContext:
    """The context of monitoring: transactions, clients, the delivery address, and whether to continue.

    `installation` distinguishes this installation from a copy of its database; empty if unknown.
    `check_seconds` limits how long a check without repairs may call the shop; None for the usual time.
    """

    transaction: Transaction
    shops: Shops
    public_url: str
    may_go_on: Callable[[], bool] = _always
    installation: str = ""
    check_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking a shop: the problems found, those left after repairs, and the orders read because of them.

    `clock_offset_seconds` is how far the shop's clock is ahead; None if it was not read.
    """

    found: tuple[Issue, ...]
    left: tuple[Issue, ...]
    report: Report | None = None
    clock_offset_seconds: int | None = None

    @property
    def repaired(self) -> int:
        """The number of problems repaired."""
        return len(self.found) - len(self.left)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The stored facts before the shop is read; nothing older than `reported_until` is still expected."""

    target: WebhookTarget
    snapshot: HealthSnapshot
    reported_until: datetime
    known: ShopRead
    store_id: int
    connected_at: datetime
    updated_at: datetime | None


def look(monitoring: MonitorContext, store: Store, *, now: datetime) -> tuple[HealthSnapshot, tuple[Issue, ...]]:
    """Return the state of a shop and all its problems; changes nothing but how the shop is reached."""
    seen, shop = _open(monitoring, store, now=now)
    if shop is not None:
        with shop:
            seen = replace(seen, snapshot=_ask(monitoring, shop, seen, now=now))
        rest.keep_access(monitoring.transaction, store, shop)
    return seen.snapshot, find_issues(seen.snapshot, now=now)


def watch(monitoring: MonitorContext, store: Store, *, now: datetime, may_repair: bool = True) -> CheckResult:
    """Check a shop, repair what can be repaired, read what may have been missed, and notify the owner.

    Without `may_repair`, nothing is changed in the shop and nothing is read.

    The owner is notified once of each problem that stops deliveries, by an event
    and in the log, until the problem is over.
    """
    seen, shop = _open(monitoring, store, now=now)
    if shop is None:
        found = find_issues(seen.snapshot, now=now)
        _note(monitoring, store, seen, found, found, is_repaired=False, now=now)
        return CheckResult(found, found)
    with shop:
        seen = replace(seen, snapshot=_ask(monitoring, shop, seen, now=now))
        found = find_issues(seen.snapshot, now=now)
        after = _repair(shop, seen, found, now=now) if may_repair else None
        left = found if after is None else find_issues(after, now=now)
        is_news = _note(
            monitoring, store, seen, found, left, is_repaired=after is not None, access=shop.access, now=now
        )
        if not may_repair or (not is_news and after is None):
            return CheckResult(found, left, None, seen.snapshot.clock_offset_seconds)
        shop.limit(requests=POLL_REQUESTS, seconds=POLL_SECONDS)
        sync = SyncContext(monitoring.transaction, store, shop, may_go_on=monitoring.may_go_on)
        report = reconcile.poll(sync, since=None, now=now)
        if not report.interruption:
            left = tuple(fault for fault in left if fault.code is not Code.SYNC_INCOMPLETE)
        return CheckResult(found, left, report, seen.snapshot.clock_offset_seconds)


def _open(monitoring: MonitorContext, store: Store, *, now: datetime) -> tuple[_Seen, ShopClient | None]:
    with monitoring.transaction() as connection:
        seen = _look_here(connection, monitoring, store, now=now)
        try:
            shop = monitoring.shops.client_of(connection, store)
        except ShopUnreachable as error:
            return replace(seen, snapshot=_unreadable(replace(seen.snapshot, has_keys=True), error)), None
    if shop is not None and monitoring.check_seconds is not None:
        shop.limit(requests=CHECK_REQUESTS, seconds=monitoring.check_seconds)
    return replace(seen, snapshot=replace(seen.snapshot, has_keys=shop is not None)), shop


def _look_here(connection: Connection, monitoring: MonitorContext, store: Store, *, now: datetime) -> _Seen:
    # A moment in the future, recorded by a wrong clock, would hide everything until then.
    until = now + TOLERANCE
    last = partial(sync_state.last_delivery, connection, store.id, until=until)
    known = sync_state.find(connection, store.id)
    set_at = unless_ahead(known.webhooks_set_at, now)
    connected_at = unless_ahead(stores.connected_at(connection, store.id), now) or now - _DAY
    moments = (last(kinds=("order", "action")), set_at, connected_at)
    target = subscriptions.target_of(connection, store, public_url=monitoring.public_url, vault_=monitoring.shops.vault)
    audited = nightly_audit.find_result(connection)
    snapshot = HealthSnapshot(
        slug=store.slug,
        address=target.address,
        shop_url=store.url,
        has_keys=False,
        is_by_plugin=store.deliveries == "plugin",
        packages=sync_state.count_packages(connection, store.id),
        last_delivery_at=last(),
        last_processed_at=last(topic=known.shop_error_topic, state=State.PROCESSED),
        bad_signature_at=unless_ahead(known.bad_signature_at, now),
        shop_error_at=unless_ahead(known.shop_error_at, now),
        webhooks_set_at=set_at,
        unapplied=known.unapplied,
        unprocessed=_unprocessed(connection, store),
        stopped=known.stopped,
        set_aside=tuple(one for one in known.set_aside if one.kind != health.FAILING),
        copy_of=_copy_of(monitoring, known),
        notices=known.notices,
        unreadable=_unreadable_amounts(connection, store),
        audit_faults=0 if audited is None else audited.faults,
        audited_at=None if audited is None else audited.ended_at,
    )
    reported_until = max(moment for moment in moments if moment is not None)
    updated_at = last(topic="order.updated")
    return _Seen(target, snapshot, reported_until, known, store.id, connected_at, updated_at)


def _unprocessed(connection: Connection, store: Store) -> Unprocessed | None:
    """Return the deliveries whose processing failed and is retried; None if there are none."""
    found = inbox.find_failing(connection, store.id)
    if found is None:
        return None
    first, count = found
    why = first.outcome.removeprefix("failed: ").rstrip(".")
    return Unprocessed(count, first.topic, first.resource_id, first.received_at, why)


def _unreadable_amounts(connection: Connection, store: Store) -> tuple[UnclearAmount, ...]:
    found = packages.list_unreadable(connection, store.id, limit=NAMED + 1)
    return tuple(
        UnclearAmount(package.product_id, package.variation_id, package.name, package.unreadable)
        for package in found
        if package.unreadable is not None
    )


def _ask(monitoring: MonitorContext, shop: ShopClient, seen: _Seen, *, now: datetime) -> HealthSnapshot:
    """Return the snapshot with data read from the shop."""
    checked = shop.check()
    if checked.fault is not None:
        return _unreadable(seen.snapshot, checked.fault)
    snapshot = replace(
        seen.snapshot,
        clock_offset_seconds=checked.clock.offset_seconds,
        write_fault="" if checked.write_fault is None else checked.write_fault.detail,
        is_keys_fault=isinstance(checked.write_fault, ShopKeysRefused),
    )
    try:
        listed = subscriptions.list_webhooks(shop)
        if snapshot.copy_of is None:
            snapshot = replace(snapshot, copy_of=_copy_by(listed, seen))
        snapshot = replace(snapshot, webhooks=listed, changed=_changed(shop, seen, snapshot, now=now))
        return replace(snapshot, unsigned=_unsigned(monitoring, shop, seen, snapshot, now=now))
    except ShopUnreachable as error:
        return _unreadable(snapshot, error)


def _unreadable(snapshot: HealthSnapshot, fault: ShopUnreachable) -> HealthSnapshot:
    return replace(snapshot, shop_fault=fault.detail, is_keys_fault=isinstance(fault, ShopKeysRefused | BadShopAddress))


def _copy_of(monitoring: MonitorContext, known: ShopRead) -> OtherInstallation | None:
    """Return the installation that manages the webhooks, if it is not this one."""
    caretaker = known.caretaker
    if caretaker is None or not caretaker.is_another(monitoring.public_url, monitoring.installation):
        return None
    own_url = monitoring.public_url if caretaker.url != monitoring.public_url else ""
    return OtherInstallation(caretaker.url, own_url)


def _copy_by(listed: Sequence[Webhook], seen: _Seen) -> OtherInstallation | None:
    """As `_copy_of`, if no caretaker is recorded: all our webhooks in the shop deliver to another address."""
    ours = {state_of(webhook, seen.target.address) for webhook in listed} - {SubscriptionState.UNMANAGED}
    is_other = seen.known.caretaker is None and ours == {SubscriptionState.OTHER_INSTANCE}
    return OtherInstallation() if is_other else None


def _changed(shop: ShopClient, seen: _Seen, snapshot: HealthSnapshot, *, now: datetime) -> int:
    """Return how many orders changed since the last delivery of one and should have been delivered by now."""
    ahead = timedelta(seconds=snapshot.clock_offset_seconds or 0)
    after, before = seen.reported_until + ahead, now + ahead - QUIET
    if after >= before:
        return 0
    page = shop.list_orders(
        modified_after=after, modified_before=before, statuses=_REPORTED_STATUSES, page=1, per_page=1
    )
    return page.total


def _unsigned(
    monitoring: MonitorContext, shop: ShopClient, seen: _Seen, snapshot: HealthSnapshot, *, now: datetime
) -> int:
    """Return how many changed orders came without a valid signature, if a delivery with a wrong one came."""
    bad_at, set_at = snapshot.bad_signature_at, snapshot.webhooks_set_at
    since = max(moment for moment in (seen.updated_at, set_at, seen.connected_at) if moment is not None)
    if bad_at is None or bad_at <= since:
        return 0
    ahead = timedelta(seconds=snapshot.clock_offset_seconds or 0)
    after, before = since + ahead, now + ahead - QUIET
    if after >= before:
        return 0
    page = shop.list_orders(modified_after=after, modified_before=before, statuses=_REPORTED_STATUSES, page=1)
    with monitoring.transaction() as connection:
        reported = sync_state.list_reported(connection, seen.store_id, [item["id"] for item in page.items], since=since)
    return sum(not _is_reported(item, reported.get(item["id"]), ahead) for item in page.items)


def _is_reported(order: Document, reported_at: datetime | None, ahead: timedelta) -> bool:
    changed_at = modified_at(order)
    return reported_at is not None and (changed_at is None or reported_at + ahead >= changed_at - _CLOCKS)


def _repair(shop: ShopClient, seen: _Seen, found: tuple[Issue, ...], *, now: datetime) -> HealthSnapshot | None:
    """Return the snapshot after the webhooks were repaired; None if nothing was done.

    Nothing is repaired where the WordPress plugin alone delivers, and as long as
    this may be a copy of the installation that manages them. A wrong signature or
    an owner without rights is repaired at most once an hour.
    """
    codes, set_at = {fault.code for fault in found}, seen.snapshot.webhooks_set_at
    may_reset = set_at is None or not -TOLERANCE <= now - set_at < RECENT
    is_broken = bool(codes & OF_WEBHOOKS)
    if seen.snapshot.is_by_plugin or (
        not is_broken and not (may_reset and codes & {Code.WRONG_SECRET, Code.OWNER_DEMOTED})
    ):
        return None
    if codes & {Code.SHOP, Code.KEYS_READ_ONLY, Code.WRITE_BLOCKED, Code.COPY}:
        return None
    try:
        subscriptions.sync_subscriptions(
            shop, seen.target, is_recreated=may_reset and Code.OWNER_DEMOTED in codes, resets_secret=True
        )
        listed = subscriptions.list_webhooks(shop)
    except ShopUnreachable as error:
        log.warning("the webhooks of store %s could not be repaired: %s", seen.snapshot.slug, error.detail)
        return None
    return replace(seen.snapshot, webhooks=listed, webhooks_set_at=now, changed=0, unsigned=0)


def _note(
    monitoring: MonitorContext,
    store: Store,
    seen: _Seen,
    found: tuple[Issue, ...],
    left: tuple[Issue, ...],
    *,
    is_repaired: bool,
    access: ShopAccess | None = None,
    now: datetime,
) -> bool:
    """Store the remaining problems and report new ones; return whether a new one stops deliveries."""
    remaining = {fault.key for fault in left}
    news = [fault for fault in found if fault.key not in seen.known.faults]
    for fault in news:
        done = "; it was repaired" if fault.key not in remaining else ""
        log.warning("store %s: %s%s", store.slug, describe_with_command(fault, slug=store.slug), done)
    stopping = [fault for fault in news if fault.is_stopping]
    kept = _issues_to_keep(seen.known, found, left)
    values: dict[str, object] = {"issues": tuple(kept.values()), "looked_at": now}
    if access is not None and access != seen.known.access:
        values["access"] = access
    if seen.snapshot.webhooks is not None and seen.snapshot.copy_of is None:
        values |= _about_webhooks(monitoring, seen, seen.snapshot.webhooks, now=now)
    if is_repaired:
        values["webhooks_set_at"] = now
    if tuple(kept) != seen.known.faults:
        values |= {"faults": list(kept), "faults_at": now}

    def note(connection: Connection) -> None:
        sync_state.change(connection, store.id, **values)
        if stopping:
            payload = silent_payload(stopping, slug=store.slug, remaining=remaining)
            outbox.add(connection, [NewEvent(new_id(), store.id, None, EventType.WEBHOOK_SILENT, payload, now)])

    in_transaction(monitoring.transaction, note)
    return bool(stopping)


def _about_webhooks(
    monitoring: MonitorContext, seen: _Seen, listed: Sequence[Webhook], *, now: datetime
) -> dict[str, object]:
    """Return what changes in the stored state because the webhooks were listed, and are not those of a copy."""
    values: dict[str, object] = {}
    caretaker = seen.known.caretaker or Caretaker(monitoring.public_url)
    if not caretaker.installations or seen.known.caretaker is None:
        caretaker = caretaker.with_installation(monitoring.public_url, monitoring.installation)
    if caretaker != seen.known.caretaker:
        values["caretaker"] = caretaker
    if seen.known.webhooks_set_at is None and are_all_ours(listed, seen.target.address):
        # The WordPress plugin creates the webhooks in the shop itself.
        values["webhooks_set_at"] = now
    return values


def _issues_to_keep(known: ShopRead, found: tuple[Issue, ...], left: tuple[Issue, ...]) -> Mapping[str, Issue]:
    """Return the problems to store by key, in their order."""
    kept = {issue.key: issue for issue in left}
    if any(issue.code is Code.SHOP for issue in found):
        # A problem that could not be checked is not over, and is not new when it is found again.
        for key in known.faults:
            code, *topics = key.split(" ")
            if code in STOPPING:
                kept.setdefault(key, known.issues.get(key) or Issue(Code(code), tuple(topics)))
    return kept
