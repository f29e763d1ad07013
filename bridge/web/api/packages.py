"""The API of packages: products of the shop and the tokens they grant."""

from __future__ import annotations

import time
from typing import Annotated, Any, ClassVar, Literal

from flask import Blueprint, Response
from pydantic import Field

from bridge.domain.errors import FieldError, InvalidRequest, UnknownPackage
from bridge.domain.orders.packages import MAX_MONTHS, Package
from bridge.rendering import packages as rendered_packages
from bridge.services.orders import late_packages, packages
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.api.answers.parts import ItemList
from bridge.web.api.answers.settings import PackageOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import PAGE, operation
from bridge.web.api.parsing import (
    Amount,
    Body,
    Text100,
    Text200,
    both_or_none,
    cursor,
    page_limit,
    path_number,
    read_body,
)
from bridge.web.api.responses import json_response, list_response
from bridge.web.context import in_transaction, reading, transaction, utcnow

bp = Blueprint("api_packages", __name__, url_prefix="/v1")

_DECIDING_SECONDS = 5
"""The longest time a decision processes orders in the request; the scheduler does the rest."""


class PackageIn(Body):
    """Tokens per unit or, with a plan, per month.

    Name and SKU identify a line whose product was deleted since.
    """

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (both_or_none("plan", "months"),)

    tokens: Amount
    """Tokens per unit; with a plan, per month."""
    plan: Annotated[Text100, Field(min_length=1)] | None = None
    """Name of the monthly plan, with `months`."""
    months: Annotated[int, Field(strict=True, ge=1, le=MAX_MONTHS)] | None = None
    """Months of the plan, with `plan`."""
    name: Text200 | None = None
    """Name of the product."""
    sku: Text200 | None = None
    """SKU of the product."""


class PastOrdersIn(Body):
    """The decision about the orders of a product from before it was a package."""

    decision: Literal["grant", "leave"]
    """`grant` or `leave`."""


@bp.get("/packages")
@store_key
@operation("List packages", tag="Packages", answer=ItemList[PackageOut], query=PAGE)
def list_packages() -> Response:
    """Return the products of the shop and the tokens they grant."""
    limit, after = page_limit(), _package_cursor()
    with reading() as connection:
        found = packages.list_packages(connection, caller().store_id, after=after, limit=limit + 1)
        items = [_package_document(connection, caller().store_id, package) for package in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    more = None if last is None else f"{last.product_id}.{last.variation_id}"
    return list_response(items, next_cursor=more)


@bp.get("/packages/<product>", defaults={"variation": "0"})
@bp.get("/packages/<product>/<variation>")
@store_key
@operation("Get a package", tag="Packages", answer=PackageOut, errors=(UnknownPackage,))
def get_package(product: str, variation: str) -> Response:
    """Return the package of a product or variation."""
    product_id, variation_id = _product(product, variation)
    with reading() as connection:
        package = packages.get_package(connection, caller().store_id, product_id=product_id, variation_id=variation_id)
        return json_response(_package_document(connection, caller().store_id, package))


@bp.put("/packages/<product>", defaults={"variation": "0"})
@bp.put("/packages/<product>/<variation>")
@store_key
@operation(
    "Set the tokens of a product",
    tag="Packages",
    answer=PackageOut,
    body=PackageIn,
    example={"tokens": 100000, "name": "100k tokens", "sku": "TOK-100K"},
)
def put_package(product: str, variation: str) -> Response:
    """Set the tokens of a product or variation. Orders that wait for the amount are granted."""
    body = read_body(PackageIn)
    check_plan(body)
    product_id, variation_id = _product(product, variation)
    who, now = caller(), utcnow()
    package = in_transaction(
        lambda connection: packages.set_package(
            connection,
            who.store_id,
            product_id=product_id,
            variation_id=variation_id,
            tokens=body.tokens,
            plan=body.plan,
            months=body.months,
            name=body.name,
            sku=body.sku,
            actor=who.name,
            now=now,
        )
    )
    with reading() as connection:
        store = settings.get_by_id(connection, who.store_id)
    packages.settle_waiting(transaction, store, package, now=now)
    with reading() as connection:
        return json_response(_package_document(connection, caller().store_id, package))


@bp.delete("/packages/<product>", defaults={"variation": "0"})
@bp.delete("/packages/<product>/<variation>")
@store_key
@operation("Remove an amount set by hand", tag="Packages", answer=None, status=204, errors=(UnknownPackage,))
def delete_package(product: str, variation: str) -> Response:
    """Remove the amount set by hand. The amount in the shop applies again."""
    product_id, variation_id = _product(product, variation)
    who, now = caller(), utcnow()
    in_transaction(
        lambda connection: packages.drop_package(
            connection, who.store_id, product_id=product_id, variation_id=variation_id, actor=who.name, now=now
        )
    )
    return Response(status=204)


@bp.post("/packages/<product>/past-orders", defaults={"variation": "0"})
@bp.post("/packages/<product>/<variation>/past-orders")
@store_key
@operation(
    "Decide about past orders",
    tag="Packages",
    answer=PackageOut,
    body=PastOrdersIn,
    errors=(UnknownPackage,),
    example={"decision": "grant"},
)
def decide_past_orders(product: str, variation: str) -> Response:
    """Grant or leave the orders of a product from before it was a package.

    Granting continues in the background; `orders_waiting` is how many are left.
    """
    body = read_body(PastOrdersIn)
    product_id, variation_id = _product(product, variation)
    who, now = caller(), utcnow()
    package = in_transaction(
        lambda connection: late_packages.decide(
            connection,
            who.store_id,
            product_id=product_id,
            variation_id=variation_id,
            decision=body.decision,
            actor=who.name,
            now=now,
        )
    )
    with reading() as connection:
        store = settings.get_by_id(connection, who.store_id)
    until = time.monotonic() + _DECIDING_SECONDS
    late_packages.settle_package(transaction, store, package, now=now, may_go_on=lambda: time.monotonic() < until)
    with reading() as connection:
        return json_response(_package_document(connection, who.store_id, package))


def check_plan(body: PackageIn) -> None:
    """Raise `InvalidRequest` for a plan without months, or months without a plan."""
    if (body.plan is None) != (body.months is None):
        raise InvalidRequest(
            fields=[FieldError("months" if body.months is None else "plan", "send plan and months together")]
        )


def _package_document(connection: Connection, store_id: int, package: Package) -> dict[str, Any]:
    waiting = late_packages.count_orders(connection, store_id, package)
    return rendered_packages.document(package, orders_waiting=waiting)


def _product(product: str, variation: str) -> tuple[int, int]:
    return path_number(product, "product"), path_number(variation, "variation", low=0)


def _package_cursor() -> tuple[int, int] | None:
    text = cursor()
    if text is None:
        return None
    product, _, variation = text.partition(".")
    if not product or not variation:
        raise InvalidRequest(fields=[FieldError("cursor", "send the value of next from an earlier page")])
    return path_number(product, "cursor", low=0), path_number(variation, "cursor", low=0)
