"""The migrations create exactly the tables the code describes, on both engines."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text

from bridge.storage.engine.database import Database
from bridge.storage.engine.metadata import metadata
from bridge.storage.engine.migrate import MIGRATIONS, is_current, migrate, newest_revision, revision_of


def test_migrated_database_has_the_tables_of_the_code(database_url):
    database = Database(database_url)

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_described})
        differences = compare_metadata(context, metadata)
        checks = {
            table: {check["name"] for check in inspect(connection).get_check_constraints(table)}
            for table in metadata.tables
        }
    database.close()

    assert differences == []
    for name, table in metadata.tables.items():
        described = {str(one.name) for one in table.constraints if isinstance(one, CheckConstraint)}
        assert described == checks[name], name


def _is_described(_object, name, kind, _is_reflected, _compared):
    """Leave out the indexes of parts of words, which exist only where the engine offers them."""
    return not ((kind == "index" and name.startswith("trgm_")) or name.startswith("account_search"))


def test_migrating_again_does_nothing(database_url):
    database = Database(database_url)

    assert is_current(database)
    assert revision_of(database) == newest_revision()
    assert migrate(database) is False
    database.close()


def test_orders_survive_the_way_back_and_forth(database_url):
    """A downgrade loses answers given by hand, and nothing else."""
    database = Database(database_url)
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.attributes["database"] = database
    with database.transaction() as connection:
        for statement in _ORDER:
            words = {"now": "0", "no": "0"} if database.is_sqlite else {"now": "now()", "no": "false"}
            connection.execute(text(statement.format_map(words)))
    before, rules = _orders(database), _rules(database)

    command.downgrade(settings, "0012")
    older = _orders(database)
    command.upgrade(settings, "head")

    lost = [set(then) - set(now) for then, now in zip(before, older, strict=True)]
    assert lost == [
        {"seen", *_ORDER_COLUMNS_SINCE},
        {"set_by", "set_at", "is_gone", "pieces", "basis", "priced", "sources", "unclear_stamp", "stamped_months"},
    ]
    assert _orders(database) == [
        {**before[0], "seen": None},
        {**before[1], "set_by": None, "set_at": None, "pieces": "2"},
    ]
    assert _rules(database) == rules
    database.close()


_ORDER_COLUMNS_SINCE = {
    "shop_number",
    "order_key",
    "parent_id",
    "transaction_id",
    "sources",
    "rival",
    "decisions",
    "reviews",
    "unpaid_since",
    "sale",
    "sync",
    "compared_at",
    "differences",
    "is_erased",
}

_ORDER = (
    "insert into stores (id, slug, name, url, time_zone, week_start, spend_order, grant_statuses, purchase_url,"
    " low_balance, webhook_secret, guest_salt, created_at)"
    " select 1, 's', 's', 's', 'UTC', 0, '[]', '[]', '', 0, '', '', {now}",
    "insert into orders (store_id, number, status, customer_id, email, name, currency, effect, keeper_id, total,"
    " refunded, question, seen, trash_key, restores_ahead, created_at, updated_at)"
    " select 1, 7, 'completed', 2, '', '', '', 'grants', 0, '10.00', '1.00', 'loose_refund', '{{}}', '', {no},"
    " {now}, {now}",
    "insert into order_lines (store_id, order_number, line_id, product_id, variation_id, quantity, total, name, sku,"
    " tokens, granted, postings, set_by, set_at) select 1, 7, 1, 0, 0, 2, '10.00', '', '', 5, 10, 1, 'owner', {now}",
)


def _orders(database):
    with database.engine.connect() as connection:
        return [
            dict(connection.execute(text(f"select * from {table}")).mappings().one())
            for table in ("orders", "order_lines")
        ]


def _written(rule):
    """Return a rule as text: the condition of an index is another object at each lookup."""
    options = rule.get("dialect_options", {})
    return f"{rule | {'dialect_options': {name: str(option) for name, option in options.items()}}}"


def _rules(database):
    """Return everything the engine reports about the two tables except the order of their columns."""
    found = inspect(database.engine)
    return {
        (table, kind): sorted(map(_written, getattr(found, f"get_{kind}")(table)))
        for table in ("orders", "order_lines")
        for kind in ("indexes", "check_constraints", "foreign_keys", "unique_constraints")
    } | {table: found.get_pk_constraint(table) for table in ("orders", "order_lines")}


def test_empty_database_is_at_no_revision(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/new/bridge.sqlite3")

    assert revision_of(database) is None
    assert not is_current(database)
    database.close()


def test_lines_that_stood_at_nothing_are_open_to_an_amount_after_the_upgrade(database_url):
    """A database of an earlier revision: only a line of a product that was no package is opened."""
    database = Database(database_url)
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.attributes["database"] = database
    command.downgrade(settings, "0017")
    words = {"now": "0", "no": "0"} if database.is_sqlite else {"now": "now()", "no": "false"}
    line = (
        "insert into order_lines (store_id, order_number, line_id, product_id, variation_id, quantity, total, name,"
        " sku, tokens, granted, postings, set_by, stamped)"
        " select 1, 7, {id}, 10, 0, 1, '10.00', 'Pack', '', {tokens}, 0, 0, {by}, {stamp}"
    )
    with database.transaction() as connection:
        for statement in _ORDER[:2]:
            connection.execute(text(statement.format_map(words)))
        for id_, tokens, by, stamp in (
            (1, 0, "null", "null"),
            (2, 0, "'owner'", "null"),
            (3, 5, "null", "null"),
            (4, 0, "null", 0),
            (5, "null", "null", "null"),
        ):
            connection.execute(text(line.format(id=id_, tokens=tokens, by=by, stamp=stamp)))

    command.upgrade(settings, "head")

    with database.reading() as connection:
        found = connection.execute(text("select line_id, basis from order_lines order by line_id")).all()
        listed = connection.execute(text("select product_id, variation_id, name, shop_tokens from packages")).all()
    assert [tuple(row) for row in found] == [(1, "no_package"), (2, None), (3, None), (4, None), (5, None)]
    assert [tuple(row) for row in listed] == [(10, 0, "Pack", None)]
    command.downgrade(settings, "0017")
    command.upgrade(settings, "head")
    database.close()
