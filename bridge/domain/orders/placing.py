"""Place a document among those of its order that were merged before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from bridge.domain.orders import dates
from bridge.domain.orders.dates import DocumentDate, Place
from bridge.domain.orders.state import NEVER, Effect, Order, OrderState, Rank, Sources, Unplaced
from bridge.domain.orders.trash import TrashState

_DOCUMENTS = 16
"""The number of documents of an order whose dates are stored."""


def date_of(sources: Sources, order: Order, *, arrived_at: int) -> DocumentDate:
    """Return the date of a document; a stored document keeps the moment it first came, and what its date counted as."""
    at, digest = dates.to_microseconds(order.modified_at), order.digest
    for document in sources.documents:
        if (document.at, document.digest) == (at, digest) and document.seen <= arrived_at:
            return document
    return DocumentDate(at, digest, arrived_at, dates.counted(at, arrived_at, sources.documents))


def epoch_of(sources: Sources, dated: DocumentDate) -> int:
    """Return when the shop was last asked before a document came."""
    return sources.read_at if dated.seen >= sources.read_at else 0


def place_of(
    known: OrderState, order: Order, effect: Effect, dated: DocumentDate, *, arrived_at: int
) -> tuple[Place, DocumentDate]:
    """Return the place of a document, and its date as it counts beside a stored effect or refund that it reverses.

    `arrived_at` is when it arrived this time, in microseconds since 1970.
    """
    unplaced = known.sources.unplaced
    if unplaced is not None and unplaced.digest == dated.digest:
        return Place.UNKNOWN, dated
    if known.trash.is_absent:
        return _place_after_absence(known, effect, arrived_at=arrived_at), dated
    if known.trash.state is TrashState.TRASHED:
        return _place_after_trashing(known, effect, dated), dated
    if _is_set_back_change(known, order, effect, dated):
        return Place.LIKELY_OLDER, dated
    name, revokes = _contradiction(known, order, effect)
    rank = known.sources.ranks.get(name)
    if rank is None or rank.epoch != epoch_of(known.sources, dated):
        return Place.UNOPPOSED, dated
    if dated in known.sources.documents and (dated.counted, dated.seen) < (rank.at, rank.seen):
        # A repetition of a document that something newer followed.
        return Place.UNOPPOSED, dated
    place = dates.compare(dated, _decisive_date(known, rank), revokes=revokes)
    if place is Place.LIKELY_OLDER and not revokes and known.is_refunded_whole:
        # A document from before a full refund says nothing new, whenever it arrives.
        return Place.OLDER, dated
    if place in {Place.NEWER, Place.LIKELY_NEWER}:
        return place, dated._replace(counted=max(dated.counted, rank.at))
    return place, dated


def _place_after_absence(known: OrderState, effect: Effect, *, arrived_at: int) -> Place:
    """Return the place of a document of an order that the shop did not have when it was asked.

    One that came before that answer is older. One that came after it may have been late.
    """
    absent_at = known.trash.trashed_at
    is_after = absent_at is None or arrived_at > dates.to_microseconds(absent_at)
    return Place.UNKNOWN if effect is Effect.GRANTS and is_after else Place.UNOPPOSED


def _place_after_trashing(known: OrderState, effect: Effect, dated: DocumentDate) -> Place:
    """Return the place of a document that came of a trashed order; the trashing has no date of the shop's clock."""
    trashed_at, newest = known.trash.trashed_at, known.sources.ranks.get("status")
    if effect is not Effect.GRANTS or trashed_at is None:
        return Place.UNOPPOSED
    moment = dates.to_microseconds(trashed_at)
    before = DocumentDate(moment, "", moment, moment) if newest is None else _decisive_date(known, newest)
    place = dates.compare(dated, before, revokes=False)
    if dated.ahead and place is Place.UNKNOWN:
        return place
    is_new = dated.seen >= moment and dated not in known.sources.documents
    return place if is_new and place is Place.LIKELY_OLDER else Place.UNOPPOSED


