"""The page "Your account": password, sessions, and the second factor with its sign-in in two steps."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pyotp
import pytest
import segno

from bridge.services.admin import second_factor
from bridge.services.stores import changes
from bridge.storage.admin import admins as rows
from bridge.web.context import utcnow
from tests.support.pages import EMAIL, PASSWORD, add_admin, read, send, sign_in, try_sign_in

PAGE = "/admin/account"
NEW = "another long word"


@pytest.fixture
def admin(app, shop):
    return sign_in(app)


@pytest.fixture
def log(app):
    def read_log():
        with app.extensions["bridge"].database.reading() as connection:
            found = changes.list_page(connection, None, subject="admin", limit=50)
            return [(change.actor, change.name, change.before, change.after) for change in found]

    return read_log


def change(client, current=PASSWORD, password=NEW, repeated=None):
    form = read(client.get(PAGE)).form("/password")
    return send(client, form, current=current, password=password, repeated=repeated or password)


def code_at(secret, minutes=0.0):
    moment = utcnow() + timedelta(minutes=minutes)
    return pyotp.TOTP(secret).generate_otp(int(moment.timestamp()) // second_factor.STEP_SECONDS)


def turn_on(client):
    """Turn the second factor on; return the secret, and the recovery codes."""
    form = read(send(client, read(client.get(PAGE)).form("/second-factor"))).form("/second-factor")
    secret = form.fields["secret"]
    answer = send(client, form, code=code_at(secret), current=PASSWORD)
    assert answer.status_code == 200
    return secret, re.findall(r"<li><code>(\w+)</code>", answer.get_data(as_text=True))


def forget_step(app):
    """Let the code of this half minute be used again, as half a minute later."""
    with app.extensions["bridge"].database.transaction() as connection:
        found = rows.find_by_email(connection, EMAIL)
        factor = rows.find_second_factor(connection, found.admin.id)
        rows.set_second_factor(connection, found.admin.id, factor.secret, step=0, recovery_codes=factor.recovery_codes)


def second_step(client, code, path=None):
    return send(client, read(client.get(path or "/admin/second-factor")).form("/second-factor"), code=code)


def test_the_password_is_changed_and_other_sessions_end(app, shop, admin, log):
    other = app.test_client()
    try_sign_in(other)

    assert change(admin).status_code == 303

    assert admin.get(PAGE).status_code == 200
    assert other.get(PAGE).status_code == 303
    assert try_sign_in(app.test_client()).status_code == 401
    assert try_sign_in(app.test_client(), password=NEW).status_code == 303
    assert log() == [(EMAIL, EMAIL, {}, {"password": "changed"})]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"current": "wrong"}, "not your current password"),
        ({"repeated": "something else"}, "differ"),
        ({"password": "short"}, "8 to 1000 characters"),
    ],
)
def test_a_password_that_cannot_be_changed_is_reported(app, shop, admin, log, typed, sentence):
    answer = change(admin, **typed)

    assert answer.status_code == 422
    assert sentence in read(answer).alerts[0]
    assert try_sign_in(app.test_client()).status_code == 303
    assert log() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_wrong_current_passwords_are_throttled(app, shop, admin):
    answers = [read(change(admin, current="wrong")).alerts[0] for _ in range(12)]

    assert "Too many wrong passwords" in answers[-1]
    assert "Too many wrong passwords" in read(change(admin)).alerts[0]


def test_sessions_are_listed_and_ended_alone_or_together(app, shop, admin):
    agents = ["Mozilla/5.0 (X11; Linux) Firefox/140", "Mozilla/5.0 (Windows NT 10) Chrome/140 Safari/5", ""]
    others = [app.test_client() for _ in agents]
    for client, agent in zip(others, agents, strict=True):
        client.environ_base["HTTP_USER_AGENT"] = agent
        try_sign_in(client)
    text = admin.get(PAGE).get_data(as_text=True)
    for name in ("Firefox on Linux", "Chrome on Windows", "Unknown browser", "127.0.0.1"):
        assert name in text

    forms = [form for form in read(admin.get(PAGE)).forms if "session" in form.fields]
    assert len(forms) == 3
    send(admin, forms[0])
    assert sum(client.get(PAGE).status_code == 200 for client in others) == 2
    forms = [form for form in read(admin.get(PAGE)).forms if "sessions/end" in form.action]
    send(admin, next(form for form in forms if "session" not in form.fields))

    assert sum(client.get(PAGE).status_code == 200 for client in others) == 0
    assert admin.get(PAGE).status_code == 200


def test_sessions_of_other_admins_are_not_ended(app, shop, admin):
    add_admin(app, "other@example.test", None)
    other = app.test_client()
    try_sign_in(other, "other@example.test")
    second = app.test_client()
    try_sign_in(second, "other@example.test")
    foreign = next(form for form in read(other.get(PAGE)).forms if "session" in form.fields)
    form = read(admin.get(PAGE)).form("/password")

    admin.post("/admin/account/sessions/end", data=form.fields | {"session": foreign.fields["session"]})

    assert second.get(PAGE).status_code == 200


def test_a_second_factor_makes_the_sign_in_two_steps(app, shop, admin, log):
    secret, codes = turn_on(admin)
    forget_step(app)
    client = app.test_client()

    answer = try_sign_in(client, path="/admin?next=/admin/shop/packages")

    assert answer.location.startswith("/admin/second-factor")
    assert client.get("/admin/shop/credits").status_code == 303
    assert second_step(client, "000000", answer.location).status_code == 401
    done = second_step(client, code_at(secret), answer.location)
    assert (done.status_code, done.location) == (303, "/admin/shop/packages")
    assert client.get("/admin/shop/credits").status_code == 200
    assert len(set(codes)) == 10
    assert log()[0] == (EMAIL, EMAIL, {"second_factor": "off"}, {"second_factor": "on"})


def test_a_code_works_once_and_one_step_around_now(app, shop, admin):
    secret, _ = turn_on(admin)
    for minutes, status in ((0, 401), (-1.6, 401), (1.6, 401), (0.5, 303), (0.5, 401)):
        client = app.test_client()
        try_sign_in(client)
        assert second_step(client, code_at(secret, minutes)).status_code == status, minutes


def test_a_recovery_code_works_once(app, shop, admin):
    _, codes = turn_on(admin)
    for code, status in ((codes[0], 303), (codes[0], 401), (f" {codes[1].upper()} ", 303)):
        client = app.test_client()
        try_sign_in(client)
        assert second_step(client, code).status_code == status
    assert "Recovery codes left: 8" in admin.get(PAGE).get_data(as_text=True)


def test_a_wrong_code_does_not_turn_it_on(app, shop, admin):
    form = read(send(admin, read(admin.get(PAGE)).form("/second-factor"))).form("/second-factor")

    answer = send(admin, form, code="000000", current=PASSWORD)

    assert answer.status_code == 422
    assert form.fields["secret"] in answer.get_data(as_text=True)
    # A session that was left open is not enough: the password is asked for.
    for current in ("", "wrong"):
        answer = send(admin, form, code=code_at(form.fields["secret"]), current=current)
        assert answer.status_code == 422
        assert read(answer).alerts != []
    assert try_sign_in(app.test_client()).location == "/admin"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_wrong_codes_are_throttled_like_passwords(app, shop, admin):
    turn_on(admin)
    client = app.test_client()
    try_sign_in(client)

    statuses = [second_step(client, "000000").status_code for _ in range(12)]

    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_a_step_is_worth_nothing_after_the_password_changed(app, shop, admin):
    secret, _ = turn_on(admin)
    forget_step(app)
    client = app.test_client()
    try_sign_in(client)
    change(admin)

    assert second_step(client, code_at(secret)).status_code == 401


def test_turning_it_off_asks_for_the_password(app, shop, admin):
    turn_on(admin)

    assert send(admin, read(admin.get(PAGE)).form("/off"), current="wrong").status_code == 422
    assert "Turn off" in admin.get(PAGE).get_data(as_text=True)
    assert send(admin, read(admin.get(PAGE)).form("/off"), current=PASSWORD).status_code == 303

    assert try_sign_in(app.test_client()).location == "/admin"


def test_a_reset_password_keeps_the_second_factor_without_the_flag(app, shop, admin):
    turn_on(admin)
    run = app.test_cli_runner().invoke

    for more, location in (([], "/admin/second-factor"), (["--remove-second-factor"], "/admin")):
        output = run(args=["admins", "reset-password", EMAIL, *more]).output
        password = re.search(r"password (\S+) ", output)[1]
        assert try_sign_in(app.test_client(), password=password).location == location


def test_the_second_step_needs_the_first(app, shop):
    client = app.test_client()

    assert client.get("/admin/second-factor").location == "/admin"


def test_second_factor_is_set_up_with_a_code_to_scan(app, shop, admin):
    page = send(admin, read(admin.get(PAGE)).form("/second-factor")).text
    address = html.unescape(re.search(r'<a href="(otpauth:[^"]+)">', page)[1])
    size = int(re.search(r'class="qr" viewBox="0 0 (\d+) \1"', page)[1])
    dark = {(int(x) - 4, int(y) - 4) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", page)}

    assert "data:" not in page.partition("<main")[2]
    assert 29 <= size <= 85
    # The three corners that a reader looks for, with their light ring, and the timing pattern between them.
    ring = {(x, y) for x in range(7) for y in range(7) if max(abs(x - 3), abs(y - 3)) in {0, 1, 3}}
    for left, top in ((0, 0), (size - 15, 0), (0, size - 15)):
        assert {(x - left, y - top) for x, y in dark if left <= x < left + 7 and top <= y < top + 7} == ring
    assert {x for x, y in dark if y == 6 and 8 <= x < size - 16} == set(range(8, size - 16, 2))
    assert dark == {
        (x, y) for y, row in enumerate(segno.make(address, error="m").matrix) for x, on in enumerate(row) if on
    }
