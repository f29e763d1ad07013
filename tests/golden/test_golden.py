"""Responses, widget and pages equal the golden files beside this test, byte for byte.

After an intended change, renew them with `RENEW_GOLDEN=1 python -m pytest tests/golden` and
review the difference with `git diff tests/golden` before committing it.
"""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from app import create_app
from bridge.services.stores.settings import NewStore, add_store
from bridge.web.context import utcnow
from tests.conftest import Shop, make_config
from tests.golden.scenario import PAGES, take_answers
from tests.support.pages import sign_in

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
NAMES = [f"api_{area}.txt" for area in ("settings", "metering", "orders", "users", "sites", "events")]
NAMES += ["widget.txt", *(f"page_{page}.txt" for page in PAGES)]

pytestmark = pytest.mark.xdist_group("golden")


@pytest.fixture(scope="module")
def answers(sqlite_template, tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / "bridge.sqlite3"
    shutil.copyfile(sqlite_template, path)
    with time_machine.travel(NOW, tick=False) as traveller:
        app = create_app(make_config(f"sqlite:///{path}"))
        runtime = app.extensions["bridge"]
        wanted = NewStore("shop", "http://127.0.0.1:8980", "Shop", "America/New_York", webhook_secret="test-secret")
        with runtime.database.transaction() as connection:
            connected = add_store(connection, wanted, vault_=runtime.vault, actor="test", now=utcnow())
        shop = Shop(connected, app.test_client())
        taken = take_answers(shop, sign_in(app), lambda: traveller.shift(timedelta(seconds=1)))
    runtime.group_commit.close()
    runtime.database.close()
    if os.environ.get("RENEW_GOLDEN"):
        for name, text in taken.items():
            (HERE / name).write_text(text, encoding="utf-8", newline="")
    return taken


def test_every_answer_has_a_golden_file(answers):
    assert sorted(answers) == sorted(NAMES) == sorted(path.name for path in HERE.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_as_in_the_golden_file(answers, name):
    assert answers[name].splitlines() == (HERE / name).read_bytes().decode().splitlines()
    assert answers[name] == (HERE / name).read_bytes().decode()
