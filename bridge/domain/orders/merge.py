"""Merge the documents of an order into one state, in any order of arrival."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.domain.orders import dates
from bridge.domain.orders.dates import Place
from bridge.domain.orders.placing import (
    beside,
    date_of,
    epoch_of,
    left_unplaced,
    place_of,
    stated_refunds,
    with_document,
    with_unplaced,
)
from bridge.domain.orders.state import (
    NEVER,
    Acknowledgement,
    Basis,
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
)
from bridge.domain.orders.trash import Trash, TrashState

__all__ = [
    "NEVER",
    "Acknowledgement",
    "Basis",
    "Effect",
    "Line",
    "LineState",
    "Order",
    "OrderState",
    "Priced",
    "Rank",
    "RefundDetail",
    "RefundedLine",
    "Refunds",
    "Sources",
    "effect_of",
    "has_another_of_its_second",
    "is_place_unclear",
    "merge_absence",
    "merge_document",
    "merge_trashing",
    "merge_unplaced",
]

REVOKING_STATUSES = frozenset({"refunded", "cancelled", "failed", "trash", "deleted"})


def effect_of(status: str, grant_statuses: Collection[str]) -> Effect:
    """Return the effect of a shop status: it grants, it revokes, or it changes nothing."""
    if status in grant_statuses:
        return Effect.GRANTS
    return Effect.REVOKES if status in REVOKING_STATUSES else Effect.KEEPS


def has_another_of_its_second(known: OrderState, order: Order) -> bool:
    """Return whether this new document has the same second as a stored one: only the shop can say which counts."""
    at = dates.to_microseconds(order.modified_at)
    same = {document.digest for document in known.sources.documents if document.at == at}
    return bool(same) and order.digest not in same


def is_place_unclear(known: OrderState, order: Order, *, effect: Effect, received_at: datetime) -> bool:
    """Return whether dates alone do not say if this document is newer than what it contradicts."""
    arrived_at = dates.to_microseconds(received_at)
    known = _with_sources(known, arrived_at=arrived_at)
    place, _ = place_of(
        known, order, effect, date_of(known.sources, order, arrived_at=arrived_at), arrived_at=arrived_at
    )
    return place in {Place.UNKNOWN, Place.LIKELY_NEWER, Place.LIKELY_OLDER}


def merge_document(known: OrderState, order: Order, *, effect: Effect, received_at: datetime) -> OrderState:
    """Merge a document into the state of an order.

    The result depends on the documents, not on the order they are merged in: for
    each value the document with the highest rank that states it counts. A
    document that came before keeps its rank. One that was requested after all
    others came replaces them, regardless of dates. One that grants or revokes
    and whose date cannot be compared is stored beside the state: see `dates`.
    """
    arrived_at = dates.to_microseconds(order.requested_at or received_at)
    known = _with_sources(known, arrived_at=arrived_at)
    is_read = order.requested_at is not None and arrived_at >= known.sources.arrived_at
    dated = date_of(known.sources, order, arrived_at=arrived_at)
    is_repeated = not is_read and dated in known.sources.documents
    known = _merge_restoring(known, order, is_read=is_read, received_at=received_at)
    if order.requested_at is None:
        known = _merge_sending(known, order)
    is_set_back = False
    if is_read:
        rank = Rank(0, arrived_at, dates.counted(dated.at, arrived_at, known.sources.documents), arrived_at)
    else:
        place, dated = place_of(known, order, effect, dated, arrived_at=arrived_at)
        if place is Place.UNKNOWN:
            return _with_effect(with_unplaced(known, order, dated, arrived_at=arrived_at))
        is_set_back = place is Place.LIKELY_OLDER
        rank = Rank(0, epoch_of(known.sources, dated), dated.counted, dated.seen)
    values = _Values(known, rank)
    _take_header(values, order)
    has_decided = _take_decision(values, order, effect)
    values.changes["lines"] = _merged_lines(values, order, rank._replace(weight=int(effect is Effect.GRANTS)))
    if order.refund_details:
        values.changes["refund_details"] = _joined(known.refund_details, order.refund_details)
    unplaced = known.sources.unplaced
    if is_read or (has_decided and not is_repeated):
        unplaced = None if is_read else left_unplaced(known.sources, dated)
    if is_set_back:
        unplaced = beside(known.sources, order, dated)
    values.changes["sources"] = Sources(
        ranks=values.ranks,
        documents=with_document(known.sources.documents, dated),
        read_at=arrived_at if is_read else known.sources.read_at,
        arrived_at=max(arrived_at, known.sources.arrived_at),
        status=values.changes.pop("status", known.sources.status),
        effect=values.changes.pop("effect", known.sources.effect),
        unplaced=unplaced,
    )
    return _with_effect(replace(known, **values.changes))


def merge_unplaced(known: OrderState, *, effect: Effect, at: datetime) -> OrderState:
    """Return the state after a person decided that the document beside it is the newest."""
    unplaced = known.sources.unplaced
    if unplaced is None:
        return known
    # As if it had just been read from the shop: it replaces everything.
    arrived_at = max(dates.to_microseconds(at), known.sources.arrived_at)
    order = replace(unplaced.order, requested_at=dates.from_microseconds(arrived_at))
    return merge_document(known, order, effect=effect, received_at=at)


def merge_trashing(known: OrderState, *, delivery: str, received_at: datetime, is_late: bool = False) -> OrderState:
    """Return the state after the shop announced, with the order's id alone, that the order is in the trash.

    The shop gives no date with it. `delivery` distinguishes a repeated
    announcement from a second one. One that comes just after the order's restoring was
    overtaken by it and is ignored; so is one that `is_late` (held, retried or
    replayed) and came before something newer.
    """
    if known.trash.is_repeated(delivery):
        return known
    arrived_at = dates.to_microseconds(received_at)
    known = _with_sources(known, arrived_at=arrived_at)
    if is_late and _is_overtaken(known, received_at):
        return known
    trash = known.trash.announced(delivery, at=received_at, newest=_newest_date(known))
    return _with_trash(known, trash, arrived_at=arrived_at)


def merge_absence(known: OrderState, *, read_at: datetime) -> OrderState:
    """Return the state after the shop was asked for the order and no longer had it."""
    arrived_at = dates.to_microseconds(read_at)
    known = _with_sources(known, arrived_at=arrived_at)
    return _with_trash(known, known.trash.absent(at=read_at, newest=_newest_date(known)), arrived_at=arrived_at)


def _newest_date(known: OrderState) -> datetime | None:
    """Return what the date of the newest document counts as."""
    newest = known.sources.ranks.get("status")
    return None if newest is None else dates.from_microseconds(newest.at)


def _with_trash(known: OrderState, trash: Trash, *, arrived_at: int) -> OrderState:
    sources = replace(known.sources, arrived_at=max(arrived_at, known.sources.arrived_at))
    if trash.state is not TrashState.TRASHED:
        return replace(known, trash=trash, sources=sources)
    return _with_effect(replace(known, trash=trash, sources=replace(sources, unplaced=None)))


def _is_overtaken(known: OrderState, received_at: datetime) -> bool:
    """Return whether a trashing at a moment was followed by a restoring or a newer decisive document."""
    if known.trash.restored_seen_at is not None and known.trash.restored_seen_at > received_at:
        return True
    moment, decided = dates.to_microseconds(received_at), known.sources.ranks.get("effect", NEVER)
    documents = known.sources.documents
    before = max((document.counted for document in documents if document.seen <= moment), default=moment)
    return any(
        document.counted == decided.at and document.seen > moment and document.moment > before for document in documents
    )


class _Values:
    """The values a document may change, each with its current rank."""

    def __init__(self, known: OrderState, rank: Rank) -> None:
        self.known, self.rank = known, rank
        self.ranks = dict(known.sources.ranks)
        self.changes: dict[str, Any] = {}

    def take(self, name: str, value: Any, *, weight: int = 0, rank_name: str = "") -> bool:
        """Take a value that the document states, unless a stored value has a higher rank."""
        rank, key = self.rank._replace(weight=weight), rank_name or name
        if value is None or rank < self.ranks.get(key, NEVER):
            return False
        self.ranks[key] = rank
        self.changes[name] = value
        return True


def _take_header(values: _Values, order: Order) -> None:
    """Take the order's data from the newest document, regardless of its status."""
    if values.take("status", order.status):
        values.changes["modified_at"] = order.modified_at
    for name in ("customer_id", "email", "name", "placed_at", "is_finished", "is_paid"):
        values.take(name, getattr(order, name))
    for name in ("currency", "parent_id", "transaction_id", "shop_number"):
        values.take(name, getattr(order, name) or None)
    if "placed_at" not in values.ranks:
        values.changes["placed_at"] = values.changes.get("modified_at", values.known.modified_at)
    if order.paid_at is not None:
        values.changes["paid_at"] = max(order.paid_at, values.known.paid_at or order.paid_at)
    if order.key and not values.known.key:
        values.changes["key"] = order.key


