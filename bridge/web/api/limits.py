"""The API of prices, users' own limits, resets, and explanations of decisions."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from flask import Blueprint, Response, request
from pydantic import BeforeValidator, Field, model_validator

from bridge.domain.accounts.accounts import MAX_USER_ID
from bridge.domain.errors import FieldError, InvalidRequest, UnknownUser
from bridge.domain.metering.errors import UnknownLimit, UnknownModule, UnknownOperation
from bridge.domain.metering.limits import Allows, Override, Period, Rule
from bridge.domain.metering.pricing import Operation
from bridge.rendering.settings import operation_document, override_document, reset_document
from bridge.services.metering import manual_resets, overrides, past, prices, quotes
from bridge.web.api.answers.limits import Explanation, OperationOut, OverrideOut, ResetOut, UserResetOut
from bridge.web.api.answers.parts import (
    ItemList,
)
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import MODULE_PATTERN, Parameter, operation
from bridge.web.api.parsing import (
    Amount,
    Body,
    LimitValue,
    ModuleKey,
    Moment,
    Role,
    Text100,
    Tokens,
    one_of,
    path_module,
    path_number,
    read_body,
    read_moment,
)
from bridge.web.api.quote_documents import explanation_document, past_explanation_document
from bridge.web.api.responses import json_response, list_response
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("api_metering", __name__, url_prefix="/v1")

_OPERATION = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")


def _no_number(value: object) -> object:
    # In Python 1 equals True; a reset of everything must be requested explicitly.
    if value is not None and not isinstance(value, bool):
        raise ValueError("must be true, or left out")
    return value


Everything = Annotated[Literal[True], BeforeValidator(_no_number)]


class OperationIn(Body):
    """The price of an operation: tokens per unit, or the operations it is made of."""

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (one_of("tokens_per_unit", "parts"),)

    module: ModuleKey
    """Key of the module."""
    tokens_per_unit: Amount | None = None
    """Price of one unit; exactly one of tokens_per_unit and parts."""
    max_units: Tokens | None = None
    """Most units in one request."""
    parts: Annotated[list[Text100], Field(min_length=1, max_length=20)] | None = None
    """Keys of the operations it is made of."""


class OverrideIn(Body):
    """A user's own limit and its end."""

    limit: LimitValue
    """Tokens per window, `unlimited` or `disabled`."""
    ends_at: Moment | None = None
    """End of this limit; left out or null, it has none."""
    second_limit: LimitValue | None = None
    """The same for the second window of the limit; left out, it stays; null leaves it to the user's roles."""


class ResetIn(Body):
    """The module to reset, or all."""

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (one_of("module", "all"),)

    about: ClassVar[str] = "module"
    may_be_absent: ClassVar[bool] = True

    module: ModuleKey | None = None
    """Key of the module; exactly one of module and all."""
    all: Everything | None = None
    """`true` for all modules."""
    period: Literal["daily", "weekly", "monthly", "never"] | None = None
    """Period of the windows to reset; left out or null, all."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.module is None) == (self.all is None):
            raise ValueError('send a module, or "all": true for all modules')
        return self


class ResetManyIn(Body):
    """The users and modules to reset: by role, by module, by both, or all."""

    about: ClassVar[str] = "module"
    may_be_absent: ClassVar[bool] = True

    module: ModuleKey | None = None
    """Key of the module."""
    role: Role | None = None
    """Role of the users."""
    all: Everything | None = None
    """`true` for all users and modules, without module and role."""
    period: Literal["daily", "weekly", "monthly", "never"] | None = None
    """Period of the windows to reset; left out or null, all."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        named = self.module is not None or self.role is not None
        if named == (self.all is not None):
            raise ValueError('send a module, a role or both, or "all": true for everything')
        return self


@bp.get("/operations")
@store_key
@operation("List operations", tag="Prices", answer=ItemList[OperationOut])
def list_operations() -> Response:
    """Return the price list."""
    with reading() as connection:
        found = prices.list_operations(connection, caller().store_id)
    return list_response([operation_document(operation) for operation in found], next_cursor=None)


@bp.get("/operations/<key>")
@store_key
@operation("Get an operation", tag="Prices", answer=OperationOut, errors=(UnknownOperation,))
def get_operation(key: str) -> Response:
    """Return the price of an operation."""
    with reading() as connection:
        return json_response(
            operation_document(prices.get_operation(connection, caller().store_id, operation_key(key)))
        )


@bp.put("/operations/<key>")
@store_key
@operation(
    "Create or change an operation",
    tag="Prices",
    answer=OperationOut,
    body=OperationIn,
    errors=(UnknownModule,),
    example={"module": "chat", "tokens_per_unit": 40, "max_units": 100},
)
def put_operation(key: str) -> Response:
    """Create an operation or change its price."""
    operation = operation_of(operation_key(key), read_body(OperationIn))
    who, now = caller(), utcnow()
    stored = in_transaction(
        lambda connection: prices.put_operation(connection, who.store_id, operation, actor=who.name, now=now)
    )
    return json_response(operation_document(stored))


def operation_of(key: str, body: OperationIn) -> Operation:
    """Return the operation that a body describes; raises `InvalidRequest`."""
    if (body.tokens_per_unit is None) == (body.parts is None):
        raise InvalidRequest(fields=[FieldError("tokens_per_unit", "send exactly one of tokens_per_unit and parts")])
    return Operation(key, body.module, body.tokens_per_unit or 0, body.max_units, tuple(body.parts or ()))


