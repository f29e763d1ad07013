"""A year of use opens like a day's: what a page reads and shows is bounded, and its sums are those of its file."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.services.accounts import profiles
from bridge.services.ops import exports
from bridge.storage.metering.tables import usage_days
from bridge.web.context import utcnow
from tests.factories import put_user
from tests.support.pages import read, sign_in
from tests.support.portal import enter, table
from tests.support.statements import counted

pytestmark = pytest.mark.both_engines


def fill(shop, database, *, days, sources, ahead=0):
    """Store use on each of the last days, through so many integrations a day, 3 tokens each."""
    put_user(shop, 2)
    last = utcnow().astimezone(shop.connected.store.calendar.zone).date() + timedelta(days=ahead)
    with database.transaction() as connection:
        account = connection.exec_driver_sql("select id from accounts").scalar_one()
        rows = [
            {
                "account_id": account,
                "day": last - timedelta(days=day),
                "module": ("chat", "ai_forms")[place % 2],
                "operation": "",
                "site_id": 0,
                "source": f"page {place}",
                "units": 1,
                "tokens": 3,
            }
            for day in range(days)
            for place in range(sources)
        ]
        connection.execute(insert(usage_days), rows)


def test_year_takes_the_statements_of_a_day_and_lists_a_month(app, shop, database):
    client = enter(app, shop)
    fill(shop, database, days=1, sources=1)
    with counted(database) as of_a_day:
        client.get("/account/usage?days=365")
    with database.transaction() as connection:
        connection.exec_driver_sql("delete from usage_days")
    fill(shop, database, days=365, sources=5)

    with counted(database) as of_a_year:
        page = client.get("/account/usage?days=365")

    assert len(of_a_year) == len(of_a_day)
    assert page.text.count('<details class="day"') == 30
    assert ">5,475 tokens</p>" in page.text
    rows = table(client.get("/account/usage/file.csv?days=365"))
    assert len(rows) == 8 + 365 * 5 + 1
    assert rows[-1] == ["Total", "", "", "", "", "1825", "5475"]


def test_day_with_many_integrations_shows_the_first_and_adds_up_all(app, shop, database):
    fill(shop, database, days=2, sources=50)
    client = enter(app, shop)

    page = client.get("/account/usage")
    chosen = client.get("/account/usage?source=page+7&module=ai_forms")

    assert page.text.count("30 more rows are in the file.") == 2
    assert page.text.count(">150 tokens</span>") == 2
    assert ">300 tokens</p>" in page.text
    assert chosen.text.count("page 7</td>") == 2
    assert ">6 tokens</p>" in chosen.text
    assert table(client.get(read(chosen).links["Download as CSV"]))[-1][-2:] == ["2", "6"]
    assert "Nothing was used" in client.get("/account/usage?source=page+7&module=chat").text


def test_use_of_days_ahead_is_no_fault(app, shop, database):
    """It was counted while the clock was ahead, or before the store's time zone moved west."""
    fill(shop, database, days=3, sources=1, ahead=1)
    page = enter(app, shop).get("/account/usage")

    assert page.text.count('<details class="day"') == 3
    assert ">9 tokens</p>" in page.text
    assert sign_in(app).get("/admin/shop/credits/2").status_code == 200
    assert len(shop.client.get("/v1/users/2/usage", headers=shop.headers).json["days"]) == 3


def test_answer_with_more_rows_than_it_may_have_is_refused(shop, database):
    fill(shop, database, days=3, sources=2)
    with database.reading() as connection:
        account = profiles.get_account(connection, shop.connected.store.id, 2)

        assert len(exports.usage_by_day(connection, account, days=30, now=utcnow(), most=6)) == 3
        with pytest.raises(UsageRangeTooLarge):
            exports.usage_by_day(connection, account, days=30, now=utcnow(), most=5)
