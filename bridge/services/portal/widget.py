"""The usage widget of one account: its rows, their version, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b

from bridge.domain.accounts.accounts import Account, Profile, Who
from bridge.domain.metering.limits import Period
from bridge.domain.stores.stores import Policy
from bridge.services.metering.overview import AccountOverview, overview_of_rows, window_starts
from bridge.services.orders.purchases import PurchasePage, list_purchases, purchase_of, worth_of
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.engine.several import Lists
from bridge.storage.metering import policies
from bridge.storage.orders.purchases import to_sold_order
from bridge.storage.portal import widget_rows

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
        about = (self.account, self.today, sorted(self._starts), self._large)
        state.update(repr(about).encode(errors="replace"))
        for text in self._rows.texts:
            state.update(text.encode())
            state.update(b"\0")
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


def read_widget(connection: Connection, store_id: int, who: Who, *, is_full: bool, now: datetime) -> WidgetState:
    """Return the state of a user's or guest's widget, in two statements; without `is_full`, not everything is read.

    An order of more than `widget_rows.MOST_LINES` lines costs further ones.
    """
    version, found = accounts.find_with_version(connection, accounts.place_of(store_id, who))
    policy = policies.of_version(connection, store_id, version)
    user_id = who.user_id if isinstance(who, Profile) else None
    account = found or Account(id=0, store_id=store_id, user_id=user_id, balance=0, debt=0)
    starts = frozenset(window_starts(policy, now))
    values = widget_rows.state_values(modules=policy.limits, starts=starts, now=now)
    today = now.astimezone(policy.calendar.zone).date()
    if not is_full:
        rows = widget_rows.read_state(connection, account, values)
        return WidgetState(policy, account, rows, None, starts=starts, today=today, now=now)
    rows = widget_rows.read_everything(
        connection,
        account,
        values,
        since=today - timedelta(days=DAYS - 1),
        orders_read=PURCHASES + 1,
        packages_read=OFFERS + 1,
    )
    large = None
    if _has_large_order(rows):
        large = list_purchases(connection, account, before=None, limit=PURCHASES)
    return WidgetState(policy, account, rows, large, starts=starts, today=today, now=now)


def _has_large_order(rows: Lists) -> bool:
    # The length decides without reading the JSON in almost every case.
    if len(rows.text("orders")) < widget_rows.MOST_LINES * _SHORTEST_LINE:
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
