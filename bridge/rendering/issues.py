"""The texts of problems with a store's connection, for pages, commands, events and the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bridge.domain.shop.issues import Code, Issue, OtherInstallation
from bridge.domain.shop.subscriptions import TOPICS
from bridge.rendering import amounts

_INSTALL = " with: flask webhooks install {slug}"
_KEYS = "flask stores keys {slug} --consumer-key ck_… --consumer-secret cs_…"
_TEXTS: dict[Code, tuple[str, str]] = {
    Code.CONSUMER_SECRET: (
        "the shop signs its deliveries with the REST key's consumer secret, so they are refused:"
        " enter this store's webhook secret in each webhook, or repair the webhooks",
        _INSTALL,
    ),
    Code.OTHER_SITE: (
        "another site sends deliveries with this store's webhook secret: {subject}. They are not applied."
        " If it is the same shop, accept it",
        " with: flask stores accept-source {slug} {subject}",
    ),
    Code.OTHER_FORM: (
        "{subject} sends a format that cannot be read; set its API version to v3 in WooCommerce, Settings,"
        " Advanced, Webhooks",
        "",
    ),
    Code.ACTION_ONLY: (
        "{subject} sends the ID of an order and nothing else, so the order could not be applied; enter REST keys, or"
        " replace the webhook by one with the topic Order updated",
        "",
    ),
    Code.DELIVERY_TOO_LARGE: (
        "a delivery was too large ({subject}), so only its ID was stored; if the store has API keys, the order is read"
        " through REST",
        "",
    ),
    Code.REPEATED: (
        "the shop sends the same delivery repeatedly ({subject}); look for a plugin that saves the order again and"
        " again",
        "",
    ),
    Code.NO_KEYS: (
        "no API keys yet: without them, missed orders cannot be fetched and webhooks cannot be checked; create a key"
        " in WooCommerce, Settings, Advanced, REST API",
        ", and enter it with: " + _KEYS,
    ),
    Code.SHOP: ("the shop cannot be read{since}: {reason}{keys}", ""),
    Code.KEYS_READ_ONLY: ("the REST key has no write permission, so webhooks cannot be repaired: {reason}", ""),
    Code.WRITE_BLOCKED: ("the shop can be read but not changed, so webhooks cannot be repaired: {reason}", ""),
    Code.COPY: (
        "this database belongs to {other}. Because it may be a copy, the shop's webhooks are not changed;"
        " if this installation takes over, confirm it",
        _INSTALL,
    ),
    Code.ADDRESS_LOCAL: (
        "the shop cannot reach {subject}, which only this machine can reach; set BRIDGE_PUBLIC_URL to an address that"
        " shops can reach",
        "",
    ),
    Code.WEBHOOK_MISSING: ("the shop has no webhook for {topics}; recreate it", _INSTALL),
    Code.WEBHOOK_PAUSED: ("the webhook for {topics} is paused; recreate it", _INSTALL),
    Code.WEBHOOK_DISABLED: (
        "the webhook for {topics} is disabled, by hand or after too many failed deliveries; check that the shop can"
        " reach {subject}, and recreate it",
        _INSTALL,
    ),
    Code.WEBHOOK_WRONG_URL: (
        "the webhook for {topics} delivers to another address, {subject}; recreate it",
        _INSTALL,
    ),
    Code.WEBHOOK_OTHER_INSTANCE: (
        "a webhook of this service for {topics} delivers to {subject}; if the service has moved from there, remove it",
        _INSTALL,
    ),
    Code.WRONG_SECRET: (
        "{orders} changed in the shop but arrived without a valid signature, and deliveries with a wrong one arrived,"
        " last at {at}: the shop signs with another secret; replace it",
        _INSTALL,
    ),
    Code.OWNER_DEMOTED: (
        "the shop delivers errors instead of orders, last at {at}: the user who created its webhooks may no longer see"
        " orders; recreate them as a shop manager",
        _INSTALL,
    ),
    Code.SILENT: (
        "{orders} changed in the shop but nothing was delivered: check in WooCommerce, Status, Scheduled actions that"
        " the shop's queue runs (WP-Cron), and that no firewall blocks its requests",
        "",
    ),
    Code.UNAPPLIED: (
        "{unapplied} could not be applied; the sync retries for an hour. The log has the reason: correct the cause",
        "",
    ),
    Code.UNPROCESSED: (
        "{deliveries} could not be processed, since {at}: {reason}. Each is retried at least once an hour:"
        " correct the cause",
        ", and run: flask deliveries replay ID",
    ),
    Code.SYNC_INCOMPLETE: ("the sync of the shop's orders is incomplete since {at}: {reason}", ""),
    Code.SET_ASIDE: (
        "{set_aside} could not be read, since {at}: {reason}. Each is retried every night, and at once with Check an"
        " order",
        "",
    ),
    Code.NO_PACKAGES: (
        "no product of the shop grants tokens yet; set the tokens of each package on the Packages page, or give the"
        " product in WooCommerce the custom fields is_token_package (yes) and tokens_granted (5000)",
        ", and run: flask packages import {slug}",
    ),
    Code.UNREADABLE_AMOUNT: (
        "orders wait for an amount that cannot be read: {amounts}; correct it in the shop or set it on the Packages"
        " page",
        ": flask packages set {slug} PRODUCT TOKENS",
    ),
    Code.DATED_AHEAD: (
        "an order arrived dated {span} ahead of the clock of this machine, last at {at}: the clock of the shop or of"
        " this machine is wrong; synchronize both with NTP. If a refund or grant cannot be ordered by its date, the"
        " order is on the Exceptions page",
        "",
    ),
    Code.AUDIT_FAULTS: (
        "the nightly audit found {count} records of this installation that do not agree, last at {at}; the operator"
        " finds out which",
        " with: flask audit",
    ),
    Code.CLOCK: ("the clocks of the shop and of this machine differ by {count} seconds; synchronize both with NTP", ""),
}
"""For each code, a sentence and the text that follows it where commands can be used."""


def describe(issue: Issue) -> str:
    """Return the sentence for a page, without a command and without the full stop."""
    return _fill(_TEXTS[issue.code][0], issue)


def describe_with_command(issue: Issue, *, slug: str) -> str:
    """Return the sentence with the command that solves the problem in this store."""
    sentence, command = _TEXTS[issue.code]
    if issue.code is Code.SHOP and issue.is_keys_fault:
        command = " with: " + _KEYS
    return _fill(sentence, issue) + command.format(slug=slug, subject=issue.subject)


def _fill(sentence: str, issue: Issue) -> str:
    at = _moment(issue.since)
    return sentence.format(
        subject=issue.subject,
        reason=issue.reason,
        count=issue.count,
        span=_span(issue.count),
        topics=_topics(issue.topics),
        at=at,
        since=f", since {at}" if at else "",
        keys="; enter other keys" if issue.is_keys_fault else "",
        orders=_orders(issue.count),
        unapplied=issue.reason if issue.count == 1 else _orders(issue.count),
        deliveries=_deliveries(issue),
        set_aside=_set_aside(issue),
        amounts=_amounts(issue),
        other="" if issue.other is None else _other(issue.other),
    )


def _deliveries(issue: Issue) -> str:
    about = issue.resource or "delivery"
    named = f"{about} {issue.resource_id}" if issue.resource_id is not None else f"a delivery of {about}"
    return named + (f" and {issue.count - 1} more" if issue.count > 1 else "")


def _set_aside(issue: Issue) -> str:
    more = issue.count - len(issue.set_aside)
    return ", ".join(one.name for one in issue.set_aside) + (f" and {more} more" if more > 0 else "")


def _amounts(issue: Issue) -> str:
    named = [
        f"{amounts.name_product(one.product_id, one.variation_id, one.name)}: {amounts.describe(one.value)}"
        for one in issue.amounts
    ]
    return "; ".join([*named, "and more"] if issue.count > len(named) else named)


def _other(found: OtherInstallation) -> str:
    if not found.url:
        return "Token Bridge at another address, where all its webhooks deliver"
    if found.own_url:
        return f"Token Bridge at {found.url}, and this one is at {found.own_url}"
    return f"another installation of Token Bridge at {found.url}"


def _span(seconds: int) -> str:
    """Return a duration in the largest unit of which it has about two."""
    units = (("days", 86_400), ("hours", 3_600), ("minutes", 60))
    for unit, length in units:
        if (number := round(seconds / length)) >= 2:
            return f"{number} {unit}"
    return f"{seconds} seconds"


def _orders(count: int) -> str:
    return f"{count} orders" if count > 1 else "an order"


def _topics(topics: Sequence[str]) -> str:
    return "any topic" if len(topics) == len(TOPICS) else ", ".join(topics)


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")
