"""Purchases: what somebody bought, what it brought and what of it was taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor

from bridge.domain.accounts import Account
from bridge.domain.ledger import Kind
from bridge.domain.orders import Known
from bridge.storage import ledger, orders
from bridge.storage.database import Connection


@dataclass(frozen=True, slots=True)
class PurchasedLine:
    """One package of a purchase: what a piece brings, and what of the line is granted now.

    `months` is how long a piece of a plan lasts; None for tokens that do not expire.
    """

    id: int
    name: str
    quantity: int | Decimal
    tokens_each: int
    granted: int
    months: int | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """One order whose grants an account holds: tokens brought in all, and tokens taken back since."""

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
        """The number people know the order by."""
        return self.shop_number or str(self.order_number)


def list_purchases(connection: Connection, account: Account, *, before: int | None, limit: int) -> list[Purchase]:
    """An account's purchases, the newest order first, below the order number `before`."""
    found = orders.list_for_account(
        connection, store_id=account.store_id, account_id=account.id, before=before, limit=limit
    )
    brought = {order.number: 0 for order in found}
    for entry in ledger.list_for_orders(connection, account.store_id, list(brought)):
        if entry.kind is Kind.GRANT and entry.account_id == account.id and entry.order_number is not None:
            brought[entry.order_number] += entry.tokens - entry.debt
    return [_purchase(order, brought[order.number]) for order in found]


def _purchase(order: Known, brought: int) -> Purchase:
    lines = tuple(
        PurchasedLine(line.line.id, line.line.name, line.line.quantity or 0, line.tokens, line.granted, line.months)
        for line in order.lines
        if line.tokens
    )
    kept = sum(line.granted for line in lines)
    # What a line granted, lost and was granted again counts once.
    most = max(
        kept, min(brought, sum(floor(line.tokens_each * Fraction(line.quantity)) for line in lines if not line.months))
    )
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
