"""Alerts: what a changed balance is worth telling of, once for each crossing."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.events.events import NewEvent, alert_after
from bridge.domain.stores.stores import Store
from bridge.storage.engine.ids import new_id


def watch(account: Account, account_balance: Balance, store: Store, *, now: datetime) -> tuple[Account, list[NewEvent]]:
    """The account with what is told of its balance by now, and the event to tell it with, if a line was crossed."""
    alert, crossed = alert_after(account.alert, available=account_balance.available, low_balance=store.low_balance)
    if crossed is None:
        return (account if alert is account.alert else account._replace(alert=alert)), []
    payload = {"balance": account_balance.balance, "available": account_balance.available}
    return account._replace(alert=alert), [NewEvent(new_id(), store.id, account.id, crossed, payload, now)]
