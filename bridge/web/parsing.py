"""Requests, read once at the door into typed values."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, TypeVar

from flask import request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bridge.domain.accounts import MAX_TOKENS, MAX_USER_ID, Profile, Visitor, Who
from bridge.domain.errors import BodyTooLarge, FieldError, InvalidRequest, KeyInvalid, KeyRequired, MalformedBody
from bridge.services import vault

MAX_BODY_BYTES = 2 * 1024 * 1024
"""The largest body the API takes; a batch of a thousand spends has some 300 KB."""
MAX_KEY_CHARACTERS = 255
MAX_PAGE = 200
DEFAULT_PAGE = 50

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_MODULE = r"^[a-z0-9][a-z0-9_.-]{0,63}$"

M = TypeVar("M", bound="Body")


def _printable(value: str) -> str:
    # PostgreSQL has no NUL in text; no other control character belongs in a name either.
    if any(ord(letter) < 32 and letter not in "\t\r\n" for letter in value):
        raise ValueError("control characters are not allowed")
    return value


Tokens = Annotated[int, Field(strict=True, ge=1, le=MAX_TOKENS)]
"""Whole tokens, at least 1; a JSON number without a fraction."""
Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_TOKENS)]
Movement = Annotated[int, Field(strict=True, ge=-MAX_TOKENS, le=MAX_TOKENS)]
UserId = Annotated[int, Field(strict=True, ge=1, le=MAX_USER_ID)]
Text100 = Annotated[str, Field(strict=True, max_length=100), AfterValidator(_printable)]
Text200 = Annotated[str, Field(strict=True, max_length=200), AfterValidator(_printable)]
Text500 = Annotated[str, Field(strict=True, max_length=500), AfterValidator(_printable)]
Reason = Annotated[str, Field(strict=True, min_length=1, max_length=500), AfterValidator(_printable)]
Email = Annotated[str, Field(strict=True, max_length=320), AfterValidator(_printable)]
ModuleKey = Annotated[str, Field(strict=True, pattern=_MODULE)]
Role = Annotated[str, Field(strict=True, min_length=1, max_length=100), AfterValidator(_printable)]
Roles = Annotated[list[Role], Field(max_length=50)]


class Body(BaseModel):
    """A request body; a field it does not know is an error, so that a misspelt one is not lost."""

    model_config = ConfigDict(extra="forbid", strict=True)


class UserIn(Body):
    """A user of the store, by the shop's id; what is left out stays as it is known."""

    id: UserId
    email: Email | None = None
    name: Text200 | None = None
    roles: Roles | None = None


class GuestIn(Body):
    """A visitor, by an opaque id of the caller's own; only its hash is kept."""

    id: Annotated[str, Field(strict=True, min_length=1, max_length=255)]


class WhoIn(Body):
    """Exactly one of user and guest."""

    user: UserIn | None = None
    guest: GuestIn | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> WhoIn:
        if (self.user is None) == (self.guest is None):
            raise ValueError("name exactly one of user and guest")
        return self

    def who(self, guest_salt: str) -> Who:
        """The person meant; a guest's id only as its hash under the store's salt."""
        if self.user is not None:
            return profile_of(self.user)
        if self.guest is None:
            raise InvalidRequest(fields=[FieldError("user", "name exactly one of user and guest")])
        return Visitor(vault.hash_guest(self.guest.id, salt=guest_salt))


def profile_of(user: UserIn) -> Profile:
    """What a request says of a user."""
    roles = None if user.roles is None else tuple(dict.fromkeys(user.roles))
    return Profile(user.id, user.email, user.name, roles)


def read_body(model: type[M]) -> M:
    """The request's body as this model.

    Raises `BodyTooLarge`, `MalformedBody` for what is no JSON object in UTF-8,
    and `InvalidRequest` that names each bad field.
    """
    length = request.content_length
    if length is not None and length > MAX_BODY_BYTES:
        raise BodyTooLarge()
    raw = request.get_data(cache=False)
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge()
    try:
        raw.decode("utf-8")
        return model.model_validate_json(raw)
    except UnicodeDecodeError as error:
        raise MalformedBody("the body is not UTF-8") from error
    except ValidationError as error:
        raise _translated(error) from error


def _translated(error: ValidationError) -> MalformedBody | InvalidRequest:
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    for fault in faults:
        if fault["type"] == "json_invalid":
            return MalformedBody(f"the body is not JSON: {fault['msg']}")
        if not fault["loc"] and fault["type"] == "model_type":
            return MalformedBody("the body is JSON, but not an object")
    return InvalidRequest(fields=[FieldError(_field(fault), fault["msg"]) for fault in faults[:20]])


def _field(fault: Any) -> str:
    names = [str(part) for part in fault["loc"]]
    return ".".join(names) or "user"


def idempotency_key() -> str:
    """The key of this request; raises `KeyRequired` or `KeyInvalid`."""
    key = request.headers.get("Idempotency-Key")
    fields = [FieldError("Idempotency-Key", f"send 1 to {MAX_KEY_CHARACTERS} printable ASCII characters")]
    if key is None or not key.strip():
        raise KeyRequired(fields=fields)
    if not _KEY.fullmatch(key):
        raise KeyInvalid(fields=fields)
    return key


def fingerprint(act: str, body: Body) -> str:
    """The hash that tells a repeated request from another one; spelling and order of fields do not matter."""
    return hashlib.sha256(f"{act}\n{body.model_dump_json(exclude_unset=True)}".encode()).hexdigest()


def path_number(text: str, field: str, *, low: int = 1) -> int:
    """A whole number from the path; raises `InvalidRequest` that names it."""
    if not text.isascii() or not text.isdigit() or len(text) > 16 or not low <= int(text) <= MAX_USER_ID:
        raise InvalidRequest(fields=[FieldError(field, f"give a whole number from {low} to 2^53-1")])
    return int(text)


def path_module(text: str) -> str:
    """A module's key from the path; raises `InvalidRequest`."""
    if not re.match(_MODULE, text):
        raise InvalidRequest(
            fields=[FieldError("module", "use 1 to 64 small letters, digits, dots, dashes and underscores")]
        )
    return text


def page_limit() -> int:
    """How many items a list may hold: `?limit=`, 1 to 200."""
    text = request.args.get("limit")
    if text is None:
        return DEFAULT_PAGE
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MAX_PAGE:
        raise InvalidRequest(fields=[FieldError("limit", f"give a whole number from 1 to {MAX_PAGE}")])
    return int(text)


def cursor() -> str | None:
    """Where a list goes on: `?cursor=` as an earlier page gave it under `next`."""
    return request.args.get("cursor") or None