def _take_decision(values: _Values, order: Order, effect: Effect) -> bool:
    """Take the effect from the newest document whose status grants or revokes, and the money.

    Returns whether this document is the newest of those.
    """
    decides = effect is not Effect.KEEPS
    if has_decided := decides and values.take("effect", effect):
        values.changes["decided_at"] = order.modified_at
        if values.known.trash.is_outlived_by(dates.from_microseconds(values.rank.at)):
            values.changes["trash"] = values.known.trash.outside()
    values.take("total", order.total, weight=int(decides))
    values.take("sale", order.sale, weight=int(decides))
    if values.take("refunded", stated_refunds(order), weight=int(decides)):
        values.changes["refund_ids"] = order.refund_ids
    values.take("unclear_refunds", order.unclear_refunds or None, weight=int(decides))
    if effect is Effect.GRANTS and order.customer_id and values.take("keeper_id", order.customer_id):
        values.changes["keeper_at"] = order.modified_at
    return has_decided


def _merged_lines(values: _Values, order: Order, rank: Rank) -> tuple[LineState, ...]:
    """Return the lines updated from the document; a line missing in the newest complete list has quantity 0."""
    ranks, lines = values.ranks, {line.line.id: line for line in values.known.lines}
    name = "doubt" if order.lines_are_doubtful else "lines"
    ranks[name] = max(rank, ranks.get(name, NEVER))
    for stated in order.lines or ():
        lines[stated.id] = _merged_line(lines.get(stated.id), stated, rank)
    listed_since = ranks.get("lines", NEVER)
    return tuple(_with_quantity(line, is_listed=line.ranks["listed"] >= listed_since) for line in lines.values())


