"""The purchases of one user, as a page and as a panel over the list of users."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.orders import purchases
from bridge.storage.engine.database import Connection
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.user_view import PURCHASES, PurchaseRow, purchase_rows


@dataclass(frozen=True, slots=True)
class PurchasesPage:
    """Some purchases of a user, the newest first; `earlier` is where the next page begins, None at the end."""

    store: Store
    user_id: int
    name: str
    purchases: tuple[PurchaseRow, ...]
    earlier: int | None
    is_latest: bool
    open_questions: str


def purchases_page(connection: Connection, store: Store, user_id: int, *, before: int | None) -> PurchasesPage:
    """Return the purchases of a user below the order number `before`; raises `UnknownUser`."""
    account = profiles.get_account(connection, store.id, user_id)
    bought = purchases.list_purchases(connection, account, before=before, limit=PURCHASES)
    return PurchasesPage(
        store=store,
        user_id=user_id,
        name=account.name or account.email or f"user {user_id}",
        purchases=purchase_rows(connection, store, user_id, bought.purchases),
        earlier=bought.next_before,
        is_latest=before is None,
        open_questions=count_exceptions(connection, store),
    )
