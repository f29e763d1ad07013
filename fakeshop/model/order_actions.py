"""Actions on orders, from checkout to deletion, and the webhooks each sends, in the recorded order."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from fakeshop.model.catalog import Refused, tokens_of
from fakeshop.model.orders import STATUSES, Coupon, Item, Line, Order, cents
from fakeshop.model.state import ShopState
from fakeshop.webhooks.subscriptions import COMPLETED

_UNDECIDED = frozenset({"pending", "processing", "on-hold"})
_CHECKOUTS = ("store-api", "checkout")


class OrderActions(ShopState):
    """The order actions of buyers and the shop's owner; each raises `Refused` where WooCommerce would."""

    def place_order(
        self,
        customer_id: int = 0,
        items: Iterable[Item | tuple[int, int]] = ((10, 1),),
        *,
        email: str | None = None,
        status: str = "pending",
        via: str = "rest-api",
        method: str = "rigpay",
        is_paid: bool = False,
        coupon: Coupon | None = None,
        note: str = "",
        meta: Mapping[str, Any] | None = None,
    ) -> Order:
        """Place an order of (product or variation, quantity) pairs.

        `via` is rest-api, store-api (the block checkout) or checkout (the classic
        one). A checkout takes payment at once: the order is then processing, or
        completed where nothing in it needs processing, or on-hold where `method`
        is bacs. Through REST it gets the `status` given, unless `is_paid`.
        """
        buyer = self.user(customer_id) if customer_id else None
        now = self.now()
        order = Order(
            id=self.next_number("post"),
            key=f"wc_order_{self.word(13)}",
            status=status,
            customer_id=customer_id,
            email=email or (buyer.email if buyer else "guest@example.test"),
            first_name=buyer.first_name if buyer else "Ada",
            last_name=buyer.last_name if buyer else "Tester",
            created_via=via,
            method=method,
            created_at=now,
            modified_at=now,
            lines=[self._line(item if isinstance(item, Item) else Item(*item), coupon) for item in items],
            coupon=coupon,
            coupon_id=self.next_number("line") if coupon else 0,
            note=note,
            meta=[self.meta(key, value) for key, value in (meta or {}).items()],
        )
        if any(line.is_taxed for line in order.lines):
            order.tax_line_id = self.next_number("line")
        self._pay(order, is_paid=is_paid or via in _CHECKOUTS)
        self.orders[order.id] = order
        self._settle_dates(order)
        self._announce_new(order)
        return order

    def complete(self, order_id: int) -> None:
        """Set the status completed; for a completed order this is a plain save."""
        self.set_status(order_id, "completed")

    def cancel(self, order_id: int) -> None:
        """Set the status cancelled."""
        self.set_status(order_id, "cancelled")

    def set_status(self, order_id: int, status: str) -> None:
        """Set a status by hand; use `refund_by_status` for refunded."""
        if status not in STATUSES or status == "refunded":
            raise Refused(f"no order is set to {status} this way")
        order = self._standing(order_id)
        is_completing = status == "completed" and order.status != "completed"
        self.move_to(order, status)
        self.announce_change(order, is_completing=is_completing)

    def bulk_complete(self, order_ids: Iterable[int]) -> None:
        """Complete several orders from the order list, which handles them in descending order."""
        for order_id in sorted(order_ids, reverse=True):
            self.complete(order_id)

    def save(self, order_id: int) -> None:
        """Press Update without a change."""
        self._changed(self._standing(order_id))

    def add_note(self, order_id: int, note: str) -> None:
        """Add an order note: no webhook is sent and no date changes."""
        self._standing(order_id)

    def set_customer_note(self, order_id: int, note: str) -> None:
        """Change the customer's own note."""
        order = self._standing(order_id)
        order.note = note
        self._changed(order)

    def reassign(self, order_id: int, customer_id: int) -> None:
        """Give the order to another user, or to a guest."""
        order = self._standing(order_id)
        if customer_id:
            self.user(customer_id)
        order.customer_id = customer_id
        self._changed(order)

    def edit_quantity(self, order_id: int, line_id: int, quantity: int) -> None:
        """Change the quantity of a line; the amount of money stays."""
        order = self._standing(order_id)
        order.line(line_id).quantity = quantity
        self._changed(order)

    def trash(self, order_id: int) -> None:
        """Move to the trash: only order.deleted with the bare id is sent."""
        order = self._standing(order_id)
        order.status_before_trash = order.status
        self.move_to(order, "trash")
        self.announce(["order.deleted"], order_id)

    def restore(self, order_id: int) -> None:
        """Take out of the trash; a completed order is completed again, with a new date of completion."""
        order = self.order(order_id)
        if order.status != "trash":
            raise Refused(f"order {order_id} is not in the trash")
        self.move_to(order, order.status_before_trash, is_restoring=True)
        self.announce(["order.restored", *((COMPLETED,) if order.status == "completed" else ())], order_id)

    def force_delete(self, order_id: int) -> None:
        """Delete permanently, in the trash or not: no webhook is sent."""
        self.order(order_id)
        del self.orders[order_id]

    def announce_change(self, order: Order, *, is_completing: bool = False, more: Sequence[str] = ()) -> None:
        """Queue the webhooks of one change: the order, the buyer at their first completed order, the actions."""
        self.announce(["order.updated"], order.id)
        buyer = self.users.get(order.customer_id)
        if is_completing:
            if buyer is not None and not buyer.is_paying:
                buyer.is_paying, buyer.modified_at = True, self.now()
                self.announce(["customer.updated"], buyer.id)
            self.announce([COMPLETED], order.id)
        self.announce(more, order.id)

    def move_to(self, order: Order, status: str, *, is_restoring: bool = False) -> None:
        """Set a status and the dates that go with it; no webhook is queued."""
        if order.status == "completed" and status in _UNDECIDED:
            order.last_decided = copy.deepcopy(order)
        is_completing = status == "completed" and (order.status != "completed" or is_restoring)
        order.status = status
        if is_completing:
            order.completed_at = self.now()
        self._settle_dates(order)

    def _settle_dates(self, order: Order) -> None:
        order.modified_at = self.now()
        order.version += 1
        if order.is_paid and order.paid_at is None:
            order.paid_at = self.now()
        if order.status == "completed":
            order.completed_at = order.completed_at or self.now()
            order.completed_for = order.customer_id or order.completed_for
        if order.status not in _UNDECIDED:
            order.last_decided = None

    def _changed(self, order: Order) -> None:
        self._settle_dates(order)
        self.announce_change(order)

    def _standing(self, order_id: int) -> Order:
        order = self.order(order_id)
        if order.status == "trash":
            raise Refused(f"order {order_id} is in the trash")
        return order

    def _line(self, item: Item, coupon: Coupon | None) -> Line:
        product = self.product(item.product_id)
        if item.quantity < 1:
            raise Refused("a line has at least one piece")
        if product.type == "variable":
            raise Refused(f"choose a variation of product {product.id}")
        parent = self.products.get(product.parent_id)
        subtotal = cents((product.price if item.price is None else item.price) * item.quantity)
        product.sold += item.quantity
        chosen = [self.meta("size", product.option)] if parent else []
        stamp = [] if item.stamped is None else [self.meta("_tokens_granted", item.stamped)]
        return Line(
            id=self.next_number("line"),
            name=product.name,
            product_id=product.parent_id or product.id,
            variation_id=product.id if parent else 0,
            quantity=item.quantity,
            subtotal=subtotal,
            total=subtotal - cents(subtotal * (coupon.percent if coupon else 0) / Decimal(100)),
            is_taxed=product.is_taxed,
            tokens=tokens_of(product, parent) if item.stamped is None else item.stamped,
            parent_name=parent.name if parent else None,
            meta=[*chosen, *stamp],
        )

    def _pay(self, order: Order, *, is_paid: bool) -> None:
        if not is_paid:
            return
        sold = [self.products[line.article_id] for line in order.lines]
        if order.method == "bacs" and order.total > 0:
            order.status = "on-hold"
        else:
            order.status = "processing" if any(product.needs_processing for product in sold) else "completed"

    def _announce_new(self, order: Order) -> None:
        """Queue the webhooks of a new order; only the block checkout sends updated before created."""
        first, last = ["order.created"], ["order.updated"]
        if order.created_via == "store-api":
            first, last = last, first
        buyer = self.users.get(order.customer_id)
        self.announce(first, order.id)
        if buyer is not None and order.created_via in _CHECKOUTS:
            buyer.has_address, buyer.modified_at = True, self.now()
            buyer.is_paying = buyer.is_paying or order.is_paid
            self.announce(["customer.updated"], buyer.id)
        self.announce(last, order.id)
        if order.status == "completed":
            if buyer is not None and not buyer.is_paying:
                buyer.is_paying, buyer.modified_at = True, self.now()
                self.announce(["customer.updated"], buyer.id)
            self.announce([COMPLETED], order.id)
