"""Refunds: by piece, by money on a line, by money tied to no line, of the remainder; and their deletion."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fakeshop.model.catalog import Refused
from fakeshop.model.order_actions import OrderActions
from fakeshop.model.orders import Line, Order, Refund, RefundedLine, cents, tax_on
from fakeshop.webhooks.subscriptions import REFUNDED


class Refunds(OrderActions):
    """The refund actions of a shop's owner."""

    def refund_lines(
        self,
        order_id: int,
        quantities: Mapping[int, int],
        *,
        amounts: Mapping[int, Decimal | str] | None = None,
        reason: str = "",
    ) -> Refund:
        """Refund this many pieces of these lines.

        Each line's money is that of its pieces plus tax, or the amount in `amounts`
        without tax; "0" refunds the pieces without money.
        """
        order = self._refundable(order_id)
        parts = []
        for line_id, quantity in quantities.items():
            line = order.line(line_id)
            if quantity > line.quantity - order.refunded_pieces(line_id):
                raise Refused(f"line {line_id} has not so many pieces left")
            # Money may have been refunded on the line before; the shop proposes no more than what is left.
            proposed = min(line.total * quantity / max(1, line.quantity), line.total - order.refunded_money(line_id))
            amount = cents((amounts or {}).get(line_id, max(Decimal(0), proposed)))
            parts.append(self._part(line, quantity, amount))
        return self._refund(order, sum((part.total + part.tax for part in parts), Decimal(0)), parts, reason)

    def refund_amount(
        self, order_id: int, amount: Decimal | str, *, line_id: int | None = None, reason: str = ""
    ) -> Refund:
        """Refund money: on one line, without its tax and without pieces, or tied to no line."""
        order = self._refundable(order_id)
        money = cents(amount)
        if money <= 0:
            raise Refused("Invalid refund amount.")
        if line_id is None:
            return self._refund(order, money, [], reason)
        part = self._part(order.line(line_id), 0, money)
        return self._refund(order, part.total + part.tax, [part], reason)

    def refund_rest(self, order_id: int, *, reason: str = "") -> Refund:
        """Refund all remaining money, tied to no line."""
        order = self._refundable(order_id)
        return self._refund(order, order.remainder, [], reason)

    def refund_by_status(self, order_id: int) -> None:
        """Set the status refunded by hand: WooCommerce then refunds the remainder, if there is one."""
        order = self._refundable(order_id)
        self.move_to(order, "refunded")
        more: list[str] = []
        if order.remainder > 0:
            order.refunds.append(self._new(order.remainder, [], "Order fully refunded.", is_full=True))
            more = [REFUNDED]
        self.announce_change(order, more=more)

    def delete_refund(self, order_id: int, refund_id: int) -> None:
        """Delete a refund: no webhook is sent, no date changes, and the status stays."""
        order = self.order(order_id)
        remaining = [refund for refund in order.refunds if refund.id != refund_id]
        if len(remaining) == len(order.refunds):
            raise Refused(f"order {order_id} has no refund {refund_id}")
        order.refunds = remaining
        order.version += 1

    def _refund(self, order: Order, amount: Decimal, parts: list[RefundedLine], reason: str) -> Refund:
        if amount > order.remainder or (amount == 0 and not parts):
            raise Refused("Invalid refund amount.")
        is_full = amount == order.remainder and not order.leaves_free_pieces(
            {part.line_id: part.quantity for part in parts}
        )
        refund = self._new(amount, parts, reason, is_full=is_full)
        order.refunds.append(refund)
        self.move_to(order, "refunded" if is_full else order.status)
        self.announce_change(order, more=[REFUNDED])
        return refund

    def _new(self, amount: Decimal, parts: list[RefundedLine], reason: str, *, is_full: bool) -> Refund:
        number = self.next_number("post")
        meta = self.next_number("meta")
        return Refund(number, meta, self.now(), amount, reason, is_full=is_full, lines=tuple(parts))

    def _part(self, line: Line, quantity: int, amount: Decimal) -> RefundedLine:
        tax = tax_on(amount, is_taxed=line.is_taxed)
        return RefundedLine(self.next_number("line"), self.next_number("meta"), line.id, quantity, amount, tax)

    def _refundable(self, order_id: int) -> Order:
        order = self.order(order_id)
        if order.status == "trash":
            raise Refused(f"order {order_id} is in the trash")
        return order
