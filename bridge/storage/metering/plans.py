"""Plans: the terms bought with orders, and their use in each window."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from bridge.domain.metering.plans import Term
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.metering.tables import plan_terms, plan_uses

PlanKey = tuple[int, int, datetime]
"""One window of one plan: the account, the plan's product and the start of the window."""

_TERMS = select(plan_terms).where(among(plan_terms.c.account_id, "ids"))
_USES = select(plan_uses.c.account_id, plan_uses.c.product_id, plan_uses.c.starts_at, plan_uses.c.used).where(
    among(plan_uses.c.account_id, "ids"), among(plan_uses.c.starts_at, "starts")
)
_SET_USES = Writer(
    plan_uses,
    ("account_id", "product_id", "starts_at", "ends_at", "used"),
    keys=("account_id", "product_id", "starts_at"),
    replace=("used",),
)


def terms(connection: Connection, account_ids: Collection[int]) -> dict[int, list[Term]]:
    """Return all terms that each of these accounts has bought."""
    found: dict[int, list[Term]] = {}
    for row in connection.execute(_TERMS, {"ids": list(account_ids)}):
        found.setdefault(row.account_id, []).append(to_term(row))
    return found


def to_term(row: Row[Any]) -> Term:
    """Return the term in a row."""
    return Term(
        order_number=row.order_number,
        line_id=row.line_id,
        product_id=row.product_id,
        name=row.name,
        tokens=row.tokens,
        months=row.months,
        bought_at=row.bought_at,
    )


def has_any(connection: Connection, store_id: int) -> bool:
    """Return whether any account of the store ever bought a plan."""
    return (
        connection.execute(select(plan_terms.c.line_id).where(plan_terms.c.store_id == store_id).limit(1)).first()
        is not None
    )


def put_terms(
    connection: Connection, store_id: int, order_number: int, *, account_id: int, bought: Collection[Term]
) -> None:
    """Replace the terms of an order; the caller has locked the order."""
    connection.execute(
        delete(plan_terms).where(plan_terms.c.store_id == store_id, plan_terms.c.order_number == order_number)
    )
    if bought:
        connection.execute(
            insert(plan_terms),
            [
                {
                    "account_id": account_id,
                    "store_id": store_id,
                    "order_number": order_number,
                    "line_id": term.line_id,
                    "product_id": term.product_id,
                    "name": term.name,
                    "tokens": term.tokens,
                    "months": term.months,
                    "bought_at": term.bought_at,
                }
                for term in bought
            ],
        )


def uses(connection: Connection, account_ids: Collection[int], starts: Collection[datetime]) -> dict[PlanKey, int]:
    """Return the use of these accounts' plans in the windows that begin at these moments."""
    if not starts:
        return {}
    rows = connection.execute(_USES, {"ids": list(account_ids), "starts": sorted(starts)})
    return {(row.account_id, row.product_id, row.starts_at): row.used for row in rows}


def set_uses(connection: Connection, used: Mapping[PlanKey, int], ends: Mapping[PlanKey, datetime]) -> None:
    """Write the use of plans in these windows; the caller has locked their accounts."""
    _SET_USES.write(connection, [(*key, ends[key], tokens) for key, tokens in sorted(used.items())])
