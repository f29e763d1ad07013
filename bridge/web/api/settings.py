"""The API of a store's configuration: modules, limits and the store itself."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field, StrictBool, field_validator

from bridge.domain.metering.errors import UnknownLimit, UnknownModule
from bridge.domain.metering.limits import Allows, Limit, LimitWindow, Period, Rule
from bridge.domain.stores.thresholds import MAX_THRESHOLDS
from bridge.rendering.settings import limit_document, module_document
from bridge.rendering.stores import store_document
from bridge.services.metering import limits
from bridge.services.stores import settings
from bridge.web.api.answers.parts import ItemList
from bridge.web.api.answers.settings import LimitOut, ModuleOut, StoreOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import operation
from bridge.web.api.parsing import (
    Amount,
    Body,
    LimitValue,
    Text50,
    Text100,
    Text200,
    Text500,
    ThresholdValue,
    path_module,
    read_body,
)
from bridge.web.api.responses import json_response, list_response
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import Language

bp = Blueprint("api_settings", __name__, url_prefix="/v1")


LanguageCode = Literal["en", "de", "fr", "es", "it", "nl", "pt", "pl", "ja", "ar"]
"""The languages of the widget, as in `Language`."""
ModuleLabel = Annotated[Text100, Field(min_length=1)]

_AUDIENCE = re.compile(r"guest|user|role:[^\s:][^:\x00-\x1f]{0,99}")


class ModuleIn(Body):
    """Label and metering of a module; fields left out stay unchanged."""

    label: Annotated[Text100, Field(min_length=1)] | None = None
    """Name that users see; left out or null, it stays."""
    metered: StrictBool | None = None
    """True if usage costs tokens; left out or null, it stays."""
    labels: Annotated[dict[LanguageCode, ModuleLabel], Field(max_length=len(Language))] | None = None
    """Names by language, such as `de`, for the widget and the portal; `label` is for every other language. The names
    replace all earlier ones; left out or null, they stay."""


class LimitWindowIn(Body):
    """Period and rules of one window of a limit."""

    period: Literal["daily", "weekly", "monthly", "never"]
    """How often the limit resets."""
    rules: Annotated[dict[str, LimitValue], Field(max_length=200)]
    """Tokens per window, `unlimited` or `disabled`, for `guest`, `user` and `role:<slug>`."""

    @field_validator("rules")
    @classmethod
    def _known_audiences(cls, rules: dict[str, int | str]) -> dict[str, int | str]:
        for audience in rules:
            if not _AUDIENCE.fullmatch(audience):
                raise ValueError(f"{audience!r} must be guest, user or role:<slug>")
        return rules


class LimitIn(LimitWindowIn):
    """Period, rules and message of a limit, and perhaps a second window."""

    message: Text500 = ""
    """Text for a user whose allowance is used up."""
    second: LimitWindowIn | None = None
    """A second window with another period, which use counts in as well; left out, it stays; null removes it."""


class StoreIn(Body):
    """Settings of the store; fields left out stay unchanged."""

    name: Annotated[Text200, Field(min_length=1)] | None = None
    """Name that admins see."""
    time_zone: Text100 | None = None
    """Time zone, such as `Europe/Paris`."""
    week_start: Text100 | None = None
    """First day of a week, such as `monday`."""
    spend_order: Annotated[list[Text100], Field(max_length=3)] | None = None
    """Funding sources in the order of spending: plan, balance, allowance."""
    grant_statuses: Annotated[list[Text100], Field(max_length=20)] | None = None
    """Order statuses that grant tokens."""
    purchase_url: Annotated[Text500, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Page that sells tokens."""
    low_balance: Amount | None = None
    """Tokens below which a balance is low."""
    low_balance_thresholds: Annotated[list[ThresholdValue], Field(max_length=MAX_THRESHOLDS)] | None = None
    """Further levels that are announced: tokens, or a share of the tokens that the user's last order granted."""
    reversal_policy: Literal["debt", "forgive"] | None = None
    """The treatment of refunded tokens that are already spent: `debt` or `forgive`."""
    guest_policy: Literal["automatic", "admin"] | None = None
    """How guests' orders are assigned to accounts: `automatic` or `admin`."""
    accept_unknown_modules: StrictBool | None = None
    """True if a spend creates a module that the store does not have."""
    past_orders_paid_later: Literal["review", "grant"] | None = None
    """The treatment of orders placed before the connection and paid later: `review` or `grant`."""
    require_reason: StrictBool | None = None
    """True if an admin must give a reason when they change a balance on the credits page."""
    deliveries: Literal["webhooks", "plugin"] | None = None
    """Source of changes of the shop: its `webhooks`, or the WordPress `plugin` alone."""
    seller_name: Text200 | None = None
    """Name of the seller on receipts; the store's name is used if it is empty."""
    seller_address: Text500 | None = None
    """Address of the seller on receipts, one line after the other."""
    seller_vat_id: Text50 | None = None
    """VAT ID of the seller on receipts."""


