"""The API of linked sites: linking, caps, keys, and the account of a site."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import AfterValidator, Field

from bridge.domain.errors import (
    FieldError,
    InvalidRequest,
    LinkCodeUsed,
    SiteNotLinked,
    TooManyGuesses,
    TooManyLinkCodes,
    UnknownLinkCode,
    UnknownSite,
    UnknownUser,
)
from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.domain.sites.sites import DEFAULT_GRACE, MAX_GRACE, read_name, read_url
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.ids import decode_id, encode_id
from bridge.services.accounts import profiles
from bridge.services.ops import exports
from bridge.services.sites import link_codes, sites
from bridge.services.sites.link_codes import Miss
from bridge.services.sites.sites import Linked, NewSite, SiteKey, SiteStatus, SiteUse
from bridge.storage.engine.database import Connection
from bridge.web.api.account_documents import funds_document
from bridge.web.api.answers.parts import ItemList
from bridge.web.api.answers.sites import LinkCodeOut, LinkedSite, SiteAccount, SiteOut
from bridge.web.api.answers.users import UsageOut
from bridge.web.api.auth import caller, site_key, store_key
from bridge.web.api.operations import PAGE, operation
from bridge.web.api.parsing import Amount, Body, cursor, page_limit, path_number, read_body
from bridge.web.api.responses import json_response, list_response
from bridge.web.api.users import DAYS, day_document, read_days
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("api_sites", __name__, url_prefix="/v1")

SiteUrl = Annotated[str, Field(strict=True, max_length=1000), AfterValidator(read_url)]
SiteName = Annotated[str, Field(strict=True, max_length=1000), AfterValidator(read_name)]
GraceSeconds = Annotated[int, Field(strict=True, ge=0, le=int(MAX_GRACE.total_seconds()))]


class SiteIn(Body):
    """A site to link."""

    url: SiteUrl
    """Address of the site."""
    name: SiteName
    """Name of the site."""
    monthly_cap: Amount | None = None
    """Most tokens per month; left out or null, no cap."""


class SiteChangesIn(Body):
    """Changes of a linked site; fields left out stay unchanged."""

    url: SiteUrl = ""
    """Address of the site; left out, it stays."""
    name: SiteName = ""
    """Name of the site; left out, it stays."""
    monthly_cap: Amount | None = None
    """Most tokens per month; null for no cap; left out, it stays."""


class RotationIn(Body):
    """The grace period of the old key."""

    grace_seconds: GraceSeconds = int(DEFAULT_GRACE.total_seconds())
    """Seconds for which the old key still works."""


class LinkIn(Body):
    """A link code and the site that uses it."""

    code: Annotated[str, Field(strict=True, min_length=1, max_length=50)]
    """The link code."""
    url: SiteUrl
    """Address of the site."""
    name: SiteName
    """Name of the site."""


@bp.post("/users/<user_id>/sites")
@store_key
@operation(
    "Link a site",
    tag="Linked sites",
    answer=LinkedSite,
    status=201,
    body=SiteIn,
    errors=(UnknownUser,),
    example={"url": "https://blog.example", "name": "Blog", "monthly_cap": 5000},
)
def add_site(user_id: str) -> Response:
    """Link a site to a user's account. The response contains its access key; store it."""
    body = read_body(SiteIn)
    number, store_id, now = path_number(user_id, "user_id"), caller().store_id, utcnow()
    wanted = NewSite(body.url, body.name, body.monthly_cap)

    def add(connection: Connection) -> Document:
        account = profiles.get_account(connection, store_id, number)
        linked = sites.link_site(connection, wanted, store_id=store_id, account_id=account.id, now=now)
        return _linked_document(connection, linked, now=now)

    return json_response(in_transaction(add), 201)


@bp.get("/users/<user_id>/sites")
@store_key
@operation("List linked sites", tag="Linked sites", answer=ItemList[SiteOut], query=PAGE, errors=(UnknownUser,))
def list_sites(user_id: str) -> Response:
    """Return a user's linked sites, newest first, with those that were unlinked."""
    limit, before = page_limit(), _cursor()
    with reading() as connection:
        account = profiles.get_account(connection, caller().store_id, path_number(user_id, "user_id"))
        found = sites.list_sites(connection, account.id, before=before, limit=limit + 1)
        statuses = sites.list_statuses(connection, found[:limit], now=utcnow())
    more = encode_id("si", found[limit - 1].id) if len(found) > limit else None
    return list_response([_site_document(status) for status in statuses], next_cursor=more)


@bp.patch("/sites/<site_id>")
@store_key
@operation(
    "Change a linked site",
    tag="Linked sites",
    answer=SiteOut,
    body=SiteChangesIn,
    errors=(UnknownSite, SiteNotLinked),
    example={"monthly_cap": 8000},
)
def change_site(site_id: str) -> Response:
    """Change the address, the name or the monthly cap of a site."""
    changes = read_body(SiteChangesIn).model_dump(exclude_unset=True)
    number, who, now = _site_number(site_id), caller(), utcnow()

    def change(connection: Connection) -> Document:
        site = sites.change_site(connection, who.store_id, number, changes, actor=who.name, now=now)
        (status,) = sites.list_statuses(connection, [site], now=now)
        return _site_document(status)

    return json_response(in_transaction(change))


@bp.delete("/sites/<site_id>")
@store_key
@operation("Unlink a site", tag="Linked sites", answer=None, status=204, errors=(UnknownSite,))
def unlink_site(site_id: str) -> Response:
    """Unlink a site. Its keys stop working at once; its history is kept."""
    number, who, now = _site_number(site_id), caller(), utcnow()
    in_transaction(lambda connection: sites.unlink_site(connection, who.store_id, number, actor=who.name, now=now))
    return Response(status=204)


