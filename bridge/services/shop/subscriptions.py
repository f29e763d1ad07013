"""The shop's webhooks: read and repaired through REST."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.clients.woocommerce.api import ShopClient
from bridge.clients.woocommerce.documents import read_webhook
from bridge.domain.shop.health import Caretaker
from bridge.domain.shop.subscriptions import Action, Address, Step, SubscriptionState, Webhook, plan
from bridge.domain.stores.stores import Store
from bridge.services.secrets import Vault
from bridge.services.shop import reconcile, rest
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.shop import sync_state

log = logging.getLogger(__name__)

PATH = "/webhooks/woocommerce/"


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """The delivery address of a store's webhooks, and the secret that signs them."""

    address: Address
    secret: str


def target_of(connection: Connection, store: Store, *, public_url: str, vault_: Vault) -> WebhookTarget:
    """Return the address and secret for the webhooks of a store."""
    secret = settings.webhook_secret(connection, store.id, vault_=vault_)
    # Derived from the secret, so that the webhooks of another installation in the same shop are not taken for ours.
    mark = hashlib.sha256(f"webhook mark\0{store.first_slug}\0{secret}".encode()).hexdigest()[:8]
    return WebhookTarget(Address(f"{public_url}{PATH}{store.slug}", mark), secret)


def list_webhooks(shop: ShopClient) -> tuple[Webhook, ...]:
    """Return every webhook of the shop, including those of other services; raises a `ShopUnreachable`."""
    return tuple(map(read_webhook, shop.list_webhooks()))


def sync_subscriptions(
    shop: ShopClient,
    target: WebhookTarget,
    *,
    is_recreated: bool = False,
    replaced: Collection[SubscriptionState] = (),
    resets_secret: bool = False,
    is_dry: bool = False,
) -> list[Step]:
    """Give every topic one active webhook of ours; return the steps taken.

    Safe to call again after an interruption. `is_recreated` also replaces healthy
    webhooks, `resets_secret` sets our secret on those that stay. Other webhooks are
    not changed. Raises a `ShopUnreachable`.
    """
    steps = plan(list_webhooks(shop), target.address, is_recreated=is_recreated, replaced=replaced)
    for step in () if is_dry else steps:
        _take(shop, target, step, resets_secret=resets_secret)
    return steps


def changes_of(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that changed something."""
    return [step for step in steps if step.action is not Action.KEEP]


def _take(shop: ShopClient, target: WebhookTarget, step: Step, *, resets_secret: bool) -> None:
    if step.action is Action.CREATE:
        name, url = target.address.name_of(step.topic), target.address.url
        shop.create_webhook(name=name, topic=step.topic, delivery_url=url, secret=target.secret)
    elif step.action is Action.DELETE:
        shop.delete_webhook(step.webhook_id)
    elif resets_secret:
        shop.update_webhook(step.webhook_id, secret=target.secret)
    if step.action is not Action.KEEP:
        log.info("webhook %s of %s: %s (%s)", step.topic, target.address.url, step.action, step.why)


def install(
    transaction: Transaction,
    shops_: Shops,
    store: Store,
    *,
    public_url: str,
    installation: str = "",
    is_dry: bool = False,
    now: datetime,
) -> tuple[WebhookTarget, list[Step]]:
    """Create or repair a shop's webhooks on request; return their address, and the steps.

    The request confirms that the service runs here now, so webhooks with its former
    address are removed. Raises `NoShopKeys` and a `ShopUnreachable`.
    """
    with transaction() as connection:
        target = target_of(connection, store, public_url=public_url, vault_=shops_.vault)
    sync = reconcile.open_reading(transaction, shops_, store)
    with sync.shop as shop:
        steps = sync_subscriptions(
            shop, target, replaced=(SubscriptionState.OTHER_INSTANCE,), resets_secret=True, is_dry=is_dry
        )
    if not is_dry:
        rest.keep_access(transaction, store, shop)
        in_transaction(
            transaction,
            lambda connection: note_installed(
                connection, store, public_url=public_url, installation=installation, now=now
            ),
        )
    return target, steps


def note_installed(
    connection: Connection, store: Store, *, public_url: str = "", installation: str = "", now: datetime
) -> None:
    """Record that all webhooks have our secret, and that this installation manages them."""
    values: dict[str, object] = {"webhooks_set_at": now}
    if public_url:
        known = sync_state.find(connection, store.id).caretaker or Caretaker(public_url)
        values["caretaker"] = known.with_installation(public_url, installation)
    sync_state.change(connection, store.id, **values)
