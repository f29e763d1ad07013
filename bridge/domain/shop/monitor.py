"""What can be wrong between a shop and us, each fault with one sentence that says what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from bridge.domain.ops.clock import SHOP_TOLERANCE, TOLERANCE
from bridge.domain.shop.health import SetAside, Stop
from bridge.domain.shop.inbox import Notice, NoticeKind
from bridge.domain.shop.subscriptions import TOPICS, Address, SubscriptionState, Webhook, state_of

QUIET = timedelta(minutes=15)
"""How long a shop may take to deliver a change: its queue runs when somebody visits it."""
RECENT = timedelta(hours=1)
CLOCK_SECONDS = SHOP_TOLERANCE.total_seconds()
"""A shop whose clock differs by more is told of; WooCommerce itself refuses signatures at 900."""
_NAMED = 5
_LOOPBACK = ("127.", "localhost", "[::1]")


class Code(StrEnum):
    """What is wrong."""

    NO_KEYS = "no_keys"
    SHOP = "shop"
    KEYS_READ_ONLY = "keys_read_only"
    WRITE_BLOCKED = "write_blocked"
    COPY = "copy"
    ADDRESS_LOCAL = "address_local"
    WEBHOOK_MISSING = "webhook_missing"
    WEBHOOK_PAUSED = "webhook_paused"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_WRONG_URL = "webhook_astray"
    WEBHOOK_OTHER_INSTANCE = "webhook_moved"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 -- a fault's name
    OWNER_DEMOTED = "owner_demoted"
    SILENT = "silent"
    UNAPPLIED = "orders_not_applied"
    UNPROCESSED = "deliveries_not_processed"
    SYNC_INCOMPLETE = "sync_incomplete"
    SET_ASIDE = "set_aside"
    NO_PACKAGES = "no_packages"
    UNREADABLE_AMOUNT = "unreadable_amount"
    CLOCK = "clock"
    OTHER_SITE = "other_site"
    OTHER_FORM = "other_form"
    DELIVERY_TOO_LARGE = "delivery_too_large"
    REPEATED = "deliveries_repeated"
    CONSUMER_SECRET = "consumer_secret"  # noqa: S105 -- a fault's name


STOPPING = frozenset(
    {
        Code.WEBHOOK_MISSING,
        Code.WEBHOOK_PAUSED,
        Code.WEBHOOK_DISABLED,
        Code.WEBHOOK_WRONG_URL,
        Code.WRONG_SECRET,
        Code.OWNER_DEMOTED,
        Code.SILENT,
    }
)
"""The faults that keep what the shop has to tell from us."""

_OF_NOTICE = {
    NoticeKind.OTHER_SITE: Code.OTHER_SITE,
    NoticeKind.OTHER_FORM: Code.OTHER_FORM,
    NoticeKind.TOO_LARGE: Code.DELIVERY_TOO_LARGE,
    NoticeKind.REPEATED: Code.REPEATED,
    NoticeKind.CONSUMER_SECRET: Code.CONSUMER_SECRET,
}
_NOTICED = timedelta(days=3)
"""How long what a delivery told is shown: it is noted again with each such delivery."""

_COMMAND = re.compile(r"(?:,? and (?:give it|run)|:|,)?(?: with)?:? flask .*")

_INSTALL = "recreate it with: flask webhooks install {slug}"
_SENTENCES = {
    Code.CONSUMER_SECRET: "the shop signs its deliveries with the REST key's consumer secret, so they are refused:"
    " enter this store's webhook secret in each webhook, or let the service do it with: flask webhooks install {slug}",
    Code.OTHER_SITE: "another site delivers with this store's webhook secret: {detail}. Its deliveries are not applied."
    " If it is the same shop, accept it with: flask stores accept-source {slug} {detail}",
    Code.OTHER_FORM: "{detail} delivers in a form that cannot be read; in WooCommerce, Settings, Advanced, Webhooks"
    " set API version v3 for it",
    Code.DELIVERY_TOO_LARGE: "a delivery was too large to be kept ({detail}), so only its id was stored; the order is"
    " read through REST where keys are given",
    Code.REPEATED: "the shop sends the same delivery again and again ({detail}); look for a plugin that saves the order"
    " in a loop",
    Code.NO_KEYS: "no REST keys are given, so missed orders cannot be fetched and webhooks cannot be checked; create a"
    " key in WooCommerce, Settings, Advanced, REST API, and give it with: flask stores keys {slug} --consumer-key ck_…"
    " --consumer-secret cs_…",
    Code.SHOP: "the shop cannot be read{detail}",
    Code.KEYS_READ_ONLY: "the REST key may not write, so webhooks cannot be repaired: {detail}",
    Code.WRITE_BLOCKED: "the shop can be read and not written to, so webhooks cannot be repaired: {detail}",
    Code.COPY: "this database belongs to {detail}: as long as it may be a copy, the shop's webhooks are not changed;"
    " if this installation takes over, confirm it with: flask webhooks install {slug}",
    Code.ADDRESS_LOCAL: "the shop cannot reach {detail}, an address of this machine alone; set BRIDGE_PUBLIC_URL to the"
    " address others reach the bridge under",
    Code.WEBHOOK_MISSING: "the shop has no webhook for {topics}; " + _INSTALL,
    Code.WEBHOOK_PAUSED: "the webhook for {topics} is paused; " + _INSTALL,
    Code.WEBHOOK_DISABLED: "the webhook for {topics} is disabled, by hand or after too many deliveries that failed; see"
    " that {detail} can be reached from the shop, and " + _INSTALL,
    Code.WEBHOOK_WRONG_URL: "the webhook for {topics} delivers to another address, {detail}; " + _INSTALL,
    Code.WEBHOOK_OTHER_INSTANCE: "a webhook of this service for {topics} delivers to {detail}; if the service moved here from"
    " there, remove it with: flask webhooks install {slug}",
    Code.WRONG_SECRET: "{detail}: the shop signs with another secret; replace it with: flask webhooks install {slug}",
    Code.OWNER_DEMOTED: "the shop delivers errors instead of orders, last at {detail}: the user who made its webhooks"
    " lost the rights to see orders; recreate them as a shop manager with: flask webhooks install {slug}",
    Code.SILENT: "{detail} changed in the shop and nothing was delivered: see in WooCommerce, Status, Scheduled actions"
    " whether its queue runs (WP-Cron), and whether a firewall keeps its requests from us",
    Code.UNAPPLIED: "{detail} could not be applied, and reading begins there again for an hour: correct it, or look"
    " into the log for the reason",
    Code.UNPROCESSED: "{detail}; each is tried again at least once an hour: correct the cause, and run:"
    " flask deliveries replay ID",
    Code.SYNC_INCOMPLETE: "reading the shop's orders back is incomplete {detail}",
    Code.SET_ASIDE: "{detail}; each is tried again every night, and at once with Check an order",
    Code.NO_PACKAGES: "no product of the shop brings tokens yet; give each package its tokens on the Packages page, or"
    " give the product in WooCommerce the custom fields is_token_package (yes) and tokens_granted (5000), and run:"
    " flask packages import {slug}",
    Code.UNREADABLE_AMOUNT: "orders wait for an amount that cannot be read: {detail}; correct it in the shop or set it"
    " on the Packages page: flask packages set {slug} PRODUCT TOKENS",
    Code.CLOCK: "the clocks of the shop and of this machine are {detail} seconds apart; let both set theirs by NTP",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong, told to the shop's owner; `topics` are the webhooks it is about, if any."""

    code: Code
    sentence: str
    topics: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return what tells this fault from another one, as it is kept."""
        return " ".join((self.code.value, *self.topics))

    @property
    def is_stopping(self) -> bool:
        """Return whether it keeps what the shop has to tell from us."""
        return self.code in STOPPING


@dataclass(frozen=True, slots=True)
class Unprocessed:
    """Deliveries whose processing failed and is repeated: their number, and the oldest with its reason."""

    count: int
    topic: str
    resource_id: int | None
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """What was seen of a shop at one moment.

    `shop_fault` is why it could not be read, `write_fault` why it could not be
    written to; both empty where that went well or was not tried, and the keys'
    own fault where `is_keys_fault`. `copy_of` names the installation that looks
    after the webhooks, where it is not this one. `stopped` is why runs do not
    get to their end, `set_aside` what the shop could not show. `webhooks` is
    None where they could not be listed. `changed` counts the orders that changed
    since the last delivery of one, those of the last minutes left out.
    `unsigned` counts those of them of which nothing with a right signature
    came, though something with a wrong one did: anybody can send that, and
    it proves nothing as long as all orders that changed were told of.
    `last_processed_at` is when a delivery of the topic was last processed that
    came as an error at `shop_error_at`.
    """

    slug: str
    address: Address
    shop_url: str
    has_keys: bool
    shop_fault: str = ""
    write_fault: str = ""
    is_keys_fault: bool = False
    copy_of: str = ""
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
    unreadable: tuple[str, ...] = ()


def find_issues(seen: HealthSnapshot, *, now: datetime) -> tuple[Issue, ...]:
    """Everything that is wrong, the gravest first."""
    return tuple(
        Issue(code, _SENTENCES[code].format(slug=seen.slug, detail=detail, topics=_listed(topics)), topics)
        for code, detail, topics in (
            *((code, detail, ()) for code, detail in _access_faults(seen)),
            *_webhook_faults(seen),
            *((code, detail, ()) for code, detail in _reporting_faults(seen, now=now)),
        )
    )


def _access_faults(seen: HealthSnapshot) -> Iterator[tuple[Code, str]]:
    """Yield what keeps us from asking the shop, and the shop from reaching us."""
    if not seen.has_keys:
        yield Code.NO_KEYS, ""
    if seen.shop_fault:
        yield Code.SHOP, _shop_detail(seen)
    if seen.write_fault:
        yield Code.KEYS_READ_ONLY if seen.is_keys_fault else Code.WRITE_BLOCKED, seen.write_fault
    if seen.copy_of:
        yield Code.COPY, seen.copy_of
    if _is_local(seen.address.url) and not _is_local(seen.shop_url):
        yield Code.ADDRESS_LOCAL, seen.address.url


def _reporting_faults(seen: HealthSnapshot, *, now: datetime) -> Iterator[tuple[Code, str]]:
    """Yield what is wrong with what the shop told, or did not tell."""
    if seen.unsigned:
        yield (
            Code.WRONG_SECRET,
            (
                f"{_orders(seen.unsigned)} changed in the shop and came with no right signature, while deliveries with"
                f" a wrong one came, last at {_moment(seen.bad_signature_at)}"
            ),
        )
    if _stands(seen.shop_error_at, seen.last_processed_at, seen.webhooks_set_at):
        yield Code.OWNER_DEMOTED, _moment(seen.shop_error_at)
    if seen.changed and not seen.unsigned:
        yield Code.SILENT, _orders(seen.changed)
    yield from _reading_faults(seen)
    yield from _failing_faults(seen, now=now)
    if not seen.packages:
        yield Code.NO_PACKAGES, ""
    if seen.unreadable:
        yield Code.UNREADABLE_AMOUNT, "; ".join(seen.unreadable)
    for notice in seen.notices:
        if -TOLERANCE <= now - notice.at < _NOTICED and not is_over(
            notice, seen.last_delivery_at, seen.webhooks_set_at
        ):
            yield _OF_NOTICE[notice.kind], notice.detail
    if seen.clock_offset_seconds is not None and abs(seen.clock_offset_seconds) > CLOCK_SECONDS:
        yield Code.CLOCK, str(abs(seen.clock_offset_seconds))


def _shop_detail(seen: HealthSnapshot) -> str:
    stop = seen.stopped.get("poll")
    since = f", since {_moment(stop.since)}" if stop else ""
    keys = (
        f"; give other keys with: flask stores keys {seen.slug} --consumer-key ck_… --consumer-secret cs_…"
        if seen.is_keys_fault
        else ""
    )
    return f"{since}: {seen.shop_fault}{keys}"


def _failing_faults(seen: HealthSnapshot, *, now: datetime) -> Iterator[tuple[Code, str]]:
    """Orders that were read and deliveries that came, which cannot be applied."""
    if seen.unapplied:
        yield Code.UNAPPLIED, seen.unapplied[0] if len(seen.unapplied) == 1 else f"{len(seen.unapplied)} orders"
    if seen.unprocessed is not None and now - seen.unprocessed.since >= QUIET:
        yield Code.UNPROCESSED, _unprocessed_detail(seen.unprocessed)


def _unprocessed_detail(found: Unprocessed) -> str:
    about = found.topic.partition(".")[0] or "delivery"
    named = f"{about} {found.resource_id}" if found.resource_id is not None else f"a delivery of {about}"
    more = f" and {found.count - 1} more" if found.count > 1 else ""
    return f"{named}{more} could not be processed, since {_moment(found.since)}: {found.why}"


def _reading_faults(seen: HealthSnapshot) -> Iterator[tuple[Code, str]]:
    """Yield what keeps the shop from being read back to the end."""
    for stop in sorted(seen.stopped.values(), key=lambda stop: stop.since)[:1]:
        if not seen.shop_fault:
            yield Code.SYNC_INCOMPLETE, f"since {_moment(stop.since)}: {stop.why}"
    if seen.set_aside:
        names = ", ".join(one.name for one in seen.set_aside[:_NAMED])
        more = f" and {len(seen.set_aside) - _NAMED} more" if len(seen.set_aside) > _NAMED else ""
        first = seen.set_aside[0]
        yield Code.SET_ASIDE, f"{names}{more} could not be read, since {_moment(first.since)}: {first.why}"


def is_over(notice: Notice, last_delivery_at: datetime | None, webhooks_set_at: datetime | None) -> bool:
    """Return whether a good delivery or new webhooks ended what a notice tells."""
    after = [moment for moment in (last_delivery_at, webhooks_set_at) if moment is not None and moment >= notice.at]
    return notice.kind is NoticeKind.CONSUMER_SECRET and bool(after)


def notice_faults(slug: str, notices: Iterable[Notice]) -> tuple[Issue, ...]:
    """Return what deliveries told of a shop, as faults."""
    return tuple(
        Issue(code, _SENTENCES[code].format(slug=slug, detail=notice.detail, topics=""))
        for notice in notices
        if (code := _OF_NOTICE[notice.kind])
    )


def without_command(sentence: str) -> str:
    """A fault's sentence for somebody who has a button where the terminal has a command."""
    return _COMMAND.sub("", sentence)


