"""What an order of the shop should have granted, whatever was heard of it and in whatever order."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bridge.domain.reviews import Decision, ReviewItem

REVOKING_STATUSES = frozenset({"refunded", "cancelled", "failed", "trash", "deleted"})

_NEWEST = ("modified_at", "customer_id", "email", "name", "currency", "placed_at")
"""What the newest document of an order says of it, whatever its status."""

REORDERING_SPAN = timedelta(minutes=10)
"""How long after an order's restoring the delivery of its trashing may still come in late."""


class Basis(StrEnum):
    """How the amount of a line was determined."""

    STAMP = "stamp"
    VARIATION = "variation"
    PRODUCT = "product"
    SKU = "sku"
    HAND = "hand"
    NO_PACKAGE = "no_package"
    """The product is known to be no package: the line stands at 0 and is open to an amount."""
    LEFT = "left"
    """The product became a package later and the owner left the order at 0."""
    UNCLEAR = "unclear"
    """The stated amount cannot be read: the line waits without an amount."""
    SAME_SKU = "same_sku"
    """Several packages with other amounts have the SKU: the line waits without an amount."""


@dataclass(frozen=True, slots=True)
class Priced:
    """The facts an amount was derived from: other facts on the line determine it again."""

    product_id: int
    variation_id: int
    stamped: int | None


