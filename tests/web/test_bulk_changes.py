"""Bulk changes: a preview of every row, nothing before it is confirmed, and each row exactly once after that."""

from __future__ import annotations

import contextlib
import io
import re
import threading

import pytest

from bridge.services.admin import bulk_changes
from bridge.services.admin.bulk_changes import BATCH
from bridge.web.context import utcnow
from tests.factories import add_shop, balance_of, spend
from tests.support.bulk_files import BULK, LIST, entries, run_job, upload
from tests.support.forms import read_form
from tests.support.ledger_sql import count, rows
from tests.support.pages import EMAIL, read, send, sign_in

pytestmark = pytest.mark.both_engines


def _add_users(database, store, many):
    with database.transaction() as connection:
        for number in range(1000, 1000 + many):
            connection.exec_driver_sql(
                "insert into accounts (id, store_id, user_id, roles, created_at, updated_at)"
                f" select {number}, {store.id}, {number}, roles, created_at, updated_at"
                f" from accounts where store_id = {store.id} and user_id = 2"
            )


def test_file_is_previewed_confirmed_and_applied(app, people, database):
    client = sign_in(app)
    text = "user_id,tokens,reason\n2,500,Bonus\n3,-100,\n10,1,x\n99,5,who\nabc,1.5,\n2,1,again\n"

    sent = upload(client, text, reason="Correction")
    preview = client.get(sent.location)

    assert sent.status_code == 303
    assert "nothing was changed yet" in preview.text
    shown = {row[0]: row for row in read(preview).rows}
    assert shown["2"][2:5] == ["+500", "5,000 → 5,500", "Bonus"]
    assert shown["3"][4] == "Correction"
    assert "the store has no user 99" in shown["5"][5]
    assert "user_id is 'abc'" in shown["6"][5]
    assert "not a whole number" in shown["6"][5]
    assert "already in line 2" in shown["7"][5]
    assert entries(database) == []

    confirmed = send(client, read(preview).form("confirm"))
    result = client.get(confirmed.location)

    assert "3 of 6 rows applied, 3 failed" in result.text
    assert [(entry["user_id"], entry["tokens"], entry["reason"]) for entry in entries(database)] == [
        (2, 500, "Bonus"),
        (3, -100, "Correction"),
        (10, 1, "x"),
    ]
    assert {entry["actor"] for entry in entries(database)} == {EMAIL}
    assert balance_of(people, 2) == 5500
    failed = client.get(read(result).links["Download failed rows"]).text.splitlines()
    assert failed[0] == "user_id,tokens,reason,line,error"
    assert [line.split(",")[3] for line in failed[1:]] == ["5", "6", "7"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_files_of_every_spreadsheet_are_read(app, people, database, encoding, separator):
    client = sign_in(app)
    lines = [["user_id", "tokens", "reason"], ["2", "1 000" if separator == "," else "1,000", "Geschenk für Zoë"]]
    lines.append(["3", "-5", "x"])
    body = "\r\n".join(separator.join(cells) for cells in lines).encode(encoding)

    sent = upload(client, body)
    send(client, read(client.get(sent.location)).form("confirm"))

    assert [(entry["tokens"], entry["reason"]) for entry in entries(database)] == [
        (1000, "Geschenk für Zoë"),
        (-5, "x"),
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "Choose a CSV file"),
        (b"user_id,tokens\n", "has no rows"),
        (b"name,tokens\n1,2\n", "user_id is missing"),
        (b"user_id,tokens,color\n1,2,3\n", "is not known"),
        (b'user_id,tokens\n1,"2\n', "never closed"),
        (b"user_id,tokens\n1,2\n\0", "NUL"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "NUL"),
        (b"user_id,tokens\n" + b"2,1\n" * 10_001, "10,000 rows"),
    ],
)
def test_file_that_cannot_be_read_says_why(app, people, database, body, error):
    client = sign_in(app)

    answer = upload(client, body, reason="kept")

    assert answer.status_code == 422
    assert error in read(answer).alerts[0]
    assert read(answer).form("credits/bulk").fields["reason"] == "kept"
    assert count(database, "bulk_changes") == 0


