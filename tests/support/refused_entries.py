"""A database that refuses every ledger entry of one user, so that what would write one fails."""

from __future__ import annotations

from bridge.storage.engine.database import Database

MESSAGE = "this test refuses the entry"


def refuse_entries(database: Database, user_id: int) -> None:
    """Let every ledger entry of a user of the only store fail from now on."""
    condition = f"new.account_id = (select id from accounts where user_id = {int(user_id)})"
    if database.engine.dialect.name == "sqlite":
        statements = [
            f"create trigger refuse_entries before insert on entries when {condition}"
            f" begin select raise(abort, '{MESSAGE}'); end"
        ]
    else:
        statements = [
            "create function refuse_entry() returns trigger language plpgsql as"
            f" $$ begin if {condition} then raise exception '{MESSAGE}'; end if; return new; end $$",
            "create trigger refuse_entries before insert on entries for each row execute function refuse_entry()",
        ]
    _run(database, statements)


def accept_entries(database: Database) -> None:
    """Let entries be written again."""
    if database.engine.dialect.name == "sqlite":
        _run(database, ["drop trigger refuse_entries"])
    else:
        _run(database, ["drop trigger refuse_entries on entries", "drop function refuse_entry()"])


def _run(database: Database, statements: list[str]) -> None:
    with database.transaction() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
