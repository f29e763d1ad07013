"""Declarations of the API's operations on their routes, from which the OpenAPI document is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from flask import Response
from pydantic import BaseModel

from bridge.domain.accounts.accounts import MAX_USER_ID
from bridge.domain.errors import BridgeError
from bridge.domain.metering.limits import Period
from bridge.web.api.descriptions import DescribedModel

P = ParamSpec("P")
View = TypeVar("View", bound=Callable[..., Response])
Schema = dict[str, Any]

MODULE_PATTERN = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
OPERATION_PATTERN = r"^[a-z0-9][a-z0-9_.-]{0,99}$"
PERIODS = tuple(period.value for period in Period)


class Answer(DescribedModel):
    """A response body; each property has a description and an example."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a path or a query."""

    name: str
    description: str
    schema: Schema
    example: str | int
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """The requests and responses of a route."""

    summary: str
    tag: str
    answer: type[BaseModel] | None
    status: int
    body: type[BaseModel] | None
    example: Mapping[str, Any] | None
    errors: tuple[type[BridgeError], ...]
    query: tuple[Parameter, ...]
    is_keyed: bool
    may_be_keyed: bool
    can_refuse: bool
    media: tuple[str, ...]


def _text(pattern: str = "", maximum: int = 200) -> Schema:
    return {"type": "string", **({"pattern": pattern} if pattern else {"minLength": 1, "maxLength": maximum})}


def _number(low: int = 1) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": MAX_USER_ID}


PATH = {
    "user_id": Parameter("user_id", "ID of the user in the shop.", _number(), 42),
    "module": Parameter("module", "Key of the module.", _text(MODULE_PATTERN), "chat"),
    "key": Parameter("key", "Key, in lower-case letters.", _text(OPERATION_PATTERN), "chat"),
    "product": Parameter("product", "ID of the product in the shop.", _number(), 10),
    "variation": Parameter("variation", "ID of the variation in the shop; 0 for the product.", _number(0), 11),
    "order": Parameter("order", "ID of the order in the shop.", _number(), 1001),
    "number": Parameter("number", "ID of the order in the shop.", _number(), 1001),
    "line": Parameter("line", "ID of the order line in the shop.", _number(), 7),
    "site_id": Parameter("site_id", "ID of the linked site.", _text(), "si_01J8XG2M4Q7RB"),
    "endpoint_id": Parameter("endpoint_id", "ID of the event endpoint.", _text(), "ep_01J8XG2M4Q7RB"),
    "hold_id": Parameter("hold_id", "ID of the hold.", _text(), "ho_01J8XG2M4Q7RB"),
    "spend_id": Parameter("spend_id", "ID of the spend.", _text(), "sp_01J8XG2M4Q7RB"),
}
"""The parameters of paths; the name in a route selects one."""

PAGE = (
    Parameter("limit", "Number of items; 50 by default.", {"type": "integer", "minimum": 1, "maximum": 200}, 50),
    Parameter("cursor", "The value of `next` on the previous page.", {"type": "string"}, ""),
)
"""The parameters of a list."""

CSV = Parameter("format", "`csv` for the whole list as a table.", {"type": "string", "enum": ["json", "csv"]}, "json")


def operation(
    summary: str,
    *,
    tag: str,
    answer: type[BaseModel] | None,
    status: int = 200,
    body: type[BaseModel] | None = None,
    example: Mapping[str, Any] | None = None,
    errors: tuple[type[BridgeError], ...] = (),
    query: tuple[Parameter, ...] = (),
    is_keyed: bool = False,
    may_be_keyed: bool = False,
    can_refuse: bool = False,
    media: tuple[str, ...] = ("application/json",),
) -> Callable[[View], View]:
    """Declare the request, response and errors of a route.

    `errors` are those of this route only; the errors common to all routes are
    added to the document. `is_keyed` declares a required Idempotency-Key,
    `may_be_keyed` an optional one.
    """
    declared = Operation(
        summary, tag, answer, status, body, example, errors, query, is_keyed, may_be_keyed, can_refuse, media
    )

    def declare(view: View) -> View:
        view.operation = declared  # type: ignore[attr-defined]
        return view

    return declare


def operation_of(view: Callable[..., Any]) -> Operation:
    """Return the declaration of a route; decorators above it pass it on."""
    found: Operation = view.operation  # type: ignore[attr-defined]
    return found


def access_of(view: Callable[..., Any]) -> str | None:
    """Return which access key a route needs: `store`, `site` or `any`; None for no key."""
    found: str | None = getattr(view, "access", None)
    return found
