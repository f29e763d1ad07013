"""The sale of an order in its JSON column, and receipts read from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from bridge.domain.orders.sales import (
    Sale,
    SaleBuyer,
    SaleKind,
    SaleLine,
    SaleRefund,
    SaleTax,
)
from bridge.storage.engine.json_times import pack_time, unpack_time
from bridge.storage.orders.packing import unpack_number
from bridge.storage.orders.tables import order_lines, orders

_LAST = 20


@dataclass(frozen=True, slots=True)
class StoredSale:
    """The sale of an order with its merged money; `sale` is None where no document stated one."""

    sale: Sale | None
    total: Decimal
    refunded: Decimal
    name: str
    email: str
    is_erased: bool


def pack_sale(sale: Sale | None) -> dict[str, Any] | None:
    """Return a sale as stored; None without one."""
    if sale is None:
        return None
    buyer = None if sale.buyer is None else {name: text for name, text in asdict(sale.buyer).items() if text}
    return {
        "buyer": buyer,
        "lines": [_pack_line(line) for line in sale.lines],
        "taxes": [[tax.label, None if tax.rate is None else str(tax.rate), str(tax.amount)] for tax in sale.taxes],
        "refunds": [[refund.id, str(refund.amount), refund.reason] for refund in sale.refunds],
        "discount": str(sale.discount),
        "tax": str(sale.tax),
        "total": str(sale.total),
        "payment_method": sale.payment_method,
        "paid_at": pack_time(sale.paid_at),
        "more": [sale.more_lines, str(sale.more_subtotal)],
        "checkout_url": sale.checkout_url,
    }


def unpack_sale(packed: dict[str, Any] | None) -> Sale | None:
    """Return the stored sale."""
    if not packed:
        return None
    more_lines, more_subtotal = packed["more"]
    return Sale(
        buyer=None if packed["buyer"] is None else SaleBuyer(**packed["buyer"]),
        lines=tuple(_unpack_line(*line) for line in packed["lines"]),
        taxes=tuple(
            SaleTax(label, None if rate is None else Decimal(rate), Decimal(amount))
            for label, rate, amount in packed["taxes"]
        ),
        refunds=tuple(SaleRefund(id_, Decimal(amount), reason) for id_, amount, reason in packed["refunds"]),
        discount=Decimal(packed["discount"]),
        tax=Decimal(packed["tax"]),
        total=Decimal(packed["total"]),
        payment_method=packed["payment_method"],
        paid_at=unpack_time(packed["paid_at"]),
        more_lines=more_lines,
        more_subtotal=Decimal(more_subtotal),
        checkout_url=packed["checkout_url"],
    )


def find_sale(connection: Connection, store_id: int, number: int) -> StoredSale | None:
    """Return the sale of an order, without a lock; of one that stated none, only its lines as they were merged."""
    columns = (orders.c.sale, orders.c.total, orders.c.refunded, orders.c.name, orders.c.email, orders.c.is_erased)
    of_order = select(*columns).where(orders.c.store_id == store_id, orders.c.number == number)
    row = connection.execute(of_order).one_or_none()
    if row is None:
        return None
    return StoredSale(unpack_sale(row.sale), row.total, row.refunded, row.name, row.email, row.is_erased)


def latest_checkout(connection: Connection, store_id: int) -> str:
    """Return the checkout page that the newest of the store's orders stated; empty if none of the last few did."""
    page = orders.c.sale["checkout_url"].as_string()
    newest = select(page).where(orders.c.store_id == store_id).order_by(orders.c.number.desc()).limit(_LAST)
    return next(filter(None, connection.execute(newest).scalars()), "")


def list_lines(connection: Connection, store_id: int, number: int, *, limit: int) -> list[SaleLine]:
    """Return the merged lines of an order, those that left it left out; their prices are after discounts."""
    listed = (
        select(order_lines)
        .where(order_lines.c.store_id == store_id, order_lines.c.order_number == number, order_lines.c.quantity > 0)
        .order_by(order_lines.c.line_id)
        .limit(limit)
    )
    return [
        SaleLine(
            SaleKind.PRODUCT,
            row.line_id,
            row.name,
            row.quantity if row.pieces is None else unpack_number(row.pieces),
            row.total,
            row.total,
            row.sku,
        )
        for row in connection.execute(listed)
    ]


def _pack_line(line: SaleLine) -> list[Any]:
    quantity = line.quantity if line.quantity is None or isinstance(line.quantity, int) else str(line.quantity)
    money = (str(line.subtotal), str(line.total))
    return [line.kind.value, line.id, line.name, quantity, *money, line.sku, [str(rate) for rate in line.rates]]


def _unpack_line(
    kind: str,
    id_: int,
    name: str,
    quantity: int | str | None,
    subtotal: str,
    total: str,
    sku: str,
    rates: list[str],
) -> SaleLine:
    money = (Decimal(subtotal), Decimal(total))
    return SaleLine(
        SaleKind(kind), id_, name, unpack_number(quantity), *money, sku, tuple(Decimal(rate) for rate in rates)
    )
