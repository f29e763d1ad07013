"""The sessions of buyers in the portal: begun with a pass, ended after a fixed time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.accounts.accounts import Account
from bridge.domain.errors import UnknownUser
from bridge.domain.ops.clock import TOLERANCE
from bridge.domain.portal.passes import FRESH, PORTAL_SESSION, BuyerOf, Pass, Purpose, Refused
from bridge.domain.stores.stores import Store
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.services.portal import passes
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.storage.portal import sessions
from bridge.storage.portal.sessions import PortalSession as PortalSession

MAX_SESSIONS = 10
"""The most sessions of one buyer; one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The result of a pass: the new session's id, or why there is none. `found` is the pass, None if unknown."""

    found: Pass | None
    refused: Refused | None
    session_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Buyer:
    """The buyer who sent a request: their session, account and store."""

    session: PortalSession
    account: Account
    store: Store

    def is_fresh(self, now: datetime) -> bool:
        """Return whether the session began so recently that the account may be deleted."""
        return now - self.session.began_at < FRESH


def begin(connection: Connection, token: str, *, now: datetime) -> Begun:
    """Use up a pass for the portal and begin a session."""
    opened = passes.use(connection, token, Purpose.PORTAL, now=now)
    found = opened.found
    if opened.refused is not None or found is None or not isinstance(found.holder, BuyerOf):
        return Begun(found, opened.refused or Refused.FOREIGN)
    session_id, holder = secrets.new_session(), found.holder
    sessions.keep_newest(connection, found.store_id, holder.user_id, most=MAX_SESSIONS - 1)
    new = PortalSession(found.store_id, holder.user_id, holder.access, found.language, found.return_url, now)
    sessions.add(connection, secrets.hash_session(session_id), new)
    return Begun(found, None, session_id)


def find(connection: Connection, session_id: str, *, now: datetime) -> Buyer | None:
    """Return the buyer of a session; None once it has ended, or its user or store is gone."""
    found = sessions.find(connection, secrets.hash_session(session_id))
    # A session from the future began while a clock was wrong: it would last too long.
    if found is None or found.began_at - now > TOLERANCE or now - found.began_at >= PORTAL_SESSION:
        return None
    store = settings.find_by_id(connection, found.store_id)
    if store is None:
        return None
    try:
        return Buyer(found, profiles.get_account(connection, store.id, found.user_id), store)
    except UnknownUser:
        return None


def end(connection: Connection, session_id: str) -> None:
    """End a session; its cookie is invalid from this commit on."""
    sessions.remove(connection, secrets.hash_session(session_id))
