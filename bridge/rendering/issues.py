"""The sentences of problems with a store's connection, for pages, commands, events and the log."""

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
        " enter this store's webhook secret in each webhook, or let the service do it",
        _INSTALL,
    ),
    Code.OTHER_SITE: (
        "another site delivers with this store's webhook secret: {subject}. Its deliveries are not applied."
        " If it is the same shop, accept it",
        " with: flask stores accept-source {slug} {subject}",
    ),
    Code.OTHER_FORM: (
        "{subject} delivers in a format that cannot be read; set its API version to v3 in WooCommerce, Settings,"
        " Advanced, Webhooks",
        "",
    ),
    Code.DELIVERY_TOO_LARGE: (
        "a delivery was too large to be kept ({subject}), so only its id was stored; the order is fetched through REST"
        " where there are API keys",
        "",
    ),
    Code.REPEATED: (
        "the shop sends the same delivery again and again ({subject}); look for a plugin that saves the order in a"
        " loop",
        "",
    ),
    Code.NO_KEYS: (
        "no API keys yet: without them, missed orders cannot be fetched and webhooks cannot be checked; create a key"
        " in WooCommerce, Settings, Advanced, REST API",
        ", and enter it with: " + _KEYS,
    ),
    Code.SHOP: ("the shop cannot be read{since}: {reason}{keys}", ""),
    Code.KEYS_READ_ONLY: ("the REST key may not write, so webhooks cannot be repaired: {reason}", ""),
    Code.WRITE_BLOCKED: ("the shop can be read and not written to, so webhooks cannot be repaired: {reason}", ""),
    Code.COPY: (
        "this database belongs to {other}: as long as it may be a copy, the shop's webhooks are not changed;"
        " if this installation takes over, confirm it",
        _INSTALL,
    ),
    Code.ADDRESS_LOCAL: (
        "the shop cannot reach {subject}, which only this machine reaches; set BRIDGE_PUBLIC_URL to an address that"
        " shops reach",
        "",
    ),
    Code.WEBHOOK_MISSING: ("the shop has no webhook for {topics}; recreate it", _INSTALL),
    Code.WEBHOOK_PAUSED: ("the webhook for {topics} is paused; recreate it", _INSTALL),
    Code.WEBHOOK_DISABLED: (
        "the webhook for {topics} is disabled, by hand or after too many deliveries that failed; see that {subject}"
        " can be reached from the shop, and recreate it",
        _INSTALL,
    ),
    Code.WEBHOOK_WRONG_URL: (
        "the webhook for {topics} delivers to another address, {subject}; recreate it",
        _INSTALL,
    ),
    Code.WEBHOOK_OTHER_INSTANCE: (
        "a webhook of this service for {topics} delivers to {subject}; if the service moved here from there, remove it",
        _INSTALL,
    ),
    Code.WRONG_SECRET: (
        "{orders} changed in the shop and came with no right signature, while deliveries with a wrong one came, last at"
        " {at}: the shop signs with another secret; replace it",
        _INSTALL,
    ),
    Code.OWNER_DEMOTED: (
        "the shop delivers errors instead of orders, last at {at}: the user who made its webhooks lost the rights to"
        " see orders; recreate them as a shop manager",
        _INSTALL,
    ),
    Code.SILENT: (
        "{orders} changed in the shop and nothing was delivered: see in WooCommerce, Status, Scheduled actions whether"
        " its queue runs (WP-Cron), and whether a firewall blocks its requests",
        "",
    ),
    Code.UNAPPLIED: (
        "{unapplied} could not be applied, and the sync starts there again for an hour: correct the cause, or see the"
        " log for the reason",
        "",
    ),
    Code.UNPROCESSED: (
        "{deliveries} could not be processed, since {at}: {reason}; each is tried again at least once an hour:"
        " correct the cause",
        ", and run: flask deliveries replay ID",
    ),
    Code.SYNC_INCOMPLETE: ("the sync of the shop's orders is incomplete since {at}: {reason}", ""),
    Code.SET_ASIDE: (
        "{set_aside} could not be read, since {at}: {reason}; each is tried again every night, and at once with"
        " Check an order",
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
        "an order came dated {span} ahead of the clock of this machine, last at {at}: the clock of the shop or of this"
        " machine is wrong; set both by NTP. A refund or a grant that cannot be ordered by its date is on the"
        " Exceptions page",
        "",
    ),
    Code.CLOCK: ("the clocks of the shop and of this machine are {count} seconds apart; set both by NTP", ""),
}
"""A sentence for each code, and what follows it where the reader has a command line."""


def describe(issue: Issue) -> str:
    """Return the sentence for a page, which has buttons in place of commands; without the full stop."""
    return _fill(_TEXTS[issue.code][0], issue)


def describe_with_command(issue: Issue, *, slug: str) -> str:
    """Return the sentence with the command that solves the problem, for the store of that slug."""
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
        return "the bridge at another address, to which all its webhooks lead"
    if found.own_url:
        return f"the bridge at {found.url}, and this one is at {found.own_url}"
    return f"another installation of the bridge at {found.url}"


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
