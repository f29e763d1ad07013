"""The API of a store's configuration: modules, limits, packages and the store itself."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any, Literal

from flask import Blueprint, Response
from pydantic import Field, StrictBool, field_validator

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.limits import Allows, Limit, Period, Rule
from bridge.domain.orders.packages import Package
from bridge.domain.stores.stores import Module
from bridge.rendering import packages as rendered_packages
from bridge.services.metering import documents, limits
from bridge.services.orders import late_packages, packages
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.api.auth import caller, store_key
from bridge.web.api.parsing import (
    Amount,
    Body,
    Text100,
    Text200,
    Text500,
    cursor,
    page_limit,
    path_module,
    path_number,
    read_body,
)
from bridge.web.api.responses import json_response, list_response
from bridge.web.context import in_transaction, reading, transaction, utcnow

bp = Blueprint("api_settings", __name__, url_prefix="/v1")

_DECIDING_SECONDS = 5
"""The longest a decision settles orders at once; the scheduler does the rest."""

_AUDIENCE = re.compile(r"guest|user|role:[^\s:][^:\x00-\x1f]{0,99}")


class ModuleIn(Body):
    """What a module is called, and whether its use costs tokens."""

    label: Annotated[Text100, Field(min_length=1)] | None = None
    metered: StrictBool | None = None


class LimitIn(Body):
    """A limit: how often it resets, what each audience gets, and what to say when it is used up."""

    period: Literal["daily", "weekly", "monthly", "never"]
    rules: Annotated[dict[str, Amount | Literal["unlimited", "disabled"]], Field(max_length=200)]
    message: Text500 = ""

    @field_validator("rules")
    @classmethod
    def _known_audiences(cls, rules: dict[str, int | str]) -> dict[str, int | str]:
        for audience in rules:
            if not _AUDIENCE.fullmatch(audience):
                raise ValueError(f"{audience!r} is none of guest, user and role:<slug>")
        return rules


class PackageIn(Body):
    """How many tokens a piece brings, for good or, with a plan, a month for so many months.

    Name and SKU tell a line of a product that was deleted since.
    """

    tokens: Amount
    plan: Annotated[Text100, Field(min_length=1)] | None = None
    months: Annotated[int, Field(strict=True, ge=1, le=120)] | None = None
    name: Text200 | None = None
    sku: Text200 | None = None


class PastOrdersIn(Body):
    """The decision about orders that bought a product before it was a package."""

    decision: Literal["grant", "leave"]


class StoreIn(Body):
    """Settings of a store; what is left out stays."""

    name: Annotated[Text200, Field(min_length=1)] | None = None
    time_zone: Text100 | None = None
    week_start: Text100 | None = None
    spend_order: Annotated[list[Text100], Field(max_length=3)] | None = None
    grant_statuses: Annotated[list[Text100], Field(max_length=20)] | None = None
    purchase_url: Annotated[Text500, Field(pattern=r"^https?://[^\s]+$")] | None = None
    low_balance: Amount | None = None
    reversal_policy: Literal["debt", "forgive"] | None = None
    guest_policy: Literal["automatic", "admin"] | None = None
    accept_unknown_modules: StrictBool | None = None
    past_orders_paid_later: Literal["review", "grant"] | None = None


@bp.get("/modules")
@store_key
def list_modules() -> Response:
    """The store's modules."""
    with reading() as connection:
        found = limits.list_modules(connection, caller().store_id)
    return list_response([module_document(module) for module in found], next_cursor=None)


@bp.get("/modules/<key>")
@store_key
def get_module(key: str) -> Response:
    """One module."""
    with reading() as connection:
        return json_response(module_document(limits.get_module(connection, caller().store_id, path_module(key))))


@bp.put("/modules/<key>")
@store_key
def put_module(key: str) -> Response:
    """Add or change a module; what is left out stays."""
    body = read_body(ModuleIn)
    store_id, module = caller().store_id, path_module(key)
    put = in_transaction(
        lambda connection: limits.put_module(connection, store_id, module, label=body.label, is_metered=body.metered)
    )
    return json_response(module_document(put))


@bp.get("/limits")
@store_key
def list_limits() -> Response:
    """The store's limits."""
    with reading() as connection:
        found = limits.list_limits(connection, caller().store_id)
    return list_response([limit_document(limit) for limit in found], next_cursor=None)


@bp.get("/limits/<module>")
@store_key
def get_limit(module: str) -> Response:
    """The limit of one module."""
    with reading() as connection:
        return json_response(limit_document(limits.get_limit(connection, caller().store_id, path_module(module))))


