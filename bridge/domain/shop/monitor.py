"""Find the problems of a store's connection from observations of the shop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bridge.domain.ops.clock import SHOP_TOLERANCE, TOLERANCE
from bridge.domain.shop.health import SetAside, Stop
from bridge.domain.shop.inbox import Notice, NoticeKind
from bridge.domain.shop.issues import Code, Issue, OtherInstallation, UnclearAmount
from bridge.domain.shop.subscriptions import TOPICS, Address, SubscriptionState, Webhook, state_of

QUIET = timedelta(minutes=15)
"""How long a shop may take to deliver a change: its queue runs when a visitor opens the site."""
RECENT = timedelta(hours=1)
CLOCK_SECONDS = SHOP_TOLERANCE.total_seconds()
"""The clock difference from which a shop is reported; WooCommerce itself refuses signatures at 900."""
NAMED = 5
"""How many orders, documents or products a problem names."""
_LOOPBACK = ("127.", "localhost", "[::1]")


_OF_NOTICE = {
    NoticeKind.OTHER_SITE: Code.OTHER_SITE,
    NoticeKind.OTHER_FORM: Code.OTHER_FORM,
    NoticeKind.ACTION_ONLY: Code.ACTION_ONLY,
    NoticeKind.TOO_LARGE: Code.DELIVERY_TOO_LARGE,
    NoticeKind.REPEATED: Code.REPEATED,
    NoticeKind.CONSUMER_SECRET: Code.CONSUMER_SECRET,
    NoticeKind.DATED_AHEAD: Code.DATED_AHEAD,
}
_NOTICED = timedelta(days=3)
"""How long a notice from a delivery is shown: each such delivery records it again."""


@dataclass(frozen=True, slots=True)
class Unprocessed:
    """Deliveries whose processing failed and is retried: their number, and the oldest with its reason."""

    count: int
    topic: str
    resource_id: int | None
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """The observations of a shop at one moment.

    `shop_fault` is why it could not be read, `write_fault` why it could not be
    changed; both are empty if that succeeded or was not tried, and `is_keys_fault`
    means that the keys are the cause. `copy_of` is the installation that manages the
    webhooks, if it is not this one. `stopped` is why runs do not finish, `set_aside`
    what the shop could not return. `webhooks` is None if they could not be listed.
    `changed` counts the orders that changed since the last delivery of one, without
    those of the last minutes. `unsigned` counts those of them without a valid
    delivery, if a delivery with a wrong signature came. Anyone can send the latter,
    so it proves nothing while deliveries for all changed orders arrive.
    `audit_faults` is what the last nightly audit of the installation found.
    `last_processed_at` is when a delivery of the topic was last processed that
    came as an error at `shop_error_at`.
    """

    slug: str
    address: Address
    shop_url: str
    has_keys: bool
    is_by_plugin: bool = False
    shop_fault: str = ""
    write_fault: str = ""
    is_keys_fault: bool = False
    copy_of: OtherInstallation | None = None
    stopped: Mapping[str, Stop] = field(default_factory=dict)
    set_aside: tuple[SetAside, ...] = ()
    clock_offset_seconds: int | None = None
    webhooks: tuple[Webhook, ...] | None = None
    changed: int = 0
    unsigned: int = 0
    packages: int = 0
    last_delivery_at: datetime | None = None
    last_processed_at: datetime | None = None
    bad_signature_at: datetime | None = None
    shop_error_at: datetime | None = None
    webhooks_set_at: datetime | None = None
    unapplied: tuple[str, ...] = ()
    unprocessed: Unprocessed | None = None
    notices: tuple[Notice, ...] = ()
    unreadable: tuple[UnclearAmount, ...] = ()
    audit_faults: int = 0
    audited_at: datetime | None = None


OF_WEBHOOKS = frozenset({Code.WEBHOOK_MISSING, Code.WEBHOOK_PAUSED, Code.WEBHOOK_DISABLED, Code.WEBHOOK_WRONG_URL})
"""The problems that a repair of the webhooks solves."""


def find_issues(seen: HealthSnapshot, *, now: datetime) -> tuple[Issue, ...]:
    """Return every problem, the most serious first."""
    return (
        *_access_issues(seen),
        *_webhook_issues(seen),
        *_delivery_issues(seen, now=now),
        *_record_issues(seen),
    )


def _access_issues(seen: HealthSnapshot) -> Iterator[Issue]:
    """Yield the problems of reaching the shop, and of the shop reaching this service."""
    if not seen.has_keys:
        yield Issue(Code.NO_KEYS)
    if seen.shop_fault:
        stop = seen.stopped.get("poll")
        since = stop.since if stop else None
        yield Issue(Code.SHOP, reason=seen.shop_fault, since=since, is_keys_fault=seen.is_keys_fault)
    if seen.write_fault:
        yield Issue(Code.KEYS_READ_ONLY if seen.is_keys_fault else Code.WRITE_BLOCKED, reason=seen.write_fault)
    if seen.copy_of is not None:
        yield Issue(Code.COPY, other=seen.copy_of)
    if _is_local(seen.address.url) and not _is_local(seen.shop_url):
        yield Issue(Code.ADDRESS_LOCAL, subject=seen.address.url)


def _record_issues(seen: HealthSnapshot) -> Iterator[Issue]:
    """Yield the faults in the records of this installation, which may belong to another store."""
    if seen.audit_faults:
        yield Issue(Code.AUDIT_FAULTS, count=seen.audit_faults, since=seen.audited_at)


def _delivery_issues(seen: HealthSnapshot, *, now: datetime) -> Iterator[Issue]:
    """Yield the problems of the shop's deliveries, or of their absence."""
    if seen.unsigned:
        yield Issue(Code.WRONG_SECRET, count=seen.unsigned, since=seen.bad_signature_at)
    if _stands(seen.shop_error_at, seen.last_processed_at, seen.webhooks_set_at):
        yield Issue(Code.OWNER_DEMOTED, since=seen.shop_error_at)
    if seen.changed and not seen.unsigned:
        yield Issue(Code.SILENT, count=seen.changed)
    yield from _sync_issues(seen)
    yield from _processing_issues(seen, now=now)
    if not seen.packages:
        yield Issue(Code.NO_PACKAGES)
    if seen.unreadable:
        yield Issue(Code.UNREADABLE_AMOUNT, amounts=seen.unreadable[:NAMED], count=len(seen.unreadable))
    recent = (notice for notice in seen.notices if -TOLERANCE <= now - notice.at < _NOTICED)
    yield from notice_issues(
        notice for notice in recent if not is_over(notice, seen.last_delivery_at, seen.webhooks_set_at)
    )
    if seen.clock_offset_seconds is not None and abs(seen.clock_offset_seconds) > CLOCK_SECONDS:
        yield Issue(Code.CLOCK, count=abs(seen.clock_offset_seconds))


