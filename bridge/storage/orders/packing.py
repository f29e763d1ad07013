"""The JSON columns of orders and their lines: refunds, decisions, review items, facts of amounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bridge.domain.orders import dates
from bridge.domain.orders.dates import DocumentDate
from bridge.domain.orders.review_items import Decision, Question, ReviewItem
from bridge.domain.orders.state import (
    Acknowledgement,
    Effect,
    Line,
    LineState,
    Order,
    OrderState,
    Priced,
    Rank,
    RefundDetail,
    RefundedLine,
    Refunds,
    Sources,
    Unplaced,
)
from bridge.storage.engine.json_times import pack_time, unpack_time


def pack_refunds(known: OrderState) -> dict[str, Any] | None:
    """Return the refunds as stored in the JSON column; None without refunds."""
    if not known.refund_ids and not known.refund_details:
        return None
    details = [
        [
            detail.id,
            str(detail.amount),
            str(detail.tied),
            [[line.line_id, _pack_number(line.quantity), str(line.total)] for line in detail.lines],
        ]
        for detail in known.refund_details
    ]
    return {"ids": list(known.refund_ids), "details": details}


def unpack_refunds(packed: dict[str, Any] | None) -> tuple[tuple[int, ...], tuple[RefundDetail, ...]]:
    """Return the ids of the stored refunds, and their details."""
    if not packed:
        return (), ()
    details = tuple(
        RefundDetail(
            id_,
            Decimal(amount),
            Decimal(tied),
            tuple(RefundedLine(line, unpack_number(count) or 0, Decimal(total)) for line, count, total in lines),
        )
        for id_, amount, tied, lines in packed["details"]
    )
    return tuple(packed["ids"]), details


def _pack_number(value: int | Decimal) -> int | str:
    return value if isinstance(value, int) else str(value)


def unpack_number(value: int | str | Decimal | None) -> int | Decimal | None:
    """Return a quantity: a whole number as one, a fraction exactly."""
    if value is None or isinstance(value, int):
        return value
    number = Decimal(value)
    return int(number) if number == number.to_integral_value() else number


def pack_sources(known: OrderState) -> dict[str, Any] | None:
    """Return the sources of an order's values for storage; None for an order without documents."""
    sources = known.sources
    if not sources.ranks and not known.trash.is_absent:
        return None
    return {
        "ranks": _pack_ranks(sources.ranks),
        "documents": [list(document) for document in sources.documents],
        "unplaced": sources.unplaced and [pack_rival(sources.unplaced.order), sources.unplaced.digest],
        "read": sources.read_at,
        "heard": sources.arrived_at,
        "status": sources.status,
        "effect": sources.effect.value,
        "finished": known.is_finished,
        "paid": known.is_paid,
        "paid_at": pack_time(known.paid_at),
        "unpaid": pack_time(known.unpaid_since),
        "unclear_refunds": known.unclear_refunds,
        "sent": pack_time(known.sent_at),
        "created": pack_time(known.created_at),
        "absent": known.trash.is_absent,
    }


def unpack_sources(packed: dict[str, Any] | None, number: int) -> dict[str, Any]:
    """Return the stored sources as fields of `OrderState`."""
    if not packed:
        return {}
    return {
        "sources": Sources(
            ranks=_unpack_ranks(packed["ranks"]),
            documents=tuple(_unpack_document(*document) for document in packed["documents"]),
            read_at=packed["read"],
            arrived_at=packed["heard"],
            status=packed["status"],
            effect=Effect(packed["effect"]),
            unplaced=_unpack_unplaced(packed.get("unplaced"), number),
        ),
        "is_finished": packed["finished"],
        "is_paid": packed["paid"],
        "unpaid_since": unpack_time(packed["unpaid"]),
        "paid_at": unpack_time(packed.get("paid_at")),
        "unclear_refunds": packed.get("unclear_refunds", ""),
        "sent_at": unpack_time(packed.get("sent")),
        "created_at": unpack_time(packed.get("created")),
    }


def _unpack_document(at: int, digest: str, seen: int, counted: int | None = None) -> DocumentDate:
    """Return the date of a document; an earlier version did not store the date that it counts as."""
    return DocumentDate(at, digest, seen, dates.counted(at, seen) if counted is None else counted)


def _unpack_unplaced(packed: list[Any] | None, number: int) -> Unplaced | None:
    """Return the document whose date cannot be compared."""
    order = unpack_rival(packed[0], number) if packed else None
    return None if packed is None or order is None else Unplaced(order, packed[1])


def pack_line_sources(line: LineState) -> dict[str, Any] | None:
    """Return the sources of a line's values."""
    return {"ranks": _pack_ranks(line.ranks), "varied": list(line.varied)} if line.ranks else None


def unpack_line_sources(packed: dict[str, Any] | None) -> tuple[dict[str, Rank], tuple[int, int]]:
    """Return the ranks of a line's values, and its last variation with the product."""
    if not packed:
        return {}, (0, 0)
    product, variation = packed["varied"]
    return _unpack_ranks(packed["ranks"]), (product, variation)