def test_file_is_limited_and_only_this_page_takes_one(app, people):
    client = sign_in(app)

    kind = "multipart/form-data; boundary=b"
    assert client.post(BULK, data=b"x" * (2 * 2**20 + 1), content_type=kind).status_code == 413
    wrong = client.post(f"{LIST}/2/balance", data={"file": (io.BytesIO(b"x"), "x")}, content_type="multipart/form-data")
    assert wrong.status_code == 415


def test_ten_thousand_rows_are_previewed_page_by_page(app, people, database):
    client = sign_in(app)
    body = "user_id,tokens\n" + "".join(f"{number},1\n" for number in range(1, 10_001))

    page = client.get(upload(client, body).location)
    second = client.get(read(page).links["Next"])

    assert "3 of 10,000 rows can be applied" in page.text
    assert len(read(page).rows) == len(read(second).rows) == 100
    assert read(second).rows[0][0] == "102"
    only_failed = client.get(read(page).links["Show only 9,997 failed"])
    assert all("✕" in row[5] for row in read(only_failed).rows)


def test_selected_users_are_credited(app, people, database):
    client = sign_in(app)
    form = read(client.get(LIST)).form("bulk/users")

    fields = form.fields | {"mode": "add", "tokens": "1,000", "reason": "Sorry"}
    sent = client.post(form.action, data={**fields, "scope": "selection", "user": ["2", "10", "2"]})
    repeated = client.post(form.action, data={**fields, "scope": "selection", "user": ["2", "10", "2"]})
    send(client, read(client.get(sent.location)).form("confirm"))

    assert repeated.location == sent.location
    assert [(entry["user_id"], entry["tokens"]) for entry in entries(database)] == [(2, 1000), (10, 1000)]
    assert "Select user 3" in client.get(LIST).text


def test_all_users_of_the_filtered_list_are_debited(app, people, database):
    _add_users(database, people.connected.store, 60)
    client = sign_in(app)
    page = read(client.get(f"{LIST}?q=example.test&size=25&filter=has_balance"))

    sent = send(client, page.form("bulk/users"), scope="filter", mode="subtract", tokens="1", reason="Fee")
    send(client, read(client.get(sent.location)).form("confirm"))

    debited = {str(entry["user_id"]) for entry in entries(database)}
    assert debited == {re.search(r"#(\d+)", row[0])[1] for row in page.rows}
    assert "2" in debited
    assert {entry["tokens"] for entry in entries(database)} == {-1}


def test_bulk_form_without_users_or_tokens_is_refused(app, people, database):
    client = sign_in(app)
    form = read(client.get(LIST)).form("bulk/users")

    assert "Choose 1 to 10,000 users." in send(client, form, tokens="5").text
    kept = send(client, form, tokens="abc", user="2", mode="subtract", reason="A <b> reason")
    assert kept.status_code == 422
    fields = read_form(kept, "bulk/users").fields
    assert (fields["tokens"], fields["mode"], fields["reason"]) == ("abc", "subtract", "A <b> reason")
    assert re.findall(r'value="(\d+)" form="bulk" checked', kept.text) == ["2"]
    assert "Enter the tokens to add or subtract as a whole number." in kept.text
    assert send(client, form, tokens="0", user="2").status_code == 422
    assert send(client, form, tokens="5", user="2", form_key="").status_code == 422
    people.client.put("/v1/store", json={"require_reason": True}, headers=people.headers)
    assert send(client, form, tokens="5", user="2").status_code == 422
    assert count(database, "bulk_changes") == 0


def test_balance_that_changed_since_the_preview_is_checked_again(app, people, database):
    client = sign_in(app)
    sent = upload(client, "user_id,tokens\n2,-4500\n3,1\n")
    spend(people, 2, 1000)

    send(client, read(client.get(sent.location)).form("confirm"))

    assert "the balance is 4,000, so 4,500 tokens cannot be subtracted" in client.get(sent.location).text
    assert [entry["user_id"] for entry in entries(database)] == [3]
    assert balance_of(people, 2) == 4000


