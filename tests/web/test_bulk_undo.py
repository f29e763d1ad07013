"""A bulk change is undone once by opposite entries, while it is recent; old ones are pruned."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from bridge.services.ops import retention
from bridge.storage.admin.tables import bulk_changes as bulk_changes_table
from bridge.web.context import utcnow
from tests.factories import balance_of, spend
from tests.support.bulk_files import entries, run_job, upload
from tests.support.ledger_sql import count
from tests.support.pages import read, send, sign_in

pytestmark = pytest.mark.both_engines


def apply_file(client, database, body):
    sent = upload(client, body)
    send(client, read(client.get(sent.location)).form("confirm"))
    run_job(database)
    return sent.location


def test_bulk_change_is_undone_once_by_oppositeentries(app, people, database):
    client = sign_in(app)
    before = {user: balance_of(people, user) for user in (2, 3, 10)}
    done = apply_file(client, database, "user_id,tokens,reason\n2,500,Bonus\n3,-100,Fix\n10,70,x\n99,1,who\n")
    spend(people, 10, before[10] + 50)
    form = read(client.get(done)).form("undo")

    first, second = send(client, form), send(client, form)
    run_job(database)

    assert first.location == second.location != done
    page = client.get(first.location).text
    assert "2 of 3 rows applied, 1 failed" in page
    assert {user: balance_of(people, user) for user in (2, 3)} == {2: before[2], 3: before[3]}
    assert balance_of(people, 10) == 20
    undone = [row for row in entries(database) if row["reason"].startswith("Undo: ")]
    assert [(row["user_id"], row["tokens"], row["reason"]) for row in undone] == [
        (2, -500, "Undo: Bonus"),
        (3, 100, "Undo: Fix"),
    ]
    assert "This change was undone" in client.get(done).text
    assert not [form for form in read(client.get(first.location)).forms if form.action.endswith("/undo")]
    assert count(database, "bulk_changes") == 2


def test_only_a_recent_and_ended_change_with_applied_rows_is_undone(app, people, database):
    client = sign_in(app)
    preview = upload(client, "user_id,tokens\n2,5\n").location
    token = read(client.get(preview)).form("cancel").fields["csrf_token"]

    def try_undo(location):
        return client.post(f"{location}/undo", data={"csrf_token": token}, follow_redirects=True).text

    assert "Nothing was undone" in try_undo(preview)
    cancelled = upload(client, "user_id,tokens\n2,5\n").location
    send(client, read(client.get(cancelled)).form("cancel"))
    assert "Nothing was undone" in try_undo(cancelled)
    done = apply_file(client, database, "user_id,tokens\n2,5\n")
    with database.transaction() as connection:
        old = utcnow() - timedelta(minutes=16)
        connection.execute(update(bulk_changes_table).values(finished_at=old))
    assert not [form for form in read(client.get(done)).forms if form.action.endswith("/undo")]
    assert "Nothing was undone" in try_undo(done)
    assert [row["tokens"] for row in entries(database)] == [5]


def test_old_bulk_changes_are_pruned_and_running_ones_stay(app, people, database):
    client = sign_in(app)
    apply_file(client, database, "user_id,tokens\n2,5\n3,5\n")
    running = upload(client, "user_id,tokens\n2,7\n")
    with database.transaction() as connection:
        bulk_id = int(running.location.rpartition("/")[2])
        connection.execute(update(bulk_changes_table).where(bulk_changes_table.c.id == bulk_id).values(state="running"))

    def prune(days):
        step = retention.steps(now=utcnow() + timedelta(days=days))["bulk"]
        with database.transaction() as connection:
            return step(connection)

    assert prune(89) == 0
    assert [prune(91), prune(91)] == [3, 0]
    assert (count(database, "bulk_changes"), count(database, "bulk_rows")) == (1, 1)
    assert [row["tokens"] for row in entries(database)] == [5, 5]
