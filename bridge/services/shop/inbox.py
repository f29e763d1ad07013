"""The inbox: verify and store deliveries, and list those that are not processed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from bridge.clients.woocommerce import documents
from bridge.clients.woocommerce.webhook_events import Document, parse_body
from bridge.domain.errors import (
    BadSignature,
    BodyTooLarge,
    ConsumerSecretUsed,
    FieldError,
    InvalidRequest,
    MalformedBody,
)
from bridge.domain.shop.inbox import (
    MANY_REPEATS,
    MAX_BODY_BYTES,
    REPEAT_SPAN,
    Delivery,
    Notice,
    NoticeKind,
    State,
)
from bridge.domain.shop.signatures import is_signed
from bridge.domain.shop.sources import foreign_source, source_of
from bridge.domain.stores.stores import Store
from bridge.services.secrets import Vault
from bridge.services.stores import changes, settings
from bridge.services.stores.changes import Subject
from bridge.storage.accounts import ledger
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.shop import inbox, sync_state
from bridge.storage.stores import stores as store_rows
from bridge.storage.stores.stores import ShopCredentials

_PREFIX_BYTES = 4096
_FIRST_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*(\d{1,16})\s*[,}]')
_MOST_SOURCES = 20
_FIRST_RETRY = timedelta(seconds=30)
"""After this time, the job retries a delivery whose processing was interrupted."""


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook as it was received, not verified yet."""

    body: bytes
    signature: str
    topic: str
    source: str
    shop_delivery: str
    webhook_id: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A delivery in the inbox, its store and its parsed body.

    `has_keys` means that the shop can be read. `is_repeat` means that the same bytes
    were stored before, so nothing is left to do.
    """

    delivery: Delivery
    store: Store
    document: Document
    has_keys: bool
    is_repeat: bool = False


def receive(connection: Connection, slug: str, received: Received, *, vault: Vault, now: datetime) -> Stored:
    """Verify a webhook on its raw bytes and store it; durable once the caller commits.

    Raises `UnknownStore`, `BadSignature` if the shop did not sign it, and
    `BodyTooLarge` for an unsigned body above the stored size. A signed body that is
    not a JSON object is stored as rejected; only the id of one that is too large is
    stored. Repeats of the same bytes are counted.
    """
    store = settings.get_store(connection, slug)
    credentials = store_rows.credentials(connection, store.id)
    is_large = len(received.body) > MAX_BODY_BYTES
    if not is_signed(received.body, received.signature, vault.open(credentials.webhook_secret)):
        if is_large:
            raise BodyTooLarge()
        raise ConsumerSecretUsed() if _is_consumer_secret(received, credentials, vault) else BadSignature()
    received = _without_body(connection, store, received, now=now) if is_large else received
    try:
        document = parse_body(received.body)
        resource, state, outcome = documents.named_id(document), State.RECEIVED, ""
        if is_large and resource is None:
            state, outcome = State.IGNORED, "too large to be stored, and the ID is not at its beginning"
    except MalformedBody as error:
        document, resource, state, outcome = {}, None, State.REJECTED, error.detail
    held_for = foreign_source(received.source, store.url, store.accepted_sources)
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
        held_for=held_for,
        digest=sha256(received.body).hexdigest(),
    )
    has_keys = credentials.consumer_key is not None
    before = _repeated(connection, delivery, document, now=now)
    if before is not None:
        return Stored(before, store, document, has_keys, is_repeat=True)
    inbox.add(connection, delivery)
    return Stored(delivery, store, document, has_keys)


def _without_body(connection: Connection, store: Store, received: Received, *, now: datetime) -> Received:
    """Return a delivery that is too large to be stored: its id only, with which the shop can be read, and a notice."""
    found = _FIRST_ID.match(received.body[:_PREFIX_BYTES])
    about = f"{received.topic or 'no topic'}, {len(received.body) // 1024**2} MiB"
    sync_state.note(connection, store.id, Notice(NoticeKind.TOO_LARGE, now, about))
    return replace(received, body=b'{"id":%s}' % found[1] if found else b"{}")


def _repeated(connection: Connection, delivery: Delivery, document: Document, *, now: datetime) -> Delivery | None:
    """Return the stored delivery that this one repeats, and count it; None for a new one.

    A body with an id only, or an action, is new each time, unless the shop's own
    delivery id is also the same.
    """
    before = inbox.find_latest(connection, delivery.store_id, topic=delivery.topic, resource_id=delivery.resource_id)
    if before is None or before.digest != delivery.digest or before.held_for != delivery.held_for:
        return None
    if before.shown_state is State.RECEIVED:
        # It is being processed: counting would lock it, and the job would skip it.
        return None
    says_all = not documents.is_bare(document) and documents.action_order(document) is None
    if not says_all and before.shop_delivery != delivery.shop_delivery:
        return None
    last = before.repeated_at or before.received_at
    if not timedelta(0) <= now - last < REPEAT_SPAN:
        return None
    inbox.count_repeat(connection, before.id, now=now)
    if before.repeats + 1 >= MANY_REPEATS:
        about = f"{delivery.topic or 'no topic'}, {before.repeats + 1} times"
        sync_state.note(connection, delivery.store_id, Notice(NoticeKind.REPEATED, now, about))
    return before


def accept_source(connection: Connection, store: Store, address: str, *, actor: str, now: datetime) -> int:
    """Accept deliveries of another site as the store's own; return how many waiting ones become due.

    Raises `InvalidRequest` for an invalid address.
    """
    source = source_of(address)
    if not source:
        raise InvalidRequest(fields=[FieldError("url", "enter the address of a site")])
    if source != source_of(store.url) and source not in store.accepted_sources:
        if len(store.accepted_sources) >= _MOST_SOURCES:
            raise InvalidRequest(fields=[FieldError("url", f"at most {_MOST_SOURCES} addresses can be accepted")])
        accepted = [*store.accepted_sources, source]
        store_rows.change(connection, store.id, {"accepted_sources": accepted})
        before, after = {"accepted_sources": list(store.accepted_sources)}, {"accepted_sources": accepted}
        changes.record(
            connection, store.id, Subject.STORE, store.slug, before=before, after=after, actor=actor, now=now
        )
    sync_state.forget_notice(connection, store.id, NoticeKind.OTHER_SITE)
    return inbox.release_held(connection, store.id, source=source, now=now)


def _is_consumer_secret(received: Received, credentials: ShopCredentials, vault: Vault) -> bool:
    """Return whether a delivery is signed with the REST key's consumer secret, which only the shop and we have."""
    sealed = credentials.consumer_secret
    return sealed is not None and is_signed(received.body, received.signature, vault.open(sealed))


