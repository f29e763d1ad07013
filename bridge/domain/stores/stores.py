"""A store: the shop, its settings, and the policy for its spends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.errors import FieldError
from bridge.domain.metering.errors import UnknownModule
from bridge.domain.metering.funding import DEFAULT_ORDER, Source
from bridge.domain.metering.limits import Calendar, Limit, Reset
from bridge.domain.metering.pricing import Operation
from bridge.domain.stores.shortcode import Shortcode
from bridge.domain.stores.thresholds import Line, Threshold, lines_of
from bridge.domain.stores.zones import zone_of

DEFAULT_GRANT_STATUSES = ("completed",)

DEFAULT_MODULES = {
    "chat": "Chat",
    "ai_forms": "AI forms",
    "image_generator": "Image generator",
    "image_optimizer": "Image optimizer",
    "alt_text": "Alt text",
}
"""The modules of a new store, and their names on pages."""


MAX_MODULES_BY_USE = 200
"""The number of modules at which usage creates no more of them."""


@dataclass(frozen=True, slots=True)
class Store:
    """A WooCommerce shop with its own users. `low_balance` is in tokens; a balance below it counts as low.

    `low_balance_thresholds` are further levels that are announced.
    `reversal_policy` decides about reversed tokens that are already spent: `debt` or
    `forgive`. `guest_policy` decides how a guest's order is assigned to the account
    with its email: `automatic`, or manually by the `admin`. Orders placed before
    `grants_from` grant nothing, because the owner chose to start there. While
    `asks_from` is set, the owner has not decided yet: orders placed before it grant
    nothing if they are read from the shop, and grant if the shop delivers them.
    `deliveries` says what reports changes of the shop: its `webhooks`, or the `plugin` alone.
    The `seller_…` texts are printed on receipts; `seller_address` has lines.
    """

    id: int
    slug: str
    name: str
    url: str
    time_zone: str
    week_start: int
    spend_order: tuple[Source, ...]
    grant_statuses: tuple[str, ...]
    purchase_url: str
    low_balance: int
    config_version: int
    reversal_policy: str = "debt"
    guest_policy: str = "automatic"
    accept_unknown_modules: bool = False
    past_orders_paid_later: str = "review"
    require_reason: bool = False
    deliveries: str = "webhooks"
    has_erased: bool = False
    grants_from: datetime | None = None
    asks_from: datetime | None = None
    connected_at: datetime | None = None
    former_slugs: tuple[str, ...] = ()
    accepted_sources: tuple[str, ...] = ()
    shortcode: Shortcode = field(default_factory=Shortcode)
    low_balance_thresholds: tuple[Threshold, ...] = ()
    seller_name: str = ""
    seller_address: str = ""
    seller_vat_id: str = ""

    @property
    def first_slug(self) -> str:
        """Return the slug the store was added under: renaming does not change what is derived from it."""
        return self.former_slugs[0] if self.former_slugs else self.slug

    @property
    def history(self) -> str:
        """Return the policy for orders placed before the shop was connected: `ask`, `skip` or `grant`."""
        return "ask" if self.asks_from is not None else "skip" if self.grants_from is not None else "grant"

    def alert_lines(self, last_grant: int) -> tuple[Line, ...]:
        """Return the levels to announce for an account whose last order granted so many tokens, the highest first."""
        return lines_of(self.low_balance, self.low_balance_thresholds, last_grant)

    def low_line(self, last_grant: int) -> int:
        """Return the tokens below which a balance counts as low: `low_balance`, else the lowest level; 0 for none."""
        lines = () if self.low_balance else self.alert_lines(last_grant)
        return lines[-1].tokens if lines else self.low_balance

    @property
    def calendar(self) -> Calendar:
        """The store's own clock."""
        return Calendar(zone_of(self.time_zone), self.week_start)


@dataclass(frozen=True, slots=True)
class Module:
    """One AI feature that uses tokens; an unmetered one records its use and costs nothing.

    `labels` are its names by language; `label` is the name in every other one.
    """

    key: str
    label: str
    is_metered: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)


def label_of(key: str) -> str:
    """Return the default name of a module."""
    return key.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy for spends of one store, as one immutable value.

    `resets` are the manual ones of roles and modules. The `has_…` fields
    state whether any account has a plan, a rule of its own or a reset of its
    own; if not, a spend skips the query.
    """

    store: Store
    calendar: Calendar
    modules: Mapping[str, Module] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    operations: Mapping[str, Operation] = field(default_factory=dict)
    resets: tuple[Reset, ...] = ()
    has_plans: bool = False
    has_overrides: bool = False
    has_account_resets: bool = False

    @property
    def spend_order(self) -> tuple[Source, ...]:
        """The sources in the order they pay."""
        return self.store.spend_order or DEFAULT_ORDER

    @property
    def module_keys(self) -> list[str]:
        """Return every module of the store in display order; modules that only have a limit come last."""
        return [*self.modules, *(key for key in self.limits if key not in self.modules)]

    def has_module(self, module: str) -> bool:
        """Return whether the store has the module: set up as such, by a limit, or by an operation."""
        if module in self.modules or module in self.limits:
            return True
        return any(operation.module == module for operation in self.operations.values())

    def may_create_module(self, extra: int = 0) -> bool:
        """Return whether use of an unknown module creates it; `extra` more are about to be created."""
        return self.store.accept_unknown_modules and len(self.modules) + extra < MAX_MODULES_BY_USE

    def check_module(self, module: str, *, fresh: int = 0) -> None:
        """Raise `UnknownModule` for a module the store neither has nor creates on first use.

        `fresh` modules are being created already.
        """
        if not self.has_module(module) and not self.may_create_module(fresh):
            raise UnknownModule(
                f"the store has no module {module}; check the spelling, or create it with PUT /v1/modules/{module}",
                fields=[FieldError("module", "not a module of the store")],
            )

    def is_metered(self, module: str) -> bool:
        """Return whether spends in the module cost anything; one that is not set up costs tokens."""
        known = self.modules.get(module)
        return known is None or known.is_metered

    def label_of(self, module: str, language: str = "") -> str:
        """Return the module's name on pages, in this language if the store has one in it."""
        known = self.modules.get(module)
        return known.labels.get(language, known.label) if known else label_of(module)
