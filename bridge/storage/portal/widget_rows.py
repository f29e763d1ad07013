"""Everything the widget shows about one account, and the access key of the request, in one statement."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
)

from bridge.domain.accounts.accounts import Account
from bridge.domain.accounts.ledger import Kind
from bridge.storage.accounts.accounts import AccountKey, to_account
from bridge.storage.accounts.tables import accounts, entries
from bridge.storage.engine.bulk import among
from bridge.storage.engine.several import Lists, Nest, Row, Several
from bridge.storage.engine.sums import capped_sum
from bridge.storage.engine.types import Instant
from bridge.storage.metering.tables import (
    holds,
    limit_overrides,
    limit_resets,
    plan_terms,
    plan_uses,
    usage_days,
    window_uses,
)
from bridge.storage.orders.purchases import NESTED_LINE, ORDER
from bridge.storage.orders.tables import AWAITED, order_lines, orders, packages
from bridge.storage.sites.tables import sites
from bridge.storage.stores.stores import KEY, AccessKey, to_key
from bridge.storage.stores.tables import access_keys, stores

MOST_PARKED = 20
MOST_AWAITED = 5
MOST_LINES = 100
"""How many lines of each order count; one more is read, as a sign that there are others."""

_NEWEST = 2**63 - 1
_NAMED = accounts.alias("named")
_PERSON = accounts.alias("person")
"""The account itself, or the one that it was merged into; without an account, its columns are null."""
_ACCOUNT = _PERSON.c.id
_STORE = stores.c.id
_USER = func.coalesce(_PERSON.c.user_id, bindparam("user", type_=BigInteger()))
_NOW = bindparam("now", type_=Instant())
_OFFERED = func.coalesce(packages.c.admin_tokens, packages.c.shop_tokens)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of the rows that are read.

    `modules` have limits, `starts` are the starts of their windows. `since` is the first
    day of use, `orders` and `packages` are how many of them are read at most.
    """

    modules: Collection[str]
    starts: Collection[datetime]
    since: date
    orders: int
    packages: int


@dataclass(frozen=True, slots=True)
class WidgetRows:
    """The rows of one account at one moment; `lists` contains those of `_state`, and of `_more` where all was read.

    `version` is that of the store's policy. `account` is None where none is stored, and
    `key` where no key with the hash is stored for this store.
    """

    version: int
    account: Account | None
    key: AccessKey | None
    lists: Lists


def read(
    connection: Connection, place: AccountKey, bounds: Bounds, *, is_full: bool, key_hash: str = "", now: datetime
) -> WidgetRows | None:
    """Return what the widget shows, read by one statement; None if the store does not exist.

    Without `is_full`, only what decides balance, plan and allowances is read.
    """
    store_id, who = place
    is_user = isinstance(who, int)
    values: dict[str, Any] = {
        "store_id": store_id,
        "who": who,
        "user": who if is_user else 0,
        "key": key_hash,
        "now": now,
        "modules": list(bounds.modules),
        "starts": sorted(bounds.starts),
    }
    if is_full:
        values |= {"since": bounds.since, "most_orders": bounds.orders, "most_packages": bounds.packages}
    lists = _STATEMENTS[is_user, is_full].read(connection, values)
    if lists is None:
        return None
    (version,), (account,), (key,) = (lists.rows(part) for part in ("store", "account", "key"))
    return WidgetRows(
        version=version.config_version,
        account=None if account.id is None else to_account(account),
        key=None if key.id is None else to_key(key),
        lists=lists,
    )


def _row(*, is_user: bool) -> Row:
    """Return the row of the store, with the account and the access key where there are any."""
    who = _NAMED.c.user_id if is_user else _NAMED.c.guest_hash
    source = (
        stores.outerjoin(_NAMED, and_(_NAMED.c.store_id == _STORE, who == bindparam("who")))
        .outerjoin(_PERSON, func.coalesce(_NAMED.c.merged_into, _NAMED.c.id) == _ACCOUNT)
        .outerjoin(access_keys, and_(access_keys.c.key_hash == bindparam("key"), access_keys.c.store_id == _STORE))
        .outerjoin(sites, sites.c.id == access_keys.c.site_id)
    )
    return Row(
        source,
        stores.c.id == bindparam("store_id"),
        {
            "store": (stores.c.config_version,),
            "account": tuple(_PERSON.c[name] for name in Account._fields),
            "key": KEY,
        },
    )


def _lists(nest: Nest, *, is_full: bool) -> dict[str, Select[Any]]:
    found = {**_state(), **(_more(nest) if is_full else {})}
    return {name: _of_row(select_) for name, select_ in found.items()}


def _of_row(found: Select[Any]) -> Select[Any]:
    """Return a select that takes the account and the store from the row."""
    return found.correlate(_PERSON, stores)


def _constant(number: int) -> ColumnElement[int]:
    """Return a number that is written out in the statement: fewer parameters are sent."""
    return literal_column(str(number))


