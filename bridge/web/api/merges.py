"""The API of merges: two accounts of one person become one."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from bridge.domain.accounts.accounts import Profile, Visitor
from bridge.domain.accounts.merging import AlreadyMerged, UserErased
from bridge.domain.errors import BalanceOutOfRange, FieldError, InvalidRequest, UnknownUser
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.ids import decode_id, encode_id
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.services.metering import guest_use, overview
from bridge.services.metering.idempotency import once
from bridge.services.ops import account_merge
from bridge.services.ops.account_merge import Merge
from bridge.storage.engine.database import Connection
from bridge.web.api.account_documents import account_document
from bridge.web.api.answers.parts import ItemList
from bridge.web.api.answers.users import GuestMergedOut, MergedOut, MergeOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import PAGE, operation
from bridge.web.api.parsing import (
    Body,
    GuestIn,
    Reason,
    UserId,
    cursor,
    fingerprint,
    idempotency_key,
    page_limit,
    path_number,
    read_body,
)
from bridge.web.api.responses import list_response, reply_response
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("api_merges", __name__, url_prefix="/v1/users/<user_id>")


class MergeIn(Body):
    """The user whose account is merged into the one in the path."""

    about = "from"

    from_user: Annotated[UserId, Field(alias="from")]
    """ID of the user whose account is emptied."""
    reason: Reason | None = None
    """Reason, shown in both ledgers; left out or null, none."""


@bp.post("/merge")
@store_key
@operation(
    "Merge another user into this one",
    tag="Users",
    answer=MergedOut,
    status=201,
    body=MergeIn,
    errors=(UnknownUser, AlreadyMerged, UserErased, BalanceOutOfRange),
    is_keyed=True,
    example={"from": 41, "reason": "Second account of the same person"},
)
def merge(user_id: str) -> Response:
    """Move the balance, plans, holds, orders and linked sites of another user to this one.

    The other user keeps a closed ledger. Everything that arrives for them later
    belongs to this user.
    """
    key = idempotency_key()
    body = read_body(MergeIn)
    into, who, now = path_number(user_id, "user_id"), caller(), utcnow()

    def create(connection: Connection) -> Document:
        merged = account_merge.merge(
            connection, who.store_id, into, body.from_user, actor=who.name, reason=body.reason or "", now=now
        )
        document = merge_document(merged.merge, from_user=merged.from_user_id, into_user=merged.into.user_id)
        account = profiles.get_account(connection, who.store_id, into)
        return {**document, "user": account_document(overview.get_overview(connection, account, now=now))}

    answer = in_transaction(
        lambda connection: once(
            connection,
            who,
            key=key,
            fingerprint=fingerprint(f"merge {into}", body),
            create=lambda: create(connection),
            now=now,
        )
    )
    return reply_response(answer)


@bp.get("/merges")
@store_key
@operation("List users merged into this one", tag="Users", answer=ItemList[MergeOut], query=PAGE, errors=(UnknownUser,))
def list_merges(user_id: str) -> Response:
    """Return the users who were merged into this one, the latest merge first."""
    limit, before = page_limit(), _merge_cursor()
    with reading() as connection:
        account = profiles.get_account(connection, caller().store_id, path_number(user_id, "user_id"))
        found = account_merge.list_merged(connection, account, before=before, limit=limit + 1)
    items = [merge_document(one.merge, from_user=one.user_id, into_user=one.into_user_id) for one in found[:limit]]
    return list_response(items, next_cursor=items[-1]["id"] if len(found) > limit else None)


class GuestMergeIn(Body):
    """The guest who signed in as the user in the path."""

    guest: GuestIn
    """The guest, by the ID that their requests had."""


@bp.post("/merge-guest")
@store_key
@operation(
    "Count the free use of a guest for this user",
    tag="Users",
    answer=GuestMergedOut,
    status=201,
    body=GuestMergeIn,
    is_keyed=True,
    example={"guest": {"id": "b7f3c1d2"}},
)
def merge_guest(user_id: str) -> Response:
    """Count what a guest used for free in the running windows toward the limits of this user.

    Send it when a guest signs in. Each token counts once, however often it is sent and
    for whichever user. The guest's own use stays: signing out makes nothing free again.
    """
    key = idempotency_key()
    body = read_body(GuestMergeIn)
    into, who, now = path_number(user_id, "user_id"), caller(), utcnow()

    def create(connection: Connection) -> Document:
        guest = Visitor(secrets.hash_guest(body.guest.id, salt=profiles.guest_salt(connection, who.store_id)))
        moved = guest_use.pass_on(connection, who.store_id, Profile(into), guest, now=now)
        account = profiles.get_account(connection, who.store_id, into)
        return {
            "moved": [{"module": one.module, "tokens": one.tokens} for one in moved],
            "user": account_document(overview.get_overview(connection, account, now=now)),
        }

    answer = in_transaction(
        lambda connection: once(
            connection,
            who,
            key=key,
            fingerprint=fingerprint(f"merge-guest {into}", body),
            create=lambda: create(connection),
            now=now,
        )
    )
    return reply_response(answer)


def merge_document(merge: Merge, *, from_user: int, into_user: int | None) -> Document:
    """Return a merge as JSON; `into` is the user whose account pays now."""
    return {
        "id": encode_id("mg", merge.id),
        "from": from_user,
        "into": into_user,
        "balance": merge.balance,
        "debt": merge.debt,
        "actor": merge.actor,
        "reason": merge.reason,
        "created_at": format_timestamp(merge.created_at),
    }


def _merge_cursor() -> int | None:
    text = cursor()
    if text is None:
        return None
    number = decode_id("mg", text)
    if number is None:
        raise InvalidRequest(fields=[FieldError("cursor", "send the value of next from an earlier page")])
    return number
