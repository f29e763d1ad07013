"""The API of holds: set aside, capture, release."""

from __future__ import annotations

from typing import Annotated, ClassVar

from flask import Blueprint, Response, request
from pydantic import Field

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.commands import CaptureRequest, ReleaseRequest
from bridge.domain.metering.errors import LifetimeOutOfRange, UnknownHold
from bridge.domain.metering.holds import DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS
from bridge.runtime import runtime
from bridge.services.metering import holds
from bridge.web.api.auth import caller, deferred_auth, store_or_site_key
from bridge.web.api.guesses import slow_guesses
from bridge.web.api.parsing import Amount, Body, NamedFaults, fingerprint, idempotency_key, read_body
from bridge.web.api.requests import SpendIn, hold_request_of, path_id
from bridge.web.api.responses import json_response, reply_response
from bridge.web.context import reading, utcnow

bp = Blueprint("api_holds", __name__, url_prefix="/v1/holds")


class HoldIn(SpendIn):
    """A hold: a spend that waits, for 1 second to 24 hours."""

    named_faults: ClassVar[NamedFaults] = {
        ("ttl_seconds", "greater_than_equal"): LifetimeOutOfRange,
        ("ttl_seconds", "less_than_equal"): LifetimeOutOfRange,
    }
    ttl_seconds: Annotated[int, Field(strict=True, ge=1, le=MAX_TTL_SECONDS)] = DEFAULT_TTL_SECONDS


class CaptureIn(Body):
    """What it really cost: tokens, or a quantity of the hold's operation; 0 frees all."""

    tokens: Amount | None = None
    quantity: Amount | None = None


class ReleaseIn(Body):
    """Nothing: a release says all with its address."""

    may_be_absent: ClassVar[bool] = True


@bp.post("")
@deferred_auth
def hold() -> Response:
    """Set tokens aside: 201 and the hold, or a refusal."""
    key = idempotency_key()
    body = read_body(HoldIn)
    ask = hold_request_of(body, caller(), key=key, ttl_seconds=body.ttl_seconds)
    return reply_response(runtime().group_commit.spend(ask))


@bp.get("/<hold_id>")
@store_or_site_key
@slow_guesses
def get_hold(hold_id: str) -> Response:
    """A hold as it stands."""
    with reading() as connection:
        return json_response(
            holds.look(connection, caller(), path_id("ho", hold_id, UnknownHold(), caller()), now=utcnow())
        )


@bp.post("/<hold_id>/capture")
@deferred_auth
@slow_guesses
def capture(hold_id: str) -> Response:
    """Take what it really cost and free the rest."""
    key = idempotency_key()
    body = read_body(CaptureIn)
    if (body.tokens is None) == (body.quantity is None):
        raise InvalidRequest(fields=[FieldError("tokens", "give exactly one of tokens and quantity")])
    ask = CaptureRequest(
        caller=caller(),
        key=key,
        fingerprint=fingerprint(f"capture {hold_id}", body),
        hold_id=path_id("ho", hold_id, UnknownHold(), caller()),
        tokens=body.tokens,
        units=body.quantity,
    )
    return reply_response(runtime().group_commit.spend(ask))


@bp.post("/<hold_id>/release")
@deferred_auth
@slow_guesses
def release(hold_id: str) -> Response:
    """Free a hold; its tokens are available again at once. A key is welcome and not needed: nothing is spent."""
    body = read_body(ReleaseIn)
    ask = ReleaseRequest(
        caller=caller(),
        key=idempotency_key() if "Idempotency-Key" in request.headers else None,
        fingerprint=fingerprint(f"release {hold_id}", body),
        hold_id=path_id("ho", hold_id, UnknownHold(), caller()),
    )
    return reply_response(runtime().group_commit.spend(ask))
