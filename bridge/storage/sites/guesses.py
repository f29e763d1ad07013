"""The counts of wrong guesses of one-time codes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.storage.sites.tables import link_guesses


def count(connection: Connection, client: str, *, since: datetime) -> int:
    """Return how many wrong guesses a client made in the span that began at `since`."""
    statement = select(link_guesses.c.guesses).where(link_guesses.c.client == client, link_guesses.c.starts_at == since)
    return connection.execute(statement).scalar_one_or_none() or 0


def add(connection: Connection, client: str, *, since: datetime) -> int:
    """Count a guess of a client in a span, and return the number so far; the row stays locked."""
    new = sqlite.insert(link_guesses) if connection.dialect.name == "sqlite" else postgresql.insert(link_guesses)
    statement = (
        new.values(client=client, starts_at=since, guesses=1)
        .on_conflict_do_update(index_elements=["client", "starts_at"], set_={"guesses": link_guesses.c.guesses + 1})
        .returning(link_guesses.c.guesses)
    )
    return int(connection.execute(statement).scalar_one())


def take_back(connection: Connection, client: str, *, since: datetime) -> None:
    """Subtract one guess of a client in a span, because it was right."""
    connection.execute(
        update(link_guesses)
        .where(link_guesses.c.client == client, link_guesses.c.starts_at == since)
        .values(guesses=link_guesses.c.guesses - 1)
    )


def drop(connection: Connection, *, before: datetime) -> None:
    """Delete the guesses of spans that began before a moment."""
    connection.execute(delete(link_guesses).where(link_guesses.c.starts_at < before))