def test_cancelled_preview_is_never_applied(app, people, database):
    client = sign_in(app)
    sent = upload(client, "user_id,tokens\n2,5\n")
    page = read(client.get(sent.location))

    send(client, page.form("cancel"))
    send(client, page.form("confirm"))
    run_job(database)

    assert "Cancelled" in client.get(sent.location).text
    assert entries(database) == []


def test_confirming_at_once_from_several_windows_applies_once(app, people, database):
    client = sign_in(app)
    form = read(client.get(upload(client, "user_id,tokens\n2,5\n3,7\n").location)).form("confirm")
    cookie, statuses, start = client.get_cookie("token_bridge"), [], threading.Barrier(4)

    def click():
        other = app.test_client()
        other.set_cookie(cookie.key, cookie.value)
        start.wait()
        statuses.append(send(other, form).status_code)

    _together([click] * 4)

    assert statuses == [303] * 4
    assert [(entry["user_id"], entry["tokens"]) for entry in entries(database)] == [(2, 5), (3, 7)]


def _together(acts):
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _confirmed(client, database, store, many):
    """Confirm a change of many users, of which the request applies the first batch."""
    _add_users(database, store, many)
    body = "user_id,tokens\n" + "".join(f"{number},{number}\n" for number in range(1000, 1000 + many))
    sent = upload(client, body)
    send(client, read(client.get(sent.location)).form("confirm"))
    return sent.location, int(sent.location.rsplit("/", 1)[1])


class Killed(BaseException):
    """Stand for the end of the process."""


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("is_committed", [True, False])
def test_process_that_dies_between_or_in_batches_applies_each_row_once(app, people, database, batch, is_committed):
    client, many = sign_in(app), 3 * BATCH + 30
    place, bulk_id = _confirmed(client, database, people.connected.store, many)
    begun = 0

    @contextlib.contextmanager
    def dying():
        nonlocal begun
        begun += 1
        with database.transaction() as connection:
            yield connection
            if begun == batch and not is_committed:
                raise Killed
        if begun == batch:
            raise Killed

    def apply_all():
        while not bulk_changes.apply(dying, bulk_id, now=utcnow()):
            pass

    with pytest.raises(Killed):
        apply_all()
    assert client.get(place).status_code == 200
    run_job(database)
    run_job(database)

    found = entries(database)
    assert [(entry["user_id"], entry["tokens"]) for entry in found] == [(n, n) for n in range(1000, 1000 + many)]
    assert f"Done:</strong> {many} of {many} rows applied, 0 failed" in client.get(place).text


def test_two_jobs_at_once_apply_each_row_once(app, people, database):
    client, many = sign_in(app), 3 * BATCH
    place, bulk_id = _confirmed(client, database, people.connected.store, many)
    assert "Running" in client.get(place).text
    assert "Refresh" in client.get(place).text

    _together([lambda: run_job(database)] * 3)

    assert len(entries(database)) == many
    assert [row["balance"] for row in rows(database, "select balance from accounts where user_id = 1400")] == [1400]
    assert bulk_changes.apply(database.transaction, bulk_id, now=utcnow())


def test_cancelling_keeps_what_is_applied(app, people, database):
    client = sign_in(app)
    place, _ = _confirmed(client, database, people.connected.store, 2 * BATCH)

    send(client, read(client.get(place)).form("cancel"))
    run_job(database)

    assert len(entries(database)) == BATCH
    assert f"{BATCH} not applied" in client.get(place).text


def test_bulk_changes_belong_to_their_store_and_to_managers(app, people, database):
    client, (other, _) = sign_in(app), add_shop(app, "second")
    sent = upload(client, "user_id,tokens\n2,5\n")
    page = read(client.get(sent.location))
    foreign = sent.location.replace("/shop/", f"/{other.store.slug}/")

    assert client.get(foreign).status_code == 404
    assert send(client, page.form("confirm")).status_code == 303
    assert client.get(f"{BULK}/x").status_code == 422
    with database.transaction() as connection:
        connection.exec_driver_sql("update admins set role = 'viewer'")
    assert client.get(sent.location).status_code == 200
    assert send(client, page.form("cancel")).status_code == 403
    assert "Select user" not in client.get(LIST).text
    assert app.test_client().get(sent.location).status_code == 303