def states(webhooks: Iterable[Webhook], address: Address) -> dict[str, set[SubscriptionState]]:
    """How our webhooks of each topic stand; empty for a topic that has none."""
    found: dict[str, set[SubscriptionState]] = {topic: set() for topic in TOPICS}
    for webhook in webhooks:
        if (
            webhook.topic in found
            and (subscription_state := state_of(webhook, address)) is not SubscriptionState.UNMANAGED
        ):
            found[webhook.topic].add(subscription_state)
    return found


def _webhook_faults(seen: HealthSnapshot) -> list[tuple[Code, str, tuple[str, ...]]]:
    """The faults of webhooks, each with all the topics it is about."""
    if seen.webhooks is None:
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
        (code, _place(seen, details[code]) if code in details else seen.address.url, tuple(topics))
        for code, topics in by_code.items()
    ]


def _place(seen: HealthSnapshot, subscription_state: SubscriptionState) -> str:
    """Where the first webhook of that standing leads: the host alone, since the rest may hold somebody's key."""
    for webhook in seen.webhooks or ():
        if state_of(webhook, seen.address) is subscription_state:
            try:
                parts = urlsplit(webhook.delivery_url)
                return f"{parts.scheme}://{parts.hostname or ''}"
            except ValueError:
                break
    return "an unreadable address"


def _stands(bad_at: datetime | None, good_at: datetime | None, repaired_at: datetime | None) -> bool:
    """Return whether something bad still stands: neither repaired since, nor followed by something good."""
    if bad_at is None or (repaired_at is not None and repaired_at >= bad_at):
        return False
    return good_at is None or good_at <= bad_at


def _orders(count: int) -> str:
    return f"{count} orders" if count > 1 else "an order"


def _is_local(url: str) -> bool:
    return urlsplit(url).netloc.casefold().startswith(_LOOPBACK)


def _listed(topics: Sequence[str]) -> str:
    return "any topic" if len(topics) == len(TOPICS) else ", ".join(topics)


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")
