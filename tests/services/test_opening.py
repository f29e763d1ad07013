"""Opening balances are imported once, row by row, however often the file comes."""

import pytest

from bridge.domain.errors import InvalidRequest
from bridge.services.accounts import opening_balances
from bridge.services.accounts.opening_balances import Imported
from bridge.services.ops import audit
from bridge.web.context import utcnow
from tests import factories
from tests.support import ledger_sql

HEADER = "user_id,email,name,roles,balance\n"


def load(database, shop, text):
    rows = list(opening_balances.read(text.splitlines(keepends=True)))
    with database.transaction() as connection:
        return opening_balances.post(connection, shop.connected.store, rows, now=utcnow())


def test_file_imported_twice_posts_once(shop, database):
    file = HEADER + "42,ada@example.test,Ada,editor|author,1000\n43,,,,0\n44,,,,5\n"

    first, second = load(database, shop, file), load(database, shop, file)

    assert first == Imported(posted=2, tokens=1005, known=0)
    assert second == Imported(posted=0, tokens=0, known=2)
    assert factories.balance_of(shop, 42) == 1000
    account = shop.client.get("/v1/users/42", headers=shop.headers).get_json()
    assert (account["email"], account["name"], account["roles"]) == ("ada@example.test", "Ada", ["editor", "author"])
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=utcnow())) == []


def test_opening_balance_adds_to_what_is_there_and_keeps_what_the_file_does_not_say(shop, database):
    factories.put_user(shop, 42, email="ada@example.test", roles=["editor"])
    factories.give(shop, 42, 7)

    load(database, shop, "user_id,balance\n42,1000\n")

    assert factories.balance_of(shop, 42) == 1007
    account = shop.client.get("/v1/users/42", headers=shop.headers).get_json()
    assert (account["email"], account["roles"]) == ("ada@example.test", ["editor"])


def test_row_with_another_balance_later_is_not_imported_again(shop, database):
    load(database, shop, HEADER + "42,,,,1000\n")

    load(database, shop, HEADER + "42,,,,2000\n43,,,,5\n")

    assert (factories.balance_of(shop, 42), factories.balance_of(shop, 43)) == (1000, 5)


def test_reference_a_caller_made_up_prevents_no_opening_balance(shop, database):
    factories.give(shop, 42, 10)
    assert factories.spend(shop, 42, 1, reference="import:shop:42").status_code == 201

    load(database, shop, HEADER + "42,,,,1000\n")

    assert factories.balance_of(shop, 42) == 1009


def test_preview_says_what_would_be_done_and_writes_nothing(shop, database):
    load(database, shop, HEADER + "42,,,,1000\n")
    rows = list(opening_balances.read([HEADER, "42,,,,1000\n", "43,,,,5\n"]))

    with database.reading() as connection:
        preview = opening_balances.preview(connection, shop.connected.store, rows)

    assert preview == Imported(posted=1, tokens=5, known=1)
    assert ledger_sql.count(database, "accounts") == 1


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "line 1"),
        ("user_id,email\n", "line 1"),
        ("user_id,balance,points\n", "line 1"),
        ("user_id,balance,balance\n", "line 1"),
        (HEADER + "1,,,\n", "line 2"),
        (HEADER + "1,,,,5,6\n", "line 2"),
        (HEADER + "1,,,,5\n2,,,,x\n", "line 3, column balance"),
        (HEADER + "1,,,,5\n1,,,,5\n", "line 3, column user_id"),
        (HEADER + '1,,"Ada\nLovelace",,5\n2,x,,,5\n', "line 3, column name"),
        (HEADER + '1,,"Ada,,5\n', "line 2"),
    ],
)
def test_fault_of_a_file_is_reported_by_line_and_column(text, field):
    with pytest.raises(InvalidRequest) as raised:
        list(opening_balances.read(text.splitlines(keepends=True)))

    assert raised.value.fields[0].field == field


def test_reading_stops_after_twenty_faults():
    with pytest.raises(InvalidRequest) as raised:
        list(opening_balances.read([HEADER, *["x,,,,y\n"] * 1000]))

    assert len(raised.value.fields) == opening_balances.MAX_FAULTS