def _pack_ranks(ranks: Mapping[str, Rank]) -> list[Any]:
    """Return each rank once, with the values that have it: most values come from the same document."""
    names: dict[Rank, list[str]] = {}
    for name, rank in ranks.items():
        names.setdefault(rank, []).append(name)
    return [[*rank, " ".join(found)] for rank, found in names.items()]


def _unpack_ranks(packed: list[Any]) -> dict[str, Rank]:
    return {name: _unpack_rank(*rank) for *rank, names in packed for name in names.split()}


def _unpack_rank(weight: int, epoch: int, at: int, seen: int) -> Rank:
    """Return a rank; an earlier version stored dates as stated, even if they were ahead of their arrival."""
    return Rank(weight, epoch, dates.counted(at, seen) if seen else at, seen)


def pack_rival(order: Order | None) -> dict[str, Any] | None:
    """Return the newest document of another order with the same number."""
    if order is None:
        return None
    lines = [
        [
            *(line.id, line.product_id, line.variation_id, _text(line.quantity), _text(line.total)),
            *(line.name, line.sku, line.stamped, line.is_gone, line.unclear_stamp),
            line.stamped_months,
        ]
        for line in order.lines or ()
    ]
    plain = {name: getattr(order, name) for name in _RIVAL}
    money = {name: _text(getattr(order, name)) for name in ("total", "refunded")}
    times = {name: pack_time(getattr(order, name)) for name in _TIMES}
    lists = {
        "lines": None if order.lines is None else lines,
        "refunds": order.refund_ids,
        "unclear_refunds": order.unclear_refunds,
    }
    return {**plain, **money, **times, **lists}


def unpack_rival(packed: dict[str, Any] | None, number: int) -> Order | None:
    """Return the newest document of another order with the same number."""
    if not packed:
        return None
    values: dict[str, Any] = {name: packed[name] for name in _RIVAL}
    values |= {name: None if packed[name] is None else Decimal(packed[name]) for name in ("total", "refunded")}
    values |= {name: unpack_time(packed.get(name)) for name in _TIMES}
    values["unclear_refunds"] = packed.get("unclear_refunds", "")
    lines = None if packed["lines"] is None else tuple(_unpack_rival_line(*line) for line in packed["lines"])
    return Order(number=number, lines=lines, refund_ids=tuple(packed["refunds"]), **values)


def _unpack_rival_line(
    id_: int, product: int, variation: int, quantity: str | None, total: str | None, *rest: Any
) -> Line:
    money = None if total is None else Decimal(total)
    return Line(id_, product, variation, unpack_number(quantity), money, *rest)


def _text(value: int | Decimal | None) -> str | None:
    return None if value is None else str(value)


_RIVAL = (
    "status",
    "customer_id",
    "email",
    "name",
    "currency",
    "lines_are_complete",
    "key",
    "parent_id",
    "transaction_id",
    "shop_number",
    "is_finished",
    "is_paid",
)
_TIMES = ("modified_at", "placed_at", "requested_at", "paid_at")


def pack_seen(seen: Acknowledgement | None) -> dict[str, Any] | None:
    """Return the refunds an owner has seen."""
    if seen is None:
        return None
    refunds = seen.refunds
    return {"ids": list(refunds.ids), "total": str(refunds.total), "by": seen.by, "at": pack_time(seen.at)}


def unpack_seen(packed: dict[str, Any] | None) -> Acknowledgement | None:
    """Return the refunds an owner has seen."""
    if not packed:
        return None
    refunds = Refunds(tuple(packed["ids"]), Decimal(packed["total"]))
    return Acknowledgement(refunds, packed["by"], unpack_time(packed["at"]))


def pack_decisions(decisions: Sequence[Decision]) -> list[Any] | None:
    """Return what people decided, in the order they did."""
    packed = [[one.kind.value, one.subject, one.choice, one.by, pack_time(one.at)] for one in decisions]
    return packed or None


def unpack_decisions(packed: list[Any] | None) -> tuple[Decision, ...]:
    """Return what people decided, in the order they did."""
    return tuple(
        Decision(Question(kind), subject, choice, by, unpack_time(at)) for kind, subject, choice, by, at in packed or ()
    )


def pack_reviews(items: Sequence[ReviewItem]) -> list[Any] | None:
    """Return the open review items, the most urgent first."""
    return [[one.kind.value, one.subject, dict(one.parameters), list(one.choices)] for one in items] or None


def unpack_reviews(packed: list[Any] | None, question: str) -> tuple[ReviewItem, ...]:
    """Return the open review items; of a row written before there was a list, the one that was kept."""
    if packed is None:
        return (ReviewItem(Question(question)),) if question else ()
    return tuple(
        ReviewItem(Question(kind), subject, parameters, tuple(choices)) for kind, subject, parameters, choices in packed
    )


def pack_priced(priced: Priced | None) -> list[int | None] | None:
    """Return the facts an amount was derived from."""
    if priced is None:
        return None
    facts = [priced.product_id, priced.variation_id, priced.stamped]
    return facts if priced.stamped_months is None else [*facts, priced.stamped_months]


def unpack_priced(packed: list[Any] | None) -> Priced | None:
    """Return the facts an amount was derived from."""
    return None if not packed else Priced(*packed)
