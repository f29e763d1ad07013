"""Find the uncertain points of an order, and apply an owner's decisions about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.domain.orders.currencies import minor_unit
from bridge.domain.orders.errors import LineHasAmount, NoOpenRefunds, RefundsChanged, UnknownChoice, UnknownLine
from bridge.domain.orders.grants import list_disagreements
from bridge.domain.orders.review_items import (
    APPLY,
    GRANT,
    KEEP,
    LEAVE,
    PIECES,
    REPLACE,
    Decision,
    Parameter,
    Question,
    ReviewItem,
    open_items,
)
from bridge.domain.orders.state import Acknowledgement, Basis, Effect, LineState, OrderState, Refunds

__all__ = [
    "UNPAID_FOR",
    "Circumstances",
    "Question",
    "open_lines",
    "question_of",
    "review_items",
    "with_amount",
    "with_decision",
    "with_refunds_seen",
]


_WAITING: dict[Question, tuple[Basis | None, ...]] = {
    Question.UNKNOWN_PRODUCT: (None,),
    Question.UNCLEAR_AMOUNT: (Basis.UNCLEAR,),
    Question.SAME_SKU: (Basis.SAME_SKU,),
}
"""The reasons why lines have no amount, by kind of review item."""

WANT_AMOUNTS = frozenset(_WAITING)
"""The kinds of review item that an amount on the order's lines answers."""

_NAMED = 5
"""The most products that one review item names."""

UNPAID_FOR = timedelta(days=1)
"""How long a granted order may have an unpaid status before it needs a person."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The facts that review items depend on, beside the order itself.

    `covered` names, for each line that another order of the family grants, that
    order; `same_payment` are orders with the order's transaction id; `too_large`
    are lines worth more than a balance can hold, and `over_balance` has the tokens, by
    line, that the buyer's balance cannot hold now. `now` is None where time does
    not count. An order `is_withheld` where it was placed before the store began
    to grant, and `is_paid_later` where it was paid after that, and `is_placing_unclear`
    where the shop's clock may be the reason. To let a kind
    depend on something else, add it here and fill it in `services/orders`.
    """

    is_parked: bool = False
    covered: Mapping[int, str] = field(default_factory=dict)
    same_payment: tuple[str, ...] = ()
    too_large: tuple[int, ...] = ()
    over_balance: Mapping[int, int] = field(default_factory=dict)
    now: datetime | None = None
    is_withheld: bool = False
    is_paid_later: bool = False
    is_placing_unclear: bool = False


def review_items(known: OrderState, circumstances: Circumstances) -> tuple[ReviewItem, ...]:
    """Return every review item of an order, the most urgent first, ignoring decisions.

    A pure function. Each function of `_FINDERS` finds the items of some kinds.
    """
    found = [item for find in _FINDERS for item in find(known, circumstances)]
    return open_items(found, known.decisions)


def question_of(known: OrderState, *, is_parked: bool) -> Question:
    """Return the kind of an order's most urgent review item."""
    items = review_items(known, Circumstances(is_parked=is_parked))
    return items[0].kind if items else Question.NONE


def _identity_items(known: OrderState, circumstances: Circumstances) -> Iterator[ReviewItem]:
    """Find another order with the same number, product in a related order, or payment."""
    if known.rival is not None:
        rival = {"buyer": known.rival.email or "", "status": known.rival.status, "first_buyer": known.email}
        yield ReviewItem(Question.OTHER_ORDER, known.rival.key, rival, (KEEP, REPLACE))
    if known.effect is not Effect.GRANTS:
        return
    for line_id, order in sorted(circumstances.covered.items()):
        about: dict[str, Parameter] = {"line": line_id, "order": order}
        yield ReviewItem(Question.RELATED_ORDER, f"{line_id}", about, (GRANT, LEAVE))
    if circumstances.same_payment:
        orders = list(circumstances.same_payment)
        yield ReviewItem(Question.SAME_PAYMENT, ",".join(orders), {"orders": orders}, (LEAVE,))


def _product_items(known: OrderState, circumstances: Circumstances) -> Iterator[ReviewItem]:
    """Find lines without an amount: product unknown, amount not clear, or SKU of several packages."""
    lines = open_lines(known) if known.effect is Effect.GRANTS else ()
    for kind, bases in _WAITING.items():
        waiting = [line for line in lines if line.basis in bases]
        if waiting:
            yield ReviewItem(
                kind,
                parameters={
                    "lines": [line.line.id for line in waiting],
                    "products": [_product_name(line) for line in waiting[:_NAMED]],
                },
            )