def _processing_issues(seen: HealthSnapshot, *, now: datetime) -> Iterator[Issue]:
    """Yield the orders that were read and the deliveries that came, and that cannot be applied."""
    if seen.unapplied:
        yield Issue(Code.UNAPPLIED, count=len(seen.unapplied), reason=seen.unapplied[0])
    found = seen.unprocessed
    if found is not None and now - found.since >= QUIET:
        yield Issue(
            Code.UNPROCESSED,
            count=found.count,
            resource=found.topic.partition(".")[0],
            resource_id=found.resource_id,
            since=found.since,
            reason=found.why,
        )


def _sync_issues(seen: HealthSnapshot) -> Iterator[Issue]:
    """Yield the reasons why a sync does not reach its end."""
    for stop in sorted(seen.stopped.values(), key=lambda stop: stop.since)[:1]:
        if not seen.shop_fault:
            yield Issue(Code.SYNC_INCOMPLETE, since=stop.since, reason=stop.why)
    if seen.set_aside:
        first = seen.set_aside[0]
        yield Issue(
            Code.SET_ASIDE,
            count=len(seen.set_aside),
            set_aside=seen.set_aside[:NAMED],
            since=first.since,
            reason=first.why,
        )


def is_over(notice: Notice, last_delivery_at: datetime | None, webhooks_set_at: datetime | None) -> bool:
    """Return whether a good delivery or new webhooks ended a notice."""
    after = [moment for moment in (last_delivery_at, webhooks_set_at) if moment is not None and moment >= notice.at]
    return notice.kind is NoticeKind.CONSUMER_SECRET and bool(after)


