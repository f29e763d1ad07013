"""Orders: one document of the shop as it was read, and the state merged from all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from hashlib import blake2b
from typing import NamedTuple

from bridge.domain.orders.currencies import minor_unit
from bridge.domain.orders.dates import DocumentDate
from bridge.domain.orders.refunds import Acknowledgement as Acknowledgement
from bridge.domain.orders.refunds import RefundDetail as RefundDetail
from bridge.domain.orders.refunds import RefundedLine as RefundedLine
from bridge.domain.orders.refunds import Refunds as Refunds
from bridge.domain.orders.review_items import Decision, ReviewItem
from bridge.domain.orders.sales import Sale
from bridge.domain.orders.trash import Trash, TrashState


class Basis(StrEnum):
    """The way the amount of a line was determined."""

    STAMP = "stamp"
    VARIATION = "variation"
    PRODUCT = "product"
    SKU = "sku"
    HAND = "hand"
    NO_PACKAGE = "no_package"
    """The product is recorded as no package: the line stands at 0 and is open to an amount."""
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
    stamped_months: int | None = None


class Effect(StrEnum):
    """The effect of an order's state on its grants."""

    GRANTS = "grants"
    REVOKES = "revokes"
    KEEPS = "keeps"


class Rank(NamedTuple):
    """The priority of a document for a value: of two documents the one with the higher rank counts.

    `weight` is 1 for a document that decides the value by its status, else 0.
    `epoch` is when the shop was last asked before the document came, `at` what
    the document's date counts as, `seen` when the document first arrived; all
    in microseconds since 1970. Two documents of one second differ in `seen`.
    """

    weight: int
    epoch: int
    at: int
    seen: int