def _product_name(line: LineState) -> str:
    """Return the product of a line as a sentence names it, with a stamp that cannot be read."""
    name = line.line.name or f"product {line.line.product_id}"
    return f"{name} ({line.line.unclear_stamp})" if line.line.unclear_stamp else name


def _line_items(known: OrderState, circumstances: Circumstances) -> Iterator[ReviewItem]:
    """Find lines and quantities that are not stated, and lines that grant too much or nothing."""
    if known.effect is not Effect.GRANTS:
        return
    if known.lines_are_doubtful and (known.total > 0 or any(line.line.quantity for line in known.lines)):
        yield ReviewItem(Question.LINES_UNCLEAR, str(known.sources.ranks["doubt"].at), {}, (LEAVE,))
    for line in known.lines:
        about: dict[str, Parameter] = {"line": line.line.id, "name": line.line.name}
        if line.is_unclear and line.tokens != 0:
            yield ReviewItem(Question.QUANTITY_UNCLEAR, f"{line.line.id}", about, (LEAVE,))
        if line.line.unclear_stamp and line.granted and line.basis is not Basis.HAND:
            stamp = line.line.unclear_stamp
            named = about | {"stamp": stamp, "granted": line.granted}
            yield ReviewItem(Question.STAMP_UNCLEAR, f"{line.line.id}:{stamp}", named, (LEAVE,))
        if line.line.id in circumstances.too_large:
            yield ReviewItem(Question.TOO_LARGE, f"{line.line.id}:{line.line.quantity}", about, (LEAVE,))
        if tokens := circumstances.over_balance.get(line.line.id):
            named = about | {"tokens": tokens}
            yield ReviewItem(Question.BALANCE_FULL, f"{line.line.id}:{tokens}", named, (LEAVE,))
        if line.tokens and 0 < line.tokens * line.quantity < 1:
            yield ReviewItem(Question.NO_TOKENS, f"{line.line.id}:{line.line.quantity}", about, (LEAVE,))


def _date_items(known: OrderState, circumstances: Circumstances) -> Iterator[ReviewItem]:
    """Find a document that may not be the newest, of an order that may grant tokens."""
    unplaced = known.sources.unplaced
    if unplaced is not None and (not known.lines or any(line.tokens != 0 for line in known.lines)):
        about: dict[str, Parameter] = {
            "status": unplaced.order.status,
            "dated": unplaced.order.modified_at.isoformat(),
            "refunded": f"{unplaced.order.refunded or 0:f}",
            "current": known.status,
        }
        kind = Question.SENT_AFTER_DELETION if known.trash.is_absent else Question.DATE_UNCLEAR
        yield ReviewItem(kind, unplaced.digest, about, (APPLY, LEAVE))


def _status_items(known: OrderState, circumstances: Circumstances) -> Iterator[ReviewItem]:
    """Find a buyer without an account, and a status that does not say whether the order is paid."""
    if known.effect is Effect.GRANTS and circumstances.is_parked:
        yield ReviewItem(Question.NO_BUYER)
    is_package = any(line.tokens != 0 and line.line.quantity for line in known.lines)
    if circumstances.is_paid_later and is_package:
        yield ReviewItem(Question.PAID_LATER, "", {"status": known.status}, (GRANT, LEAVE))
    elif circumstances.is_placing_unclear and is_package:
        yield ReviewItem(Question.PLACED_UNCLEAR, "", {"status": known.status}, (GRANT, LEAVE))
    if known.effect is Effect.KEEPS and known.is_finished and is_package and not circumstances.is_withheld:
        yield ReviewItem(Question.NOT_GRANTED, known.status, {"status": known.status}, (GRANT, LEAVE))
    now = circumstances.now
    if known.unpaid_since is not None and now is not None and now - known.unpaid_since >= UNPAID_FOR:
        since = known.unpaid_since.isoformat()
        yield ReviewItem(Question.UNPAID, since, {"status": known.status}, (LEAVE,))


