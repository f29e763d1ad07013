import contextlib
import threading
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.errors import AdminExists, InvalidRequest, Overloaded, TooManySignIns, UnknownAdmin
from bridge.services.admin import admins
from bridge.services.admin.throttles import Client, SignInThrottles, Throttle
from tests.support.ledger_sql import rows

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
RIGHT, WRONG = "a long enough word", "some other long word"


@pytest.fixture
def owner(database):
    with database.transaction() as connection:
        admins.add_admin(connection, "Owner@Example.test", RIGHT, actor="test", now=NOW)
    return "owner@example.test"


HERE, THERE = Client("address 203.0.113.9"), Client("address 198.51.100.7")
KNOWN = Client("device x", is_known=True)


@pytest.fixture
def throttles():
    return SignInThrottles()


def _sign_in(database, email, password, now=NOW, *, throttles=None, client=HERE):
    signed_in = admins.sign_in(
        database, email, password, throttles=throttles or SignInThrottles(), client=client, now=now
    )
    return signed_in and signed_in.admin


def test_right_password_signs_in_whatever_the_spelling_of_the_e_mail(database, owner):
    assert _sign_in(database, " OWNER@example.TEST ".strip(), RIGHT).email == "Owner@Example.test"


def test_wrong_password_and_unknown_e_mail_are_answered_alike(database, owner):
    for email in (owner, "nobody@example.test", "", "no\0body@x", "x" * 999 + "@x"):
        assert _sign_in(database, email, WRONG) is None


def test_unknown_e_mail_costs_as_much_as_a_wrong_password(database, owner, monkeypatch):
    checked = []
    real = admins.is_password
    monkeypatch.setattr(admins, "is_password", lambda *given, **named: checked.append(given) or real(*given, **named))

    _sign_in(database, owner, WRONG)
    _sign_in(database, "nobody@example.test", WRONG)

    assert [given[0].split("$")[:4] for given in checked] == [["", "argon2id", "v=19", "m=19456,t=2,p=1"]] * 2


def test_many_wrong_passwords_begin_a_short_pause_for_that_client_alone(database, owner, throttles):
    for _ in range(11):
        _sign_in(database, owner, WRONG, throttles=throttles)

    with pytest.raises(TooManySignIns) as refused:
        _sign_in(database, owner, RIGHT, throttles=throttles)
    assert refused.value.retry_after_seconds == 5
    assert _sign_in(database, owner, RIGHT, throttles=throttles, client=THERE) is not None
    assert _sign_in(database, owner, RIGHT, throttles=throttles, client=KNOWN) is not None
    assert _sign_in(database, owner, RIGHT, NOW + timedelta(seconds=5), throttles=throttles) is not None


def test_no_number_of_wrong_passwords_makes_the_pause_longer_than_a_minute(database, owner, throttles):
    now = NOW
    for _ in range(40):
        now += timedelta(seconds=throttles.begin(HERE, owner, now=now))
    throttles.begin(HERE, owner, now=now)

    assert throttles.begin(HERE, owner, now=now) <= 60
    later = now + timedelta(seconds=60)
    assert _sign_in(database, owner, RIGHT, later, throttles=throttles) is not None
    assert _sign_in(database, owner, WRONG, later, throttles=throttles) is None


def test_ten_wrong_passwords_begin_no_pause(database, owner, throttles):
    for _ in range(10):
        _sign_in(database, owner, WRONG, throttles=throttles)

    assert _sign_in(database, owner, RIGHT, throttles=throttles) is not None


def test_one_address_cannot_try_one_account_after_the_other(throttles):
    waits = [throttles.begin(HERE, f"user{number}@example.test", now=NOW) for number in range(150)]

    assert waits.index(5) >= 100
    assert throttles.begin(THERE, "user1@example.test", now=NOW) == 0
    assert throttles.begin(KNOWN, "user1@example.test", now=NOW) == 0


def test_clock_that_was_set_back_makes_no_pause(throttles):
    throttles.begin(HERE, "owner@example.test", now=NOW)

    assert throttles.begin(HERE, "owner@example.test", now=NOW - timedelta(seconds=1)) == 0


def test_a_pause_begun_by_a_clock_that_was_ahead_lasts_no_longer_than_another():
    throttle = Throttle(
        free=1, first_pause=timedelta(seconds=5), longest_pause=timedelta(minutes=1), forget_after=timedelta(hours=1)
    )
    for _ in range(2):
        throttle.count_failure("one", now=NOW + timedelta(days=365))

    assert throttle.wait_seconds("one", now=NOW) == 5
    assert throttle.wait_seconds("one", now=NOW + timedelta(seconds=4)) == 1
    assert throttle.wait_seconds("one", now=NOW + timedelta(seconds=5)) == 0
    throttle.count_failure("one", now=NOW + timedelta(seconds=5))
    assert throttle.wait_seconds("one", now=NOW + timedelta(seconds=5)) == 10
    assert throttle.wait_seconds("one", now=NOW + timedelta(seconds=15)) == 0