@bp.post("/sites/<site_id>/rotate")
@store_key
@operation(
    "Rotate the access key of a site",
    tag="Linked sites",
    answer=LinkedSite,
    body=RotationIn,
    errors=(UnknownSite, SiteNotLinked),
    example={"grace_seconds": 3600},
)
def rotate_key(site_id: str) -> Response:
    """Create a new access key. The old key works until the grace period ends."""
    grace = timedelta(seconds=read_body(RotationIn).grace_seconds)
    number, who, now = _site_number(site_id), caller(), utcnow()

    def rotate(connection: Connection) -> Document:
        linked = sites.rotate_key(connection, who.store_id, number, grace=grace, actor=who.name, now=now)
        return _linked_document(connection, linked, now=now)

    return json_response(in_transaction(rotate))


@bp.post("/users/<user_id>/link-codes")
@store_key
@operation(
    "Create a link code", tag="Linked sites", answer=LinkCodeOut, status=201, errors=(UnknownUser, TooManyLinkCodes)
)
def add_link_code(user_id: str) -> Response:
    """Create a code that links another site to the user's account."""
    number, store_id, now = path_number(user_id, "user_id"), caller().store_id, utcnow()
    made = in_transaction(lambda connection: link_codes.new_code(connection, store_id, number, now=now))
    return json_response({"code": made.code, "expires_at": format_timestamp(made.expires_at)}, 201)


@bp.post("/link")
@operation(
    "Link a site with a code",
    tag="Linked sites",
    answer=LinkedSite,
    status=201,
    body=LinkIn,
    errors=(UnknownLinkCode, LinkCodeUsed, TooManyGuesses),
    example={"code": "7KQ2-M4XP", "url": "https://blog.example", "name": "Blog"},
)
def link() -> Response:
    """Link a site with a code. No access key is needed; the response contains one."""
    body = read_body(LinkIn)
    wanted, address, now = NewSite(body.url, body.name), request.remote_addr or "", utcnow()
    with reading() as connection:
        link_codes.check_guesses(connection, body.code, address, now=now)

    def use_code(connection: Connection) -> Document | Miss:
        linked = link_codes.link(connection, body.code, wanted, address=address, now=now)
        return linked if isinstance(linked, Miss) else _linked_document(connection, linked, now=now)

    answer = in_transaction(use_code)
    if answer is Miss.USED:
        raise LinkCodeUsed()
    if answer is Miss.UNKNOWN:
        raise UnknownLinkCode()
    return json_response(answer, 201)


@bp.get("/account")
@site_key
@operation("Get the site's account", tag="Linked sites", answer=SiteAccount, errors=(UnknownSite,))
def get_account() -> Response:
    """Return the account of this site, and the site's usage of this month."""
    with reading() as connection:
        status = sites.get_site_account(connection, caller(), now=utcnow())
    return json_response(
        {
            "state": status.state.value,
            # A linked site sees the user's ID in the shop and nothing else about the user.
            "user": {"id": status.overview.account.user_id},
            **funds_document(status.overview),
            "purchase_url": status.overview.policy.store.purchase_url,
            "site": {**_use_document(status.use), "url": status.use.site.url},
        }
    )


@bp.get("/account/usage")
@site_key
@operation(
    "Get the site's usage by day",
    tag="Linked sites",
    answer=UsageOut,
    query=(DAYS,),
    errors=(UnknownSite, UsageRangeTooLarge),
)
def get_account_usage() -> Response:
    """Return what this site spent by day in the store's time zone, newest first, without that of other sites."""
    days, who, now = read_days(), caller(), utcnow()
    with reading() as connection:
        account = sites.get_site_account(connection, who, now=now).overview.account
        found = exports.usage_by_day(connection, account, days=days, now=now, site_id=who.site_id)
    return json_response({"days": [day_document(day) for day in found]})


def _linked_document(connection: Connection, linked: Linked, *, now: datetime) -> Document:
    """Return a site with its new access key, which no other response holds."""
    (status,) = sites.list_statuses(connection, [linked.site], now=now)
    return {**_site_document(status), "access_key": linked.access_key}


def _site_document(status: SiteStatus) -> Document:
    site = status.use.site
    return {
        **_use_document(status.use),
        "url": site.url,
        "keys": [_key_document(key) for key in status.keys],
        "last_used_at": format_timestamp(status.last_used_at),
        "created_at": format_timestamp(site.created_at),
        "unlinked_at": format_timestamp(site.unlinked_at),
    }


def _use_document(use: SiteUse) -> Document:
    return {
        "id": encode_id("si", use.site.id),
        "name": use.site.name,
        "monthly_cap": use.site.monthly_cap,
        "used_this_month": use.used_this_month,
        "held": use.held,
        "remaining": use.remaining,
    }


def _key_document(key: SiteKey) -> Document:
    return {
        "prefix": key.prefix,
        "created_at": format_timestamp(key.created_at),
        "last_used_at": format_timestamp(key.last_used_at),
        "expires_at": format_timestamp(key.expires_at),
    }


def _site_number(site_id: str) -> int:
    number = decode_id("si", site_id)
    if number is None:
        raise UnknownSite()
    return number


def _cursor() -> int | None:
    text = cursor()
    if text is None:
        return None
    number = decode_id("si", text)
    if number is None:
        raise InvalidRequest(fields=[FieldError("cursor", "send the value of next from an earlier page")])
    return number