def note_consumer_secret(connection: Connection, slug: str, *, now: datetime) -> None:
    """Record a notice that the shop signs with the consumer secret instead of the webhook secret."""
    notice = Notice(NoticeKind.CONSUMER_SECRET, now, "")
    sync_state.note(connection, settings.get_store(connection, slug).id, notice)


def note_bad_signature(connection: Connection, slug: str, *, now: datetime) -> None:
    """Record a delivery to a store that was not signed with its secret, for the monitor."""
    sync_state.change(connection, settings.get_store(connection, slug).id, bad_signature_at=now)


def note_ping(connection: Connection, slug: str, *, now: datetime) -> None:
    """Record a ping, which a shop sends for a new webhook; it is unsigned, so it proves little."""
    sync_state.change(connection, settings.get_store(connection, slug).id, pinged_at=now)


def replay(connection: Connection, delivery_id: int, *, now: datetime) -> bool:
    """Make a delivery due again, whatever its state; False if it does not exist or cannot be read."""
    delivery = inbox.lock(connection, delivery_id)
    if delivery is None or delivery.state is State.REJECTED:
        return False
    inbox.postpone(connection, delivery_id, outcome="replayed", next_attempt_at=now)
    return True


def list_due(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """Return the deliveries whose next attempt is due, the oldest first."""
    return inbox.list_due(connection, now=now, limit=limit)


def list_deliveries(
    connection: Connection,
    *,
    store_id: int | None,
    state: State | None = None,
    resource_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Delivery]:
    """Return deliveries without their bodies, the newest first; `resource_id` is the number of an order or product."""
    return inbox.list_page(
        connection, store_id=store_id, state=state, resource_id=resource_id, before=before, limit=limit
    )


def tokens_of_orders(connection: Connection, store: Store, deliveries: Iterable[Delivery]) -> dict[int, int]:
    """Return the tokens granted now for each order that the deliveries are about, by its number."""
    numbers = {each.resource_id for each in deliveries if each.topic.startswith("order.") and each.resource_id}
    return ledger.net_by_order(connection, store.id, numbers) if numbers else {}


def find_delivery(connection: Connection, delivery_id: int) -> Delivery | None:
    """Return one delivery, as it was received."""
    return inbox.find(connection, delivery_id)
