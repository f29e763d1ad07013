"""Orders of erased persons: contacts are never stored again, and a new order makes a customer again."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.orders.erasing import is_of_erased, is_return, without_contacts
from bridge.domain.orders.merge import OrderState
from bridge.domain.stores.stores import Store
from bridge.storage.accounts import erasures
from bridge.storage.engine.database import Connection


def cover(connection: Connection, store: Store, every: Sequence[OrderState]) -> list[OrderState]:
    """Return locked orders without the contacts of erased persons.

    A user with an order placed after the erasure that grants is a customer again:
    from then on their profile may be stored. Needed only in a store that has erased
    a person.
    """
    users = {user for known in every for user in (known.customer_id, known.keeper_id) if user}
    erased_at = erasures.erased_users(connection, store.id, users)
    returned = {known.buyer_id for known in every if is_return(known, erased_at)}
    if returned:
        erasures.mark_returned(connection, store.id, returned)
    return [without_contacts(known) if known.is_erased or is_of_erased(known, erased_at) else known for known in every]
