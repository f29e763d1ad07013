"""Purchases: the orders of an account, with tokens granted and reversed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import NamedTuple

from bridge.domain.accounts.accounts import Account
from bridge.domain.accounts.ledger import Entry
from bridge.domain.errors import UnknownOrder
from bridge.storage.accounts import accounts, ledger
from bridge.storage.engine.database import Connection
from bridge.storage.orders import purchases as stored
from bridge.storage.orders.purchases import SoldOrder

MAX_LINES_READ = 5000
"""How many lines one page of purchases reads; an order with more has its own page."""
GRANTS = 200
"""How many ledger entries of an order are listed."""


class OrderGrant(NamedTuple):
    """A ledger entry of an order, and the user it belongs to."""

    entry: Entry
    user_id: int | None


@dataclass(frozen=True, slots=True)
class PurchasedLine:
    """One package of a purchase: the tokens per unit, and the tokens of the line granted now.

    `months` is how long one unit of a plan lasts; None for tokens that do not expire.
    """

    id: int
    name: str
    quantity: int | Decimal
    tokens_each: int
    granted: int
    months: int | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """One order whose grants an account holds: all tokens granted, and tokens reversed since."""

    order_number: int
    status: str
    placed_at: datetime | None
    total: Decimal
    currency: str
    tokens: int
    reversed: int
    lines: tuple[PurchasedLine, ...]
    shop_number: str = ""

    @property
    def shown_number(self) -> str:
        """The order number shown to people."""
        return self.shop_number or str(self.order_number)


class PurchasePage(NamedTuple):
    """Some purchases, and the order number below which the next page begins; None at the end."""

    purchases: list[Purchase]
    next_before: int | None


def list_purchases(connection: Connection, account: Account, *, before: int | None, limit: int) -> PurchasePage:
    """Return an account's purchases, the newest order first, below the order number `before`.

    At most `limit`, and fewer if they have many lines: an order may have ten thousand.
    """
    found, has_more = stored.list_for_account(
        connection,
        store_id=account.store_id,
        account_id=account.id,
        before=before,
        limit=limit,
        most_lines=MAX_LINES_READ,
    )
    bought = _purchases(connection, account, found)
    return PurchasePage(bought, bought[-1].order_number if has_more else None)


def shown_numbers(connection: Connection, store_id: int, numbers: Collection[int]) -> dict[int, str]:
    """Return the numbers of these orders as people see them in the shop."""
    return {number: str(number) for number in numbers} | stored.shown_numbers(connection, store_id, numbers)


def get_purchase(connection: Connection, account: Account, order_number: int) -> Purchase:
    """Return one purchase with all its lines; raises `UnknownOrder` if the account does not hold its grants."""
    found = stored.find(connection, account.store_id, order_number)
    if found is None or found.account_id != account.id:
        raise UnknownOrder()
    return _purchases(connection, account, [found])[0]


def _purchases(connection: Connection, account: Account, found: Sequence[SoldOrder]) -> list[Purchase]:
    granted_tokens = ledger.granted_by_order(
        connection, account.store_id, account.id, [order.number for order in found]
    )
    return [purchase_of(order, granted_tokens.get(order.number, 0)) for order in found]


def purchase_of(order: SoldOrder, granted_tokens: int) -> Purchase:
    """Return the purchase of an order; `granted_tokens` are those that its grants added to the account."""
    lines = tuple(
        PurchasedLine(line.id, line.name, line.quantity, line.tokens, line.granted, line.months)
        for line in order.lines
        if line.tokens
    )
    kept = sum(line.granted for line in lines)
    # Tokens that a line granted, lost and granted again count once.
    most = max(kept, min(granted_tokens, worth_of(order)))
    return Purchase(
        order_number=order.number,
        status=order.status,
        placed_at=order.placed_at,
        total=order.total,
        currency=order.currency,
        tokens=most,
        reversed=most - kept,
        lines=lines,
        shop_number=order.shop_number,
    )


def worth_of(order: SoldOrder) -> int:
    """Return the tokens of an order's lines before any refund, without those of plans."""
    return sum(floor(line.tokens * Fraction(line.quantity)) for line in order.lines if line.tokens and not line.months)


def list_grants(connection: Connection, store_id: int, order_number: int) -> list[OrderGrant]:
    """Return what an order granted and what was reversed of it, newest first, at most `GRANTS`."""
    found = ledger.list_of_order(connection, store_id, order_number, limit=GRANTS)
    known = accounts.look(connection, {entry.account_id for entry in found})
    return [OrderGrant(entry, known[entry.account_id].user_id) for entry in found]