@bp.delete("/operations/<key>")
@store_key
@operation("Delete an operation", tag="Prices", answer=None, status=204, errors=(UnknownOperation,))
def delete_operation(key: str) -> Response:
    """Remove an operation from the price list."""
    who, operation, now = caller(), operation_key(key), utcnow()
    in_transaction(
        lambda connection: prices.drop_operation(connection, who.store_id, operation, actor=who.name, now=now)
    )
    return Response(status=204)


@bp.get("/users/<user_id>/explain")
@store_key
@operation(
    "Explain a decision",
    tag="Limits",
    answer=Explanation,
    query=(
        Parameter("module", "Key of the module.", {"type": "string", "pattern": MODULE_PATTERN}, "chat", True),
        Parameter(
            "tokens", "Tokens to spend, 1 without it.", {"type": "integer", "minimum": 0, "maximum": MAX_USER_ID}, 120
        ),
        Parameter(
            "at",
            "A moment of the past: explains the decision that was made then. Everything is that of just before it.",
            {"type": "string", "format": "date-time"},
            "2026-11-20T12:00:00Z",
        ),
    ),
    errors=(UnknownUser, UnknownModule),
)
def explain(user_id: str) -> Response:
    """Return the roles, the rule, the window and the sources that would decide a spend. Nothing is charged.

    With `at`, return those that decided at that moment, and which of them were not recorded.
    """
    module = path_module(request.args.get("module", ""))
    tokens = path_number(request.args.get("tokens", "1"), "tokens", low=0)
    number, now, store_id = path_number(user_id, "user_id"), utcnow(), caller().store_id
    at = read_moment(request.args["at"], "at") if "at" in request.args else None
    with reading() as connection:
        if at is None:
            found = quotes.explain(connection, store_id, number, module=module, tokens=tokens, now=now)
            return json_response(explanation_document(found))
        decided = past.explain_at(connection, store_id, number, module=module, tokens=tokens, at=at, now=now)
        return json_response(past_explanation_document(decided))


@bp.put("/users/<user_id>/limits/<module>")
@store_key
@operation(
    "Set a user's own limit",
    tag="Limits",
    answer=OverrideOut,
    body=OverrideIn,
    errors=(UnknownUser, UnknownModule),
    example={"limit": 50000, "ends_at": "2027-01-01T00:00:00Z"},
)
def put_override(user_id: str, module: str) -> Response:
    """Set a limit for one user, which replaces the limits of the user's roles."""
    body = read_body(OverrideIn)
    second = None if body.second_limit is None else _rule(body.second_limit)
    override = Override(path_module(module), _rule(body.limit), body.ends_at, second)
    keeps_second = "second_limit" not in body.model_fields_set
    who, number, now = caller(), path_number(user_id, "user_id"), utcnow()
    stored = in_transaction(
        lambda connection: overrides.put_override(
            connection, who.store_id, number, override, keeps_second=keeps_second, actor=who.name, now=now
        )
    )
    return json_response(override_document(number, stored))


@bp.delete("/users/<user_id>/limits/<module>")
@store_key
@operation("Remove a user's own limit", tag="Limits", answer=None, status=204, errors=(UnknownUser, UnknownLimit))
def delete_override(user_id: str, module: str) -> Response:
    """Remove a user's own limit. The limits of the user's roles apply again."""
    who, number, key, now = caller(), path_number(user_id, "user_id"), path_module(module), utcnow()
    in_transaction(
        lambda connection: overrides.drop_override(connection, who.store_id, number, key, actor=who.name, now=now)
    )
    return Response(status=204)


@bp.post("/users/<user_id>/limits/reset")
@store_key
@operation(
    "Reset a user's windows",
    tag="Limits",
    answer=UserResetOut,
    body=ResetIn,
    errors=(UnknownUser, UnknownModule, UnknownLimit),
    example={"module": "chat"},
)
def reset_user(user_id: str) -> Response:
    """Start a new window now for one user, in one module or in all."""
    body = read_body(ResetIn)
    who, number, now = caller(), path_number(user_id, "user_id"), utcnow()
    reset = in_transaction(
        lambda connection: manual_resets.reset_account(
            connection, who.store_id, number, body.module, period=_period(body.period), actor=who.name, now=now
        )
    )
    return json_response({"user": number, **reset_document(reset)})


@bp.post("/limits/reset")
@store_key
@operation(
    "Reset the windows of many users",
    tag="Limits",
    answer=ResetOut,
    body=ResetManyIn,
    errors=(UnknownModule, UnknownLimit),
    example={"all": True},
)
def reset_many() -> Response:
    """Start a new window now for all users or those of a role, in one module or in all."""
    body = read_body(ResetManyIn)
    who, now = caller(), utcnow()
    reset = in_transaction(
        lambda connection: manual_resets.reset_many(
            connection,
            who.store_id,
            module=body.module,
            role=body.role,
            period=_period(body.period),
            actor=who.name,
            now=now,
        )
    )
    return json_response(reset_document(reset))


def _rule(value: int | str) -> Rule:
    return Rule(Allows.AMOUNT, value) if isinstance(value, int) else Rule(Allows(value))


def _period(name: str | None) -> Period | None:
    return None if name is None else Period(name)


def operation_key(key: str) -> str:
    """Return the key of an operation from the path; raises `InvalidRequest`."""
    if not _OPERATION.fullmatch(key):
        raise InvalidRequest(
            fields=[FieldError("operation", "use 1 to 100 lower-case letters, digits, dots, dashes and underscores")]
        )
    return key
