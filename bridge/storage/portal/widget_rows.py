"""Everything the widget shows about one account, in one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, case, func, literal_column, or_, select, text

from bridge.domain.accounts.accounts import Account, normalize_email
from bridge.domain.accounts.ledger import Kind
from bridge.storage.accounts.tables import accounts, entries
from bridge.storage.engine.bulk import among
from bridge.storage.engine.several import Lists, Nest, Several
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

MOST_PARKED = 20
MOST_AWAITED = 5
MOST_LINES = 100
"""How many lines of each order count; one more is read, as a sign that there are others."""

_NEWEST = 2**63 - 1
_NO_EMAIL = "-"
"""An email that no order has."""
_ACCOUNT: BindParameter[int] = bindparam("account")
_STORE: BindParameter[int] = bindparam("store")
_NOW = bindparam("now", type_=Instant())
_OFFERED = func.coalesce(packages.c.admin_tokens, packages.c.shop_tokens)


def read_state(connection: Connection, account: Account, values: Mapping[str, Any]) -> Lists:
    """Return what decides the account's balance, plan and allowances; see `_state` for the lists."""
    return _STATE.read(connection, _of(account) | dict(values))


def read_everything(
    connection: Connection,
    account: Account,
    values: Mapping[str, Any],
    *,
    since: date,
    orders_read: int,
    packages_read: int,
) -> Lists:
    """Return in addition the use by day from `since` on, orders, awaited orders and packages for sale."""
    more = {
        "since": since,
        "most_orders": orders_read,
        "most_lines": MOST_LINES + 1,
        "most_packages": packages_read,
        "user": account.user_id or 0,
        "email": normalize_email(account.email) or _NO_EMAIL,
    }
    return _EVERYTHING.read(connection, _of(account) | dict(values) | more)


def state_values(*, modules: Collection[str], starts: Collection[datetime], now: datetime) -> dict[str, Any]:
    """Return the parameters of the state: the modules with limits, and the starts of their windows."""
    return {"modules": list(modules), "starts": sorted(starts), "now": now}


def _of(account: Account) -> dict[str, Any]:
    return {"account": account.id, "store": account.store_id}


def _state(_nest: Nest) -> dict[str, Select[Any]]:
    resets = select(limit_resets.c.reset_at).where(limit_resets.c.account_id == _ACCOUNT)
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
        .limit(bindparam("most_lines"))
        .correlate(orders)
    )
    return nest(lines).label("lines")


def _orders(nest: Nest) -> Select[Any]:
    merged = select(accounts.c.id).where(accounts.c.merged_into == _ACCOUNT)
    granted = (
        select(func.coalesce(func.sum(entries.c.tokens - entries.c.debt), 0))
        .where(
            entries.c.store_id == orders.c.store_id,
            entries.c.order_number == orders.c.number,
            or_(entries.c.account_id == _ACCOUNT, entries.c.account_id.in_(merged)),
            entries.c.kind == Kind.GRANT.value,
        )
        .correlate(orders)
        .scalar_subquery()
    )
    return (
        select(*ORDER, granted.label("granted"), _lines(nest))
        .where(orders.c.account_id == _ACCOUNT)
        .order_by(orders.c.number.desc())
        .limit(bindparam("most_orders"))
    )


def _everything(nest: Nest) -> dict[str, Select[Any]]:
    parked = (
        select(orders.c.number)
        .where(orders.c.store_id == _STORE, text("orders.is_parked"), orders.c.email_key == bindparam("email"))
        .limit(MOST_PARKED)
        .with_hint(orders, "INDEXED BY ix_orders_parked", "sqlite")
        .subquery()
    )
    return {
        **_state(nest),
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
        .where(orders.c.store_id == _STORE, orders.c.customer_id == bindparam("user"), text(AWAITED))
        # The sum keeps an engine from reading all orders of the store in this order.
        .order_by((orders.c.number + 0).desc())
        .limit(MOST_AWAITED),
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
        .where(packages.c.store_id == _STORE, _OFFERED > 0, packages.c.is_for_sale.is_not(False))
        .order_by(_OFFERED, packages.c.product_id, packages.c.variation_id)
        .limit(bindparam("most_packages")),
        "currency": select(orders.c.currency)
        .where(orders.c.store_id == _STORE, orders.c.number < _NEWEST)
        .order_by(orders.c.number.desc())
        .limit(1),
    }


_STATE = Several(_state)
_EVERYTHING = Several(_everything)
