"""The API of spending: single and batched spends, and refunds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from flask import Blueprint, Response, request
from pydantic import Field

from bridge.domain.errors import BalanceOutOfRange, BridgeError
from bridge.domain.metering.commands import RefundRequest, SpendRequest
from bridge.domain.metering.errors import (
    NotASpend,
    OperationAndTokens,
    RefundTooLarge,
    TooManyItems,
    TooManyUnits,
    TooManyUnknownIds,
    UnknownModule,
    UnknownOperation,
    UnknownSpend,
    UseOutOfRange,
)
from bridge.rendering.receipts import receipt_document
from bridge.runtime import runtime
from bridge.services.metering import records
from bridge.services.metering.execute import MAX_REQUESTS
from bridge.web.api.answers.spends import BatchResults, RefundOut, SpendOut, SpendRecordOut
from bridge.web.api.auth import caller, deferred_auth, principal, store_or_site_key
from bridge.web.api.guesses import slow_guesses
from bridge.web.api.html_answers import html_response, varied, wants_html
from bridge.web.api.operations import operation
from bridge.web.api.parsing import (
    Body,
    NamedFaults,
    Reason,
    Tokens,
    check_key,
    fingerprint,
    idempotency_key,
    read_body,
)
from bridge.web.api.requests import SpendIn, owner_document, path_id, request_of
from bridge.web.api.responses import batch_result, json_response, reply_response
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import language_of
from bridge.web.widget.look import LANGUAGE
from bridge.web.widget.result import spend_result

bp = Blueprint("api_spends", __name__, url_prefix="/v1")


class BatchItemIn(SpendIn):
    """One spend of a batch, with its own key."""

    key: Annotated[str, Field(strict=True)]
    """Idempotency key of this spend."""


class UnreadBatch(Body):
    """Up to 1000 spends."""

    named_faults: ClassVar[NamedFaults] = {("spends", "too_long"): TooManyItems}
    max_values: ClassVar[int] = 80 * MAX_REQUESTS
    spends: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_REQUESTS)]
    """Up to 1000 spends."""


class BatchIn(Body):
    """Up to 1000 spends. Each is validated on its own, so an invalid one does not stop the others."""

    spends: Annotated[list[BatchItemIn], Field(min_length=1, max_length=MAX_REQUESTS)]
    """Up to 1000 spends."""


class RefundIn(Body):
    """The tokens to refund and the reason."""

    tokens: Tokens | None = None
    """Tokens to refund; left out, all that were not refunded yet."""
    reason: Reason
    """Reason for the refund."""


SPEND_ERRORS = (UnknownOperation, UnknownModule, TooManyUnits, OperationAndTokens, BalanceOutOfRange, UseOutOfRange)
"""The errors of a spend or hold, other than refusals."""


@bp.post("/spends")
@deferred_auth
@operation(
    "Spend tokens",
    tag="Spends",
    answer=SpendOut,
    status=201,
    body=SpendIn,
    errors=SPEND_ERRORS,
    is_keyed=True,
    can_refuse=True,
    example={"user": {"id": 42}, "module": "chat", "tokens": 120},
)
def spend() -> Response:
    """Charge tokens now. A refusal charges nothing, and the same key can be used again."""
    key = idempotency_key()
    return reply_response(runtime().group_commit.spend(request_of(read_body(SpendIn), principal(), key=key)))


@bp.post("/spends/batch")
@store_or_site_key
@operation(
    "Spend tokens in a batch",
    tag="Spends",
    answer=BatchResults,
    body=BatchIn,
    errors=(TooManyItems,),
    example={"spends": [{"key": "job-1", "user": {"id": 42}, "module": "chat", "tokens": 120}]},
)
def spend_batch() -> Response:
    """Charge up to 1000 spends, each with its own key. One that fails does not stop the others."""
    body = read_body(UnreadBatch)
    who = caller()
    asks: list[SpendRequest | BridgeError] = []
    for item in body.spends:
        try:
            parsed = BatchItemIn.read(item)
            key = check_key(parsed.key, "key")
            asks.append(request_of(SpendIn.read(parsed.model_dump(exclude_unset=True, exclude={"key"})), who, key=key))
        except BridgeError as error:
            asks.append(error)
    replies = iter(runtime().group_commit.spend_all([ask for ask in asks if isinstance(ask, SpendRequest)]))
    results = [batch_result(ask if isinstance(ask, BridgeError) else next(replies)) for ask in asks]
    return json_response({"results": results})


@bp.get("/spends/<spend_id>")
@store_or_site_key
@slow_guesses
@operation(
    "Get a spend",
    tag="Spends",
    answer=SpendRecordOut,
    query=(LANGUAGE,),
    errors=(UnknownSpend, TooManyUnknownIds),
    media=("application/json", "text/html"),
)
def get_spend(spend_id: str) -> Response:
    """Return a spend and what was refunded of it, with the current balance and allowance.

    With `Accept: text/html`, it is one line for a page, such as `12 tokens · 1,450 left`.
    """
    who = caller()
    number = path_id("sp", spend_id, UnknownSpend(), who)
    with reading() as connection:
        record = records.get_spend(connection, who, number, now=utcnow())
    if wants_html():
        language = language_of(request.args.get("lang", ""))
        return html_response(spend_result(record, language), language)
    spent = record.spend
    document = {
        **receipt_document(record.receipt),
        **owner_document(who, user_id=record.user_id, site_id=spent.site_id),
        "refunded": {"plan": spent.back_plan, "balance": spent.back_balance, "allowance": spent.back_allowance},
        "lapsed": spent.lapsed,
    }
    return varied(json_response(document))


@bp.post("/spends/<spend_id>/refund")
@deferred_auth
@slow_guesses
@operation(
    "Refund a spend",
    tag="Spends",
    answer=RefundOut,
    status=201,
    body=RefundIn,
    errors=(UnknownSpend, TooManyUnknownIds, NotASpend, RefundTooLarge, BalanceOutOfRange, UseOutOfRange),
    is_keyed=True,
    example={"tokens": 20, "reason": "The image was not usable"},
)
def refund(spend_id: str) -> Response:
    """Return the tokens of a spend, all or a part, to the sources that paid them."""
    key = idempotency_key()
    if spend_id.startswith("rf_"):
        raise NotASpend()
    body = read_body(RefundIn)
    ask = RefundRequest(
        caller=principal(),
        key=key,
        fingerprint=fingerprint(f"refund {spend_id}", body),
        spend_id=path_id("sp", spend_id, UnknownSpend(), principal()),
        tokens=body.tokens,
        reason=body.reason,
    )
    return reply_response(runtime().group_commit.spend(ask))
