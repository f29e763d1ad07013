"""The sign-in of admins from WordPress: a pass opens one store, never more than the admin's own role there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.portal.passes import AdminOf, Pass, Purpose, Refused
from bridge.domain.stores.stores import Store
from bridge.services.admin import admins as accounts
from bridge.services.admin import invitations
from bridge.services.admin.admins import SignedIn
from bridge.services.portal import passes
from bridge.services.stores import changes, settings
from bridge.services.stores.changes import Subject
from bridge.storage.admin import admins
from bridge.storage.engine.database import Connection

ACTOR = "WordPress"
"""The actor of the roles that passes give, in the audit log."""


@dataclass(frozen=True, slots=True)
class Entered:
    """The result of a pass: the admin's new session and the store, or why there is none."""

    found: Pass | None
    refused: Refused | None
    signed_in: SignedIn | None = field(default=None, repr=False)
    store: Store | None = None


def sign_in(connection: Connection, token: str, *, agent: str, address: str, now: datetime) -> Entered:
    """Use up a pass for the credits page and begin a session that is limited to the pass's store and role.

    A person without a role in the store gets the pass's role in it. The role of
    an admin who has one is not changed. Every sign-in is in the audit log.
    """
    opened = passes.use(connection, token, Purpose.CREDITS, now=now)
    found = opened.found
    if opened.refused is not None or found is None or not isinstance(found.holder, AdminOf):
        return Entered(found, opened.refused or Refused.FOREIGN)
    store = settings.get_by_id(connection, found.store_id)
    signed_in = _enter(connection, found.holder, store, agent=agent, address=address, now=now)
    return Entered(found, None, signed_in, store)


def _enter(
    connection: Connection, holder: AdminOf, store: Store, *, agent: str, address: str, now: datetime
) -> SignedIn:
    if admins.lock_by_email(connection, holder.email) is None:
        # The person comes from WordPress; to have a password as well, they accept an invitation.
        admins.add(connection, holder.email, password_hash=accounts.NO_PASSWORD, role=None, now=now)
    known = invitations.get_by_email(connection, holder.email)
    if known.admin.role_in(store.id) is None:
        invitations.set_role(connection, known.id, holder.role, store_id=store.id, actor=ACTOR, now=now)
        known = invitations.get_by_email(connection, holder.email)
    after = {"signed_in_from": "WordPress", "name": holder.name, "role": holder.role.value}
    changes.record(connection, store.id, Subject.ADMIN, known.email, before={}, after=after, actor=known.email, now=now)
    return accounts.begin_store_session(
        connection, known.admin, store.id, holder.role, agent=agent, address=address, now=now
    )