def _refund_items(known: OrderState, circumstances: Circumstances) -> Iterator[ReviewItem]:
    """Find refunds that no owner has reviewed in their current form."""
    if known.effect is not Effect.GRANTS:
        return
    is_package = any(line.tokens != 0 and line.line.quantity for line in known.lines)
    if known.refunds_are_doubtful and is_package and not known.is_refunded_whole:
        stated = {"refunds": known.unclear_refunds}
        yield ReviewItem(Question.REFUNDS_UNREADABLE, known.unclear_refunds, stated, (LEAVE,))
    if not _are_acknowledged(known) and (kind := _refund_question(known)):
        yield ReviewItem(kind)
    for one in list_disagreements(known):
        about: dict[str, Parameter] = {
            "line": one.line_id,
            "pieces": f"{float(one.pieces):g}",
            "money": f"{one.money:f}",
        }
        yield ReviewItem(Question.REFUND_UNCLEAR, one.subject, about, (LEAVE, PIECES))


_FINDERS: tuple[Callable[[OrderState, Circumstances], Iterable[ReviewItem]], ...] = (
    _identity_items,
    _product_items,
    _line_items,
    _date_items,
    _status_items,
    _refund_items,
)


def with_decision(known: OrderState, item: ReviewItem, choice: str, *, by: str, at: datetime) -> OrderState:
    """Return the order with a person's choice about a review item; raises `UnknownChoice`."""
    if choice not in item.choices:
        raise UnknownChoice(f"choose one of: {', '.join(item.choices) or 'none; use the other call for this item'}")
    return replace(known, decisions=(*known.decisions, Decision(item.kind, item.subject, choice, by, at)))


def open_lines(known: OrderState) -> tuple[LineState, ...]:
    """Return the lines without an amount and with a quantity."""
    return tuple(line for line in known.lines if line.tokens is None and line.line.quantity)


def with_amount(known: OrderState, line_id: int, *, tokens: int, by: str, at: datetime) -> OrderState:
    """Return the order with one line's amount set manually, in whole tokens per unit; 0 if not a package.

    Only a line without an amount, or with 0 that no person set, accepts one. The same
    amount again changes nothing. Raises `UnknownLine`, and `LineHasAmount` if
    another amount is fixed.
    """
    line = next((line for line in known.lines if line.line.id == line_id), None)
    if line is None:
        raise UnknownLine(f"order {known.shown_number} has no line {line_id}")
    if line.tokens is None or (line.tokens == 0 and line.months is None and line.set_by is None):
        settled = replace(line, tokens=tokens, basis=Basis.HAND, set_by=by, set_at=at)
        return replace(known, lines=tuple(settled if one is line else one for one in known.lines))
    if line.tokens != tokens or line.months is not None:
        grants = f"{line.tokens} tokens" + (f" a month, for {line.months} months" if line.months is not None else "")
        raise LineHasAmount(
            f"one unit of line {line_id} of order {known.shown_number} already grants {grants};"
            " if that is wrong, correct the balance"
        )
    return known


def with_refunds_seen(known: OrderState, refunds: Refunds, *, by: str, at: datetime) -> OrderState:
    """Return the order with its refunds marked as reviewed; reviewing the same refunds again changes nothing.

    Raises `RefundsChanged` if the named refunds are not the current ones, and
    `NoOpenRefunds` if none need a review.
    """
    if refunds != known.refunds:
        raise RefundsChanged(f"the refunds of order {known.shown_number} changed since they were read; read them again")
    if _are_acknowledged(known):
        return known
    if known.effect is not Effect.GRANTS or _refund_question(known) is Question.NONE:
        raise NoOpenRefunds(f"order {known.shown_number} has no refunds to review")
    return replace(known, seen=Acknowledgement(refunds, by, at))


def _are_acknowledged(known: OrderState) -> bool:
    return known.seen is not None and known.seen.refunds == known.refunds


def _refund_question(known: OrderState) -> Question:
    """Find money refunded on no line, or on unreadable lines, that was reversed by share."""
    is_whole = known.is_refunded_whole and known.refunded - known.total <= minor_unit(known.currency)
    if is_whole or not any(line.tokens for line in known.lines):
        return Question.NONE
    if known.unread_refunds:
        return Question.UNREAD_REFUNDS
    return Question.UNALLOCATED_REFUND if known.unallocated_money > 0 else Question.NONE
