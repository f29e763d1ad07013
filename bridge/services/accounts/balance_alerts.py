"""Balance alerts: one event each time a balance crosses a threshold."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.events.events import NewEvent, alert_after
from bridge.domain.stores.stores import Store
from bridge.rendering.event_payloads import balance_payload
from bridge.storage.engine.ids import new_id


def watch(account: Account, account_balance: Balance, store: Store, *, now: datetime) -> tuple[Account, list[NewEvent]]:
    """Return the account with its current alert, and the events to send for the thresholds that were crossed."""
    lines = store.alert_lines(account.last_grant)
    change = alert_after(account.alert, account.alerted_below, available=account_balance.available, lines=lines)
    if change.alert is not account.alert or change.below != account.alerted_below:
        account = account._replace(alert=change.alert, alerted_below=change.below)
    if not change.announced:
        return account, []
    payloads = [(each.type, balance_payload(account_balance, each.line)) for each in change.announced]
    return account, [NewEvent(new_id(), store.id, account.id, type_, payload, now) for type_, payload in payloads]
