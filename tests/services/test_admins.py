import threading
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.errors import AdminExists, InvalidRequest, Overloaded, UnknownAdmin
from bridge.services import admins
from tests.support.books import rows

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
RIGHT, WRONG = "a long enough word", "some other long word"


@pytest.fixture
def owner(database):
    with database.transaction() as connection:
        admins.add_admin(connection, "Owner@Example.test", RIGHT, now=NOW)
    return "owner@example.test"


def _sign_in(database, email, password, now=NOW):
    return admins.sign_in(database.transaction, email, password, now=now)


def test_right_password_signs_in_whatever_the_spelling_of_the_e_mail(database, owner):
    assert _sign_in(database, " OWNER@example.TEST ".strip(), RIGHT).email == "Owner@Example.test"


def test_wrong_password_and_unknown_e_mail_are_answered_alike(database, owner):
    for email in (owner, "nobody@example.test", "", "no\0body@x", "x" * 999 + "@x"):
        assert _sign_in(database, email, WRONG) is None


def test_unknown_e_mail_costs_as_much_as_a_wrong_password(database, owner, monkeypatch):
    checked = []
    real = admins._is_password
    monkeypatch.setattr(admins, "_is_password", lambda *given: checked.append(given) or real(*given))

    _sign_in(database, owner, WRONG)
    _sign_in(database, "nobody@example.test", WRONG)

    assert [given[0].split("$")[:4] for given in checked] == [["", "argon2id", "v=19", "m=19456,t=2,p=1"]] * 2


def test_fifth_failure_begins_a_pause_in_which_the_right_password_is_refused(database, owner):
    for _ in range(5):
        _sign_in(database, owner, WRONG)

    assert _sign_in(database, owner, RIGHT, NOW + timedelta(seconds=59)) is None
    assert _sign_in(database, owner, RIGHT, NOW + timedelta(seconds=60)) is not None


def test_fourth_failure_begins_none(database, owner):
    for _ in range(4):
        _sign_in(database, owner, WRONG)

    assert _sign_in(database, owner, RIGHT) is not None


def test_signing_in_forgets_the_failures(database, owner):
    for _ in range(3):
        for _ in range(4):
            _sign_in(database, owner, WRONG)
        assert _sign_in(database, owner, RIGHT) is not None

    assert rows(database, "select failures, locked_until from admins") == [{"failures": 0, "locked_until": None}]


def test_attempts_in_a_pause_do_not_make_it_longer(database, owner):
    for _ in range(9):
        _sign_in(database, owner, WRONG)

    assert rows(database, "select failures from admins") == [{"failures": 5}]


def test_guesses_that_come_together_are_not_all_tried(database, owner, monkeypatch):
    """The attempt counts before the password is looked at; afterwards would be too late."""
    tried = []
    monkeypatch.setattr(admins, "_is_password", lambda hash_, _: tried.append(hash_) or False)
    threads = [threading.Thread(target=_sign_in, args=(database, owner, WRONG)) for _ in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([hash_ for hash_ in tried if hash_ != admins._NOBODY]) == 5


def test_too_many_at_once_are_told_to_come_back(database, owner, monkeypatch):
    """Each hash takes 19 MiB: parallel guesses must not take the machine's memory."""
    turns = threading.BoundedSemaphore(1)
    turns.acquire()
    monkeypatch.setattr(admins, "_TURNS", turns)
    monkeypatch.setattr(admins, "_WAIT_SECONDS", 0.01)

    with pytest.raises(Overloaded):
        _sign_in(database, owner, RIGHT)


def test_new_password_ends_sessions_and_pauses(database, owner):
    admin = _sign_in(database, owner, RIGHT)
    for _ in range(5):
        _sign_in(database, owner, WRONG)
    with database.transaction() as connection:
        made = admins.reset_password(connection, "OWNER@example.test", None, now=NOW)

    assert _sign_in(database, owner, RIGHT) is None
    assert _sign_in(database, owner, made) is not None
    with database.reading() as connection:
        assert admins.find_for_session(connection, admin.id, admin.session_version) is None
        assert admins.find_for_session(connection, admin.id, admin.session_version + 1).id == admin.id
        assert admins.find_for_session(connection, 999, 1) is None


def test_password_is_made_up_where_none_is_given(database):
    with database.transaction() as connection:
        made = admins.add_admin(connection, "new@example.test", None, now=NOW)

    assert len(made) >= 20
    assert _sign_in(database, "new@example.test", made) is not None


def test_password_is_kept_as_a_hash_only(database, owner):
    [kept] = rows(database, "select password_hash from admins")

    assert kept["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_second_admin_of_one_e_mail_is_refused(database, owner):
    with database.transaction() as connection, pytest.raises(AdminExists):
        admins.add_admin(connection, "OWNER@EXAMPLE.TEST", None, now=NOW)


def test_password_of_nobody_cannot_be_reset(database):
    with database.transaction() as connection, pytest.raises(UnknownAdmin):
        admins.reset_password(connection, "nobody@example.test", None, now=NOW)


def test_what_can_be_no_admin_is_refused(database):
    for email, password in (
        ("nobody", RIGHT),
        ("a b@c", RIGHT),
        ("a@b", "short"),
        ("a@b", "x" * 1001),
        ("a\n@b", RIGHT),
    ):
        with database.transaction() as connection, pytest.raises(InvalidRequest):
            admins.add_admin(connection, email, password, now=NOW)


def test_first_admin_is_made_once(database):
    with database.transaction() as connection:
        made = admins.ensure_first_admin(connection, "admin@localhost", None, NOW)
        again = admins.ensure_first_admin(connection, "admin@localhost", None, NOW)

    assert _sign_in(database, "admin@localhost", made) is not None
    assert again is None


def test_first_admin_with_a_given_password_leaves_nothing_to_tell(database):
    with database.transaction() as connection:
        assert admins.ensure_first_admin(connection, "admin@localhost", RIGHT, now=NOW) is None

    assert _sign_in(database, "admin@localhost", RIGHT) is not None
