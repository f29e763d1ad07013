"""Commands that rename, move and remove a store."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli import addresses
from bridge.cli.base import ACTOR, Command, prepared, utcnow
from bridge.config import ROOT
from bridge.domain.errors import InvalidRequest, ShopUnreachable
from bridge.domain.stores.stores import Store
from bridge.runtime import Runtime
from bridge.services.ops import store_removal
from bridge.services.shop import store_changes
from bridge.services.shop.rest import Shops
from bridge.services.shop.store_changes import SameShop
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction


@click.command("rename", cls=Command)
@click.argument("slug")
@click.argument("new")
@click.option("--name", default="", help="Also change the name shown on pages.")
def rename(slug: str, new: str, name: str) -> None:
    """Rename the store SLUG to NEW.

    Deliveries to the old name are still accepted. The next check of the shop, or
    webhooks install, recreates the webhooks under the new name.
    """
    runtime = prepared()
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, slug)
    renamed = in_transaction(
        runtime.database.transaction,
        lambda connection: store_changes.rename(connection, store, new, name=name, actor=ACTOR, now=utcnow()),
    )
    shown = f" and is shown as {renamed.name}" if name else ""
    click.echo(f"The store {store.slug} is now named {renamed.slug}{shown}.")
    if renamed.slug != store.slug:
        click.echo(
            "Deliveries to the old address are still accepted. To move them, run:"
            f" flask webhooks install {renamed.slug}"
        )


@click.command("move", cls=Command)
@click.argument("slug")
@click.option("--url", required=True, help="The shop's new address.")
@click.option("--force", is_flag=True, help="Move the store without checking the shop at the new address.")
def move(slug: str, url: str, force: bool) -> None:
    """Set the new address of the shop of the store SLUG.

    It must be the same shop. If the store has REST keys, the shop at the new
    address is checked before anything is changed.
    """
    runtime = prepared()
    url = settings.shop_url(url)
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, slug)
        settings.check_not_connected(connection, url, own_id=store.id)
    seen = SameShop(doubt="--force skips the check") if force else _checked(runtime, store, url)
    in_transaction(
        runtime.database.transaction,
        lambda connection: store_changes.move(connection, store, url, actor=ACTOR, now=utcnow()),
    )
    click.echo(f"The shop of {store.slug} has moved from {store.url} to {url}.")
    click.echo(f"It is the same shop: {seen.evidence}." if seen.evidence else f"Not checked: {seen.doubt}.")
    addresses.warn(runtime, url, is_for_machines=False)


def _checked(runtime: Runtime, store: Store, url: str) -> SameShop:
    try:
        return store_changes.check_same_shop(runtime.database, Shops(runtime.vault), store, url)
    except (ShopUnreachable, InvalidRequest) as error:
        why = error.fields[0].message if error.fields else error.detail
        raise InvalidRequest(f"{why}. Nothing was changed. To move the store anyway, add --force") from error


@click.command("remove", cls=Command)
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Remove the store without asking.")
@click.option(
    "--export",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The new file for the final export. Default: a file with the date in instance/.",
)
def remove(slug: str, yes: bool, file: Path | None) -> None:
    """Remove the store SLUG with its accounts, balances, ledger, orders, keys and secrets.

    First writes an export with its accounts, ledger, orders and spends as JSON.
    Other stores are not changed. If the removal is interrupted, run the command
    again to continue.
    """
    runtime = prepared()
    with runtime.database.reading() as connection:
        store_removal.check_removable(connection, slug)
        under_way = store_removal.find_removing(connection, slug)
    if under_way is None:
        under_way = _begin(runtime, slug, yes, file)
    else:
        click.echo(f"The removal of {slug} continues. Its export was written when it began.")
    removed = 0

    def count(rows: int) -> None:
        nonlocal removed
        removed += rows

    store_removal.finish(runtime.database, under_way, progress=count)
    click.echo(f"The store {slug} was removed: {removed:,} rows were deleted.")
    click.echo("Delete its webhooks in WooCommerce, Settings, Advanced, Webhooks: they are no longer accepted.")


def _begin(runtime: Runtime, slug: str, yes: bool, file: Path | None) -> int:
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, slug)
        owned = store_removal.count(connection, store)
    click.echo(
        f"{store.name} ({store.url}) has {owned.accounts:,} accounts with {owned.tokens:,} tokens"
        f" and {owned.orders:,} orders."
    )
    if not yes:
        typed = click.prompt(
            f"All of this will be deleted and cannot be restored. Type {store.slug} to continue",
            default="",
            show_default=False,
        )
        if typed.strip() != store.slug:
            raise InvalidRequest("the typed name is not the store's slug; nothing was removed")
    moment = utcnow()
    file = file or ROOT / "instance" / f"{store.slug}-removed-{moment:%Y%m%dT%H%M%S}.json"
    store_removal.begin(runtime.database, store, file, vault_=runtime.vault, now=utcnow)
    click.echo(f"The final export is {file}. Store it safely: it contains personal data.")
    return store.id
