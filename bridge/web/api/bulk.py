"""The API of the WordPress plugin's first transfer: many users or packages in one request."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from flask import Blueprint, Response
from pydantic import Field

from bridge.domain.accounts.accounts import Profile
from bridge.domain.errors import BridgeError
from bridge.domain.metering.errors import TooManyItems
from bridge.rendering.packages import amount_document
from bridge.services.accounts import profiles
from bridge.services.accounts.profiles import Put
from bridge.services.orders import apply, packages
from bridge.services.orders.packages import PackageChange, WantedPackage
from bridge.services.stores import settings
from bridge.web import errors
from bridge.web.api.answers.bulk import PackageResults, UserResults
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import operation
from bridge.web.api.packages import PackageIn, check_plan
from bridge.web.api.parsing import Body, NamedFaults, UserId, UserIn, profile_of, read_body
from bridge.web.api.responses import json_response
from bridge.web.context import in_transaction, reading, transaction, utcnow

bp = Blueprint("api_bulk", __name__, url_prefix="/v1")

MOST = 500
"""The most users or packages of a request."""
_SETTLING_SECONDS = 5
"""How long a request processes orders that waited; the scheduler does the rest."""

Wanted = TypeVar("Wanted")


class UnreadUsers(Body):
    """Up to 500 users."""

    named_faults: ClassVar[NamedFaults] = {("users", "too_long"): TooManyItems}
    max_values: ClassVar[int] = 80 * MOST
    users: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST)]
    """Up to 500 users."""


class UsersIn(Body):
    """Up to 500 users. Each is validated on its own, so an invalid one does not stop the others."""

    users: Annotated[list[UserIn], Field(min_length=1, max_length=MOST)]
    """Up to 500 users."""


class BulkPackageIn(PackageIn):
    """The tokens of a product or variation."""

    product: UserId
    """ID of the product in the shop."""
    variation: Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)] | None = None
    """ID of the variation; left out, null or 0 for the product."""
    source: Literal["admin", "shop"] = "admin"
    """`admin` as in a single request; `shop` for the amount in the shop's product, which its webhooks change later."""


class UnreadPackages(Body):
    """Up to 500 packages."""

    named_faults: ClassVar[NamedFaults] = {("packages", "too_long"): TooManyItems}
    max_values: ClassVar[int] = 20 * MOST
    packages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST)]
    """Up to 500 packages."""


class PackagesIn(Body):
    """Up to 500 packages. Each is validated on its own, so an invalid one does not stop the others."""

    packages: Annotated[list[BulkPackageIn], Field(min_length=1, max_length=MOST)]
    """Up to 500 packages."""


@bp.put("/users/bulk")
@store_key
@operation(
    "Create or change many users",
    tag="Users",
    answer=UserResults,
    body=UsersIn,
    errors=(TooManyItems,),
    example={"users": [{"id": 42, "email": "ada@example.com", "name": "Ada", "roles": ["subscriber"]}]},
)
def put_users() -> Response:
    """Create or change up to 500 users, each as a single request would. One that fails does not stop the others.

    Orders that wait for an email address are granted, the rest of them within minutes.
    """
    body = read_body(UnreadUsers)
    wanted = _read_each(body.users, lambda item: profile_of(UserIn.read(item)))
    found, store_id, now = _only(wanted, Profile), caller().store_id, utcnow()
    done = in_transaction(lambda connection: profiles.put_profiles(connection, store_id, found, now=now))
    emails = [profile.email for profile in found if profile.email]
    if emails:
        with reading() as connection:
            store = settings.get_by_id(connection, store_id)
            waiting = apply.list_waiting_for(connection, store, emails=emails)
        apply.check_all(transaction, store, _for_some_seconds(waiting), now=now)
    return _results(wanted, [_user_result(profile, put) for profile, put in zip(found, done, strict=True)])


@bp.put("/packages/bulk")
@store_key
@operation(
    "Set the tokens of many products",
    tag="Packages",
    answer=PackageResults,
    body=PackagesIn,
    errors=(TooManyItems,),
    example={"packages": [{"product": 10, "tokens": 100000}, {"product": 11, "variation": 12, "tokens": 5000}]},
)
def put_packages() -> Response:
    """Set the tokens of up to 500 products, each as a single request would. One that fails does not stop the others.

    Orders that wait for an amount are granted, the rest of them within minutes.
    """
    body = read_body(UnreadPackages)
    wanted = _read_each(body.packages, _package_of)
    found, who, now = _only(wanted, WantedPackage), caller(), utcnow()
    done = in_transaction(
        lambda connection: packages.set_packages(connection, who.store_id, found, actor=who.name, now=now)
    )
    with reading() as connection:
        store = settings.get_by_id(connection, who.store_id)
        changed = [change.after for change in done if change.is_real]
        ordered = packages.find_ordered(connection, store.id, changed)
    for package in _for_some_seconds(ordered):
        packages.settle_waiting(transaction, store, package, now=now)
    return _results(wanted, [_package_result(change) for change in done])


def _read_each(items: Sequence[dict[str, Any]], read: Callable[[dict[str, Any]], Wanted]) -> list[Wanted | BridgeError]:
    """Return each item as its type, or the error of an invalid one."""
    found: list[Wanted | BridgeError] = []
    for item in items:
        try:
            found.append(read(item))
        except BridgeError as error:
            found.append(error)
    return found


def _only(found: Sequence[Wanted | BridgeError], kind: type[Wanted]) -> list[Wanted]:
    return [each for each in found if isinstance(each, kind)]


def _results(wanted: Sequence[object], done: Sequence[dict[str, Any]]) -> Response:
    """Return one result for each item, in order: its error, or the next of those done."""
    rest = iter(done)
    results = [errors.document_of(each) if isinstance(each, BridgeError) else next(rest) for each in wanted]
    return json_response({"results": results})


def _package_of(item: dict[str, Any]) -> WantedPackage:
    read = BulkPackageIn.read(item)
    check_plan(read)
    return WantedPackage(
        read.product,
        read.variation or 0,
        read.tokens,
        read.plan,
        read.months,
        read.name,
        read.sku,
        is_of_shop=read.source == "shop",
    )


def _for_some_seconds(items: Iterable[Wanted]) -> Iterator[Wanted]:
    """Yield the items until the time of a request is over."""
    until = time.monotonic() + _SETTLING_SECONDS
    return itertools.takewhile(lambda _: time.monotonic() < until, items)


def _user_result(profile: Profile, put: Put) -> dict[str, Any]:
    return {"status": 201 if put.is_new else 200, "id": profile.user_id}


def _package_result(change: PackageChange) -> dict[str, Any]:
    return {"status": 201 if change.before is None else 200, **amount_document(change.after)}
