"""Spends, the keys they were asked under, and the daily roll-up of use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from bridge.storage.bulk import Writer, among
from bridge.storage.schema_metering import idempotency_keys, spends, usage_days

KeyPlace = tuple[int, int, str]
"""Where a key is found: the store, the linked site (0 for the store itself), the key."""

UsagePlace = tuple[int, date, str, str, int, str]
"""One row of history: account, local day, module, operation, linked site, source; blank for none."""

_KEYS = select(
    idempotency_keys.c.store_id,
    idempotency_keys.c.site_id,
    idempotency_keys.c.key,
    idempotency_keys.c.fingerprint,
    idempotency_keys.c.status,
    idempotency_keys.c.answer,
).where(
    among(idempotency_keys.c.store_id, "stores"),
    among(idempotency_keys.c.site_id, "sites"),
    among(idempotency_keys.c.key, "keys"),
)
_SPEND_COLUMNS = (
    "account_id",
    "id",
    "store_id",
    "module",
    "operation",
    "units",
    "tokens",
    "from_plan",
    "from_balance",
    "from_allowance",
    "window_starts_at",
    "source",
    "reference",
    "created_at",
)
_INSERT_SPENDS = Writer(spends, _SPEND_COLUMNS)
_INSERT_KEYS = Writer(idempotency_keys, ("store_id", "site_id", "key", "fingerprint", "status", "answer", "created_at"))
_ADD_USAGE = Writer(
    usage_days,
    ("account_id", "day", "module", "operation", "site_id", "source", "units", "tokens"),
    keys=("account_id", "day", "module", "operation", "site_id", "source"),
    add=("units", "tokens"),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered under a key: the request's fingerprint, the status and the answer as it was sent."""

    fingerprint: str
    status: int
    answer: str


@dataclass(frozen=True, slots=True)
class Spend:
    """Tokens taken for one act, and the sources they came from; whole tokens, zero or more.

    `window_starts_at` tells which window the allowance part counts in.
    """

    id: int
    account_id: int
    store_id: int
    module: str
    operation: str | None
    units: int
    tokens: int
    from_plan: int
    from_balance: int
    from_allowance: int
    window_starts_at: datetime | None
    source: str | None
    reference: str | None
    created_at: datetime


def find_answers(connection: Connection, places: Iterable[KeyPlace]) -> dict[KeyPlace, Answered]:
    """What was answered before under these keys, in one statement."""
    places = set(places)
    parameters = {
        "stores": sorted({store for store, _, _ in places}),
        "sites": sorted({site for _, site, _ in places}),
        "keys": sorted({key for _, _, key in places}),
    }
    rows = connection.execute(_KEYS, parameters)
    found = {(row.store_id, row.site_id, row.key): Answered(row.fingerprint, row.status, row.answer) for row in rows}
    return {place: answered for place, answered in found.items() if place in places}


def add_answers(connection: Connection, answers: Mapping[KeyPlace, Answered], *, now: datetime) -> None:
    """Keep what was answered under each key; a key that is there already ends the transaction."""
    _INSERT_KEYS.write(
        connection,
        [(*place, answered.fingerprint, answered.status, answered.answer, now) for place, answered in answers.items()],
    )


def add(connection: Connection, added: Iterable[Spend]) -> None:
    """Write spends in one statement."""
    _INSERT_SPENDS.write(
        connection,
        [tuple(getattr(spend, column) for column in _SPEND_COLUMNS) for spend in added],
    )


def add_usage(connection: Connection, usage: Mapping[UsagePlace, tuple[int, int]]) -> None:
    """Add units and tokens to the days of history they belong to."""
    _ADD_USAGE.write(connection, [(*place, *amounts) for place, amounts in sorted(usage.items())])