@bp.get("/modules")
@store_key
@operation("List modules", tag="Modules and limits", answer=ItemList[ModuleOut])
def list_modules() -> Response:
    """Return the modules of the store."""
    with reading() as connection:
        found = limits.list_modules(connection, caller().store_id)
    return list_response([module_document(module) for module in found], next_cursor=None)


@bp.get("/modules/<key>")
@store_key
@operation("Get a module", tag="Modules and limits", answer=ModuleOut, errors=(UnknownModule,))
def get_module(key: str) -> Response:
    """Return a module."""
    with reading() as connection:
        return json_response(module_document(limits.get_module(connection, caller().store_id, path_module(key))))


@bp.put("/modules/<key>")
@store_key
@operation(
    "Create or change a module",
    tag="Modules and limits",
    answer=ModuleOut,
    body=ModuleIn,
    example={"label": "Chat", "metered": True},
)
def put_module(key: str) -> Response:
    """Create a module or change it. Fields left out stay unchanged."""
    body = read_body(ModuleIn)
    who, module, now = caller(), path_module(key), utcnow()
    put = in_transaction(
        lambda connection: limits.put_module(
            connection,
            who.store_id,
            module,
            label=body.label,
            is_metered=body.metered,
            labels=None if body.labels is None else {str(code): name for code, name in body.labels.items()},
            actor=who.name,
            now=now,
        )
    )
    return json_response(module_document(put))


@bp.get("/limits")
@store_key
@operation("List limits", tag="Modules and limits", answer=ItemList[LimitOut])
def list_limits() -> Response:
    """Return the limits of the store."""
    with reading() as connection:
        found = limits.list_limits(connection, caller().store_id)
    return list_response([limit_document(limit) for limit in found], next_cursor=None)


@bp.get("/limits/<module>")
@store_key
@operation("Get a limit", tag="Modules and limits", answer=LimitOut, errors=(UnknownModule, UnknownLimit))
def get_limit(module: str) -> Response:
    """Return the limit of a module."""
    with reading() as connection:
        return json_response(limit_document(limits.get_limit(connection, caller().store_id, path_module(module))))


@bp.put("/limits/<module>")
@store_key
@operation(
    "Set a limit",
    tag="Modules and limits",
    answer=LimitOut,
    body=LimitIn,
    errors=(UnknownModule,),
    example={
        "period": "daily",
        "rules": {"guest": 1000, "user": 10000, "role:editor": "unlimited"},
        "second": {"period": "monthly", "rules": {"guest": 5000, "user": 100000}},
    },
)
def put_limit(module: str) -> Response:
    """Replace the limit of a module. Use counts in both windows; the second stays if it is left out."""
    body = read_body(LimitIn)
    limit = limit_of(path_module(module), body)
    keeps_second = "second" not in body.model_fields_set
    who, now = caller(), utcnow()
    stored = in_transaction(
        lambda connection: limits.put_limit(
            connection, who.store_id, limit, keeps_second=keeps_second, actor=who.name, now=now
        )
    )
    return json_response(limit_document(stored))


@bp.delete("/limits/<module>")
@store_key
@operation("Delete a limit", tag="Modules and limits", answer=None, status=204, errors=(UnknownModule, UnknownLimit))
def delete_limit(module: str) -> Response:
    """Delete the limit of a module, which ends its free allowance."""
    who, key, now = caller(), path_module(module), utcnow()
    in_transaction(lambda connection: limits.drop_limit(connection, who.store_id, key, actor=who.name, now=now))
    return Response(status=204)


@bp.get("/store")
@store_key
@operation("Get the store settings", tag="Store", answer=StoreOut)
def get_store() -> Response:
    """Return the settings of the store."""
    with reading() as connection:
        return json_response(store_document(settings.get_by_id(connection, caller().store_id)))


@bp.put("/store")
@store_key
@operation(
    "Change the store settings",
    tag="Store",
    answer=StoreOut,
    body=StoreIn,
    example={"low_balance": 500, "purchase_url": "https://shop.example/tokens"},
)
def put_store() -> Response:
    """Change settings of the store. Fields left out stay unchanged."""
    body = read_body(StoreIn)
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    who, now = caller(), utcnow()
    store = in_transaction(
        lambda connection: settings.change_settings(connection, who.store_id, changes, actor=who.name, now=now)
    )
    return json_response(store_document(store))


def limit_of(module: str, body: LimitIn) -> Limit:
    """Return the limit of a module that a body describes."""
    second = LimitWindow(Period(body.second.period), _rules(body.second)) if body.second else None
    return Limit(module, Period(body.period), _rules(body), body.message, second)


def _rules(body: LimitWindowIn) -> dict[str, Rule]:
    return {audience: _rule(value) for audience, value in body.rules.items()}


def _rule(value: int | str) -> Rule:
    return Rule(Allows.AMOUNT, value) if isinstance(value, int) else Rule(Allows(value))
