"""Problems found with a store's connection, each a code with typed parameters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.domain.accounts.amounts import Unreadable
from bridge.domain.shop.health import SetAside


class Code(StrEnum):
    """The kind of a problem."""

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
    WRONG_SECRET = "wrong_secret"  # noqa: S105 -- the name of a problem
    OWNER_DEMOTED = "owner_demoted"
    SILENT = "silent"
    UNAPPLIED = "orders_not_applied"
    UNPROCESSED = "deliveries_not_processed"
    SYNC_INCOMPLETE = "sync_incomplete"
    SET_ASIDE = "set_aside"
    NO_PACKAGES = "no_packages"
    UNREADABLE_AMOUNT = "unreadable_amount"
    CLOCK = "clock"
    DATED_AHEAD = "dated_ahead"
    OTHER_SITE = "other_site"
    OTHER_FORM = "other_form"
    ACTION_ONLY = "action_only"
    DELIVERY_TOO_LARGE = "delivery_too_large"
    REPEATED = "deliveries_repeated"
    CONSUMER_SECRET = "consumer_secret"  # noqa: S105 -- the name of a problem
    AUDIT_FAULTS = "audit_faults"


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
"""The problems that keep the shop's changes from arriving."""


@dataclass(frozen=True, slots=True)
class OtherInstallation:
    """Another installation that manages a shop's webhooks; `url` is empty if its address is not stored.

    `own_url` is this installation's address where it differs, else empty.
    """

    url: str = ""
    own_url: str = ""


@dataclass(frozen=True, slots=True)
class UnclearAmount:
    """A product whose amount is not clear, and the value that cannot be read."""

    product_id: int
    variation_id: int
    name: str
    value: Unreadable


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem; each code uses some of the parameters, the others keep their defaults.

    `topics` are the webhooks it is about. `subject` is an address, or what a
    delivery reported. `reason` is why something failed, in the words of what
    failed. `count` is a number of orders, deliveries, documents or seconds.
    `since` is when it began, or last occurred. `resource` and `resource_id` are
    the first delivery that failed. `set_aside` and `amounts` hold the first of
    `count`.
    """

    code: Code
    topics: tuple[str, ...] = ()
    subject: str = ""
    reason: str = ""
    count: int = 0
    since: datetime | None = None
    is_keys_fault: bool = False
    resource: str = ""
    resource_id: int | None = None
    set_aside: tuple[SetAside, ...] = ()
    amounts: tuple[UnclearAmount, ...] = ()
    other: OtherInstallation | None = None

    @property
    def key(self) -> str:
        """The stored key of this problem: two with one key are the same problem."""
        return " ".join((self.code.value, *self.topics))

    @property
    def is_stopping(self) -> bool:
        """Return whether it keeps the shop's changes from arriving."""
        return self.code in STOPPING