@bp.put("/limits/<module>")
@store_key
def put_limit(module: str) -> Response:
    """Replace the limit of a module."""
    body = read_body(LimitIn)
    rules = {audience: _rule(value) for audience, value in body.rules.items()}
    limit = Limit(path_module(module), Period(body.period), rules, body.message)
    store_id = caller().store_id
    in_transaction(lambda connection: limits.put_limit(connection, store_id, limit))
    return json_response(limit_document(limit))


@bp.delete("/limits/<module>")
@store_key
def delete_limit(module: str) -> Response:
    """Remove the limit of a module; nobody has a free allowance there then."""
    store_id, key = caller().store_id, path_module(module)
    in_transaction(lambda connection: limits.drop_limit(connection, store_id, key))
    return Response(status=204)


@bp.get("/packages")
@store_key
def list_packages() -> Response:
    """The store's products as far as they are known, with the amounts that cannot be read."""
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
def get_package(product: str, variation: str) -> Response:
    """The package of one product or variation."""
    product_id, variation_id = _product(product, variation)
    with reading() as connection:
        package = packages.get_package(connection, caller().store_id, product_id=product_id, variation_id=variation_id)
        return json_response(_package_document(connection, caller().store_id, package))


@bp.put("/packages/<product>", defaults={"variation": "0"})
@bp.put("/packages/<product>/<variation>")
@store_key
def put_package(product: str, variation: str) -> Response:
    """Say how many tokens a product or variation brings; orders that waited for it are granted."""
    body = read_body(PackageIn)
    if (body.plan is None) != (body.months is None):
        raise InvalidRequest(
            fields=[FieldError("months" if body.months is None else "plan", "a plan has a name and its months")]
        )
    product_id, variation_id = _product(product, variation)
    store_id, now = caller().store_id, utcnow()
    package = in_transaction(
        lambda connection: packages.set_package(
            connection,
            store_id,
            product_id=product_id,
            variation_id=variation_id,
            tokens=body.tokens,
            plan=body.plan,
            months=body.months,
            name=body.name,
            sku=body.sku,
            now=now,
        )
    )
    with reading() as connection:
        store = settings.get_by_id(connection, store_id)
    packages.settle_waiting(transaction, store, package, now=now)
    with reading() as connection:
        return json_response(_package_document(connection, caller().store_id, package))


@bp.delete("/packages/<product>", defaults={"variation": "0"})
@bp.delete("/packages/<product>/<variation>")
@store_key
def delete_package(product: str, variation: str) -> Response:
    """Take back what was set by hand; the shop's own word counts again."""
    product_id, variation_id = _product(product, variation)
    store_id, now = caller().store_id, utcnow()
    in_transaction(
        lambda connection: packages.drop_package(
            connection, store_id, product_id=product_id, variation_id=variation_id, now=now
        )
    )
    return Response(status=204)


@bp.post("/packages/<product>/past-orders", defaults={"variation": "0"})
@bp.post("/packages/<product>/<variation>/past-orders")
@store_key
def decide_past_orders(product: str, variation: str) -> Response:
    """Grant or leave the orders that bought a product before it was a package.

    Granting begins at once and goes on in the background; `orders_waiting` says how many are left.
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


@bp.get("/store")
@store_key
def get_store() -> Response:
    """The store's settings."""
    with reading() as connection:
        return json_response(settings.describe(settings.get_by_id(connection, caller().store_id)))


@bp.put("/store")
@store_key
def put_store() -> Response:
    """Change some of the store's settings."""
    body = read_body(StoreIn)
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    store_id = caller().store_id
    return json_response(
        settings.describe(in_transaction(lambda connection: settings.change_settings(connection, store_id, changes)))
    )


def module_document(module: Module) -> documents.Document:
    """A module as the API shows it."""
    return {"key": module.key, "label": module.label, "metered": module.is_metered}


def limit_document(limit: Limit) -> documents.Document:
    """A limit as the API shows it: each rule a number, `unlimited` or `disabled`."""
    return {
        "module": limit.module,
        "period": limit.period.value,
        "rules": {audience: rule.document for audience, rule in limit.rules.items()},
        "message": limit.message,
    }


def _rule(value: int | str) -> Rule:
    return Rule(Allows.AMOUNT, value) if isinstance(value, int) else Rule(Allows(value))


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
        raise InvalidRequest(fields=[FieldError("cursor", "give the cursor an earlier page named under next")])
    return path_number(product, "cursor", low=0), path_number(variation, "cursor", low=0)