def _contradiction(known: OrderState, order: Order, effect: Effect) -> tuple[str, bool]:
    """Return the value that a document reverses, empty for none, and whether it revokes."""
    if effect is Effect.KEEPS or known.sources.effect is Effect.KEEPS:
        return "", False
    if effect is not known.sources.effect:
        return "effect", effect is Effect.REVOKES
    refunded = stated_refunds(order)
    if effect is Effect.REVOKES or refunded is None or refunded == known.refunded:
        return "", False
    return "refunded", refunded > known.refunded


def _is_set_back_change(known: OrderState, order: Order, effect: Effect, dated: DocumentDate) -> bool:
    """Return whether a new document changes the buyer or the quantities of a granted order by an earlier date.

    So does the document that grants an order, if it names another buyer.
    """
    was_granted = known.sources.effect is Effect.GRANTS
    is_grant = effect is Effect.GRANTS
    if effect is Effect.REVOKES or not (was_granted or is_grant) or dated in known.sources.documents:
        return False
    changed = []
    if order.customer_id and known.customer_id and order.customer_id != known.customer_id:
        changed.append("customer_id")
    if was_granted and is_grant and not order.lines_are_doubtful:
        stated = {line.id: line.quantity for line in order.lines or ()}
        counted = {line.line.id: line.line.quantity for line in known.lines}
        # A quantity of 0 and a line that is not there are the same.
        if any((stated.get(id_, 0) or 0) != (counted.get(id_, 0) or 0) for id_ in {*stated, *counted}):
            changed.append("lines")
    ranks, epoch = known.sources.ranks, epoch_of(known.sources, dated)
    return any(
        dates.is_set_back(dated, _decisive_date(known, rank))
        for name in changed
        if (rank := ranks.get(name)) is not None and rank.epoch == epoch
    )


def stated_refunds(order: Order) -> Decimal | None:
    """Return the refunded money a document states; a refunded order has a refund, so an empty list states nothing."""
    return None if order.status == "refunded" and not order.refund_ids else order.refunded


def _decisive_date(known: OrderState, rank: Rank) -> DocumentDate:
    """Return the date of the stored document with a rank."""
    if known.decided_at is not None and rank[1:] == known.sources.ranks.get("effect", NEVER)[1:]:
        return DocumentDate(dates.to_microseconds(known.decided_at), "", rank.seen, rank.at)
    for document in known.sources.documents:
        if (document.seen, document.counted) == (rank.seen, rank.at):
            return document
    return DocumentDate(rank.at, "", rank.seen, rank.at)


def with_unplaced(known: OrderState, order: Order, dated: DocumentDate, *, arrived_at: int) -> OrderState:
    """Return the state with a document beside it that was not merged."""
    sources = known.sources
    unplaced = beside(sources, order, dated)
    documents = with_document(sources.documents, dated)
    latest = max(arrived_at, sources.arrived_at)
    return replace(known, sources=replace(sources, documents=documents, arrived_at=latest, unplaced=unplaced))


def beside(sources: Sources, order: Order, dated: DocumentDate) -> Unplaced | None:
    """Return the document to store beside the state: the newest of several to arrive."""
    before = sources.unplaced
    seen = {document.digest: document.seen for document in sources.documents}
    is_older = before is not None and seen.get(before.digest, 0) > dated.seen
    return before if is_older else Unplaced(order, dated.digest)


def left_unplaced(sources: Sources, dated: DocumentDate) -> Unplaced | None:
    """Return the document beside the state after another one decided, unless that is newer."""
    unplaced = sources.unplaced
    known = [one for one in sources.documents if unplaced is not None and one.digest == unplaced.digest]
    return unplaced if any(dates.is_later(one, dated) for one in known) else None


def with_document(documents: Iterable[DocumentDate], one: DocumentDate) -> tuple[DocumentDate, ...]:
    """Return the newest dates with another one."""
    found = {(document.at, document.digest): document for document in (*documents, one)}
    return tuple(sorted(found.values(), key=lambda each: (each.at, each.seen))[-_DOCUMENTS:])