def test_throttle_remembers_a_bounded_number_of_clients():
    throttle = Throttle(
        free=1,
        first_pause=timedelta(seconds=5),
        longest_pause=timedelta(minutes=1),
        forget_after=timedelta(minutes=1),
        max_clients=50,
    )
    for number in range(500):
        throttle.count_failure(str(number), now=NOW)

    assert len(throttle) == 50


def test_guesses_that_come_together_are_not_all_tried(database, owner, monkeypatch, throttles):
    """The attempt counts before the password is checked; afterwards would be too late."""
    tried = []
    monkeypatch.setattr(admins, "is_password", lambda hash_, _, is_known: tried.append(hash_) or False)

    def guess():
        with contextlib.suppress(TooManySignIns):
            _sign_in(database, owner, WRONG, throttles=throttles)

    threads = [threading.Thread(target=guess) for _ in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(tried) == 11


def test_too_many_at_once_get_a_time_to_retry(database, owner, monkeypatch):
    """Each hash takes 19 MiB: parallel guesses must not take the machine's memory."""
    turns = threading.BoundedSemaphore(1)
    turns.acquire()
    monkeypatch.setattr(admins, "_TURNS", turns)
    monkeypatch.setattr(admins, "_WAIT_SECONDS", 0.01)

    with pytest.raises(Overloaded):
        _sign_in(database, owner, RIGHT)


def test_new_password_ends_sessions(database, owner):
    signed_in = admins.sign_in(database, owner, RIGHT, throttles=SignInThrottles(), client=HERE, now=NOW)
    with database.transaction() as connection:
        made = admins.reset_password(connection, "OWNER@example.test", None, actor="test", now=NOW)

    assert _sign_in(database, owner, RIGHT) is None
    assert _sign_in(database, owner, made) is not None
    with database.reading() as connection:
        assert admins.find_session(connection, signed_in.session_id, now=NOW) is None


def test_sessions_are_few_and_those_that_ended_are_forgotten(database, owner):
    for number in range(25):
        assert _sign_in(database, owner, RIGHT, NOW + timedelta(seconds=number))
    assert rows(database, "select count(*) as n from admin_sessions") == [{"n": 20}]

    assert _sign_in(database, owner, RIGHT, NOW + timedelta(hours=13))

    assert rows(database, "select count(*) as n from admin_sessions") == [{"n": 1}]


def test_only_the_hash_of_a_session_is_stored(database, owner):
    signed_in = admins.sign_in(database, owner, RIGHT, throttles=SignInThrottles(), client=HERE, now=NOW)

    assert signed_in.session_id not in str(rows(database, "select * from admin_sessions"))
    assert signed_in.session_id not in repr(signed_in)


def test_password_is_made_up_where_none_is_given(database):
    with database.transaction() as connection:
        made = admins.add_admin(connection, "new@example.test", None, actor="test", now=NOW)

    assert len(made) >= 20
    assert _sign_in(database, "new@example.test", made) is not None


def test_password_is_stored_as_a_hash_only(database, owner):
    [stored] = rows(database, "select password_hash from admins")

    assert stored["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_second_admin_of_one_e_mail_is_refused(database, owner):
    with database.transaction() as connection, pytest.raises(AdminExists):
        admins.add_admin(connection, "OWNER@EXAMPLE.TEST", None, actor="test", now=NOW)


def test_password_of_an_unknown_admin_cannot_be_reset(database):
    with database.transaction() as connection, pytest.raises(UnknownAdmin):
        admins.reset_password(connection, "nobody@example.test", None, actor="test", now=NOW)


def test_what_can_be_no_admin_is_refused(database):
    for email, password in (
        ("nobody", RIGHT),
        ("a b@c", RIGHT),
        ("a@b", "short"),
        ("a@b", "x" * 1001),
        ("a\n@b", RIGHT),
    ):
        with database.transaction() as connection, pytest.raises(InvalidRequest):
            admins.add_admin(connection, email, password, actor="test", now=NOW)


def test_first_admin_is_made_once(database):
    with database.transaction() as connection:
        made = admins.ensure_first_admin(connection, "admin@localhost", None, NOW)
        again = admins.ensure_first_admin(connection, "admin@localhost", None, NOW)

    assert _sign_in(database, "admin@localhost", made) is not None
    assert again is None


def test_first_admin_with_a_given_password_leaves_nothing_to_print(database):
    with database.transaction() as connection:
        assert admins.ensure_first_admin(connection, "admin@localhost", RIGHT, now=NOW) is None

    assert _sign_in(database, "admin@localhost", RIGHT) is not None
