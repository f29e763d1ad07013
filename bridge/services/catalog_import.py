"""Importing the catalog: every product of the shop read through REST, and what waited for it settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.clients import payloads
from bridge.clients.payloads import Product
from bridge.services import catalog, orders
from bridge.services.readback import Reading
from bridge.services.shop_pages import Document, Progress, list_steadily
from bridge.services.transactions import in_transaction
from bridge.storage.database import Connection


@dataclass(slots=True)
class Imported:
    """What an import read: products, their variations, those of both that bring tokens, and orders settled."""

    products: int = 0
    variations: int = 0
    packages: int = 0
    settled: int = 0


def import_products(reading: Reading, *, now: datetime, progress: Progress | None = None) -> Imported:
    """Take over what the shop says of every product, as a delivery of each would; raises a `ShopUnreachable`.

    Safe to run again, and after it was cut off. Amounts set by hand win.
    """
    imported, seen, total = Imported(), set[int](), 0
    for page in list_steadily(lambda number: reading.shop.list_products(page=number)):
        total += len(page)
        for document in page:
            if document["id"] not in seen:
                seen.add(document["id"])
                _import(reading, document, imported, now=now)
            if progress is not None:
                progress(len(seen), max(total, len(seen)))
    return imported


def _import(reading: Reading, document: Document, imported: Imported, *, now: datetime) -> None:
    variations: Sequence[Document] = ()
    if document.get("variations"):
        # Older shops say neither that these are variations nor whose.
        about = {"type": "variation", "parent_id": document["id"]}
        variations = [{**found, **about} for found in reading.shop.list_variations(document["id"])]
    products = [payloads.read_product(found) for found in (document, *variations)]

    def learn(connection: Connection) -> list[Product]:
        return [found for found in products if catalog.learn_product(connection, reading.store.id, found, now=now)]

    learnt = in_transaction(reading.transaction, learn)
    imported.products += 1
    imported.variations += len(variations)
    imported.packages += sum(bool(product.tokens) for product in learnt)
    for product in learnt:
        with reading.transaction() as connection:
            waiting = orders.list_waiting_for_product(connection, reading.store, product_id=product.id)
        orders.check_all(reading.transaction, reading.store, waiting, now=now)
        imported.settled += len(waiting)
