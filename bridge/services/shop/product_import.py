"""Import the catalog: read every product of the shop through REST, and process the orders that waited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.clients.woocommerce import documents
from bridge.clients.woocommerce.documents import Product
from bridge.domain.stores.stores import Store
from bridge.services.orders import apply
from bridge.services.orders import packages as catalog
from bridge.services.shop import health, rest
from bridge.services.shop.ingest import SyncContext
from bridge.services.shop.paging import PAGE, Document, Progress, list_steadily
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.shop import sync_state


@dataclass(slots=True)
class Imported:
    """The result of an import: products, variations, packages among them, and orders processed.

    If the import was stopped before the last product, `left` is the number of
    remaining products, if the shop states it.
    """

    products: int = 0
    variations: int = 0
    packages: int = 0
    settled: int = 0
    left: int = 0


def import_products(sync: SyncContext, *, now: datetime, progress: Progress | None = None) -> Imported:
    """Store every product of the shop, as a delivery of each would; raises a `ShopUnreachable`.

    Safe to repeat and to interrupt. Amounts set by hand stay. After an
    interruption, `go_on` does the rest.
    """
    _note(sync, page=1, total=0)
    return go_on(sync, now=now, progress=progress)


def go_on(sync: SyncContext, *, now: datetime, progress: Progress | None = None) -> Imported:
    """Import the remaining products of an unfinished import; raises a `ShopUnreachable`."""
    with sync.transaction() as connection:
        known = sync_state.find(connection, sync.store.id)
    imported, seen = Imported(), set[int]()
    if known.import_page is None:
        return imported
    before = (known.import_page - 1) * PAGE
    pages = list_steadily(
        lambda number: sync.shop.list_products(page=number, per_page=PAGE),
        first=known.import_page,
        counted=known.import_total,
    )
    for number, page in pages:
        for document in page.items:
            if document["id"] not in seen:
                seen.add(document["id"])
                _import(sync, document, imported, now=now)
            if progress is not None:
                progress(before + len(seen), max(page.total, before + len(seen)))
        health.note_products(sync, page.broken, now=now)
        _note(sync, page=number + 1, total=page.total)
        if number < page.pages and not sync.may_go_on():
            imported.left = max(0, page.total - number * PAGE)
            return imported
    _note(sync, page=None, total=None)
    rest.keep_access(sync.transaction, sync.store, sync.shop)
    return imported


def is_under_way(connection: Connection, store: Store) -> bool:
    """Return whether there is an unfinished import."""
    return sync_state.find(connection, store.id).import_page is not None


def progress_of(connection: Connection, store: Store) -> tuple[int, int] | None:
    """Return how many products a running import has read, and the total (0 if unknown); None if none runs."""
    known = sync_state.find(connection, store.id)
    if known.import_page is None:
        return None
    return min((known.import_page - 1) * PAGE, known.import_total), known.import_total


def _note(sync: SyncContext, *, page: int | None, total: int | None) -> None:
    in_transaction(
        sync.transaction,
        lambda connection: sync_state.change(connection, sync.store.id, import_page=page, import_total=total),
    )


def _import(sync: SyncContext, document: Document, imported: Imported, *, now: datetime) -> None:
    variations: Sequence[Document] = ()
    if document.get("variations"):
        # Older shops state neither that these are variations nor their parent.
        about = {"type": "variation", "parent_id": document["id"]}
        variations = [{**found, **about} for found in sync.shop.list_variations(document["id"])]
    products = [documents.read_product(found) for found in (document, *variations)]

    def enrich(connection: Connection) -> list[Product]:
        return [found for found in products if catalog.merge_product(connection, sync.store.id, found, now=now)]

    enriched = in_transaction(sync.transaction, enrich)
    imported.products += 1
    imported.variations += len(variations)
    imported.packages += sum(bool(product.tokens) for product in enriched)
    for product in enriched:
        with sync.transaction() as connection:
            key = (product.parent_id, product.id) if product.parent_id else (product.id, 0)
            waiting = catalog.list_settleable(connection, sync.store, product_id=key[0], variation_id=key[1])
        apply.check_all(sync.transaction, sync.store, waiting, now=now)
        imported.settled += len(waiting)