class Effect(StrEnum):
    """What the state of an order means for its grants."""

    GRANTS = "grants"
    REVOKES = "revokes"
    KEEPS = "keeps"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order as the shop states it.

    `product_id` is 0 once the product was deleted, unless an older document
    named it: then `is_gone` says so. `stamped` is the amount a piece that the
    companion plugin wrote on the line, None where it did not; `unclear_stamp` is
    what it wrote where that is no clear amount.
    """

    id: int
    product_id: int
    variation_id: int
    quantity: int
    total: Decimal
    name: str = ""
    sku: str = ""
    stamped: int | None = None
    is_gone: bool = False
    unclear_stamp: str = ""

    @property
    def is_of_deleted_product(self) -> bool:
        """Whether the shop itself has forgotten what was sold."""
        return self.is_gone or self.product_id == 0


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """What a refund says of one line: pieces given back, or money alone where `quantity` is 0; neither is negative."""

    line_id: int
    quantity: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class RefundDetail:
    """A refund with its lines, as only the shop's REST tells them.

    `amount` is all its money and `tied` what of it belongs to lines of any
    kind, taxes, shipping and fees included; the rest is tied to no line.
    """

    id: int
    amount: Decimal
    tied: Decimal
    lines: tuple[RefundedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One state of an order: the shop's document, read.

    `customer_id` is 0 for a guest and for a user who was deleted. `total` and
    `refunded` are money of the whole order, `refunded` zero or more: the sum
    over the refunds in `refund_ids`, of which `refund_details` tells what was
    read back. One that `is_current` was read from the shop a moment ago.
    """

    number: int
    status: str
    modified_at: datetime
    customer_id: int
    email: str
    name: str
    total: Decimal
    refunded: Decimal
    currency: str
    placed_at: datetime
    lines: tuple[Line, ...]
    is_restored: bool = False
    is_current: bool = False
    refund_ids: tuple[int, ...] = ()
    refund_details: tuple[RefundDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class Refunds:
    """What was refunded of an order by now: the refunds that stand, their ids ascending, and all their money."""

    ids: tuple[int, ...]
    total: Decimal


@dataclass(frozen=True, slots=True)
class Seen:
    """Refunds that an owner has looked at and is content with, by whom and when."""

    refunds: Refunds
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line with what the bridge knows and did: the frozen amount, and what was posted so far.

    `months` is what one piece of a plan lasts, None for tokens that do not
    expire; a plan's line posts nothing. `basis` is how the amount was determined
    and `priced` the facts it was derived from, both None while there is none.
    `set_by` and `set_at` tell who set the amount by hand.
    """

    line: Line
    tokens: int | None = None
    months: int | None = None
    granted: int = 0
    postings: int = 0
    set_by: str | None = None
    set_at: datetime | None = None
    basis: Basis | None = None
    priced: Priced | None = None

    @property
    def facts(self) -> Priced:
        """The facts an amount of the line is derived from now."""
        return Priced(self.line.product_id, self.line.variation_id, self.line.stamped)

    @property
    def wants_amount(self) -> bool:
        """Whether no amount is fixed, or one that other facts determined; one set by hand stays."""
        if self.tokens is None:
            return True
        return self.basis is not Basis.HAND and self.priced is not None and self.priced != self.facts


@dataclass(frozen=True, slots=True)
class Known:
    """All that was learnt of an order so far.

    `modified_at`, `status`, `customer_id`, `email` and `name` come from the
    newest document; `decided_at`, `effect`, the lines and the money from the
    newest one whose status decides. `keeper_id` is the customer of the newest
    granting document that had one: he keeps the grant when the shop later says
    0. `account_id` holds what was granted; `claimed_by` is the account that a
    guest's order was given to. `seen` is what an owner last said of its refunds,
    `decisions` what people decided about review items, `reviews` the items that
    were open when the order was last written.
    """

    store_id: int
    number: int
    modified_at: datetime | None = None
    status: str = ""
    customer_id: int = 0
    email: str = ""
    name: str = ""
    currency: str = ""
    placed_at: datetime | None = None
    decided_at: datetime | None = None
    effect: Effect = Effect.KEEPS
    keeper_id: int = 0
    keeper_at: datetime | None = None
    total: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    refund_ids: tuple[int, ...] = ()
    refund_details: tuple[RefundDetail, ...] = ()
    lines: tuple[KnownLine, ...] = ()
    seen: Seen | None = None
    account_id: int | None = None
    claimed_by: int | None = None
    trash_key: str = ""
    trashed_at: datetime | None = None
    trashed_after: datetime | None = None
    restored_at: datetime | None = None
    restored_seen_at: datetime | None = None
    restores_ahead: bool = False
    decisions: tuple[Decision, ...] = ()
    reviews: tuple[ReviewItem, ...] = ()

    @property
    def refunds(self) -> Refunds:
        """What was refunded by now, as the shop states it."""
        return Refunds(tuple(sorted(set(self.refund_ids))), self.refunded)

    @property
    def standing_refunds(self) -> tuple[RefundDetail, ...]:
        """The refunds that stand and whose lines are known; a deleted one is no longer in the order's list."""
        return tuple(detail for detail in self.refund_details if detail.id in self.refund_ids)

    @property
    def loose_money(self) -> Decimal:
        """Refunded money that no line is known for."""
        return max(Decimal(0), self.refunded - sum((detail.tied for detail in self.standing_refunds), Decimal(0)))

    @property
    def unread_refunds(self) -> tuple[int, ...]:
        """The refunds whose lines nobody has read back yet."""
        read = {detail.id for detail in self.refund_details}
        return tuple(refund for refund in self.refund_ids if refund not in read)

    @property
    def buyer_id(self) -> int:
        """The shop's user the grant belongs to; 0 when the order is a guest's."""
        return self.customer_id or self.keeper_id


def effect_of(status: str, grant_statuses: Collection[str]) -> Effect:
    """What a status of the shop means: it grants, it revokes, or it leaves things as they are."""
    if status in grant_statuses:
        return Effect.GRANTS
    return Effect.REVOKES if status in REVOKING_STATUSES else Effect.KEEPS


def learn(known: Known, order: Order, *, effect: Effect, received_at: datetime) -> Known:
    """What is known of an order once this document was read too.

    The result depends on the documents, not on the order they came in: an older
    one adds only what a newer one did not say. Of two documents of the same
    second the later to arrive counts, since the shop builds a payload when it
    sends it.
    """
    known = _learn_restoring(known, order, received_at=received_at)
    is_newest = known.modified_at is None or order.modified_at >= known.modified_at
    is_decisive = (
        effect is not Effect.KEEPS
        and (known.decided_at is None or order.modified_at >= known.decided_at)
        and _outlives_trash(known, order)
    )
    # Gathered and taken over at once: a copy of all that is known, for each of them, is what learning would cost.
    learnt: dict[str, Any] = {}
    if order.refund_details:
        learnt["refund_details"] = _joined(known.refund_details, order.refund_details)
    if is_decisive:
        learnt |= {"decided_at": order.modified_at, "effect": effect, "trashed_at": None, "trashed_after": None}
    if is_decisive or (known.decided_at is None and is_newest):
        learnt |= {"total": order.total, "refunded": order.refunded, "refund_ids": order.refund_ids}
        learnt["lines"] = _newer_lines(known.lines, order.lines)
    else:
        learnt["lines"] = _completed_lines(known.lines, order.lines)
    if effect is Effect.GRANTS and order.customer_id and not (known.keeper_at and order.modified_at < known.keeper_at):
        learnt |= {"keeper_id": order.customer_id, "keeper_at": order.modified_at}
    if is_newest:
        learnt |= {name: getattr(order, name) for name in _NEWEST}
        if is_decisive or known.trashed_at is None:
            learnt["status"] = order.status
    return replace(known, **learnt)


def learn_trashing(known: Known, *, delivery: str, received_at: datetime) -> Known:
    """What is known once the shop said, with the bare number, that an order went to the trash.

    The shop gives no date with it. `delivery` tells the same announcement sent
    twice from a second one. One that comes in just after the order's restoring
    was overtaken by it and means nothing any more.
    """
    if delivery and delivery == known.trash_key:
        return known
    known = replace(known, trash_key=delivery)
    if known.restores_ahead:
        known = replace(known, restores_ahead=False)
        if known.restored_seen_at and received_at - known.restored_seen_at <= REORDERING_SPAN:
            return known
    return replace(
        known,
        effect=Effect.REVOKES,
        status="trash",
        decided_at=known.modified_at,
        trashed_at=received_at,
        trashed_after=known.modified_at,
    )


def _joined(known: Iterable[RefundDetail], read: Iterable[RefundDetail]) -> tuple[RefundDetail, ...]:
    """Both, each refund once: the lines of a refund never change."""
    joined = {detail.id: detail for detail in (*known, *read)}
    return tuple(joined[refund] for refund in sorted(joined))


def _learn_restoring(known: Known, order: Order, *, received_at: datetime) -> Known:
    if order.is_current and known.trashed_at is not None:
        return replace(known, trashed_at=None, trashed_after=None)
    if not order.is_restored or order.modified_at == known.restored_at:
        return known
    known = replace(known, restored_at=order.modified_at, restored_seen_at=received_at)
    if known.trashed_at is None:
        return replace(known, restores_ahead=True)
    return replace(known, trashed_at=None, trashed_after=None)


def _outlives_trash(known: Known, order: Order) -> bool:
    if known.trashed_at is None:
        return True
    # The two clocks are compared only where nothing better is known: the shop's may be ahead of ours.
    return order.modified_at > (known.trashed_after or known.trashed_at)


def _newer_lines(known: Iterable[KnownLine], stated: Iterable[Line]) -> tuple[KnownLine, ...]:
    """The lines as a newer document states them; one it no longer has stays with quantity 0."""
    before = {line.line.id: line for line in known}
    after = []
    for line in stated:
        old = before.pop(line.id, None)
        after.append(KnownLine(line) if old is None else replace(old, line=_filled(line, old.line)))
    gone = [replace(old, line=replace(old.line, quantity=0)) for old in before.values()]
    return (*after, *gone)


def _completed_lines(known: Iterable[KnownLine], stated: Iterable[Line]) -> tuple[KnownLine, ...]:
    """The known lines with what only an older document still says: a deleted product's id, a line that is gone."""
    older = {line.id: line for line in stated}
    completed = []
    for line in known:
        old = older.pop(line.line.id, None)
        completed.append(line if old is None else replace(line, line=_filled(line.line, old)))
    gone = [KnownLine(replace(line, quantity=0)) for line in older.values()]
    return (*completed, *gone)


def _filled(line: Line, other: Line) -> Line:
    is_gone = line.is_of_deleted_product or other.is_of_deleted_product
    if line.product_id == 0 and other.product_id:
        line = replace(line, product_id=other.product_id, variation_id=other.variation_id, sku=line.sku or other.sku)
    # Where no document named the product, its id of 0 says it already.
    is_gone = is_gone and line.product_id != 0
    stamped = other.stamped if line.stamped is None else line.stamped
    unclear = "" if stamped is not None else line.unclear_stamp or other.unclear_stamp
    if (is_gone, stamped, unclear) == (line.is_gone, line.stamped, line.unclear_stamp):
        return line
    return replace(line, is_gone=is_gone, stamped=stamped, unclear_stamp=unclear)
