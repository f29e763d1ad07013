"""The inbox: a delivery is verified and stored, then processed, and tried again until it is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.clients import payloads
from bridge.domain.errors import BadSignature, BridgeError, MalformedBody, ShopUnreachable
from bridge.domain.inbox import PATIENCE, Delivery, State, retry_delay
from bridge.domain.signatures import is_signed
from bridge.services import orders, stores
from bridge.services.processing import Learnt, learn, parse, process
from bridge.services.shops import Shops
from bridge.services.transactions import Transaction, in_transaction
from bridge.services.vault import Vault
from bridge.storage import inbox, shop_reads
from bridge.storage import stores as store_rows
from bridge.storage.database import Connection
from bridge.storage.ids import new_id
from bridge.storage.stores import ShopCredentials

log = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(seconds=30)
"""When the job looks at a delivery whose processing was cut off before it could say so."""


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook as it came in at the door, nothing of it believed yet."""

    body: bytes
    signature: str
    topic: str
    source: str
    shop_delivery: str
    webhook_id: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A delivery in the inbox, and whether its shop gave keys: without them nothing can be asked of it."""

    delivery: Delivery
    has_keys: bool


def receive(connection: Connection, slug: str, received: Received, *, vault: Vault, now: datetime) -> Stored:
    """Verify a webhook on its raw bytes and store it; durable once the caller commits.

    Raises `UnknownStore`, and `BadSignature` for what the shop did not sign. A
    signed body that is not a JSON object is stored as rejected.
    """
    store = stores.get_store(connection, slug)
    credentials = store_rows.credentials(connection, store.id)
    if not is_signed(received.body, received.signature, vault.open(credentials.webhook_secret)):
        raise BadSignature(_mix_up(received, credentials, vault))
    try:
        document = parse(received.body)
        resource, state, outcome = payloads.resource_id(document), State.RECEIVED, ""
    except MalformedBody as error:
        resource, state, outcome = None, State.REJECTED, error.detail
    delivery = Delivery(
        id=new_id(),
        store_id=store.id,
        received_at=now,
        topic=received.topic[:100],
        source=received.source[:500],
        shop_delivery=received.shop_delivery[:100],
        webhook_id=received.webhook_id[:40],
        resource_id=resource,
        body=received.body,
        state=state,
        outcome=outcome,
        next_attempt_at=now + _FIRST_RETRY if state is State.RECEIVED else None,
    )
    inbox.add(connection, delivery)
    return Stored(delivery, credentials.consumer_key is not None)


def _mix_up(received: Received, credentials: ShopCredentials, vault: Vault) -> str:
    """Return a sentence where the consumer secret was used as the webhook secret: only the shop has it besides us."""
    if not credentials.consumer_secret:
        return ""
    if not is_signed(received.body, received.signature, vault.open(credentials.consumer_secret)):
        return ""
    return (
        "the webhook is signed with the consumer secret of the REST key: enter this store's webhook secret in the"
        " webhook's field Secret, or press Repair webhooks on the Connection page"
    )


def note_bad_signature(connection: Connection, slug: str, *, now: datetime) -> None:
    """Note for the watchdog that somebody delivered to a store what its shop did not sign with our secret."""
    shop_reads.change(connection, stores.get_store(connection, slug).id, bad_signature_at=now)


def note_ping(connection: Connection, slug: str, *, now: datetime) -> None:
    """Note that somebody came as a shop does that tries a new webhook's address; it is unsigned and proves little."""
    shop_reads.change(connection, stores.get_store(connection, slug).id, pinged_at=now)


def process_stored(transaction: Transaction, delivery_id: int, *, now: datetime, shops: Shops | None = None) -> bool:
    """Process a stored delivery and settle what waited for it; whether that went well.

    `shops` lets it ask the shop what the delivery leaves open. A delivery waits
    ten minutes for a shop that does not answer; then it counts for what it says
    by itself, as without REST keys, and reading the shop back adds the rest.

    What fails, whatever it is, is logged and put off, never raised: the
    delivery is safe by now, and the shop need not know.
    """
    try:
        learnt = Learnt() if shops is None else _learn(transaction, delivery_id, shops, now=now)
        done = in_transaction(transaction, lambda connection: process(connection, delivery_id, learnt, now=now))
        if done is not None:
            orders.check_all(transaction, done.store, done.waiting_orders, now=now)
    except Exception as error:
        if isinstance(error, ShopUnreachable):
            log.warning("delivery %d waits for the shop: %s", delivery_id, error.detail)
        else:
            log.exception("delivery %d failed; it is tried again", delivery_id)
        reason = error
        try:
            in_transaction(transaction, lambda connection: postpone(connection, delivery_id, reason, now=now))
        except Exception:
            # Even so it is due: receiving gave it the time of its first retry.
            log.exception("delivery %d could not be put off", delivery_id)
        return False
    return True


def _learn(transaction: Transaction, delivery_id: int, shops: Shops, *, now: datetime) -> Learnt:
    try:
        return learn(transaction, delivery_id, shops, now=now)
    except ShopUnreachable as error:
        with transaction() as connection:
            delivery = inbox.find(connection, delivery_id)
        if delivery is None or now - delivery.received_at < PATIENCE:
            raise
        log.warning("delivery %d is processed without asking the shop: %s", delivery_id, error.detail)
        return Learnt()


def postpone(connection: Connection, delivery_id: int, error: Exception, *, now: datetime) -> None:
    """Note that processing failed and when it is tried again; the delivery is never given up."""
    delivery = inbox.lock(connection, delivery_id)
    if delivery is None or delivery.state is not State.RECEIVED:
        return
    reason = error.detail if isinstance(error, BridgeError) else type(error).__name__
    inbox.postpone(
        connection,
        delivery_id,
        outcome=f"failed: {reason}"[:500],
        next_attempt_at=now + retry_delay(delivery.attempts),
    )


def replay(connection: Connection, delivery_id: int, *, now: datetime) -> bool:
    """Make a delivery due again, whatever became of it; False where there is none or it cannot be read."""
    delivery = inbox.lock(connection, delivery_id)
    if delivery is None or delivery.state is State.REJECTED:
        return False
    inbox.postpone(connection, delivery_id, outcome="replayed", next_attempt_at=now)
    return True


def list_due(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """The deliveries whose next attempt is due, the oldest first."""
    return inbox.list_due(connection, now=now, limit=limit)


def list_deliveries(
    connection: Connection, *, store_id: int | None, state: State | None, before: int | None, limit: int
) -> list[Delivery]:
    """Deliveries, the newest first."""
    return inbox.list_page(connection, store_id=store_id, state=state, before=before, limit=limit)


def find_delivery(connection: Connection, delivery_id: int) -> Delivery | None:
    """One delivery, as it was received."""
    return inbox.find(connection, delivery_id)
