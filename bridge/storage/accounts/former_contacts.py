"""Earlier emails and names of accounts, stored only so that an erasure finds them in free texts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, or_, select

from bridge.domain.accounts.accounts import Account, normalize_email
from bridge.storage.accounts.tables import accounts, former_contacts
from bridge.storage.engine.bulk import Writer, among

_STORED = select(accounts.c.id, accounts.c.email, accounts.c.name).where(
    among(accounts.c.id, "ids"), or_(accounts.c.email.is_not(None), accounts.c.name.is_not(None))
)
_COLUMNS = ("account_id", "kind", "contact", "replaced_at")
_ADD = Writer(former_contacts, _COLUMNS, keys=("account_id", "kind", "contact"))


def keep(connection: Connection, changed: Sequence[Account], *, now: datetime) -> None:
    """Store the emails and names that these locked accounts are about to lose; call it before the profiles change."""
    fresh = {account.id: account for account in changed}
    lost = []
    for id_, email, name in connection.execute(_STORED, {"ids": sorted(fresh)}).all():
        lost += [(id_, *contact, now) for contact in _lost(email, name, fresh[id_])]
    if lost:
        _ADD.write(connection, lost)


def list_of(connection: Connection, account_ids: Collection[int]) -> tuple[list[str], list[str]]:
    """Return the earlier emails and the earlier names of these accounts."""
    statement = select(former_contacts.c.kind, former_contacts.c.contact)
    rows = connection.execute(statement.where(former_contacts.c.account_id.in_(sorted(account_ids)))).all()
    emails = [row.contact for row in rows if row.kind == "email"]
    return emails, [row.contact for row in rows if row.kind == "name"]


def drop(connection: Connection, account_ids: Collection[int]) -> None:
    """Delete the earlier emails and names of these accounts."""
    connection.execute(delete(former_contacts).where(former_contacts.c.account_id.in_(sorted(account_ids))))


def _lost(email: str | None, name: str | None, fresh: Account) -> Iterator[tuple[str, str]]:
    for kind, before, after in (("email", email, fresh.email), ("name", name, fresh.name)):
        if before and before.strip() and normalize_email(before) != normalize_email(after):
            yield kind, before
