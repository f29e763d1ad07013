"""The usage widget of one account: its rows, their version, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b

from bridge.domain.accounts.accounts import Account, Who
from bridge.domain.errors import UnknownStore
from bridge.domain.metering.limits import Period
from bridge.domain.stores.principals import Principal, UnverifiedCaller
from bridge.domain.stores.stores import Policy
from bridge.services.metering.overview import AccountOverview, overview_of_rows, window_starts
from bridge.services.orders.purchases import PurchasePage, list_purchases, purchase_of, worth_of
from bridge.services.stores import access_keys
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.engine.several import Lists
from bridge.storage.metering import policies
from bridge.storage.orders.purchases import to_sold_order
from bridge.storage.portal import widget_rows
from bridge.storage.portal.widget_rows import Bounds, WidgetRows

PURCHASES = 10
"""How many purchases the widget lists."""
OFFERS = 6
"""How many packages the widget offers; with more, it leads to the shop."""
DAYS = 30
"""How many days of use the widget shows, today included."""
_SHORTEST_LINE = 20
"""The fewest characters of a line in the JSON of its order."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """An order that has granted nothing yet: its status in the shop, and the tokens it will grant."""

    shown_number: str
    status: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A package for sale; `months` is how long a plan lasts, None for tokens that do not expire.

    `price` is None where the shop has not stated it, and `currency` is empty where no order names it.
    """

    product_id: int
    name: str
    tokens: int
    months: int | None
    price: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class Use:
    """The use of one module on one day, in the store's time zone."""

    day: date
    module: str
    tokens: int
    units: int


_MOST_STORES = 1_000
_digests: dict[int, tuple[Policy, bytes]] = {}
"""The hash of the latest policy of each store; a policy is replaced as a whole."""


class WidgetState:
    """The contents of the widget of one account at one moment; the rows are read on demand.

    `account` has the id 0 where none is stored. `large` are the purchases where an
    order has too many lines for `rows`.
    """

    def __init__(
        self,
        policy: Policy,
        account: Account,
        rows: Lists,
        large: PurchasePage | None,
        *,
        starts: frozenset[datetime],
        today: date,
        now: datetime,
    ) -> None:
        self.policy = policy
        self._starts = starts
        self.account = account
        self.today = today
        self._rows = rows
        self._large = large
        self._now = now

    def version(self) -> bytes:
        """Return a hash of everything that this state holds, for a comparison with another moment."""
        state = blake2b(_digest_of(self.policy))
        # Where a window has begun again, the rows may be the same.
        about = (self.account.user_id, self.today, sorted(self._starts), self._large)
        state.update(repr(about).encode(errors="replace"))
        state.update("\0".join(self._rows.texts_beside("key")).encode())
        return state.digest()

    def has_resets(self) -> bool:
        """Return whether anything that is shown ends or begins again."""
        windows = (window for limit in self.policy.limits.values() for window in limit.windows)
        return any(window.period is not Period.NEVER for window in windows) or bool(self._rows.rows("terms"))

    def overview(self) -> AccountOverview:
        """Return balance, plan and allowances."""
        return overview_of_rows(self.policy, self.account, self._rows, now=self._now)

    def purchases(self) -> PurchasePage:
        """Return the latest purchases, newest first."""
        if self._large is not None:
            return self._large
        found = [purchase_of(to_sold_order(row), int(row.granted)) for row in self._rows.rows("orders")]
        more = found[PURCHASES - 1].order_number if len(found) > PURCHASES else None
        return PurchasePage(found[:PURCHASES], more)

    def awaited(self) -> list[Awaited]:
        """Return the orders that will grant tokens once the shop completes them, newest first."""
        found = [to_sold_order(row) for row in self._rows.rows("awaited")]
        return [
            Awaited(order.shop_number or str(order.number), order.status, tokens)
            for order in found
            if (tokens := worth_of(order))
        ]

    def parked(self) -> int:
        """Return how many paid orders under the account's email wait for a decision."""
        return sum(row.orders for row in self._rows.rows("parked"))

    def offers(self) -> list[Offer]:
        """Return the packages for sale, those with the fewest tokens first: at most one more than `OFFERS`."""
        currency = next((row.currency for row in self._rows.rows("currency")), "")
        return [
            Offer(
                product_id=row.variation_id or row.product_id,
                name=row.name or row.plan or "",
                tokens=int(row.tokens),
                months=row.months,
                price=row.price,
                currency=currency,
            )
            for row in self._rows.rows("packages")
        ]

    def uses(self) -> list[Use]:
        """Return the use of the last `DAYS` days by day and module; days without use are left out."""
        return [Use(row.day, row.module, int(row.tokens), int(row.units)) for row in self._rows.rows("days")]


