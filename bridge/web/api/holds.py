"""The API of holds: create, read, capture, release."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from flask import Blueprint, Response, request
from pydantic import Field

from bridge.domain.errors import (
    BalanceOutOfRange,
    FieldError,
    InvalidRequest,
    KeyInvalid,
    KeyRequired,
    KeyReused,
    SiteNamesUser,
    UnknownUser,
)
from bridge.domain.metering.commands import CaptureRequest, ReleaseRequest
from bridge.domain.metering.errors import (
    HoldCaptured,
    HoldReleased,
    HoldReleasedBefore,
    LifetimeOutOfRange,
    TooManyUnits,
    TooManyUnknownIds,
    UnknownHold,
    UseOutOfRange,
)
from bridge.domain.metering.holds import DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS, Hold
from bridge.domain.stores.principals import Caller
from bridge.rendering.documents import Document
from bridge.rendering.ids import decode_id, encode_id
from bridge.rendering.receipts import hold_document, receipt_document
from bridge.runtime import runtime
from bridge.services.metering import holds, records
from bridge.services.metering.records import OpenHold
from bridge.web.api.answers.holds import HoldOut, OpenHoldOut
from bridge.web.api.answers.parts import ItemList
from bridge.web.api.answers.spends import SpendOut
from bridge.web.api.auth import caller, deferred_auth, principal, store_or_site_key
from bridge.web.api.guesses import slow_guesses
from bridge.web.api.html_answers import html_response, varied, wants_html
from bridge.web.api.operations import PAGE, PATH, Parameter, operation
from bridge.web.api.parsing import (
    Amount,
    Body,
    NamedFaults,
    cursor,
    fingerprint,
    idempotency_key,
    one_of,
    page_limit,
    path_number,
    read_body,
)
from bridge.web.api.requests import SpendIn, hold_request_of, owner_document, path_id
from bridge.web.api.responses import json_response, list_response, reply_response
from bridge.web.api.spends import SPEND_ERRORS
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import language_of
from bridge.web.widget.look import LANGUAGE
from bridge.web.widget.result import hold_result, spend_result

bp = Blueprint("api_holds", __name__, url_prefix="/v1/holds")


class HoldIn(SpendIn):
    """A request to hold tokens for 1 second to 24 hours."""

    named_faults: ClassVar[NamedFaults] = {
        ("ttl_seconds", "greater_than_equal"): LifetimeOutOfRange,
        ("ttl_seconds", "less_than_equal"): LifetimeOutOfRange,
    }
    ttl_seconds: Annotated[int, Field(strict=True, ge=1, le=MAX_TTL_SECONDS)] = DEFAULT_TTL_SECONDS
    """Seconds until the hold ends, at most 24 hours."""


class CaptureIn(Body):
    """The final cost, in tokens or in units of the operation; 0 releases everything."""

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (one_of("tokens", "quantity"),)

    tokens: Amount | None = None
    """Tokens to charge; exactly one of tokens and quantity."""
    quantity: Amount | None = None
    """Units to charge."""
    confirmed: Annotated[bool, Field(strict=True)] = False
    """True once the user confirmed that tokens of the balance may pay beyond the hold."""


class ReleaseIn(Body):
    """An empty body; it may be left out."""

    may_be_absent: ClassVar[bool] = True


@bp.post("")
@deferred_auth
@operation(
    "Hold tokens",
    tag="Holds",
    answer=HoldOut,
    status=201,
    body=HoldIn,
    errors=(*SPEND_ERRORS, LifetimeOutOfRange),
    is_keyed=True,
    can_refuse=True,
    example={"user": {"id": 42}, "module": "chat", "tokens": 120, "ttl_seconds": 600},
)
def hold() -> Response:
    """Hold tokens until the final cost is known. A hold that is not captured expires."""
    key = idempotency_key()
    body = read_body(HoldIn)
    ask = hold_request_of(body, principal(), key=key, ttl_seconds=body.ttl_seconds)
    return reply_response(runtime().group_commit.spend(ask))


@bp.get("")
@store_or_site_key
@operation(
    "List open holds",
    tag="Holds",
    answer=ItemList[OpenHoldOut],
    query=(
        Parameter("state", "`open`, the only state that is listed.", {"type": "string", "enum": ["open"]}, "open"),
        Parameter("user_id", "ID of a user in the shop, whose holds are listed.", PATH["user_id"].schema, 42),
        *PAGE,
    ),
    errors=(UnknownUser,),
)
def list_holds() -> Response:
    """Return the open holds of the store or of a user, newest first. A linked-site key gets its own site's holds."""
    who, user, place, limit = caller(), request.args.get("user_id"), cursor(), page_limit()
    if request.args.get("state", "open") != "open":
        raise InvalidRequest(fields=[FieldError("state", "must be open")])
    user_id = None if user is None else path_number(user, "user_id")
    if who.account_id is not None and user_id is not None:
        raise SiteNamesUser(fields=[FieldError("user_id", "leave it out")])
    before = None if place is None else decode_id("ho", place)
    if place is not None and before is None:
        raise InvalidRequest(fields=[FieldError("cursor", "send the value of next from an earlier page")])
    with reading() as connection:
        page = records.list_open_holds(connection, who, user_id=user_id, before=before, limit=limit, now=utcnow())
    following = None if page.next_before is None else encode_id("ho", page.next_before)
    return list_response([_open_document(one, who) for one in page.holds], next_cursor=following)


