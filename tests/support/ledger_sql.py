"""The ledger, read with plain SQL and added up independently of the service's own audit."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, text

from bridge.storage.engine.database import Database

Row = dict[str, Any]


def rows(database: Database, sql: str, **values: Any) -> list[Row]:
    """Return the rows of a query."""
    with database.engine.connect() as connection:
        return _rows(connection, sql, **values)


def _rows(connection: Connection, sql: str, **values: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(text(sql), values).mappings()]


def count(database: Database, table: str) -> int:
    """Return the number of rows of a table."""
    return int(rows(database, f"select count(*) as n from {table}")[0]["n"])


def balances(database: Database, *, store: str = "shop") -> dict[int, int]:
    """Return the balance of every user of a store that has an entry."""
    found = rows(
        database,
        "select a.user_id, a.balance from accounts a join stores s on s.id = a.store_id"
        " where s.slug = :store and exists (select 1 from entries e where e.account_id = a.id)",
        store=store,
    )
    return {row["user_id"]: row["balance"] for row in found}


def parked(database: Database) -> dict[int, str]:
    """Return the orders that wait for a buyer, with their email."""
    return {row["number"]: row["email_key"] for row in rows(database, "select * from orders where is_parked")}


def faults(database: Database) -> list[str]:
    """Return everything in the ledger that does not add up; empty when all is right."""
    with database.engine.connect() as connection:
        return [
            *_account_faults(connection),
            *_line_faults(connection),
            *_spend_faults(connection),
            *_answer_faults(connection),
        ]


def _account_faults(connection: Connection) -> list[str]:
    entries: dict[int, list[Row]] = defaultdict(list)
    for entry in _rows(connection, "select * from entries order by account_id, id"):
        entries[entry["account_id"]].append(entry)
    found = []
    for account in _rows(connection, "select * from accounts"):
        balance = debt = 0
        for entry in entries.pop(account["id"], []):
            balance, debt = balance + entry["tokens"], debt + entry["debt"]
            if (balance, debt) != (entry["balance_after"], entry["debt_after"]):
                found.append(f"entry {entry['id']} of account {account['id']} does not follow the one before")
        if (balance, debt) != (account["balance"], account["debt"]):
            found.append(f"account {account['id']} has {account['balance']}, its entries make {balance}")
        if balance < 0 or debt < 0:
            found.append(f"account {account['id']} is below zero")
    return found + [f"entries of account {account}, which is not there" for account in entries]


def _line_faults(connection: Connection) -> list[str]:
    granted: dict[tuple[int, int, int], int] = defaultdict(int)
    holders: dict[tuple[int, int, int], int] = defaultdict(int)
    postings: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    # What a merged account was granted is its person's.
    persons = {row["id"]: row["merged_into"] or row["id"] for row in _rows(connection, "select * from accounts")}
    for entry in _rows(connection, "select * from entries where order_number is not null order by id"):
        line = (entry["store_id"], entry["order_number"], entry["line_id"])
        granted[line] += entry["tokens"] - entry["debt"]
        holder = persons.get(entry["account_id"], entry["account_id"])
        holders[(entry["store_id"], entry["order_number"], holder)] += entry["tokens"] - entry["debt"]
        postings[line].append(entry["posting"])
        if (entry["tokens"] - entry["debt"] > 0) != (entry["kind"] == "grant"):
            found_kind = f"entry {entry['id']} of {entry['tokens']} tokens is called {entry['kind']}"
            return [found_kind]
    owners = {(row["store_id"], row["number"]): row["account_id"] for row in _rows(connection, "select * from orders")}
    found = [
        f"account {account} holds {tokens} tokens of order {number}, which is another's"
        for (store, number, account), tokens in holders.items()
        if tokens and owners[(store, number)] != account
    ]
    for line in _rows(connection, "select * from order_lines"):
        key = (line["store_id"], line["order_number"], line["line_id"])
        if granted.pop(key, 0) != line["granted"]:
            found.append(f"line {key} says {line['granted']} tokens granted, its entries say otherwise")
        if sorted(postings[key]) != list(range(1, line["postings"] + 1)):
            found.append(f"line {key} has postings {postings[key]}")
        if line["granted"] > (line["tokens"] or 0) * line["quantity"]:
            found.append(f"line {key} granted more than it is worth")
    return found + [f"entries of line {key}, which is not there" for key in granted]


def _spend_faults(connection: Connection) -> list[str]:
    paid = _rows(
        connection,
        "select s.id, s.from_balance, coalesce(sum(e.tokens), 0) as moved, count(e.id) as entries from spends s"
        " left join entries e on e.account_id = s.account_id and e.spend_id = s.id and e.kind = 'spend'"
        " group by s.account_id, s.id, s.from_balance",
    )
    found = [
        f"spend {spend['id']} took {spend['from_balance']}, its entries {spend['moved']}"
        for spend in paid
        if spend["from_balance"] != -spend["moved"] or spend["entries"] != (1 if spend["from_balance"] else 0)
    ]
    net = "tokens - back_plan - back_balance - back_allowance"
    if _sums(connection, "spends", net) != _sums(connection, "usage_days", "tokens"):
        found.append("the days of history do not add up to the spends")
    for counter, start in enumerate(("window_starts_at", "second_window_starts_at")):
        taken = _sums(connection, f"spends where {start} is not null", "from_allowance - back_allowance")
        carried = _sums(connection, f"carried_uses where product_id = 0 and counter = {counter}", "used")
        for place, tokens in carried.items():
            taken[place] = taken.get(place, 0) + tokens
        if taken != _sums(connection, f"window_uses where counter = {counter}", "used"):
            found.append(f"the windows of counter {counter} do not add up to the spends")
    if _rows(connection, _UNCOUNTED):
        found.append("an allowance paid, and no window counts it")
    return found


_UNCOUNTED = (
    "select id from spends where from_allowance > 0 and window_starts_at is null and second_window_starts_at is null"
)


def _sums(connection: Connection, table: str, column: str) -> dict[tuple[int, str], int]:
    sql = f"select account_id, module, sum({column}) as total from {table} group by account_id, module"
    return {(row["account_id"], row["module"]): int(row["total"]) for row in _rows(connection, sql) if row["total"]}


def _answer_faults(connection: Connection) -> list[str]:
    """Check that each stored response of a spend has its spend, and each spend its response, exactly once."""
    net = _rows(connection, "select status, answer from idempotency_keys where status = 201")
    named = [str(json.loads(row["answer"]).get("id", "")) for row in net]
    answered = [name for name in named if name.startswith("sp_")]
    written = int(_rows(connection, "select count(*) as n from spends")[0]["n"])
    if len(answered) != len(set(answered)) or len(answered) != written:
        return [f"{len(answered)} answers promise a spend, {written} spends are written"]
    return []