def _merged_line(known: LineState | None, stated: Line, rank: Rank) -> LineState:
    known = LineState(replace(stated, quantity=0, is_gone=False)) if known is None else known
    ranks, changes = dict(known.ranks), dict[str, Any]()

    def take(name: str, value: Any) -> bool:
        if value is None or rank < ranks.get(name, NEVER):
            return False
        ranks[name], changes[name] = rank, value
        return True

    ranks["listed"] = max(rank, ranks.get("listed", NEVER))
    take("product_id", stated.product_id or None)
    if stated.product_id and stated.variation_id:
        take("varied", (stated.product_id, stated.variation_id))
    take("total", stated.total)
    if take("stamped", stated.stamped):
        changes["stamped_months"] = stated.stamped_months
    for name in ("name", "sku", "unclear_stamp"):
        take(name, getattr(stated, name) or None)
    if changes.get("stamped", known.line.stamped) is not None:
        # A stamp that can be read counts, also beside one that cannot.
        changes["unclear_stamp"] = ""
    quantity = stated.quantity
    if not take("quantity", quantity) and quantity is None:
        ranks["unclear"] = max(rank, ranks.get("unclear", NEVER))
    if stated.product_id == 0 or stated.is_gone or known.line.product_id == 0:
        changes["is_gone"] = True
    number, varied = changes.pop("quantity", known.stated), changes.pop("varied", known.varied)
    # A variation belongs to its product; a line without one is of a product without any, or its variation was deleted.
    product, variation = varied
    changes["variation_id"] = variation if product == changes.get("product_id", known.line.product_id) else 0
    return replace(known, line=replace(known.line, **changes), stated=number, ranks=ranks, varied=varied)