def notice_issues(notices: Iterable[Notice]) -> Iterator[Issue]:
    """Yield what deliveries reported about a shop, as problems."""
    for notice in notices:
        if notice.kind is NoticeKind.DATED_AHEAD:
            yield Issue(Code.DATED_AHEAD, count=int(notice.detail), since=notice.at)
        else:
            yield Issue(_OF_NOTICE[notice.kind], subject=notice.detail)


def states(webhooks: Iterable[Webhook], address: Address) -> dict[str, set[SubscriptionState]]:
    """Return the states of our webhooks by topic; empty for a topic without one."""
    found: dict[str, set[SubscriptionState]] = {topic: set() for topic in TOPICS}
    for webhook in webhooks:
        if (
            webhook.topic in found
            and (subscription_state := state_of(webhook, address)) is not SubscriptionState.UNMANAGED
        ):
            found[webhook.topic].add(subscription_state)
    return found


def _webhook_issues(seen: HealthSnapshot) -> list[Issue]:
    """Yield the problems of webhooks, each with all its topics."""
    if seen.webhooks is None or seen.is_by_plugin:
        return []
    by_code: dict[Code, list[str]] = {}
    for topic, found in states(seen.webhooks, seen.address).items():
        if SubscriptionState.OTHER_INSTANCE in found:
            by_code.setdefault(Code.WEBHOOK_OTHER_INSTANCE, []).append(topic)
        if SubscriptionState.WRONG_URL in found:
            by_code.setdefault(Code.WEBHOOK_WRONG_URL, []).append(topic)
        if not found & {SubscriptionState.ACTIVE, SubscriptionState.WRONG_URL}:
            is_off = found & {SubscriptionState.DISABLED, SubscriptionState.PAUSED}
            code = Code.WEBHOOK_DISABLED if SubscriptionState.DISABLED in found else Code.WEBHOOK_PAUSED
            by_code.setdefault(code if is_off else Code.WEBHOOK_MISSING, []).append(topic)
    details = {
        Code.WEBHOOK_WRONG_URL: SubscriptionState.WRONG_URL,
        Code.WEBHOOK_OTHER_INSTANCE: SubscriptionState.OTHER_INSTANCE,
    }
    return [
        Issue(code, tuple(topics), subject=_place(seen, details[code]) if code in details else seen.address.url)
        for code, topics in by_code.items()
    ]


def _place(seen: HealthSnapshot, subscription_state: SubscriptionState) -> str:
    """Return the host of the first webhook in that state; the rest of its URL may contain a secret."""
    for webhook in seen.webhooks or ():
        if state_of(webhook, seen.address) is subscription_state:
            try:
                parts = urlsplit(webhook.delivery_url)
                return f"{parts.scheme}://{parts.hostname or ''}"
            except ValueError:
                break
    return "an unreadable address"


def _stands(bad_at: datetime | None, good_at: datetime | None, repaired_at: datetime | None) -> bool:
    """Return whether a failure is still current: neither repaired since, nor followed by a success."""
    if bad_at is None or (repaired_at is not None and repaired_at >= bad_at):
        return False
    return good_at is None or good_at <= bad_at


def _is_local(url: str) -> bool:
    return urlsplit(url).netloc.casefold().startswith(_LOOPBACK)
