"""A database with a store and funded users, and the audit that ends each benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bench.requests import WEBHOOK_SECRET
from bridge.domain.accounts.accounts import Profile
from bridge.rendering import ids
from bridge.services.accounts import profiles
from bridge.services.accounts.profiles import Adjustment
from bridge.services.ops.audit import list_faults
from bridge.services.orders.packages import set_package
from bridge.services.secrets import Vault
from bridge.services.stores.settings import NewStore, add_store
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import migrate

SECRET = "a-secret-key-of-the-benchmarks-only"
FUNDS = 1_000_000_000


@dataclass(frozen=True)
class Prepared:
    """A database ready for a benchmark."""

    database: Database
    store_id: int
    access_key: str
    users: tuple[int, ...]


def prepare(url: str, *, users: int) -> Prepared:
    """Migrate the database, connect a store that sells product 10, and fund its users."""
    ids.use_key(SECRET)
    database = Database(url, pool_size=20)
    migrate(database)
    now = datetime.now(UTC)
    with database.transaction() as connection:
        wanted = NewStore("bench", "https://shop.example.com", webhook_secret=WEBHOOK_SECRET)
        connected = add_store(connection, wanted, vault_=Vault(SECRET), actor="test", now=now)
        store_id = connected.store.id
        set_package(connection, store_id, product_id=10, variation_id=0, tokens=1000, actor="test", now=now)
        for user in range(1, users + 1):
            profiles.put_profile(connection, store_id, Profile(user), now=now)
            funds = Adjustment("funds for the benchmark", tokens=FUNDS)
            profiles.adjust(connection, store_id, user, funds, actor="bench", now=now)
    return Prepared(database, store_id, connected.access_key, tuple(range(1, users + 1)))


def verify(prepared: Prepared) -> str:
    """Return `ok` when the audit finds no fault, or the first fault."""
    with prepared.database.reading() as connection:
        fault = next(list_faults(connection, now=datetime.now(UTC)), None)
    return "ok" if fault is None else fault.sentence