def read_at_once(
    connection: Connection, holder: Principal, who: Who, *, is_full: bool, now: datetime
) -> WidgetState | None:
    """Return the state of a user's or guest's widget, read by one statement that needs no transaction.

    Returns None where one statement is not enough: after a change of the store's
    policy, and for an order with more than `widget_rows.MOST_LINES` lines. Then call
    `read_widget`. The access key of an unverified holder is checked by the same
    statement; raises `NotSignedIn`, `SiteUnlinked` or `AccessKeyExpired`.
    """
    policy = policies.cached(connection, holder.store_id)
    if policy is None:
        return None
    reading = _Reading(policy, holder.store_id, who, is_full=is_full, now=now)
    rows = reading.read(connection, holder)
    if rows is None or rows.version != policy.store.config_version or _has_large_order(rows.lists):
        return None
    return reading.state(rows)


def read_widget(
    connection: Connection, store_id: int, who: Who, *, is_full: bool, now: datetime, holder: Principal | None = None
) -> WidgetState:
    """Return the state of a user's or guest's widget, in a transaction that sees one moment.

    Without `is_full`, not everything is read. The access key of an unverified `holder`
    is checked as by `read_at_once`. Raises `UnknownStore` for a store that was removed.
    """
    policy = policies.for_stores(connection, [store_id]).get(store_id)
    if policy is None:
        raise UnknownStore()
    reading = _Reading(policy, store_id, who, is_full=is_full, now=now)
    rows = reading.read(connection, holder)
    if rows is None:
        raise UnknownStore()
    return reading.state(rows, connection)


class _Reading:
    """One reading of the widget of a user or guest, by the store's policy."""

    def __init__(self, policy: Policy, store_id: int, who: Who, *, is_full: bool, now: datetime) -> None:
        self._policy = policy
        self._place = accounts.place_of(store_id, who)
        self._is_full = is_full
        self._now = now
        self._starts = frozenset(window_starts(policy, now))
        self._today = now.astimezone(policy.calendar.zone).date()

    def read(self, connection: Connection, holder: Principal | None) -> WidgetRows | None:
        """Return the rows, with the access key of an unverified holder verified; None without such a store."""
        key_hash = holder.key_hash if isinstance(holder, UnverifiedCaller) else ""
        bounds = Bounds(
            modules=self._policy.limits,
            starts=self._starts,
            since=self._today - timedelta(days=DAYS - 1),
            orders=PURCHASES + 1,
            packages=OFFERS + 1,
        )
        rows = widget_rows.read(
            connection, self._place, bounds, is_full=self._is_full, key_hash=key_hash, now=self._now
        )
        if key_hash:
            access_keys.verify(connection, key_hash, None if rows is None else rows.key, now=self._now)
        return rows

    def state(self, rows: WidgetRows, connection: Connection | None = None) -> WidgetState:
        """Return the state of these rows; `connection` is needed where an order has very many lines."""
        store_id, who = self._place
        user_id = who if isinstance(who, int) else None
        account = rows.account or Account(id=0, store_id=store_id, user_id=user_id, balance=0, debt=0)
        large = None
        if connection is not None and _has_large_order(rows.lists):
            large = list_purchases(connection, account, before=None, limit=PURCHASES)
        return WidgetState(
            self._policy, account, rows.lists, large, starts=self._starts, today=self._today, now=self._now
        )


def _has_large_order(rows: Lists) -> bool:
    # The length decides without reading the JSON in almost every case.
    if not rows.has("orders") or len(rows.text("orders")) < widget_rows.MOST_LINES * _SHORTEST_LINE:
        return False
    return any(len(row.lines) > widget_rows.MOST_LINES for row in rows.rows("orders"))


def _digest_of(policy: Policy) -> bytes:
    """Return a hash of the whole policy: after a restored backup, its version alone may stand for another one."""
    found = _digests.get(policy.store.id)
    if found is None or found[0] is not policy:
        found = (policy, blake2b(repr(policy).encode(errors="replace")).digest())
        if len(_digests) >= _MOST_STORES:
            _digests.clear()
        _digests[policy.store.id] = found
    return found[1]