@bp.get("/<hold_id>")
@store_or_site_key
@slow_guesses
@operation(
    "Get a hold",
    tag="Holds",
    answer=HoldOut,
    query=(LANGUAGE,),
    errors=(UnknownHold, TooManyUnknownIds),
    media=("application/json", "text/html"),
)
def get_hold(hold_id: str) -> Response:
    """Return a hold and its state.

    With `Accept: text/html`, it is one line for a page: of a captured hold, that of its spend.
    """
    who = caller()
    number = path_id("ho", hold_id, UnknownHold(), who)
    with reading() as connection:
        found = holds.look(connection, who, number, now=utcnow())
        if not wants_html() or not isinstance(found.item, Hold):
            return varied(json_response(receipt_document(found)))
        language, spend_id = language_of(request.args.get("lang", "")), found.item.spend_id
        if spend_id is None:
            return html_response(hold_result(found.item, language), language)
        return html_response(
            spend_result(records.get_spend(connection, who, spend_id, now=utcnow()), language), language
        )


@bp.post("/<hold_id>/capture")
@deferred_auth
@slow_guesses
@operation(
    "Capture a hold",
    tag="Holds",
    answer=SpendOut,
    status=201,
    body=CaptureIn,
    errors=(
        UnknownHold,
        TooManyUnknownIds,
        HoldCaptured,
        HoldReleased,
        HoldReleasedBefore,
        TooManyUnits,
        BalanceOutOfRange,
        UseOutOfRange,
    ),
    is_keyed=True,
    example={"tokens": 80},
)
def capture(hold_id: str) -> Response:
    """Charge the final cost and release the rest. 0 releases everything."""
    key = idempotency_key()
    body = read_body(CaptureIn)
    if (body.tokens is None) == (body.quantity is None):
        raise InvalidRequest(fields=[FieldError("tokens", "send exactly one of tokens and quantity")])
    ask = CaptureRequest(
        caller=principal(),
        key=key,
        fingerprint=fingerprint(f"capture {hold_id}", body),
        hold_id=path_id("ho", hold_id, UnknownHold(), principal()),
        tokens=body.tokens,
        units=body.quantity,
        confirmed=body.confirmed,
    )
    return reply_response(runtime().group_commit.spend(ask))


@bp.post("/<hold_id>/release")
@deferred_auth
@slow_guesses
@operation(
    "Release a hold",
    tag="Holds",
    answer=HoldOut,
    body=ReleaseIn,
    errors=(UnknownHold, TooManyUnknownIds, HoldCaptured, KeyReused, KeyInvalid, KeyRequired),
    may_be_keyed=True,
    example={},
)
def release(hold_id: str) -> Response:
    """Make the held tokens available again. An Idempotency-Key is optional."""
    body = read_body(ReleaseIn)
    ask = ReleaseRequest(
        caller=principal(),
        key=idempotency_key() if "Idempotency-Key" in request.headers else None,
        fingerprint=fingerprint(f"release {hold_id}", body),
        hold_id=path_id("ho", hold_id, UnknownHold(), principal()),
    )
    return reply_response(runtime().group_commit.spend(ask))


def _open_document(one: OpenHold, who: Caller) -> Document:
    return {**hold_document(one.hold), **owner_document(who, user_id=one.user_id, site_id=one.hold.site_id)}
