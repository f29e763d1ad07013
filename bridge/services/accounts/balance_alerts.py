"""Balance alerts: one event each time a balance crosses a threshold."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.events.events import NewEvent, alert_after
from bridge.domain.stores.stores import Store
from bridge.storage.engine.ids import new_id


def watch(account: Account, account_balance: Balance, store: Store, *, now: datetime) -> tuple[Account, list[NewEvent]]:
    """Return the account with its current alert, and the event to send if a threshold was crossed."""
    alert, crossed = alert_after(account.alert, available=account_balance.available, low_balance=store.low_balance)
    if crossed is None:
        return (account if alert is account.alert else account._replace(alert=alert)), []
    payload = {"balance": account_balance.balance, "available": account_balance.available}
    return account._replace(alert=alert), [NewEvent(new_id(), store.id, account.id, crossed, payload, now)]
