"""Passes: only the hash of each is stored, and the database lets a pass through once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.admin.admins import Role
from bridge.domain.portal.passes import Access, AdminOf, BuyerOf, Pass, Purpose
from bridge.storage.portal.tables import passes


def person_of(holder: BuyerOf | AdminOf) -> str:
    """Return the person of a pass in one text."""
    return f"user {holder.user_id}" if isinstance(holder, BuyerOf) else f"admin {normalize_email(holder.email)}"


def add(connection: Connection, token_hash: str, new: Pass) -> None:
    """Insert a pass."""
    holder = new.holder
    person: dict[str, Any] = (
        {"user_id": holder.user_id, "access": holder.access.value}
        if isinstance(holder, BuyerOf)
        else {"email": holder.email, "name": holder.name, "role": holder.role.value}
    )
    connection.execute(
        insert(passes).values(
            token_hash=token_hash,
            store_id=new.store_id,
            purpose=new.purpose.value,
            person=person_of(holder),
            language=new.language,
            return_url=new.return_url,
            created_at=new.created_at,
            expires_at=new.expires_at,
            **person,
        )
    )


def find(connection: Connection, token_hash: str) -> Pass | None:
    """Return the pass with this hash, used or not."""
    row = connection.execute(select(passes).where(passes.c.token_hash == token_hash)).one_or_none()
    return None if row is None else _to_pass(row)


def use_up(connection: Connection, token_hash: str, *, now: datetime) -> bool:
    """Mark a pass as used; False if it was before. Of two requests at once, one gets True."""
    unused = (passes.c.token_hash == token_hash, passes.c.used_at.is_(None))
    return connection.execute(update(passes).where(*unused).values(used_at=now)).rowcount == 1


def count_since(connection: Connection, store_id: int, holder: BuyerOf | AdminOf, *, since: datetime) -> int:
    """Return how many passes were made for a person of a store since then."""
    mine = (passes.c.store_id == store_id, passes.c.person == person_of(holder), passes.c.created_at > since)
    return connection.execute(select(func.count()).select_from(passes).where(*mine)).scalar_one()


def _to_pass(row: Row[Any]) -> Pass:
    holder = (
        AdminOf(row.email, row.name or "", Role(row.role))
        if row.user_id is None
        else BuyerOf(row.user_id, Access(row.access))
    )
    return Pass(
        store_id=row.store_id,
        purpose=Purpose(row.purpose),
        holder=holder,
        language=row.language,
        return_url=row.return_url,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )
