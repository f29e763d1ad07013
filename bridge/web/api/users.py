"""The API of users: profile, balance, ledger, purchases and corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field

from bridge.domain.accounts.accounts import Account, Profile
from bridge.domain.accounts.ledger import Entry
from bridge.domain.errors import (
    FieldError,
    InvalidRequest,
    UnknownOrder,
    UnknownUser,
)
from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.domain.stores.principals import Caller
from bridge.rendering import documents
from bridge.rendering.ids import decode_id, encode_id
from bridge.runtime import runtime
from bridge.services.accounts import profiles
from bridge.services.metering import confirmations, overview
from bridge.services.ops import account_erasure, account_merge, exports
from bridge.services.ops.account_erasure import Erasure
from bridge.services.ops.exports import DayOfUse
from bridge.services.orders import apply, purchases
from bridge.services.orders.purchases import Purchase, PurchasedLine
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.api.account_documents import account_document
from bridge.web.api.answers.parts import ItemList
from bridge.web.api.answers.users import EntryOut, ErasureOut, PurchaseLine, PurchaseOut, UsageOut, UserOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.csv_tables import csv_response, wants_csv
from bridge.web.api.operations import CSV, PAGE, Parameter, operation
from bridge.web.api.order_documents import quantity, shown_number
from bridge.web.api.parsing import (
    Body,
    Email,
    Roles,
    Text200,
    cursor,
    page_limit,
    path_number,
    read_body,
)
from bridge.web.api.responses import json_response, list_response
from bridge.web.context import in_transaction, reading, transaction, utcnow
from bridge.web.history_tables import entry_table, purchase_table, usage_table

MERGED = Parameter(
    "merged", "ID of a user who was merged into this one, to read what they had before.", {"type": "integer"}, 41
)
DAYS = Parameter("days", "Number of days.", {"type": "string", "enum": ["30", "90", "365"]}, "30")
LINES = 50
"""How many lines of a purchase the list of purchases shows."""

bp = Blueprint("api_users", __name__, url_prefix="/v1/users/<user_id>")


class ProfileIn(Body):
    """Profile of a user; fields left out stay unchanged."""

    email: Email | None = None
    """Email address; left out or null, it stays."""
    name: Text200 | None = None
    """Name; left out or null, it stays."""
    roles: Roles | None = None
    """Roles in WordPress; left out or null, they stay."""
    confirm_paid: Annotated[bool, Field(strict=True)] | None = None
    """True if the user wants to confirm before tokens of the balance are taken; left out or null, it stays."""


@bp.put("")
@store_key
@operation(
    "Create or change a user",
    tag="Users",
    answer=UserOut,
    body=ProfileIn,
    example={"email": "ada@example.com", "name": "Ada", "roles": ["subscriber"]},
)
def put_user(user_id: str) -> Response:
    """Create a user's account or change its profile. Orders that wait for the email address are granted."""
    body = read_body(ProfileIn)
    roles = None if body.roles is None else tuple(dict.fromkeys(body.roles))
    profile = Profile(path_number(user_id, "user_id"), body.email, body.name, roles)
    who, now = caller(), utcnow()
    store_id = who.store_id
    in_transaction(lambda connection: _put_user(connection, who, profile, body.confirm_paid, now=now))
    if profile.email:
        with reading() as connection:
            store = settings.get_by_id(connection, store_id)
            waiting = apply.list_waiting_for(connection, store, emails=[profile.email])
        apply.check_all(transaction, store, waiting, now=now)
    with reading() as connection:
        account = profiles.get_account(connection, store_id, profile.user_id)
        return json_response(account_document(overview.get_overview(connection, account, now=now)))


def _put_user(
    connection: Connection, who: Caller, profile: Profile, confirm_paid: bool | None, *, now: datetime
) -> None:
    profiles.put_profile(connection, who.store_id, profile, now=now)
    if confirm_paid is not None:
        confirmations.set_wanted(connection, who.store_id, profile.user_id, confirm_paid, actor=who.name, now=now)


@bp.get("")
@store_key
@operation("Get a user", tag="Users", answer=UserOut, errors=(UnknownUser,))
def get_user(user_id: str) -> Response:
    """Return a user's profile, balance and limits."""
    with reading() as connection:
        account = profiles.get_account(connection, caller().store_id, path_number(user_id, "user_id"))
        return json_response(account_document(overview.get_overview(connection, account, now=utcnow())))


@bp.delete("")
@store_key
@operation("Erase a user", tag="Users", answer=ErasureOut, errors=(UnknownUser,))
def erase_user(user_id: str) -> Response:
    """Erase the name, email and order contacts of a user. The ledger and the balance stay.

    Linked sites end and open holds are released. Free texts that are not searched
    yet are searched within minutes: then `state` is `erased`.
    """
    who, number = caller(), path_number(user_id, "user_id")
    with reading() as connection:
        store = settings.get_by_id(connection, who.store_id)
    erasure = account_erasure.erase(runtime().database, store, number, actor=who.name, clock=utcnow)
    return json_response(erasure_document(number, erasure))


@bp.get("/usage")
@store_key
@operation(
    "Get a user's usage by day",
    tag="Users",
    answer=UsageOut,
    query=(DAYS, CSV, MERGED),
    errors=(UnknownUser, UsageRangeTooLarge),
    media=("application/json", "text/csv"),
)
def usage(user_id: str) -> Response:
    """Return a user's usage by day in the store's time zone, newest first; CSV has no limit of rows."""
    days = read_days()
    account, now = _history_of(user_id), utcnow()
    if wants_csv():
        return csv_response(
            lambda connection: usage_table(exports.iterate_usage(connection, account, days=days, now=now)),
            name="usage",
        )
    with reading() as connection:
        found = exports.usage_by_day(connection, account, days=days, now=now)
    return json_response({"days": [day_document(day) for day in found]})


@bp.get("/entries")
@store_key
@operation(
    "List ledger entries",
    tag="Users",
    answer=ItemList[EntryOut],
    query=(*PAGE, CSV, MERGED),
    errors=(UnknownUser,),
    media=("application/json", "text/csv"),
)
def list_entries(user_id: str) -> Response:
    """Return the ledger of a user, newest entry first."""
    account = _history_of(user_id)
    if wants_csv():
        return csv_response(
            lambda connection: entry_table(exports.iterate_entries(connection, account)), name="entries"
        )
    limit, before = page_limit(), _entry_cursor()
    with reading() as connection:
        found = profiles.list_entries(connection, account, before=before, limit=limit + 1)
    more = encode_id("en", found[limit - 1].id) if len(found) > limit else None
    return list_response([entry_document(entry) for entry in found[:limit]], next_cursor=more)


@bp.get("/purchases")
@store_key
@operation(
    "List purchases",
    tag="Users",
    answer=ItemList[PurchaseOut],
    query=(*PAGE, CSV),
    errors=(UnknownUser,),
    media=("application/json", "text/csv"),
)
def list_purchases(user_id: str) -> Response:
    """Return the orders of a user, newest first."""
    if wants_csv():
        account = _account(user_id)
        return csv_response(
            lambda connection: purchase_table(exports.iterate_purchases(connection, account)), name="purchases"
        )
    limit, before = page_limit(), _order_cursor()
    with reading() as connection:
        account = profiles.get_account(connection, caller().store_id, path_number(user_id, "user_id"))
        found = purchases.list_purchases(connection, account, before=before, limit=limit)
    more = None if found.next_before is None else str(found.next_before)
    return list_response([purchase_document(purchase) for purchase in found.purchases], next_cursor=more)


@bp.get("/purchases/<order>/lines")
@store_key
@operation(
    "List the lines of a purchase",
    tag="Users",
    answer=ItemList[PurchaseLine],
    query=PAGE,
    errors=(UnknownUser, UnknownOrder),
)
def list_purchase_lines(user_id: str, order: str) -> Response:
    """Return all lines of an order. The list of purchases contains the first fifty."""
    limit, after = page_limit(), _order_cursor()
    with reading() as connection:
        account = profiles.get_account(connection, caller().store_id, path_number(user_id, "user_id"))
        purchase = purchases.get_purchase(connection, account, path_number(order, "order"))
    found = [line for line in purchase.lines if after is None or line.id > after]
    more = str(found[limit - 1].id) if len(found) > limit else None
    return list_response([_line_document(line) for line in found[:limit]], next_cursor=more)


def day_document(found: DayOfUse) -> documents.Document:
    """Return the use of a day as JSON."""
    items = [
        {
            "module": row.module,
            "operation": row.operation or None,
            "site": row.site or None,
            "source": row.source or None,
            "units": row.units,
            "tokens": row.tokens,
        }
        for row in found.rows
    ]
    return {
        "date": found.day.isoformat(),
        "tokens": sum(row.tokens for row in found.rows),
        "units": sum(row.units for row in found.rows),
        "items": items,
    }


def entry_document(entry: Entry) -> documents.Document:
    """Return a ledger entry as JSON; `tokens` is signed."""
    return {
        "id": encode_id("en", entry.id),
        "kind": entry.kind.value,
        "tokens": entry.tokens,
        "balance_after": entry.balance_after,
        "debt_after": entry.debt_after,
        "actor": entry.actor,
        "reason": entry.reason,
        "reference": entry.reference,
        "order": entry.order_number,
        "line": entry.line_id,
        "spend": None if entry.spend_id is None else encode_id("sp", entry.spend_id),
        "created_at": documents.format_timestamp(entry.created_at),
    }


def erasure_document(user_id: int, erasure: Erasure) -> documents.Document:
    """Return an erasure as JSON."""
    return {
        "id": user_id,
        "erased_at": documents.format_timestamp(erasure.created_at),
        "state": "erasing" if erasure.finished_at is None else "erased",
        "finished_at": documents.format_timestamp(erasure.finished_at),
    }


def purchase_document(purchase: Purchase) -> documents.Document:
    """Return a purchase as JSON; money is text, as the shop writes it.

    `lines` are the first fifty of `line_count`; `lines_next` is the cursor of the others.
    """
    shown, rest = purchase.lines[:LINES], purchase.lines[LINES:]
    return {
        "order": purchase.order_number,
        "number": shown_number(purchase.order_number, purchase.shop_number),
        "status": purchase.status,
        "date": documents.format_timestamp(purchase.placed_at),
        "total": str(purchase.total),
        "currency": purchase.currency,
        "tokens": purchase.tokens,
        "reversed": purchase.reversed,
        "lines": [_line_document(line) for line in shown],
        "line_count": len(purchase.lines),
        "lines_next": str(shown[-1].id) if rest else None,
    }


def _line_document(line: PurchasedLine) -> documents.Document:
    return {
        "id": line.id,
        "name": line.name,
        "quantity": quantity(line.quantity),
        "tokens_each": line.tokens_each,
        "tokens": line.granted,
        "months": line.months,
    }


def _account(user_id: str) -> Account:
    with reading() as connection:
        return profiles.get_account(connection, caller().store_id, path_number(user_id, "user_id"))


def _history_of(user_id: str) -> Account:
    """Return the account of the path, or that of a user who was merged into it."""
    merged = request.args.get("merged")
    if merged is None:
        return _account(user_id)
    user, member = path_number(user_id, "user_id"), path_number(merged, "merged")
    with reading() as connection:
        return account_merge.get_member(connection, caller().store_id, user, member)


def read_days() -> int:
    """Return the number of days that a request wants; raises `InvalidRequest`."""
    text = request.args.get("days", "30")
    if text not in {str(span) for span in exports.SPANS}:
        raise InvalidRequest(fields=[FieldError("days", "must be 30, 90 or 365")])
    return int(text)


def _entry_cursor() -> int | None:
    text = cursor()
    if text is None:
        return None
    number = decode_id("en", text)
    if number is None:
        raise InvalidRequest(fields=[FieldError("cursor", "send the value of next from an earlier page")])
    return number


def _order_cursor() -> int | None:
    text = cursor()
    return None if text is None else path_number(text, "cursor", low=0)