def _state() -> dict[str, Select[Any]]:
    resets = _of_row(select(limit_resets.c.reset_at).where(limit_resets.c.account_id == _ACCOUNT))
    return {
        # Written out, not bound: with a parameter, an engine would not use the partial index.
        "holds": select(holds).where(
            holds.c.account_id == _ACCOUNT, holds.c.state == literal_column("'open'"), holds.c.expires_at > _NOW
        ),
        "uses": select(window_uses.c.module, window_uses.c.starts_at, window_uses.c.counter, window_uses.c.used).where(
            window_uses.c.account_id == _ACCOUNT,
            among(window_uses.c.module, "modules"),
            or_(among(window_uses.c.starts_at, "starts"), window_uses.c.starts_at.in_(resets)),
        ),
        "overrides": select(limit_overrides).where(
            limit_overrides.c.account_id == _ACCOUNT,
            or_(limit_overrides.c.ends_at.is_(None), limit_overrides.c.ends_at > _NOW),
        ),
        "resets": select(limit_resets).where(limit_resets.c.account_id == _ACCOUNT),
        "terms": select(plan_terms).where(plan_terms.c.account_id == _ACCOUNT),
        "plan_uses": select(plan_uses.c.product_id, plan_uses.c.starts_at, plan_uses.c.used).where(
            plan_uses.c.account_id == _ACCOUNT, plan_uses.c.ends_at > _NOW
        ),
    }


def _lines(nest: Nest) -> Any:
    lines = (
        select(*NESTED_LINE)
        .where(order_lines.c.store_id == orders.c.store_id, order_lines.c.order_number == orders.c.number)
        .order_by(order_lines.c.line_id)
        .limit(_constant(MOST_LINES + 1))
        .correlate(orders)
    )
    return nest(lines).label("lines")


def _orders(nest: Nest) -> Select[Any]:
    merged = _of_row(select(accounts.c.id).where(accounts.c.merged_into == _ACCOUNT))
    granted = (
        select(func.coalesce(func.sum(entries.c.tokens - entries.c.debt), _constant(0)))
        .where(
            entries.c.store_id == orders.c.store_id,
            entries.c.order_number == orders.c.number,
            or_(entries.c.account_id == _ACCOUNT, entries.c.account_id.in_(merged)),
            entries.c.kind == literal_column(f"'{Kind.GRANT.value}'"),
        )
        .correlate(orders, _PERSON)
        .scalar_subquery()
    )
    return (
        select(*ORDER, granted.label("granted"), _lines(nest))
        .where(orders.c.account_id == _ACCOUNT)
        .order_by(orders.c.number.desc())
        .limit(bindparam("most_orders"))
    )


def _more(nest: Nest) -> dict[str, Select[Any]]:
    parked = (
        select(orders.c.number)
        .where(orders.c.store_id == _STORE, text("orders.is_parked"), orders.c.email_key == _PERSON.c.email_key)
        .limit(_constant(MOST_PARKED))
        .with_hint(orders, "INDEXED BY ix_orders_parked", "sqlite")
        .correlate(_PERSON, stores)
        .subquery()
    )
    return {
        "days": select(
            usage_days.c.day,
            usage_days.c.module,
            capped_sum(usage_days.c.units).label("units"),
            capped_sum(usage_days.c.tokens).label("tokens"),
        )
        .where(usage_days.c.account_id == _ACCOUNT, usage_days.c.day >= bindparam("since"))
        .group_by(usage_days.c.day, usage_days.c.module),
        "orders": _orders(nest),
        "awaited": select(*ORDER, _lines(nest))
        .where(orders.c.store_id == _STORE, orders.c.customer_id == _USER, text(AWAITED))
        # The sum keeps an engine from reading all orders of the store in this order.
        .order_by((orders.c.number + _constant(0)).desc())
        .limit(_constant(MOST_AWAITED)),
        "parked": select(func.count().label("orders")).select_from(parked),
        "packages": select(
            packages.c.product_id,
            packages.c.variation_id,
            packages.c.name,
            packages.c.plan,
            case((packages.c.admin_tokens.is_(None), packages.c.shop_months), else_=packages.c.months).label("months"),
            packages.c.price,
            _OFFERED.label("tokens"),
        )
        .where(packages.c.store_id == _STORE, _constant(0) < _OFFERED, packages.c.is_for_sale.is_not(False))
        .order_by(_OFFERED, packages.c.product_id, packages.c.variation_id)
        .limit(bindparam("most_packages")),
        "currency": select(orders.c.currency)
        .where(orders.c.store_id == _STORE, orders.c.number < _constant(_NEWEST))
        .order_by(orders.c.number.desc())
        .limit(_constant(1)),
    }


_STATEMENTS = {
    (is_user, is_full): Several(_row(is_user=is_user), partial(_lists, is_full=is_full))
    for is_user in (True, False)
    for is_full in (True, False)
}
