"""Link codes, and the counts of wrong guesses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.ops.clock import TOLERANCE
from bridge.domain.sites.link_codes import LIFE
from bridge.storage.sites.tables import link_codes, link_guesses


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
    row = connection.execute(
        update(link_codes)
        .where(
            link_codes.c.code_hash == code_hash,
            link_codes.c.used_at.is_(None),
            link_codes.c.expires_at > now,
            link_codes.c.expires_at <= now + LIFE + TOLERANCE,
        )
        .values(used_at=now)
        .returning(link_codes.c.store_id, link_codes.c.account_id)
    ).one_or_none()
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


def count_guesses(connection: Connection, client: str, *, since: datetime) -> int:
    """Return how many wrong guesses a client made in the span that began at `since`."""
    statement = select(link_guesses.c.guesses).where(link_guesses.c.client == client, link_guesses.c.starts_at == since)
    return connection.execute(statement).scalar_one_or_none() or 0


def add_guess(connection: Connection, client: str, *, since: datetime) -> int:
    """Count a guess of a client in a span, and return the number so far; the row stays locked."""
    new = sqlite.insert(link_guesses) if connection.dialect.name == "sqlite" else postgresql.insert(link_guesses)
    statement = (
        new.values(client=client, starts_at=since, guesses=1)
        .on_conflict_do_update(index_elements=["client", "starts_at"], set_={"guesses": link_guesses.c.guesses + 1})
        .returning(link_guesses.c.guesses)
    )
    return int(connection.execute(statement).scalar_one())


def take_back_guess(connection: Connection, client: str, *, since: datetime) -> None:
    """Subtract one guess of a client in a span, because it was right."""
    connection.execute(
        update(link_guesses)
        .where(link_guesses.c.client == client, link_guesses.c.starts_at == since)
        .values(guesses=link_guesses.c.guesses - 1)
    )


def drop_guesses(connection: Connection, *, before: datetime) -> None:
    """Delete the guesses of spans that began before a moment."""
    connection.execute(delete(link_guesses).where(link_guesses.c.starts_at < before))
