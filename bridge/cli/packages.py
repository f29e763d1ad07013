"""Commands for packages: the products of a shop that grant tokens."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from bridge.cli.base import ACTOR, Group, prepared, utcnow
from bridge.domain.accounts.accounts import MAX_USER_ID
from bridge.domain.accounts.amounts import read_amount
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.stores.stores import Store
from bridge.rendering import amounts
from bridge.rendering.packages import document
from bridge.runtime import Runtime
from bridge.services.orders import late_packages, packages
from bridge.services.shop import product_import
from bridge.services.shop.reconcile import open_reading
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction

_PAGE = 200


@click.group("packages", cls=Group)
def group() -> None:
    """Manage the products that grant tokens."""


@group.command("list")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(slug: str, as_json: bool) -> None:
    """List the products of the store SLUG with their tokens and the number of orders that wait."""
    runtime, store = _store(slug)
    found: list[dict[str, Any]] = []
    after: tuple[int, int] | None = None
    while True:
        with runtime.database.reading() as connection:
            page = packages.list_packages(connection, store.id, after=after, limit=_PAGE)
            found += [
                document(package, orders_waiting=late_packages.count_orders(connection, store.id, package))
                for package in page
            ]
        if len(page) < _PAGE:
            break
        after = page[-1].product_id, page[-1].variation_id
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo(
            f"No product is stored yet. Import them from the shop: flask packages import {slug}\n"
            f"Or set the tokens of a product: flask packages set {slug} PRODUCT TOKENS"
        )
    for one in found:
        click.echo(_line(one))


@group.command("set")
@click.argument("slug")
@click.argument("product", metavar="PRODUCT[/VARIATION]")
@click.argument("tokens")
def set_(slug: str, product: str, tokens: str) -> None:
    """Set how many TOKENS one unit of a product grants; 0 if it is not a package.

    The amount overrides the shop's own until you clear it. Orders that waited
    for it are granted.
    """
    product_id, variation_id = _key(product)
    amount = read_amount(tokens)
    if not isinstance(amount, int):
        raise InvalidRequest(
            fields=[FieldError("TOKENS", "give a whole number from 0 to 9007199254740991, without separators")]
        )
    runtime, store = _store(slug)
    now = utcnow()
    package = in_transaction(
        runtime.database.transaction,
        lambda connection: packages.set_tokens(
            connection, store.id, product_id=product_id, variation_id=variation_id, tokens=amount, actor=ACTOR, now=now
        ),
    )
    settled = packages.settle_waiting(runtime.database.transaction, store, package, now=now)
    grants = f"grants {amount:,} tokens" if amount else "is not a package"
    click.echo(f"Product {product} {grants}. {settled:,} waiting orders were checked.")


@group.command("clear")
@click.argument("slug")
@click.argument("product", metavar="PRODUCT[/VARIATION]")
def clear(slug: str, product: str) -> None:
    """Remove the amount that was set; the shop's own amount counts again."""
    product_id, variation_id = _key(product)
    runtime, store = _store(slug)
    in_transaction(
        runtime.database.transaction,
        lambda connection: packages.drop_package(
            connection, store.id, product_id=product_id, variation_id=variation_id, actor=ACTOR, now=utcnow()
        ),
    )
    click.echo(f"The shop's own amount of product {product} counts again.")


@group.command("past")
@click.argument("slug")
@click.argument("product", metavar="PRODUCT[/VARIATION]")
@click.argument("decision", type=click.Choice(late_packages.DECISIONS))
def past(slug: str, product: str, decision: str) -> None:
    """Grant or leave the orders of a product that were placed before it was a package."""
    product_id, variation_id = _key(product)
    runtime, store = _store(slug)
    now = utcnow()
    package = in_transaction(
        runtime.database.transaction,
        lambda connection: late_packages.decide(
            connection,
            store.id,
            product_id=product_id,
            variation_id=variation_id,
            decision=decision,
            actor=ACTOR,
            now=now,
        ),
    )
    settled = late_packages.settle_package(runtime.database.transaction, store, package, now=now)
    click.echo(f"{settled:,} orders {'were granted' if decision == late_packages.GRANT else 'stay at 0 tokens'}.")


@group.command("import")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_(slug: str, as_json: bool) -> None:
    """Read every product of the shop SLUG, and process the orders that waited for one.

    Amounts set by hand stay. Orders that already have an amount keep it.
    """
    runtime, store = _store(slug)
    reading = open_reading(runtime.database.transaction, Shops(runtime.vault), store)
    with reading.shop, click.progressbar(length=1, label="Reading products", hidden=as_json) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        imported = product_import.import_products(reading, now=utcnow(), progress=progress)
    if as_json:
        click.echo(json.dumps(asdict(imported)))
        return
    click.echo(
        f"{imported.packages} packages among {imported.products} products and {imported.variations} variations;"
        f" {imported.settled} waiting orders processed"
    )
    with runtime.database.reading() as connection:
        for package in packages.list_unreadable(connection, store.id, limit=100):
            if package.unreadable is not None:
                named = amounts.name_product(package.product_id, package.variation_id, package.name)
                click.echo(f"  NOT READABLE {named}: {amounts.describe(package.unreadable)}")


def _store(slug: str) -> tuple[Runtime, Store]:
    runtime = prepared()
    with runtime.database.reading() as connection:
        return runtime, settings.get_store(connection, slug)


def _key(text: str) -> tuple[int, int]:
    product, slash, variation = text.partition("/")
    parts = (product, variation) if slash else (product,)
    if not all(part.isascii() and part.isdigit() and len(part) <= 16 for part in parts):
        raise InvalidRequest(
            fields=[FieldError("PRODUCT", "give the product's ID, or PRODUCT/VARIATION, such as 12/15")]
        )
    numbers = [int(part) for part in parts]
    if not all(1 <= number <= MAX_USER_ID for number in numbers):
        raise InvalidRequest(fields=[FieldError("PRODUCT", "give IDs from 1 to 9007199254740991")])
    return numbers[0], numbers[1] if slash else 0


def _line(one: dict[str, Any]) -> str:
    key = f"{one['product']}/{one['variation']}" if one["variation"] else str(one["product"])
    tokens = {
        "unreadable": "not readable",
        "unknown": "not known",
        "no_package": "not a package",
        "per_variation": "per variation",
    }.get(one["state"], f"{one['tokens'] or 0:,} tokens")
    notes = [f"{one['plan']}, {one['months']} months"] if one["months"] else []
    notes += ["set here"] if one["source"] == "admin" else []
    notes += [one["unreadable"]["sentence"]] if one["unreadable"] else []
    notes += [f"{one['orders_waiting']} orders wait"] if one["orders_waiting"] else []
    return f"{key:<14} {tokens:>20}  {one['name'][:60]}" + (f"  ({'; '.join(notes)})" if notes else "")
