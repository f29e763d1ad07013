"""Receipts: an order as its buyer paid for it, with the tokens that it granted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor

from bridge.domain.accounts.accounts import Account
from bridge.domain.errors import UnknownOrder
from bridge.domain.orders.sales import MOST_LINES, Sale, SaleBuyer, SaleLine, SaleRefund
from bridge.domain.stores.stores import Store
from bridge.services.orders.purchases import Purchase, PurchasedLine, get_purchase
from bridge.storage.engine.database import Connection
from bridge.storage.orders import sales
from bridge.storage.orders.sales import StoredSale


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line of a receipt; `tokens` is None for a product without any.

    They are those of all its units; of a plan, those of one unit in a month.
    """

    line: SaleLine
    tokens: int | None = None
    months: int | None = None


@dataclass(frozen=True, slots=True)
class OrderReceipt:
    """A receipt: the purchase, the sale that the shop stated, and each line with its tokens.

    `is_complete` is False where the shop has not stated the buyer's address, taxes
    and discounts: then `sale` has only what is known, with prices after discounts.
    """

    store: Store
    purchase: Purchase
    sale: Sale
    lines: tuple[ReceiptLine, ...]
    is_complete: bool
    is_erased: bool

    @property
    def placed_at(self) -> datetime | None:
        """Return when the order was placed."""
        return self.purchase.placed_at

    @property
    def kept(self) -> Decimal:
        """Return the total after refunds."""
        return self.sale.total - self.sale.refunded


def get_receipt(connection: Connection, store: Store, account: Account, order_number: int) -> OrderReceipt:
    """Return the receipt of an order whose grants an account holds; raises `UnknownOrder` for any other."""
    purchase = get_purchase(connection, account, order_number)
    stored = sales.find_sale(connection, store.id, order_number)
    if stored is None:
        raise UnknownOrder()
    sale, is_complete = stored.sale, True
    # Money of another document than the sale would not add up.
    if sale is None or sale.total != stored.total:
        lines = sales.list_lines(connection, store.id, order_number, limit=MOST_LINES)
        sale, is_complete = _known(stored, lines), False
    if sale.refunded != stored.refunded:
        refunds = (SaleRefund(0, stored.refunded),) if stored.refunded else ()
        sale = replace(sale, refunds=refunds)
    if stored.is_erased:
        sale = sale.without_person()
    packages = {line.id: line for line in purchase.lines}
    return OrderReceipt(
        store=store,
        purchase=purchase,
        sale=sale,
        lines=tuple(_line(line, packages.get(line.id)) for line in sale.lines),
        is_complete=is_complete,
        is_erased=stored.is_erased,
    )


def _known(stored: StoredSale, lines: list[SaleLine]) -> Sale:
    """Return what is known of an order without the sale."""
    return Sale(
        buyer=SaleBuyer(name=stored.name, email=stored.email),
        lines=tuple(lines),
        taxes=(),
        refunds=(),
        discount=Decimal(0),
        tax=Decimal(0),
        total=stored.total,
    )


def _line(line: SaleLine, package: PurchasedLine | None) -> ReceiptLine:
    if package is None:
        return ReceiptLine(line)
    if package.months is not None:
        return ReceiptLine(line, package.tokens_each, package.months)
    return ReceiptLine(line, floor(package.tokens_each * Fraction(package.quantity)))
