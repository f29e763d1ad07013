"""Link codes from the other site: valid once, for minutes, and too long to guess."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.errors import AccessKeyExpired, SiteUnlinked, TooManyGuesses
from bridge.domain.sites.link_codes import LETTERS, MAX_GUESSES_EACH, MAX_GUESSES_TOGETHER
from bridge.domain.sites.sites import MAX_GRACE
from bridge.services import secrets
from bridge.services.sites import link_codes, sites
from bridge.services.sites.link_codes import Miss
from bridge.services.sites.sites import Linked, NewSite
from bridge.services.stores import access_keys
from bridge.storage.engine.database import Database
from bridge.storage.sites import sites as site_rows
from bridge.web.context import utcnow
from tests.conftest import Shop
from tests.factories import add_shop, put_user
from tests.support.ledger_sql import count, rows

pytestmark = pytest.mark.one_engine

BLOG = {"url": "https://blog.example.com", "name": "Blog"}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
HERE, THERE = "203.0.113.9", "198.51.100.7"


def new_code(shop: Shop, user_id: int = 2) -> str:
    """Return a code for a user, as it is shown."""
    put_user(shop, user_id)
    response = shop.client.post(f"/v1/users/{user_id}/link-codes", headers=shop.headers)
    assert response.status_code == 201, response.text
    return response.get_json()["code"]


def send(shop: Shop, code: str, *, address: str = HERE) -> Any:
    """Send a code from another site."""
    return shop.client.post("/v1/link", json=BLOG | {"code": code}, environ_overrides={"REMOTE_ADDR": address})


def code_at(database: Database, shop: Shop, now: datetime) -> str:
    """Return a code made for user 2 at this moment."""
    put_user(shop, 2)
    with database.transaction() as connection:
        return link_codes.new_code(connection, shop.id, 2, now=now).code


def link_at(database: Database, code: str, now: datetime, *, address: str = HERE) -> Linked | Miss:
    """Use a code at this moment."""
    with database.transaction() as connection:
        return link_codes.link(connection, code, NewSite(**BLOG), address=address, now=now)


def test_code_links_a_site_that_has_no_key_yet(shop):
    code = new_code(shop)

    linked = send(shop, code)

    assert linked.status_code == 201
    document = linked.get_json()
    assert (document["name"], document["monthly_cap"]) == ("Blog", None)
    response = shop.client.get("/v1/account", headers={"Authorization": f"Bearer {document['access_key']}"})
    assert response.get_json()["user"] == {"id": 2}
    assert response.get_json()["site"]["id"] == document["id"]


def test_code_is_ten_clear_letters_and_says_how_long_it_lasts(shop):
    put_user(shop, 2)
    before = utcnow()

    made = shop.client.post("/v1/users/2/link-codes", headers=shop.headers).get_json()

    first, second = made["code"].split("-")
    assert len(first) == len(second) == 5
    assert set(first + second) <= set(LETTERS)
    left = datetime.fromisoformat(made["expires_at"]) - before
    assert timedelta(minutes=15) <= left < timedelta(minutes=16)


def test_code_is_taken_however_it_is_typed(shop):
    for spelling in ("lower", "without dash", "with spaces"):
        code = new_code(shop)
        typed = {"lower": code.lower(), "without dash": code.replace("-", ""), "with spaces": f" {code} "}[spelling]
        assert send(shop, typed).status_code == 201, spelling


def test_code_links_to_the_store_and_account_it_was_made_for(app, shop):
    other, headers = add_shop(app, "other")
    put_user(shop, 2)
    shop.client.put("/v1/users/2", json={}, headers=headers)
    code = shop.client.post("/v1/users/2/link-codes", headers=headers).get_json()["code"]

    send(shop, code)

    assert shop.client.get("/v1/users/2/sites", headers=shop.headers).get_json()["items"] == []
    assert len(shop.client.get("/v1/users/2/sites", headers=headers).get_json()["items"]) == 1
    assert other.store.slug == "other"


def test_code_and_keys_are_stored_and_logged_nowhere(shop, database, caplog):
    caplog.set_level(logging.DEBUG)
    code = new_code(shop)

    key = send(shop, code).get_json()["access_key"]
    send(shop, code)

    stored = str(rows(database, "select * from link_codes") + rows(database, "select * from access_keys"))
    stored += str(rows(database, "select * from link_guesses"))
    for secret in (code, code.replace("-", ""), key, HERE):
        assert secret not in stored + caplog.text


def test_code_works_once(shop, database):
    code = new_code(shop)
    send(shop, code)

    again = send(shop, code)

    assert (again.status_code, again.get_json()["code"]) == (409, "link_code_used")
    assert count(database, "sites") == 1


@pytest.mark.both_engines
def test_of_two_sites_that_send_a_code_at_once_one_is_linked(app, shop, database):
    for _ in range(5):
        code, barrier, before = new_code(shop), threading.Barrier(2), count(database, "sites")

        def race(address: str, code: str = code, barrier: threading.Barrier = barrier) -> int:
            client = app.test_client()
            barrier.wait(10)
            return client.post(
                "/v1/link", json=BLOG | {"code": code}, environ_overrides={"REMOTE_ADDR": address}
            ).status_code

        with ThreadPoolExecutor(2) as pool:
            statuses = sorted(pool.map(race, (HERE, THERE)))

        assert statuses == [201, 409]
        assert count(database, "sites") == before + 1


def test_code_that_never_was_is_not_found(shop, database):
    for code in ("ABCDE-FGHJK", "-", "é", "'; drop table sites; --"):
        response = send(shop, code)
        assert (response.status_code, response.get_json()["code"]) == (404, "unknown_link_code")
    assert count(database, "sites") == 0


def test_code_works_until_its_quarter_of_an_hour_is_over(database, shop):
    in_time, too_late = code_at(database, shop, NOON), code_at(database, shop, NOON)
    end = NOON + timedelta(minutes=15)

    assert isinstance(link_at(database, in_time, end - INSTANT), Linked)
    assert link_at(database, too_late, end) is Miss.UNKNOWN


def test_used_code_is_forgotten_in_the_end(database, shop):
    code = code_at(database, shop, NOON)
    link_at(database, code, NOON)

    code_at(database, shop, NOON + timedelta(days=2))

    assert link_at(database, code, NOON + timedelta(days=2)) is Miss.UNKNOWN
    assert count(database, "link_codes") == 1


def test_client_that_guessed_too_often_waits_and_others_do_not(database, shop):
    code = code_at(database, shop, NOON)
    for _ in range(MAX_GUESSES_EACH):
        assert link_at(database, "ABCDE-FGHJK", NOON) is Miss.UNKNOWN

    with pytest.raises(TooManyGuesses) as refused:
        link_at(database, code, NOON + timedelta(minutes=14, seconds=30))
    assert refused.value.retry_after_seconds == 30
    assert isinstance(link_at(database, code, NOON, address=THERE), Linked)


def test_client_may_guess_again_in_the_next_span(database, shop):
    later = NOON + timedelta(minutes=15)
    code = code_at(database, shop, NOON + timedelta(minutes=10))
    for _ in range(MAX_GUESSES_EACH):
        link_at(database, "ABCDE-FGHJK", NOON)

    with pytest.raises(TooManyGuesses):
        link_at(database, code, later - INSTANT)
    assert isinstance(link_at(database, code, later), Linked)


def test_right_codes_are_not_counted_as_guesses(database, shop):
    """An agency links all of its sites from one server."""
    for _ in range(MAX_GUESSES_EACH + 2):
        assert isinstance(link_at(database, code_at(database, shop, NOON), NOON), Linked)


def test_one_guess_short_of_too_many_still_links(database, shop):
    code = code_at(database, shop, NOON)
    for _ in range(MAX_GUESSES_EACH - 1):
        link_at(database, "ABCDE-FGHJK", NOON)

    assert isinstance(link_at(database, code, NOON), Linked)


def test_all_clients_together_guess_so_often_and_so_many_are_remembered(database):
    """A client with many addresses is counted all the same, and fills no table."""
    link_at(database, "ABCDE-FGHJK", NOON)
    with database.transaction() as connection:
        connection.exec_driver_sql(
            f"update link_guesses set guesses = {MAX_GUESSES_TOGETHER} where client = 'everybody'"
        )
    before = count(database, "link_guesses")

    with pytest.raises(TooManyGuesses):
        link_at(database, "ABCDE-FGHJK", NOON, address=THERE)
    assert count(database, "link_guesses") == before

    later = NOON + timedelta(minutes=15)
    link_at(database, "ABCDE-FGHJK", later, address=THERE)
    assert count(database, "link_guesses") == 2


def test_right_code_links_however_often_others_guessed(database, shop):
    now = utcnow()
    code = code_at(database, shop, now)
    for moment in (now + timedelta(minutes=15), now):
        link_at(database, "ABCDE-FGHJK", moment)
    with database.transaction() as connection:
        connection.exec_driver_sql(
            f"update link_guesses set guesses = {MAX_GUESSES_TOGETHER} where client = 'everybody'"
        )

    wrong, right = send(shop, "ABCDE-FGHJK", address=THERE), send(shop, code, address=THERE)

    assert (wrong.status_code, right.status_code) == (429, 201)


def test_refused_guess_says_when_to_try_again(shop, database):
    code, now = new_code(shop), utcnow()
    # The next span too, in case it begins meanwhile; first of all, as the first guess of a span drops earlier ones.
    for moment in (now + timedelta(minutes=15), now):
        for _ in range(MAX_GUESSES_EACH):
            link_at(database, "ABCDE-FGHJK", moment)

    refused, other = send(shop, code), send(shop, code, address=THERE)

    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_guesses")
    assert 1 <= int(refused.headers["Retry-After"]) <= 900
    assert other.status_code == 201


@pytest.mark.both_engines
def test_guesses_that_come_at_once_are_all_counted(app, shop, database):
    barrier = threading.Barrier(8)

    def guess(_number: int) -> list[int]:
        client = app.test_client()
        barrier.wait(10)
        body = BLOG | {"code": "ABCDE-FGHJK"}
        return [client.post("/v1/link", json=body).status_code for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for answers in pool.map(guess, range(8)) for status in answers]

    # Twice as many where a quarter of an hour ends meanwhile.
    assert statuses.count(404) in {MAX_GUESSES_EACH, 2 * MAX_GUESSES_EACH}
    assert set(statuses) == {404, 429}


def test_old_key_ends_at_the_end_of_its_grace(database, shop):
    linked = link_at(database, code_at(database, shop, NOON), NOON)
    assert isinstance(linked, Linked)
    with database.transaction() as connection:
        grace = timedelta(seconds=60)
        fresh = sites.rotate_key(connection, shop.id, linked.site.id, grace=grace, actor="test", now=NOON)
    end = NOON + timedelta(seconds=60)

    with database.reading() as connection:
        assert access_keys.authenticate(connection, linked.access_key, now=end - INSTANT).site_id == linked.site.id
        with pytest.raises(AccessKeyExpired):
            access_keys.authenticate(connection, linked.access_key, now=end)
        assert access_keys.authenticate(connection, fresh.access_key, now=end).site_id == linked.site.id


def test_later_rotation_never_lengthens_a_grace(database, shop):
    linked = link_at(database, code_at(database, shop, NOON), NOON)
    assert isinstance(linked, Linked)
    with database.transaction() as connection:
        sites.rotate_key(connection, shop.id, linked.site.id, grace=timedelta(seconds=60), actor="test", now=NOON)
        sites.rotate_key(connection, shop.id, linked.site.id, grace=MAX_GRACE, actor="test", now=NOON)

    with database.reading() as connection, pytest.raises(AccessKeyExpired):
        access_keys.authenticate(connection, linked.access_key, now=NOON + timedelta(seconds=60))


def test_key_of_a_site_that_is_gone_says_so_even_past_its_grace(database, shop):
    linked = link_at(database, code_at(database, shop, NOON), NOON)
    assert isinstance(linked, Linked)
    with database.transaction() as connection:
        sites.rotate_key(connection, shop.id, linked.site.id, grace=timedelta(0), actor="test", now=NOON)
        sites.unlink_site(connection, shop.id, linked.site.id, actor="test", now=NOON)

    with database.reading() as connection, pytest.raises(SiteUnlinked):
        access_keys.authenticate(connection, linked.access_key, now=NOON)


def test_keys_long_ended_are_forgotten(database, shop):
    linked = link_at(database, code_at(database, shop, NOON), NOON)
    assert isinstance(linked, Linked)
    for day in range(0, 100, 10):
        with database.transaction() as connection:
            now = NOON + timedelta(days=day)
            sites.rotate_key(connection, shop.id, linked.site.id, grace=timedelta(0), actor="test", now=now)

    stored = rows(database, "select * from access_keys where site_id = :site", site=linked.site.id)
    assert len(stored) == 5
    assert secrets.hash_access_key(linked.access_key) not in {row["key_hash"] for row in stored}


def test_month_of_a_cap_is_the_store_s_own(database, shop):
    """The shop is in New York: its December begins at five in the morning, UTC."""
    linked = link_at(database, code_at(database, shop, NOON), NOON)
    assert isinstance(linked, Linked)
    november = datetime(2026, 11, 1, 4, tzinfo=UTC)
    with database.transaction() as connection:
        site_rows.add_uses(connection, {(linked.site.id, november): 30})
    december = datetime(2026, 12, 1, 5, tzinfo=UTC)

    with database.reading() as connection:
        (before,) = sites.list_statuses(connection, [linked.site], now=december - INSTANT)
        (after,) = sites.list_statuses(connection, [linked.site], now=december)

    assert (before.use.used_this_month, after.use.used_this_month) == (30, 0)
