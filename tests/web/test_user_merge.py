"""Merge two users on their pages: search, compare, confirm, and the links between them."""

from __future__ import annotations

import pytest

from tests.factories import balance_of, deliver, give, merge, order, put_package, put_user
from tests.support.linked_sites import link
from tests.support.pages import read, send, sign_in

PAGE = "/admin/shop/credits/43/merge"


@pytest.fixture
def two(shop):
    """Return a store with Ada (42), who has an order and a site, and Grace (43)."""
    put_package(shop, 10, 1000)
    deliver(shop, order(1, customer=42))
    put_user(shop, 42, name="Ada <Old>", email="ada@example.test")
    link(shop, 42)
    give(shop, 43, 70)
    put_user(shop, 43, name="Grace", email="grace@example.test")
    return shop


def test_owner_searches_compares_and_merges(app, two):
    client = sign_in(app)
    user_page = read(client.get("/admin/shop/credits/43"))
    assert user_page.links["Merge another user"] == PAGE
    found = read(client.get(PAGE, query_string={"q": "ada"}))
    assert [row[:5] for row in found.rows] == [["Ada <Old>", "ada@example.test", "42", "1,000", "1,000"]]
    # The user who stays is not offered, by any search.
    assert read(client.get(PAGE, query_string={"q": "grace"})).rows == []

    compared = read(client.get(found.links["Choose user 42"]))
    assert [row for row in compared.rows if row[0] != "User"] == [
        ["Balance", "1,000", "70", "1,070"],
        ["Held", "0", "0", "0"],
        ["Debt", "0", "0", "0"],
        ["Orders", "1", "0", "1"],
        ["Open holds", "0", "0", "0"],
        ["Linked sites", "1", "0", "1"],
    ]
    assert compared.links["Keep user 42 instead"] == "/admin/shop/credits/42/merge?from=43"
    form = compared.form("/merge")
    wrong = send(client, form, confirm="43", reason="Same person")
    assert wrong.status_code == 422
    assert "Type 42, the ID of the user that is merged." in wrong.text
    assert read(wrong).form("/merge").fields["reason"] == "Same person"
    assert balance_of(two, 43) == 70
    sent = send(client, form, confirm="42", reason="Same person")
    again = send(client, form, confirm="42", reason="Same person")

    assert (sent.status_code, sent.location) == (again.status_code, again.location) == (303, "/admin/shop/credits/43")
    assert balance_of(two, 43) == 1070
    after = client.get(sent.location).text
    assert "User 42 is merged into user 43." in after
    assert "Merged from user 42: Same person" in after
    assert read(client.get(sent.location)).links["Ada &lt;Old&gt; (user 42)".replace("&lt;", "<").replace("&gt;", ">")]
    log = client.get("/admin/shop/changes").text
    assert "user 42" in log
    assert "Merged into" in log


def test_page_of_a_merged_user_leads_to_the_person(app, two):
    merge(two, 43, 42, reason="Same person")
    client = sign_in(app)

    old = client.get("/admin/shop/credits/42")

    assert "was merged into" in old.text
    assert read(old).links["Grace (user 43)"] == "/admin/shop/credits/43"
    assert "Merged into user 43: Same person" in old.text
    assert not {"Edit balance", "Merge another user", "Limits"} & read(old).links.keys()
    assert [form.action for form in read(old).forms if "sign-out" not in form.action] == []
    assert client.get("/admin/shop/credits/42/ledger.csv").text.count("Merged into user 43") == 1
    listed = read(client.get("/admin/shop/credits"))
    assert "Grace" in listed.source
    assert "Ada" not in listed.source
    # A form that was open before, and the search of a merged user.
    late = client.get("/admin/shop/credits/43/merge", query_string={"from": 42})
    assert "User 42 was already merged into user 43." in late.text
    assert client.get("/admin/shop/credits/42/merge").status_code == 409


def test_unknown_user_and_oneself_are_errors_of_the_search(app, two):
    client = sign_in(app)

    for source, says in (
        ("999", "The store has no account for user 999."),
        ("43", "Choose a user with another account."),
    ):
        page = client.get(PAGE, query_string={"from": source})
        assert (page.status_code, says in page.text) == (200, True)
    assert "No other user matches" in client.get(PAGE, query_string={"q": "zzz"}).text
