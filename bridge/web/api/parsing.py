"""Parse requests into typed values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from flask import request
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, PlainValidator, ValidationError

from bridge.domain.accounts.accounts import MAX_TOKENS, MAX_USER_ID, Profile, Visitor, Who
from bridge.domain.errors import BodyTooLarge, FieldError, InvalidRequest, KeyInvalid, KeyRequired, MalformedBody
from bridge.domain.metering.errors import OperationAndTokens
from bridge.domain.stores.thresholds import read_threshold
from bridge.services import secrets
from bridge.web.api import bounded_json
from bridge.web.api.bounded_json import shorten
from bridge.web.api.descriptions import DescribedModel
from bridge.web.api.faults import sentence_of

MAX_BODY_BYTES = 2 * 1024 * 1024
"""The largest body the API accepts; a batch of a thousand spends has about 300 KB."""
MAX_VALUES = 1000
MAX_ERRORS = 20
"""How many invalid fields one response lists."""
MAX_FIELD_CHARACTERS = 200
MAX_MESSAGE_CHARACTERS = 500
MAX_KEY_CHARACTERS = 255
MAX_PAGE = 200
DEFAULT_PAGE = 50

MONEY = r"[0-9]{1,20}(\.[0-9]{1,60})?"
"""An amount of a shop's money as this API writes it, zero or more."""

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_TYPED = re.compile(r"\d{1,16}|\d{1,3}(?:[,.' \u00a0\u2009\u202f]\d{3}){1,5}", re.ASCII)
_MODULE = r"^[a-z0-9][a-z0-9_.-]{0,63}$"

M = TypeVar("M", bound="Body")
NamedFaults = Mapping[tuple[str, str], type[InvalidRequest]]


def printable(value: str) -> str:
    """Return a text without control characters, other than tabs and line ends; raises `ValueError`."""
    # PostgreSQL cannot store NUL in text, and no other control character belongs in a name.
    if any(ord(letter) < 32 and letter not in "\t\r\n" for letter in value):
        raise ValueError("control characters are not allowed")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be in the years 1 to 9999 in UTC") from None


def read_moment(text: str, field: str) -> datetime:
    """Return the moment in a query parameter, in UTC; raises `InvalidRequest` for the field."""
    try:
        # A plus sign that was not encoded arrives as a space.
        found = datetime.fromisoformat(text.strip().replace(" ", "+"))
        if found.tzinfo is None:
            raise ValueError
        return _in_utc(found)
    except ValueError:
        message = "must be a time with an offset, such as 2026-11-20T12:00:00Z"
        raise InvalidRequest(fields=[FieldError(field, message)]) from None


Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_utc)]
"""A time with an offset, stored in UTC."""
Tokens = Annotated[int, Field(strict=True, ge=1, le=MAX_TOKENS)]
"""Whole tokens, at least 1; a JSON number without a fraction."""
Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_TOKENS)]


def _read_limit(value: object) -> object:
    is_amount = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKENS
    if not is_amount and value not in ("unlimited", "disabled"):
        raise ValueError(f"must be a whole number from 0 to {MAX_TOKENS}, unlimited or disabled")
    return value


LimitValue = Annotated[
    int | str, PlainValidator(_read_limit, json_schema_input_type=Amount | Literal["unlimited", "disabled"])
]
"""Tokens per window, `unlimited` or `disabled`."""


def _read_threshold(value: object) -> object:
    if read_threshold(value) is None:
        raise ValueError(f"must be a whole number from 1 to {MAX_TOKENS}, or a share from 1% to 99%")
    return value


ThresholdValue = Annotated[
    int | str,
    PlainValidator(_read_threshold, json_schema_input_type=Tokens | Annotated[str, Field(pattern="^[1-9][0-9]?%$")]),
]
"""Tokens, or a share of the last grant such as `20%`."""
Movement = Annotated[int, Field(strict=True, ge=-MAX_TOKENS, le=MAX_TOKENS)]
UserId = Annotated[int, Field(strict=True, ge=1, le=MAX_USER_ID)]
Text50 = Annotated[str, Field(strict=True, max_length=50), AfterValidator(printable)]
Text100 = Annotated[str, Field(strict=True, max_length=100), AfterValidator(printable)]
Text200 = Annotated[str, Field(strict=True, max_length=200), AfterValidator(printable)]
Text500 = Annotated[str, Field(strict=True, max_length=500), AfterValidator(printable)]
Reason = Annotated[str, Field(strict=True, min_length=1, max_length=500), AfterValidator(printable)]
Email = Annotated[str, Field(strict=True, max_length=320), AfterValidator(printable)]
ModuleKey = Annotated[str, Field(strict=True, pattern=_MODULE)]
Role = Annotated[str, Field(strict=True, min_length=1, max_length=100), AfterValidator(printable)]
Roles = Annotated[list[Role], Field(max_length=50)]