def _with_quantity(line: LineState, *, is_listed: bool) -> LineState:
    quantity = (line.stated or 0) if is_listed else 0
    # Where no document named the product, its id of 0 says already that it is gone.
    is_gone = line.line.is_gone and line.line.product_id != 0
    if (quantity, is_gone) == (line.line.quantity, line.line.is_gone):
        return line
    return replace(line, line=replace(line.line, quantity=quantity, is_gone=is_gone))


def _with_sources(known: OrderState, *, arrived_at: int) -> OrderState:
    """Return the state with ranks; an order stored before ranks existed gets them from its dates.

    What was stored came before `arrived_at`: a date that is ahead of that counts as its second.
    """
    if known.sources.ranks or known.modified_at is None:
        return known

    def rank_of(moment: datetime) -> Rank:
        return Rank(0, 0, dates.counted(dates.to_microseconds(moment), arrived_at), 0)

    newest = rank_of(known.modified_at)
    decided = newest if known.decided_at is None else rank_of(known.decided_at)
    deciding = decided._replace(weight=int(known.decided_at is not None))
    granting = decided._replace(weight=int(known.effect is Effect.GRANTS))
    names = ("status", "customer_id", "email", "name", "currency", "placed_at")
    ranks = dict.fromkeys(names, newest) | {"total": deciding, "refunded": deciding, "lines": granting}
    if known.decided_at is not None:
        ranks["effect"] = decided
    if known.keeper_at is not None:
        ranks["keeper_id"] = rank_of(known.keeper_at)
    return replace(
        known,
        lines=tuple(_with_line_ranks(line, granting) for line in known.lines),
        sources=Sources(ranks, status=known.status, effect=known.effect),
    )


def _with_line_ranks(line: LineState, rank: Rank) -> LineState:
    if line.ranks:
        return line
    ranks = dict.fromkeys(("listed", "quantity", "total", "name", "sku"), rank)
    if line.line.product_id:
        ranks |= {"product_id": rank}
    if line.line.variation_id:
        ranks |= {"varied": rank}
    if line.line.stamped is not None:
        ranks |= {"stamped": rank}
    varied = (line.line.product_id, line.line.variation_id)
    return replace(line, ranks=ranks, stated=line.line.quantity, varied=varied)


def _with_effect(known: OrderState) -> OrderState:
    """Return the state with its current status and effect: a trashing counts beside the documents."""
    if known.trash.state is TrashState.TRASHED:
        return replace(known, status="trash", effect=Effect.REVOKES)
    return replace(known, status=known.sources.status, effect=known.sources.effect)


def _joined(known: Iterable[RefundDetail], read: Iterable[RefundDetail]) -> tuple[RefundDetail, ...]:
    """Return both lists together, each refund once: the lines of a refund never change."""
    joined = {detail.id: detail for detail in (*known, *read)}
    return tuple(joined[refund] for refund in sorted(joined))


def _merge_sending(known: OrderState, order: Order) -> OrderState:
    """Return the state with the date of a delivered document, of which the earliest counts."""
    sent_at = min(order.modified_at, known.sent_at or order.modified_at)
    created_at = known.created_at
    if order.is_created:
        created_at = min(order.modified_at, created_at or order.modified_at)
    return replace(known, sent_at=sent_at, created_at=created_at)


def _merge_restoring(known: OrderState, order: Order, *, is_read: bool, received_at: datetime) -> OrderState:
    if is_read and known.trash.state is TrashState.TRASHED:
        return replace(known, trash=known.trash.outside())
    if not order.is_restored:
        return known
    return replace(known, trash=known.trash.restored(dated=order.modified_at, at=received_at))
