"""The API of passes: links that show one person one page."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode

from flask import Blueprint, Response, url_for
from pydantic import Field

from bridge.domain.accounts.accounts import Profile
from bridge.domain.admin.admins import Role
from bridge.domain.errors import FieldError, InvalidRequest, TooManyPasses
from bridge.domain.portal.passes import MAX_RETURN_URL, Access, AdminOf, Purpose
from bridge.domain.stores.public_address import origin_of
from bridge.rendering.documents import format_timestamp
from bridge.runtime import runtime
from bridge.services.portal import passes
from bridge.services.portal.passes import NewPass
from bridge.web.api.answers.passes import PassOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import operation
from bridge.web.api.parsing import Body, Email, Text200, UserIn, one_of, profile_of, read_body
from bridge.web.api.responses import json_response
from bridge.web.context import in_transaction, utcnow
from bridge.web.i18n.formatting import language_of

bp = Blueprint("api_passes", __name__, url_prefix="/v1/passes")

_ENDPOINTS = {
    Purpose.WIDGET: "widget_page.show",
    Purpose.PORTAL: "portal.overview",
    Purpose.CREDITS: "pass_sign_in.enter",
}
_FOR_ADMINS = {"if": {"properties": {"for": {"const": "credits"}}}, "then": {"required": ["admin"]}}


class AdminIn(Body):
    """A person who works in WordPress, with the most they may do in the store."""

    email: Email
    """Email address; it names the admin."""
    name: Text200 = ""
    """Name, for the audit log."""
    role: Literal["viewer", "manager", "owner"]
    """The most the person may do; an admin who has a lower role in the store keeps that."""


class PassIn(Body):
    """A wanted pass."""

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (one_of("user", "admin"), _FOR_ADMINS)

    user: UserIn | None = None
    """The user of the shop who will see the widget or the portal."""
    admin: AdminIn | None = None
    """The person who will see the credits page."""
    purpose: Annotated[Literal["widget", "portal", "credits"], Field(alias="for")]
    """The page to open: the usage widget, the buyer's portal, or the credits page of the console."""
    return_url: Annotated[str, Field(strict=True, max_length=MAX_RETURN_URL)] | None = None
    """Where "Back" leads: an address on the shop's site or on a site linked to the user."""
    access: Literal["full", "partial", "none"] = "full"
    """How much of the portal the user sees: everything; the overview and what to buy; or nothing."""
    lang: Annotated[str, Field(strict=True, max_length=35)] | None = None
    """Language of the page, such as `fr` or `fr-CA`; by default, that of the browser."""

    def wanted(self) -> NewPass:
        """Return the wanted pass; raises `InvalidRequest` for a person who cannot have it."""
        purpose = Purpose(self.purpose)
        if (self.user is None) == (self.admin is None):
            raise InvalidRequest(fields=[FieldError("user", "send exactly one of user and admin")])
        if (self.admin is not None) != purpose.is_for_admins:
            who = "an admin" if purpose.is_for_admins else "a user"
            raise InvalidRequest(fields=[FieldError("for", f"a pass for {purpose.value} needs {who}")])
        holder: Profile | AdminOf
        if self.admin is not None:
            holder = AdminOf(self.admin.email, self.admin.name, Role(self.admin.role))
        else:
            assert self.user is not None
            holder = profile_of(self.user)
        return NewPass(
            purpose,
            holder,
            access=Access(self.access),
            language="" if self.lang is None else language_of(self.lang).value,
            return_url=self.return_url or "",
        )


@bp.post("")
@store_key
@operation(
    "Create a pass",
    tag="Passes",
    answer=PassOut,
    status=201,
    body=PassIn,
    errors=(TooManyPasses,),
    example={"user": {"id": 42}, "for": "portal", "access": "full", "lang": "fr"},
)
def create_pass() -> Response:
    """Create a link that signs one person in.

    The link is good for one minute. A pass for the portal or the credits page works once. Create
    it when the person clicks, and redirect their browser to it.
    """
    wanted, store_id, now = read_body(PassIn).wanted(), caller().store_id, utcnow()
    issued = in_transaction(lambda connection: passes.issue(connection, store_id, wanted, now=now))
    path = f"{url_for(_ENDPOINTS[wanted.purpose])}?{urlencode({'pass': issued.token})}"
    url = origin_of(runtime().config.public_url) + path
    return json_response({"url": url, "expires_at": format_timestamp(issued.expires_at)}, 201)
