"""The API of adjustments: one balance, or many in one request."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from flask import Blueprint, Response
from pydantic import Field, model_validator

from bridge.domain.accounts.accounts import Profile
from bridge.domain.errors import (
    BalanceChanged,
    BalanceOutOfRange,
    BridgeError,
    FieldError,
    InvalidRequest,
    UnknownUser,
)
from bridge.domain.metering.errors import TooManyItems
from bridge.services.accounts import profiles
from bridge.services.accounts.profiles import Adjustment
from bridge.services.metering.adjustments import AdjustmentRequest, adjust_many
from bridge.services.metering.execute import MAX_REQUESTS
from bridge.services.metering.idempotency import once
from bridge.web.api.answers.adjustments import AdjustmentResults
from bridge.web.api.answers.users import EntryOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import operation
from bridge.web.api.parsing import (
    Amount,
    Body,
    Movement,
    NamedFaults,
    Reason,
    UserId,
    UserIn,
    check_key,
    fingerprint,
    idempotency_key,
    one_of,
    path_number,
    profile_of,
    read_body,
)
from bridge.web.api.responses import batch_result, json_response, reply_response
from bridge.web.api.users import ProfileIn, entry_document
from bridge.web.context import in_transaction, utcnow

bp = Blueprint("api_adjustments", __name__, url_prefix="/v1")


class AdjustedUserIn(ProfileIn):
    """Profile of the user whose balance is adjusted; fields left out stay unchanged."""

    id: UserId | None = None
    """ID of the user in the shop; left out, or the ID in the path."""


class AdjustmentIn(Body):
    """Tokens to add or remove, or the balance to set, with a reason."""

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (one_of("tokens", "balance"),)

    about: ClassVar[str] = "tokens"

    tokens: Movement | None = None
    """Tokens to add, negative to remove; exactly one of tokens and balance."""
    balance: Amount | None = None
    """The balance to set."""
    expected_balance: Amount | None = None
    """Fail if the current balance is a different one."""
    reason: Reason
    """Reason for the adjustment."""
    user: AdjustedUserIn | None = None
    """Profile of the user: the account is created if the store has none, else updated."""

    @model_validator(mode="after")
    def _one_of_them(self) -> AdjustmentIn:
        if (self.tokens is None) == (self.balance is None):
            raise ValueError("send exactly one of tokens and balance")
        if self.tokens == 0:
            raise ValueError("tokens must not be 0")
        return self


class BulkItemIn(Body):
    """One adjustment of many, with its own key."""

    about: ClassVar[str] = "tokens"

    key: Annotated[str, Field(strict=True)]
    """Idempotency key of this adjustment."""
    user: UserIn
    """The user; the account is created if the store has none and tokens are added."""
    tokens: Movement
    """Tokens to add, negative to remove; not 0."""
    reason: Reason
    """Reason for the adjustment."""

    @model_validator(mode="after")
    def _moves_something(self) -> BulkItemIn:
        if self.tokens == 0:
            raise ValueError("tokens must not be 0")
        return self


class UnreadAdjustments(Body):
    """Up to 1000 adjustments."""

    named_faults: ClassVar[NamedFaults] = {("adjustments", "too_long"): TooManyItems}
    max_values: ClassVar[int] = 80 * MAX_REQUESTS
    adjustments: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_REQUESTS)]
    """Up to 1000 adjustments."""


class AdjustmentsIn(Body):
    """Up to 1000 adjustments. Each is validated on its own, so an invalid one does not stop the others."""

    adjustments: Annotated[list[BulkItemIn], Field(min_length=1, max_length=MAX_REQUESTS)]
    """Up to 1000 adjustments."""


@bp.post("/users/<user_id>/adjustments")
@store_key
@operation(
    "Adjust a balance",
    tag="Users",
    answer=EntryOut,
    status=201,
    body=AdjustmentIn,
    errors=(UnknownUser, BalanceChanged, BalanceOutOfRange),
    is_keyed=True,
    example={"tokens": 500, "reason": "Goodwill"},
)
def adjust(user_id: str) -> Response:
    """Add or remove tokens with a reason, or set the balance.

    With `user`, an account that the store does not have is created.
    """
    key = idempotency_key()
    body = read_body(AdjustmentIn)
    number, now, who = path_number(user_id, "user_id"), utcnow(), caller()
    profile = _profile(number, body.user)
    wanted = Adjustment(body.reason, body.tokens, body.balance, body.expected_balance)
    answer = in_transaction(
        lambda connection: once(
            connection,
            who,
            key=key,
            fingerprint=fingerprint(f"adjust {number}", body),
            create=lambda: entry_document(
                profiles.adjust(connection, who.store_id, number, wanted, profile=profile, actor=who.name, now=now)
            ),
            now=now,
        )
    )
    return reply_response(answer)


@bp.post("/adjustments/bulk")
@store_key
@operation(
    "Adjust many balances",
    tag="Users",
    answer=AdjustmentResults,
    body=AdjustmentsIn,
    errors=(TooManyItems,),
    example={"adjustments": [{"key": "gift-42", "user": {"id": 42}, "tokens": 500, "reason": "Goodwill"}]},
)
def adjust_bulk() -> Response:
    """Adjust up to 1000 balances, each with its own key. One that fails does not stop the others."""
    body = read_body(UnreadAdjustments)
    wanted: list[AdjustmentRequest | BridgeError] = []
    for item in body.adjustments:
        try:
            wanted.append(_request_of(BulkItemIn.read(item)))
        except BridgeError as error:
            wanted.append(error)
    requests = [each for each in wanted if isinstance(each, AdjustmentRequest)]
    who, now = caller(), utcnow()
    replies = iter(
        in_transaction(lambda connection: adjust_many(connection, who, requests, render=entry_document, now=now))
    )
    results = [batch_result(each if isinstance(each, BridgeError) else next(replies)) for each in wanted]
    return json_response({"results": results})


def _request_of(item: BulkItemIn) -> AdjustmentRequest:
    """Return the request of an item; its fingerprint is that of the same adjustment sent alone."""
    key = check_key(item.key, "key")
    more = item.user.model_dump(exclude_unset=True, exclude={"id"})
    alone = {"tokens": item.tokens, "reason": item.reason} | ({"user": more} if more else {})
    wanted = fingerprint(f"adjust {item.user.id}", AdjustmentIn.read(alone))
    return AdjustmentRequest(key, wanted, profile_of(item.user), item.tokens, item.reason)


def _profile(number: int, user: AdjustedUserIn | None) -> Profile | None:
    if user is None:
        return None
    if user.id not in {None, number}:
        raise InvalidRequest(fields=[FieldError("user.id", "leave it out, or send the ID in the path")])
    return profile_of(UserIn(id=number, **user.model_dump(exclude_unset=True, exclude={"id"})))