NEVER = Rank(-1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Sources:
    """The documents that an order's values come from.

    `ranks` has the rank of each value by name. `documents` are the dates of the
    newest documents. `read_at` is when the order was last requested from the shop,
    `arrived_at` when anything about it last arrived, in microseconds. `status` and
    `effect` are those of the documents, without a trashing. `unplaced` was not
    merged, because its date cannot be compared with theirs.
    """

    ranks: Mapping[str, Rank] = field(default_factory=dict)
    documents: tuple[DocumentDate, ...] = ()
    read_at: int = 0
    arrived_at: int = 0
    status: str = ""
    effect: Effect = Effect.KEEPS
    unplaced: Unplaced | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order as the shop states it.

    `product_id` is 0 once the product was deleted, unless an older document
    named it: then `is_gone` says so. `quantity` may be a fraction, and is None
    where it cannot be read; so is `total`. `stamped` is the amount a piece that
    the companion plugin wrote on the line, None where it did not, and with
    `stamped_months` that of each month of a plan; `unclear_stamp` is what it wrote
    where that is no clear amount.
    """

    id: int
    product_id: int
    variation_id: int
    quantity: int | Decimal | None
    total: Decimal | None
    name: str = ""
    sku: str = ""
    stamped: int | None = None
    is_gone: bool = False
    unclear_stamp: str = ""
    stamped_months: int | None = None

    @property
    def is_of_deleted_product(self) -> bool:
        """Return whether the shop no longer has the product."""
        return self.is_gone or self.product_id == 0


@dataclass(frozen=True, slots=True)
class Order:
    """One document of an order, read. None means that it does not state a value, which is not the same as nothing.

    `customer_id` is 0 for a guest and for a user who was deleted. `total` and
    `refunded` are money of the whole order, `refunded` zero or more: the sum
    over the refunds in `refund_ids`; `refund_details` holds those that were
    read back, and `unclear_refunds` is a list of refunds that is stated and cannot
    be read. `lines_are_complete` is False where some could not be read.
    `requested_at` is when the shop was asked for a document that was read
    through its REST, None for a delivery. `key` is the shop's order key,
    `shop_number` the number people see where it is not the id. `paid_at` is when
    it was paid or completed, by its dates.
    """

    number: int
    status: str
    modified_at: datetime
    customer_id: int | None
    email: str | None
    name: str | None
    total: Decimal | None
    refunded: Decimal | None
    currency: str
    placed_at: datetime | None
    lines: tuple[Line, ...] | None
    is_restored: bool = False
    is_created: bool = False
    refund_ids: tuple[int, ...] = ()
    refund_details: tuple[RefundDetail, ...] = ()
    requested_at: datetime | None = None
    lines_are_complete: bool = True
    key: str = ""
    parent_id: int = 0
    transaction_id: str = ""
    shop_number: str = ""
    is_finished: bool | None = None
    is_paid: bool | None = None
    paid_at: datetime | None = None
    unclear_refunds: str = ""
    sale: Sale | None = None

    @property
    def shown_number(self) -> str:
        """The order number shown to people."""
        return self.shop_number or str(self.number)

    @property
    def lines_are_doubtful(self) -> bool:
        """Return whether the lines are missing, partly unreadable, or an empty list that needs proof from the shop."""
        if self.lines is None or not self.lines_are_complete:
            return True
        return not self.lines and self.requested_at is None

    @property
    def digest(self) -> str:
        """Return a digest that distinguishes this document from another one of the same second."""
        said: tuple[object, ...] = (
            *(self.status, self.modified_at, self.customer_id, self.email, self.name, self.total, self.refunded),
            *(self.currency, self.placed_at, self.lines, self.refund_ids, self.key, self.parent_id),
            *(self.transaction_id, self.shop_number, self.is_finished, self.is_paid, self.lines_are_complete),
        )
        if self.unclear_refunds:
            said = (*said, self.unclear_refunds)
        return blake2b(repr(said).encode("utf-8", "replace"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A document whose date cannot be compared with those that were merged, and its digest."""

    order: Order
    digest: str


@dataclass(frozen=True, slots=True)
class LineState:
    """A line merged from the documents, with the fixed amount and the tokens posted so far.

    `line.quantity` is 0 for a line that left the order; `stated` is the quantity
    the documents state, None where none of them can be read; `varied` is the last
    variation they state, with its product. `months` is how
    long one piece of a plan lasts, None for tokens that do not expire; a plan's
    line posts nothing. `basis` is how the amount was determined and `priced` the
    facts it was derived from, both None while there is none. `set_by` and
    `set_at` record who set the amount manually, and when. `ranks` are those of its values.
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
    stated: int | Decimal | None = None
    varied: tuple[int, int] = (0, 0)
    ranks: Mapping[str, Rank] = field(default_factory=dict)

    @property
    def quantity(self) -> Fraction:
        """Return the exact quantity that counts."""
        return Fraction(self.line.quantity or 0)

    @property
    def is_unclear(self) -> bool:
        """Return whether the newest document that lists the line states no readable quantity."""
        unclear = self.ranks.get("unclear", NEVER)
        return unclear > NEVER and unclear >= self.ranks.get("quantity", NEVER)

    @property
    def facts(self) -> Priced:
        """Return the facts an amount of the line is derived from now."""
        return Priced(self.line.product_id, self.line.variation_id, self.line.stamped, self.line.stamped_months)

    @property
    def wants_amount(self) -> bool:
        """Return whether the amount is missing or based on other facts; one set manually stays."""
        if self.tokens is None:
            return True
        return self.basis is not Basis.HAND and self.priced is not None and self.priced != self.facts


@dataclass(frozen=True, slots=True)
class OrderState:
    """The state of an order, merged from all its documents.

    Each value comes from the document with the highest rank that states it:
    see `Rank` and `sources`. `keeper_id` is the customer of the newest granting
    document that had one: they keep the grant when the shop later says 0.
    `account_id` holds what was granted; `claimed_by` is the account that a
    guest's order was given to. `seen` is the owner's last review of its refunds,
    `decisions` what people decided about review items, `reviews` the items that
    were open when the order was last written. `rival` is the newest document of
    another order with this number. `unpaid_since` is since when a granted order
    has an unpaid status. `paid_at` is the latest stated date of payment or completion,
    `unclear_refunds` the newest unreadable list of refunds. `sent_at` is the earliest
    date of a delivered document, `created_at` that of the one about the creation.
    `sale` is for receipts only, from the document that the total comes from.
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
    lines: tuple[LineState, ...] = ()
    seen: Acknowledgement | None = None
    account_id: int | None = None
    claimed_by: int | None = None
    trash: Trash = field(default_factory=Trash)
    key: str = ""
    parent_id: int = 0
    transaction_id: str = ""
    shop_number: str = ""
    is_finished: bool = False
    is_paid: bool = True
    paid_at: datetime | None = None
    unclear_refunds: str = ""
    sent_at: datetime | None = None
    created_at: datetime | None = None
    sources: Sources = field(default_factory=Sources)
    rival: Order | None = None
    unpaid_since: datetime | None = None
    decisions: tuple[Decision, ...] = ()
    reviews: tuple[ReviewItem, ...] = ()
    is_erased: bool = False
    sale: Sale | None = None

    @property
    def refunds(self) -> Refunds:
        """Return the refunds so far, as the shop states them."""
        return Refunds(tuple(sorted(set(self.refund_ids))), self.refunded)

    @property
    def standing_refunds(self) -> tuple[RefundDetail, ...]:
        """Return the refunds that stand and have lines; a deleted one is no longer in the order's list."""
        return tuple(detail for detail in self.refund_details if detail.id in self.refund_ids)

    @property
    def unallocated_money(self) -> Decimal:
        """Return the refunded money on no line, or on unknown lines.

        Counted for each refund by itself: what one has too much on its lines does
        not lessen another's. A difference of one minor unit a line is rounding.
        """
        tolerance = minor_unit(self.currency)
        unallocated = Decimal(0)
        for detail in self.standing_refunds:
            rest = detail.amount - detail.tied
            unallocated += rest if rest > tolerance * max(1, len(detail.lines)) else 0
        unread = self.refunded - sum((detail.amount for detail in self.standing_refunds), Decimal(0))
        return unallocated + max(Decimal(0), unread)

    @property
    def is_refunded_whole(self) -> bool:
        """Return whether all the order's money was given back."""
        return 0 < self.total <= self.refunded

    @property
    def is_known(self) -> bool:
        """Return whether anything came of the order itself; a parent is locked before it does."""
        return self.modified_at is not None or self.trash.state is TrashState.TRASHED

    @property
    def lines_are_doubtful(self) -> bool:
        """Return whether the newest document that counts for the lines does not state them."""
        return self.sources.ranks.get("doubt", NEVER) > self.sources.ranks.get("lines", NEVER)

    @property
    def refunds_are_doubtful(self) -> bool:
        """Return whether the newest document that states refunds states some that cannot be read."""
        return self.sources.ranks.get("unclear_refunds", NEVER) > self.sources.ranks.get("refunded", NEVER)

    @property
    def shown_number(self) -> str:
        """The order number shown to people."""
        return self.shop_number or str(self.number)

    @property
    def unread_refunds(self) -> tuple[int, ...]:
        """The refunds whose lines have not been read back yet."""
        read = {detail.id for detail in self.refund_details}
        return tuple(refund for refund in self.refund_ids if refund not in read)

    @property
    def buyer_id(self) -> int:
        """The shop's user the grant belongs to; 0 when the order is a guest's."""
        return self.customer_id or self.keeper_id
