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


def place_of(known: OrderState, order: Order, effect: Effect, dated: DocumentDate) -> tuple[Place, DocumentDate]:
    """Return the place of a document, and its date as it counts beside a stored effect or refund that it reverses."""
    unplaced = known.sources.unplaced
    if unplaced is not None and unplaced.digest == dated.digest:
        return Place.UNKNOWN, dated
    if known.trash.state is TrashState.TRASHED:
        return _place_after_trashing(known, effect, dated), dated
    name, revokes = _contradiction(known, order, effect)
    rank = known.sources.ranks.get(name)
    if rank is None or rank.epoch != epoch_of(known.sources, dated):
        return Place.UNOPPOSED, dated
    if dated in known.sources.documents and (dated.counted, dated.seen) < (rank.at, rank.seen):
        # A repetition of a document that something newer followed.
        return Place.UNOPPOSED, dated
    place = dates.compare(dated, _decisive_date(known, rank), revokes=revokes)
    if place in {Place.NEWER, Place.LIKELY_NEWER}:
        return place, dated._replace(counted=max(dated.counted, rank.at))
    return place, dated


def _place_after_trashing(known: OrderState, effect: Effect, dated: DocumentDate) -> Place:
    """Return the place of a document that came of a trashed order; the trashing has no date of the shop's clock."""
    trashed_at, newest = known.trash.trashed_at, known.sources.ranks.get("status")
    if effect is not Effect.GRANTS or trashed_at is None or not dated.ahead:
        return Place.UNOPPOSED
    moment = dates.to_microseconds(trashed_at)
    before = DocumentDate(moment, "", moment, moment) if newest is None else _decisive_date(known, newest)
    return Place.UNKNOWN if dates.compare(dated, before, revokes=False) is Place.UNKNOWN else Place.UNOPPOSED


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
    """Return the state with a document beside it; the newest of several to arrive is kept."""
    sources, before = known.sources, known.sources.unplaced
    seen = {document.digest: document.seen for document in sources.documents}
    is_older = before is not None and seen.get(before.digest, 0) > dated.seen
    unplaced = before if is_older else Unplaced(order, dated.digest)
    documents = with_document(sources.documents, dated)
    latest = max(arrived_at, sources.arrived_at)
    return replace(known, sources=replace(sources, documents=documents, arrived_at=latest, unplaced=unplaced))


def left_unplaced(sources: Sources, dated: DocumentDate) -> Unplaced | None:
    """Return the document beside the state after another one decided, unless that is newer."""
    unplaced = sources.unplaced
    known = [one for one in sources.documents if unplaced is not None and one.digest == unplaced.digest]
    return unplaced if any(dates.is_later(one, dated) for one in known) else None


def with_document(documents: Iterable[DocumentDate], one: DocumentDate) -> tuple[DocumentDate, ...]:
    """Return the newest dates with another one."""
    found = {(document.at, document.digest): document for document in (*documents, one)}
    return tuple(sorted(found.values(), key=lambda each: (each.at, each.seen))[-_DOCUMENTS:])
