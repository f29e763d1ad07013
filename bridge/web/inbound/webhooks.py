"""The route for the shops' webhooks: store and commit a delivery, process it, respond."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress

from flask import Blueprint, Response, current_app, request

from bridge.domain.errors import BadSignature, BodyTooLarge, BridgeError, ConsumerSecretUsed, MalformedBody
from bridge.domain.shop.inbox import HARD_LIMIT_BYTES, State
from bridge.runtime import runtime
from bridge.services.shop import inbox, processing
from bridge.services.shop.inbox import Received
from bridge.services.stores import settings
from bridge.web.context import in_transaction, reading, transaction, utcnow

bp = Blueprint("webhooks", __name__)

log = logging.getLogger(__name__)

_NOTED_SECONDS = 60
_PING = re.compile(rb"webhook_id=\d{1,20}\s*")


@bp.post("/webhooks/woocommerce/<store>")
def receive(store: str) -> Response:
    """Receive one delivery; the response is 200 once it is stored, whatever the result of processing."""
    metrics = runtime().metrics
    try:
        result, response = _receive(store)
    except BridgeError as error:
        metrics.note_delivery(_header("Topic"), error.code)
        raise
    metrics.note_delivery(_header("Topic"), result)
    return response


def _receive(store: str) -> tuple[str, Response]:
    """Return the result for the metrics, and the response."""
    if (request.content_length or 0) > HARD_LIMIT_BYTES:
        raise BodyTooLarge()
    body = request.get_data(cache=False)
    if len(body) > HARD_LIMIT_BYTES:
        raise BodyTooLarge()
    signature = request.headers.get("X-WC-Webhook-Signature", "")
    if not signature and _PING.fullmatch(body):
        return "ping", _answer_ping(store)
    received = Received(
        body=body,
        signature=signature,
        topic=_header("Topic"),
        source=_header("Source"),
        shop_delivery=_header("Delivery-ID"),
        webhook_id=_header("ID"),
    )
    vault = runtime().vault
    try:
        stored = in_transaction(
            lambda connection: inbox.receive(connection, store, received, vault=vault, now=utcnow())
        )
    except ConsumerSecretUsed:
        _note(store, "consumer_secrets", inbox.note_consumer_secret)
        raise
    except BadSignature:
        _note(store, "bad_signatures", inbox.note_bad_signature)
        raise
    if stored.delivery.state is State.REJECTED:
        raise MalformedBody(stored.delivery.outcome)
    shops = runtime().shops if stored.has_keys else None
    if not stored.is_repeat:
        is_done = processing.process_received(transaction, stored, now=utcnow(), shops=shops)
        runtime().metrics.note_processed(is_done)
    answer = Response("stored\n", content_type="text/plain; charset=utf-8")
    return "repeated" if stored.is_repeat else "stored", answer


def _answer_ping(store: str) -> Response:
    with reading() as connection:
        settings.get_store(connection, store)
    _note(store, "pings", inbox.note_ping)
    return Response("pong\n", content_type="text/plain; charset=utf-8")


def _note(store: str, what: str, note: Callable[..., None]) -> None:
    """Record an unsigned request at most once a minute, so that many of them cost only their responses.

    Only existing stores are recorded, so the memory used stays small.
    """
    noted: dict[str, float] = current_app.extensions.setdefault(f"bridge.{what}", {})
    now = time.monotonic()
    if now - noted.get(store, float("-inf")) < _NOTED_SECONDS:
        return
    noted[store] = now
    try:
        in_transaction(lambda connection: note(connection, store, now=utcnow()))
    except BridgeError as error:
        log.warning("the %s of store %s could not be recorded: %s", what.replace("_", " "), store, error.detail)


def _header(name: str) -> str:
    # Headers arrive as Latin-1, and WordPress sends UTF-8; what a database cannot hold is dropped.
    text = request.headers.get(f"X-WC-Webhook-{name}", "")
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return "".join(letter for letter in text if letter.isprintable())