def _add_conditions(schema: dict[str, Any], model: type[Any]) -> None:
    found = [condition for kind in model.__mro__ for condition in vars(kind).get("conditions", ())]
    if len(found) == 1:
        schema.update(found[0])
    elif found:
        schema["allOf"] = found


def one_of(first: str, second: str) -> dict[str, Any]:
    """Return the condition that exactly one of two fields has a value."""
    return {"if": _given(first), "then": {"properties": {second: {"type": "null"}}}, "else": _given(second)}


def not_both(first: str, second: str) -> dict[str, Any]:
    """Return the condition that at most one of two fields has a value."""
    return {"if": _given(first), "then": {"properties": {second: {"type": "null"}}}}


def both_or_none(first: str, second: str) -> dict[str, Any]:
    """Return the condition that two fields have a value together."""
    return {"if": _given(first), "then": _given(second), "else": {"properties": {second: {"type": "null"}}}}


def _given(*fields: str) -> dict[str, Any]:
    return {"required": list(fields), "properties": {field: {"not": {"type": "null"}} for field in fields}}


class Body(DescribedModel):
    """A request body; an unknown field is an error, so that a misspelt one is not lost."""

    about: ClassVar[str] = "body"
    """The field that is reported if each field is valid but they do not go together."""
    named_faults: ClassVar[NamedFaults] = {}
    """The errors with their own code, by the field and pydantic's type of the error."""
    max_values: ClassVar[int] = MAX_VALUES
    """How many fields and items a body may have in all, nested ones included."""
    may_be_absent: ClassVar[bool] = False
    """True if a missing body counts as `{}`; only where that moves nothing or is refused with a message."""
    conditions: ClassVar[tuple[dict[str, Any], ...]] = ()
    """Which fields require or exclude each other, as JSON Schema."""
    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_add_conditions)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Return this body from parsed JSON; raises `InvalidRequest` with each invalid field."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise _translated(error, cls) from error


class UserIn(Body):
    """A user of the shop; fields left out stay unchanged."""

    id: UserId
    """ID of the user in the shop."""
    email: Email | None = None
    """Email address; left out or null, it stays."""
    name: Text200 | None = None
    """Name; left out or null, it stays."""
    roles: Roles | None = None
    """Roles in WordPress; left out or null, they stay."""


class GuestIn(Body):
    """A guest, by the caller's own ID. Only a hash of it is stored."""

    id: Annotated[str, Field(strict=True, min_length=1, max_length=255), AfterValidator(printable)]
    """The caller's own ID of the guest; only a hash is stored."""


class WhoIn(Body):
    """The user or the guest who pays."""

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (not_both("user", "guest"),)

    user: UserIn | None = None
    """The user; exactly one of user and guest with a store key, none with a linked-site key."""
    guest: GuestIn | None = None
    """The guest."""

    def who(self, guest_salt: Callable[[], str]) -> Who:
        """Return the user or guest; a guest's ID becomes its hash, salted with `guest_salt()`."""
        if (self.user is None) == (self.guest is None):
            raise InvalidRequest(fields=[FieldError("user", "send exactly one of user and guest")])
        if self.user is not None:
            return profile_of(self.user)
        guest_id = self.guest.id if self.guest else ""
        return Visitor(secrets.hash_guest(guest_id, salt=guest_salt()))


_OPERATION_OR_TOKENS = {
    "if": _given("operation"),
    "then": {"properties": {"module": {"type": "null"}, "tokens": {"type": "null"}}},
    "else": {
        "required": ["module", "tokens"],
        "properties": {"module": {"type": "string"}, "tokens": {"type": "integer"}, "quantity": {"type": "null"}},
    },
}


class WhatIn(Body):
    """An operation with a quantity, or a module with tokens."""

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (_OPERATION_OR_TOKENS,)

    module: ModuleKey | None = None
    """Key of the module, with `tokens`."""
    tokens: Tokens | None = None
    """Tokens, with `module`."""
    operation: Text100 | None = None
    """Key of the operation, in place of `module` and `tokens`."""
    quantity: Tokens | None = None
    """Units of the operation; 1 by default."""

    def check(self, prefix: str = "") -> None:
        """Raise `InvalidRequest` unless exactly one of the two is complete; `OperationAndTokens` for both."""
        both = "send an operation with a quantity, or a module with tokens"
        if self.operation is not None:
            if self.tokens is not None:
                raise OperationAndTokens(fields=[FieldError(prefix + "tokens", both)])
            if self.module is not None:
                raise InvalidRequest(fields=[FieldError(prefix + "module", both)])
            return
        for field in ("module", "tokens"):
            if getattr(self, field) is None:
                raise InvalidRequest(fields=[FieldError(prefix + field, both)])
        if self.quantity is not None:
            raise InvalidRequest(fields=[FieldError(prefix + "quantity", "send quantity only with an operation")])


