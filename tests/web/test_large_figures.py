"""Pages show sums past 2^63, which a linked site could cause with captures without funds."""

from __future__ import annotations

from sqlalchemy import text

from tests.factories import put_user
from tests.support.pages import sign_in


def test_credits_page_stands_uses_of_any_size(app, shop, database):
    put_user(shop, 2)
    with database.transaction() as connection:
        account = connection.execute(text("select id from accounts")).scalar_one()
        day = connection.execute(text("select current_date")).scalar_one()
        for number in range(1100):
            connection.execute(
                text(
                    "insert into usage_days (account_id, day, module, operation, site_id, source, units, tokens)"
                    " values (:account, :day, 'chat', '', 0, :source, :most, :most)"
                ),
                {"account": account, "day": day, "source": str(number), "most": 2**53 - 1},
            )

    client = sign_in(app)

    for query in ("", "?sort=used", "?sort=used&order=asc"):
        assert client.get(f"/admin/shop/credits{query}").status_code == 200, query
    assert client.get("/admin/shop/credits/2").status_code == 200
    assert shop.client.get("/v1/users/2/usage?days=30", headers=shop.headers).status_code == 200
