"""Link codes; each is used at most once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from bridge.domain.sites.link_codes import LIFE
from bridge.storage.engine import one_time
from bridge.storage.sites.tables import link_codes


def add(connection: Connection, *, code_hash: str, store_id: int, account_id: int, expires_at: datetime) -> None:
    """Insert a code; only its hash is stored."""
    connection.execute(
        insert(link_codes).values(code_hash=code_hash, store_id=store_id, account_id=account_id, expires_at=expires_at)
    )


def count_open(connection: Connection, account_id: int, *, now: datetime) -> int:
    """Return how many codes of an account could still be used."""
    mine = (link_codes.c.account_id == account_id, link_codes.c.used_at.is_(None), link_codes.c.expires_at > now)
    return connection.execute(select(func.count()).select_from(link_codes).where(*mine)).scalar_one()


def use(connection: Connection, code_hash: str, *, now: datetime) -> tuple[int, int] | None:
    """Return the store and account of a code and mark it as used; None if it was used, has expired or is unknown.

    If two requests send the code at the same moment, only one of them gets the account.
    """
    row = one_time.use(connection, link_codes.c.code_hash, code_hash, life=LIFE, now=now)
    return None if row is None else (row.store_id, row.account_id)


def is_open(connection: Connection, code_hash: str, *, now: datetime) -> bool:
    """Return whether a code would link a site now."""
    statement = select(link_codes.c.code_hash).where(
        link_codes.c.code_hash == code_hash, link_codes.c.used_at.is_(None), link_codes.c.expires_at > now
    )
    return connection.execute(statement).scalar_one_or_none() is not None


def is_used(connection: Connection, code_hash: str) -> bool:
    """Return whether this code exists and was used."""
    statement = select(link_codes.c.used_at).where(link_codes.c.code_hash == code_hash)
    return connection.execute(statement).scalar_one_or_none() is not None


def drop_expired(connection: Connection, *, before: datetime) -> None:
    """Delete codes that ended before a moment."""
    connection.execute(delete(link_codes).where(link_codes.c.expires_at < before))