def profile_of(user: UserIn) -> Profile:
    """Return the profile data in a request."""
    roles = None if user.roles is None else tuple(dict.fromkeys(user.roles))
    return Profile(user.id, user.email, user.name, roles)


def read_body(model: type[M]) -> M:
    """Return the request's body as this model, with a length or in chunks.

    A missing body is an error, except for a model with `may_be_absent`. Raises
    `BodyTooLarge`, `MalformedBody` if the body is not a JSON object in UTF-8, and
    `InvalidRequest` with each invalid field.
    """
    length = request.content_length
    if length is not None and length > MAX_BODY_BYTES:
        raise BodyTooLarge()
    raw = request.get_data(cache=False)
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge()
    if model.may_be_absent and not raw.strip():
        raw = b"{}"
    bounded_json.check(raw, max_values=model.max_values)
    return validate(model, raw)


def validate(model: type[M], raw: bytes) -> M:
    """Return a JSON document as this model; raises `MalformedBody`, or `InvalidRequest` with each invalid field."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _translated(error, model) from error


def _translated(error: ValidationError, model: type[Body]) -> MalformedBody | InvalidRequest:
    faults = error.errors(include_url=False, include_input=False)
    for fault in faults:
        if fault["type"] == "json_invalid":
            return MalformedBody("the body is not JSON")
        if not fault["loc"] and fault["type"] == "model_type":
            return MalformedBody("the body is JSON, but not an object")
    named = {model.named_faults.get((_field(fault), fault["type"]), InvalidRequest) for fault in faults}
    kind = named.pop() if len(named) == 1 else InvalidRequest
    return kind(
        fields=[
            FieldError(_field(fault) or model.about, shorten(sentence_of(fault), MAX_MESSAGE_CHARACTERS))
            for fault in faults[:MAX_ERRORS]
        ]
    )


def _field(fault: Any) -> str:
    return shorten(".".join(str(part) for part in fault["loc"]), MAX_FIELD_CHARACTERS)


def idempotency_key() -> str:
    """Return the idempotency key of this request; raises `KeyRequired` or `KeyInvalid`."""
    return check_key(request.headers.get("Idempotency-Key"), "Idempotency-Key")


def check_key(key: str | None, field: str) -> str:
    """Return a valid idempotency key; raises `KeyRequired` or `KeyInvalid` with the field."""
    if key is not None and _KEY.fullmatch(key) and not key.isspace():
        return key
    fields = [FieldError(field, f"send 1 to {MAX_KEY_CHARACTERS} printable ASCII characters")]
    if key is None or not key.strip():
        raise KeyRequired(fields=fields)
    raise KeyInvalid(fields=fields)


def fingerprint(act: str, body: Body) -> str:
    """Return the hash that distinguishes a retry from a different request, whatever the order of fields.

    `confirmed` does not count: the same request may be sent without it and then with it.
    """
    stated = body.model_dump_json(exclude_unset=True, exclude={"confirmed"})
    return hashlib.sha256(f"{act}\n{stated}".encode()).hexdigest()


def path_number(text: str, field: str, *, low: int = 1) -> int:
    """Return a whole number from the path; raises `InvalidRequest` with the field."""
    if not text.isascii() or not text.isdigit() or len(text) > 16 or not low <= int(text) <= MAX_USER_ID:
        raise InvalidRequest(fields=[FieldError(field, f"must be a whole number from {low} to 2^53-1")])
    return int(text)


def typed_amount(text: str) -> int | None:
    """Return tokens typed in a form, with or without separators; None if the text is not an amount."""
    amount = int(re.sub(r"\D", "", text)) if _TYPED.fullmatch(text) else None
    return amount if amount is not None and amount <= MAX_TOKENS else None


def path_module(text: str) -> str:
    """Return a module's key from the path; raises `InvalidRequest`."""
    if not re.fullmatch(_MODULE, text):
        raise InvalidRequest(
            fields=[FieldError("module", "use 1 to 64 lower-case letters, digits, dots, dashes and underscores")]
        )
    return text


def page_limit() -> int:
    """Return the page size of a list: `?limit=`, 1 to 200."""
    text = request.args.get("limit")
    if text is None:
        return DEFAULT_PAGE
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MAX_PAGE:
        raise InvalidRequest(fields=[FieldError("limit", f"must be a whole number from 1 to {MAX_PAGE}")])
    return int(text)


def cursor() -> str | None:
    """Return where a list continues: `?cursor=`, the `next` of an earlier page."""
    return request.args.get("cursor") or None
