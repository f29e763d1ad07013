"""The API of spending."""

from __future__ import annotations

from flask import Blueprint, Response

from bridge.domain.errors import FieldError, InvalidRequest, UnknownOperation
from bridge.services import accounts
from bridge.services.spending import Ask
from bridge.web.auth import caller, store_key
from bridge.web.context import parts, reading
from bridge.web.parsing import (
    ModuleKey,
    Text100,
    Text200,
    Tokens,
    WhoIn,
    fingerprint,
    idempotency_key,
    read_body,
)
from bridge.web.replies import reply_response

bp = Blueprint("api_spends", __name__, url_prefix="/v1")


class SpendIn(WhoIn):
    """A spend: somebody, and either a module with tokens or an operation with a quantity."""

    module: ModuleKey | None = None
    tokens: Tokens | None = None
    operation: Text100 | None = None
    quantity: Tokens | None = None
    source: Text100 | None = None
    reference: Text200 | None = None


@bp.post("/spends")
@store_key
def spend() -> Response:
    """Take tokens at once: 201 and the spend, or a refusal that says what is missing."""
    key = idempotency_key()
    body = read_body(SpendIn)
    reply = parts().group_commit.spend(_ask(body, key))
    return reply_response(reply)


def _ask(body: SpendIn, key: str) -> Ask:
    if body.operation is not None:
        if body.module is not None or body.tokens is not None:
            raise InvalidRequest(fields=[FieldError("operation", "name an operation or a module, not both")])
        raise UnknownOperation(f"the price list has no operation {body.operation}")
    if body.module is None:
        raise InvalidRequest(fields=[FieldError("module", "name a module with tokens, or an operation")])
    if body.tokens is None:
        raise InvalidRequest(fields=[FieldError("tokens", "say how many tokens")])
    if body.quantity is not None:
        raise InvalidRequest(fields=[FieldError("quantity", "a quantity goes with an operation")])
    salt = ""
    if body.guest is not None:
        with reading() as connection:
            salt = accounts.guest_salt(connection, caller().store_id)
    return Ask(
        caller=caller(),
        who=body.who(salt),
        module=body.module,
        tokens=body.tokens,
        key=key,
        fingerprint=fingerprint("spend", body),
        source=body.source,
        reference=body.reference,
    )
