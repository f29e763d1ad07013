"""The chart of daily usage on the credits page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from bridge.web.context import utcnow
from tests.factories import add_shop, deliver, line, order, put_package, put_user
from tests.support.pages import sign_in

LIST = "/admin/shop/credits"


@pytest.fixture
def use(shop, database):
    """Return a function that adds use of a module some days ago."""
    put_user(shop, 2)
    today = utcnow().astimezone(shop.connected.store.calendar.zone).date()

    def add(module: str, tokens: int, days_ago: int) -> None:
        with database.transaction() as connection:
            account = connection.execute(text("select id from accounts where user_id = 2")).scalar_one()
            connection.execute(
                text(
                    "insert into usage_days (account_id, day, module, operation, site_id, source, units, tokens)"
                    " values (:account, :day, :module, '', 0, '', 1, :tokens)"
                ),
                {"account": account, "day": today - timedelta(days=days_ago), "module": module, "tokens": tokens},
            )

    return add


def legend(page: str) -> list[tuple[str, str]]:
    return re.findall(r'legend__label">([^<]*)</span> <span class="legend__tokens">([^<]*)<', page)


def table(page: str) -> list[str]:
    return re.findall(r'<th role="rowheader" scope="row">(.*?)</tr>', page)


@pytest.mark.parametrize(("days", "tokens"), [("30", "11"), ("90", "111"), ("365", "1,111")])
def test_chart_has_the_days_that_were_chosen(app, shop, use, days, tokens):
    for amount, ago in ((1, 0), (10, 29), (100, 30), (1000, 364), (10_000, 365)):
        use("chat", amount, ago)

    page = sign_in(app).get(f"{LIST}?days={days}").text

    assert f"{tokens} tokens in {days} days" in page
    assert legend(page) == [("Chat", tokens)]
    assert f'aria-current="true">{days} days<' in page


def test_bars_are_as_high_as_their_tokens_and_today_is_marked(app, shop, use):
    use("chat", 100, 1)
    use("forms", 100, 1)
    use("chat", 50, 0)

    page = sign_in(app).get(LIST).text

    assert '<path class="chart__bars color-1" d="M280 500h8V1000h-8z"/>' in page
    assert '<path class="chart__bars color-2" d="M280 0h8V500h-8z"/>' in page
    assert '<path class="chart__bars chart__bars--today color-1" d="M290 750h8V1000h-8z"/>' in page
    assert "The last bar is today, which is not over" in page


def test_year_is_drawn_as_weeks_and_listed_as_days(app, shop, use):
    use("chat", 40, 3)
    use("chat", 60, 4)

    page = sign_in(app).get(f"{LIST}?days=365").text

    assert "Weekly usage" in page
    assert page.count('class="chart__day"') == 1
    assert 'd="M510 0h8V1000h-8z"' in page or 'chart__bars--today color-1" d="M510 0' in page
    assert [">40<" in row or ">60<" in row for row in table(page)][1:] == [True, True]


def test_more_than_seven_modules_are_six_and_a_group(app, shop, use):
    for number in range(1, 10):
        use(f"module-{number}", number * 10, 1)

    page = sign_in(app).get(LIST).text

    assert legend(page)[0] == ("Module-9", "90")
    assert len(legend(page)) == 7
    assert legend(page)[6] == ("3 other modules", "60")


def test_seventh_module_has_its_name(app, shop, use):
    for number in range(1, 8):
        use(f"module-{number}", number, 1)

    assert legend(sign_in(app).get(LIST).text)[6] == ("Module-1", "1")


def test_store_without_use_says_what_to_expect(app, shop):
    page = sign_in(app).get(LIST).text

    assert "Nothing was used in these 30 days." in page
    assert '<path class="chart__bars' not in page


def test_use_is_compared_with_the_days_before(app, shop, use):
    client = sign_in(app)
    said = []
    for amount, ago in ((50, 30), (50, 1), (25, 2), (1000, 40)):
        use("chat", amount, ago)
        said.append(re.search(r"Used in 30 days</h2>.*?muted\">([^<]*)<", client.get(LIST).text, re.DOTALL)[1])

    assert [text.split(" days")[0] for text in said] == [
        "▼ 100% less than in the 30",
        "the same as in the 30",
        "▲ 50% more than in the 30",
        "▼ 92% less than in the 30",
    ]


@pytest.mark.parametrize("days", ["0", "31", "-30", "x", "", "30 ", "99999999999999999999"])
def test_other_numbers_of_days_are_refused(app, shop, days):
    assert sign_in(app).get(f"{LIST}?days={days}").status_code == 422


def test_guests_orders_wait_for_a_buyer_without_what_was_refunded(app, shop):
    put_package(shop, 10, 1000)
    client = sign_in(app)
    assert "Every order has its user." in client.get(LIST).text

    deliver(shop, order(1, customer=0, email="one@example.test", lines=[line(quantity=3)]))
    deliver(shop, order(2, customer=0, email="two@example.test"))
    page = client.get(LIST).text
    assert ">4,000</p>" in page
    assert ">2 orders without a user</a>" in page

    deliver(shop, order(2, "refunded", at=10, customer=0, email="two@example.test", lines=[line()]))
    put_user(shop, 7, email="one@example.test")
    assert "Every order has its user." in client.get(LIST).text


def test_orders_that_wait_are_read_up_to_a_number(app, shop):
    put_package(shop, 10, 5)
    for number in range(1, 103):
        deliver(shop, order(number, customer=0, email=f"u{number}@example.test"))

    page = sign_in(app).get(LIST).text

    assert ">500+</p>" in page
    assert ">100+ orders without a user</a>" in page


def test_figures_of_another_store_are_not_added(app, shop, use):
    use("chat", 77, 1)
    add_shop(app, "other")

    assert "Nothing was used" in sign_in(app).get("/admin/other/credits").text


@pytest.mark.parametrize("path", [LIST, f"{LIST}/2"])
def test_page_with_a_chart_has_its_styles(app, shop, use, path):
    use("chat", 30, 0)
    client = sign_in(app)

    page = client.get(path).text
    styles = ""
    for url in re.findall(r'<link rel="stylesheet" href="([^"]+)"', page):
        with client.get(url) as sheet:
            styles += sheet.text

    assert 'class="chart__plot"' in page
    assert ".chart__plot {" in styles


def test_use_of_tomorrow_counts_as_todays_after_the_time_zone_moved_west(app, shop, use):
    """A store that moves from Auckland to Honolulu has use of a day that has not begun there."""
    use("chat", 100, -1)
    use("chat", 10, 0)

    admin = sign_in(app)
    assert legend(admin.get(f"{LIST}/2").text) == [("Chat", "110")]
    assert admin.get(LIST).status_code == 200
    assert shop.client.get("/v1/users/2/usage", headers=shop.headers).status_code == 200
