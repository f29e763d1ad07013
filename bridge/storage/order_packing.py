"""The JSON columns of orders and their lines: refunds, decisions, review items, facts of amounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.domain.orders import Known, Priced, RefundDetail, RefundedLine, Refunds, Seen
from bridge.domain.reviews import Decision, Question, ReviewItem


def pack_refunds(known: Known) -> dict[str, Any] | None:
    """The refunds as one JSON column keeps them; None for none."""
    if not known.refund_ids and not known.refund_details:
        return None
    details = [
        [
            detail.id,
            str(detail.amount),
            str(detail.tied),
            [[line.line_id, line.quantity, str(line.total)] for line in detail.lines],
        ]
        for detail in known.refund_details
    ]
    return {"ids": list(known.refund_ids), "details": details}


def unpack_refunds(packed: dict[str, Any] | None) -> tuple[tuple[int, ...], tuple[RefundDetail, ...]]:
    """The ids of the refunds and their details."""
    if not packed:
        return (), ()
    details = tuple(
        RefundDetail(
            id_,
            Decimal(amount),
            Decimal(tied),
            tuple(RefundedLine(line, quantity, Decimal(total)) for line, quantity, total in lines),
        )
        for id_, amount, tied, lines in packed["details"]
    )
    return tuple(packed["ids"]), details


def pack_seen(seen: Seen | None) -> dict[str, Any] | None:
    """The refunds an owner has seen."""
    if seen is None:
        return None
    refunds = seen.refunds
    return {"ids": list(refunds.ids), "total": str(refunds.total), "by": seen.by, "at": seen.at.isoformat()}


def unpack_seen(packed: dict[str, Any] | None) -> Seen | None:
    """The refunds an owner has seen."""
    if not packed:
        return None
    refunds = Refunds(tuple(packed["ids"]), Decimal(packed["total"]))
    return Seen(refunds, packed["by"], datetime.fromisoformat(packed["at"]))


def pack_decisions(decisions: Sequence[Decision]) -> list[Any] | None:
    """What people decided, in the order they did."""
    packed = [[one.kind.value, one.subject, one.choice, one.by, one.at.isoformat()] for one in decisions]
    return packed or None


def unpack_decisions(packed: list[Any] | None) -> tuple[Decision, ...]:
    """What people decided, in the order they did."""
    return tuple(
        Decision(Question(kind), subject, choice, by, datetime.fromisoformat(at))
        for kind, subject, choice, by, at in packed or ()
    )


def pack_reviews(items: Sequence[ReviewItem]) -> list[Any] | None:
    """The open review items, the most urgent first."""
    return [[one.kind.value, one.subject, dict(one.parameters), list(one.choices)] for one in items] or None


def unpack_reviews(packed: list[Any] | None, question: str) -> tuple[ReviewItem, ...]:
    """The open review items; of a row written before there was a list, the one that was kept."""
    if packed is None:
        return (ReviewItem(Question(question)),) if question else ()
    return tuple(
        ReviewItem(Question(kind), subject, parameters, tuple(choices)) for kind, subject, parameters, choices in packed
    )


def pack_priced(priced: Priced | None) -> list[int | None] | None:
    """The facts an amount was derived from."""
    return None if priced is None else [priced.product_id, priced.variation_id, priced.stamped]


def unpack_priced(packed: list[Any] | None) -> Priced | None:
    """The facts an amount was derived from."""
    return None if not packed else Priced(*packed)
