"""The API of a connection that stands: its health, the shop's REST keys, and the end of it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from flask import Blueprint, Response
from pydantic import Field

from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop.authorization import RestKeys
from bridge.domain.shop.errors import CheckRunning
from bridge.domain.stores.pasted_text import clean_credential
from bridge.rendering.documents import format_timestamp
from bridge.runtime import runtime
from bridge.services.shop import connection as connections
from bridge.services.shop import plugin_connection, subscriptions
from bridge.services.shop.monitor import MonitorContext
from bridge.services.stores import access_keys, settings
from bridge.storage.engine.database import Connection
from bridge.web.api.answers.connect import StoreHealth
from bridge.web.api.auth import caller, store_key, store_or_site_key
from bridge.web.api.operations import operation
from bridge.web.api.parsing import Body, read_body
from bridge.web.api.responses import json_response
from bridge.web.connection_steps import FaultRow, State, Step, build_steps, fault_rows
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("api_connection", __name__, url_prefix="/v1")


class RestKeysIn(Body):
    """REST keys of the shop, with the permission to read and write."""

    consumer_key: Annotated[str, Field(strict=True, min_length=1, max_length=200)]
    """Consumer key, which begins with `ck_`."""
    consumer_secret: Annotated[str, Field(strict=True, min_length=1, max_length=200)]
    """Consumer secret, which begins with `cs_`."""
    check: Literal["now", "later"] = "now"
    """`now`: the response comes after the check. `later`: the response does not wait for it."""


@bp.get("/store/health")
@store_key
@operation("Get the health of the connection", tag="Connection", answer=StoreHealth)
def get_health() -> Response:
    """Return the stored state of the connection to the shop. The shop is not called."""
    with reading() as connection:
        return json_response(_health_document(connection, caller().store_id))


@bp.post("/store/check")
@store_key
@operation("Check the shop now", tag="Connection", answer=StoreHealth, errors=(CheckRunning,))
def check_shop() -> Response:
    """Check the shop through its REST API, and return the health. Nothing is changed in the shop.

    Takes up to 15 seconds. A check of the last five seconds is not repeated.
    """
    store_id = caller().store_id
    plugin_connection.check(_monitoring(), runtime().shop_checks, store_id, now=utcnow())
    with reading() as connection:
        return json_response(_health_document(connection, store_id))


@bp.put("/store/rest-keys")
@store_key
@operation(
    "Set the shop's REST keys",
    tag="Connection",
    answer=StoreHealth,
    body=RestKeysIn,
    errors=(ShopUnreachable, CheckRunning),
    example={"consumer_key": "ck_" + "1" * 40, "consumer_secret": "cs_" + "2" * 40},
)
def put_rest_keys() -> Response:
    """Store the REST keys of the shop, check the shop with them, and return the health.

    Keys that the shop refuses are not stored. If the shop does not answer, they are
    stored, and `issues` has the reason. Takes up to 30 seconds.

    With `check` as `later`, the keys are stored at once, and the shop is called beside
    the response: for a site that cannot answer while it waits. The step `answer` is
    `open` until then; after it, the health has the result.
    """
    body = read_body(RestKeysIn)
    keys = RestKeys(clean_credential(body.consumer_key), clean_credential(body.consumer_secret))
    monitoring, checks, store_id = _monitoring(), runtime().shop_checks, caller().store_id
    if body.check == "now":
        plugin_connection.receive_keys(monitoring, checks, caller(), keys, now=utcnow())
    else:
        plugin_connection.keep_keys(monitoring, caller(), keys, now=utcnow())
    with reading() as connection:
        document = _health_document(connection, store_id)
    if body.check == "later":
        checks.begin(store_id, partial(plugin_connection.check, monitoring, checks, store_id, now=utcnow()))
    return json_response(document)


class HistoryIn(Body):
    """The decision about orders placed before the shop was connected."""

    decision: Literal["grant", "skip"]
    """`grant` or `skip`."""


@bp.put("/store/past-orders")
@store_key
@operation(
    "Decide about orders placed before the connection",
    tag="Connection",
    answer=StoreHealth,
    body=HistoryIn,
    example={"decision": "skip"},
)
def answer_history() -> Response:
    """Grant the orders placed before the shop was connected, or skip them, and return the health.

    The step `history` is `open` until this was decided. Granting reads the shop in the
    background. Skipped orders can be granted later; tokens already granted stay.
    """
    body, who, now = read_body(HistoryIn), caller(), utcnow()

    def decide(connection: Connection) -> None:
        store = settings.get_by_id(connection, who.store_id)
        settings.answer_history(connection, store, body.decision, actor=who.name, now=now)

    in_transaction(decide)
    with reading() as connection:
        return json_response(_health_document(connection, who.store_id))


@bp.delete("/connection")
@store_or_site_key
@operation("End the connection", tag="Connection", answer=None, status=204)
def end_connection() -> Response:
    """Revoke the access key of this request. REST keys that the plugin set are deleted.

    The store, its accounts and its settings stay. A linked site is unlinked. Delete
    the webhooks in the shop before: deliveries are still accepted.
    """
    in_transaction(lambda connection: plugin_connection.disconnect(connection, caller(), now=utcnow()))
    return Response(status=204)


def _monitoring() -> MonitorContext:
    parts = runtime()
    return MonitorContext(
        # Not that of the request, which may have ended.
        parts.database.transaction,
        parts.shops,
        parts.config.public_url,
        installation=parts.config.installation,
        check_seconds=plugin_connection.CHECK_SECONDS,
    )


def _health_document(connection: Connection, store_id: int) -> dict[str, Any]:
    public_url = runtime().config.public_url
    store = settings.get_by_id(connection, store_id)
    state = connections.describe(connection, store, public_url=public_url, vault_=runtime().vault)
    faults = fault_rows(state)
    used = [key.last_used_at for key in access_keys.list_keys(connection, store)]
    steps = build_steps(store, state, faults, keys_used=used, is_by_hand=True)
    known = state.known
    return {
        "state": _state(steps, faults),
        "time": format_timestamp(utcnow()),
        "checked_at": format_timestamp(known.looked_at),
        "steps": [_step_document(step) for step in steps],
        "issues": [{"code": fault.code, "sentence": fault.sentence} for fault in faults],
        "url": store.url,
        "webhook_url": f"{public_url}{subscriptions.PATH}{store.slug}",
        "rest_key_ending": state.key_ending or None,
        "last_delivery_at": format_timestamp(state.last_delivery_at),
        "last_ping_at": format_timestamp(known.pinged_at),
        "last_bad_signature_at": format_timestamp(known.bad_signature_at),
        "packages": state.packages,
    }


def _state(steps: tuple[Step, ...], faults: tuple[FaultRow, ...]) -> str:
    if faults or any(step.state is State.WRONG for step in steps):
        return "problem"
    return "ok" if all(step.state is State.DONE for step in steps) else "incomplete"


def _step_document(step: Step) -> dict[str, Any]:
    return {
        "code": step.key,
        "title": step.title,
        "state": step.state.value,
        "sentence": step.sentence,
        "at": None if step.at is None else format_timestamp(datetime.fromisoformat(step.at.iso)),
    }
