"""Dependencies point down, areas keep their order, files stay small; each check is shown to fail."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import architecture, commits, dead_code, waiting, wording

# The checks of all files share one walk over them, which one process does for all.
pytestmark = pytest.mark.xdist_group("architecture")

ROOT = Path(__file__).resolve().parent.parent
CHECKS: dict[Callable[[str, str], list[str]], str] = {
    architecture.import_faults: ".py",
    architecture.area_faults: ".py",
    architecture.size_faults: "",
    architecture.init_faults: ".py",
    architecture.docstring_faults: ".py",
    architecture.text_faults: "",
    wording.banned_words: "",
    wording.old_name_faults: ".py",
    wording.question_faults: ".py",
    waiting.waiting_faults: ".py",
}
"""Each check of a single file, and the ending of the files it is for."""


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """The text of each file of the project; captured bytes and pictures are left out."""
    found = {}
    for path in architecture.project_files(ROOT):
        try:
            found[path] = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


@pytest.fixture(scope="module")
def faults(sources) -> dict[Callable[[str, str], list[str]], list[str]]:
    """Return what each check finds; a file is parsed once for all of them."""
    found = {check: [] for check in CHECKS}
    for path, source in sources.items():
        for check, suffix in CHECKS.items():
            if path.endswith(suffix):
                found[check] += check(path, source)
    return found


@pytest.fixture(scope="module")
def unused(sources) -> list[tuple[str, str]]:
    """Return the names that nothing in the product uses, with the fault each is."""
    return dead_code.list_unused(sources)


def test_guards_see_the_project(sources):
    """A guard that is shown nothing finds nothing."""
    assert "tests/test_architecture.py" in sources
    assert not any(path.startswith(".venv/") for path in sources)
    assert sum(map(architecture.is_product, sources)) > 10


def test_guards_see_an_archive_without_git(tmp_path):
    for path in ("bridge/ledger.py", ".venv/lib/six.py", "instance/bridge.sqlite3", "bridge/__pycache__/ledger.pyc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    assert architecture.project_files(tmp_path) == ["bridge/ledger.py"]


def test_dependencies_point_down(faults):
    assert faults[architecture.import_faults] == []


def test_areas_keep_their_order(faults):
    assert faults[architecture.area_faults] == []


def test_known_detours_are_still_needed(sources):
    for path, area in architecture.KNOWN_DETOURS:
        layer = path.split("/")[1]
        targets = {found.target for found in architecture.list_imports(path, sources[path])}
        assert any(target.startswith(f"bridge.{layer}.{area}.") for target in targets), path


def test_modules_do_not_import_in_a_circle(sources):
    product = {path: source for path, source in sources.items() if architecture.is_product(path)}

    assert architecture.circle_faults(product) == []


def test_files_and_functions_stay_small(faults):
    assert faults[architecture.size_faults] == []


def test_init_files_hold_no_code(faults):
    assert faults[architecture.init_faults] == []


def test_file_names_say_what_is_inside(sources):
    assert [fault for path in sources for fault in architecture.name_faults(path)] == []


def test_public_names_have_docstrings(faults):
    assert faults[architecture.docstring_faults] == []


def test_no_machine_paths_and_no_unfinished_work(faults):
    assert faults[architecture.text_faults] == []


def test_banned_words_only_become_fewer(faults):
    assert wording.count_faults(faults[wording.banned_words], wording.ALLOWED) == []


def test_identifiers_use_the_terms_of_the_style(faults):
    assert faults[wording.old_name_faults] == []


def test_docstrings_begin_with_a_verb_or_a_noun(faults):
    assert faults[wording.question_faults] == []


def test_tests_of_pages_wait_for_what_they_expect(faults):
    assert faults[waiting.waiting_faults] == []


def test_all_code_is_used(unused):
    known = dead_code.CALLED_BY_LIBRARIES | dead_code.READ_BY_TESTS

    assert [fault for name, fault in unused if name not in known] == []


def test_list_of_code_used_elsewhere_is_needed(unused):
    known = dead_code.CALLED_BY_LIBRARIES | dead_code.READ_BY_TESTS

    assert known - {name for name, _ in unused} == set()


def test_new_commits_have_short_subjects():
    subjects = commits.new_subjects(ROOT)
    if not subjects:
        pytest.skip("no main branch to compare with" if subjects is None else "no commits since the main branch")

    assert commits.subject_faults(subjects) == []


def test_migrations_are_numbered(sources):
    assert architecture.migration_faults(list(sources)) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("bridge/domain/ledger.py", "import sqlalchemy"),
        ("bridge/domain/ledger.py", "from pydantic import BaseModel"),
        ("bridge/domain/ledger.py", "from bridge.storage import ledger"),
        ("bridge/domain/ledger.py", "from ..storage import ledger"),
        ("bridge/domain/ledger.py", "from bridge import storage"),
        ("bridge/storage/ledger.py", "import bridge.services.orders.apply"),
        ("bridge/storage/ledger.py", "from flask import g"),
        ("bridge/storage/ledger.py", "import requests"),
        ("bridge/clients/woocommerce.py", "from bridge.storage import stores"),
        ("bridge/clients/woocommerce.py", "import sqlalchemy"),
        ("bridge/services/orders.py", "from sqlalchemy.orm import Session"),
        ("bridge/services/orders.py", "from flask import current_app"),
        ("bridge/services/orders.py", "from bridge.web import context"),
        ("bridge/services/orders.py", "from bridge.config import Config"),
        ("bridge/services/orders.py", "import schedulers.jobs"),
        ("bridge/web/api.py", "from bridge.storage import ledger"),
        ("bridge/web/api.py", "from bridge import storage"),
        ("bridge/web/api.py", "from bridge.clients import woocommerce"),
        ("bridge/web/api.py", "from sqlalchemy import text"),
        ("bridge/web/api.py", "import requests"),
        ("bridge/web/api.py", "import app"),
        ("bridge/web/widget/view.py", "from babel.numbers import format_decimal"),
        ("bridge/web/metrics.py", "from prometheus_client import generate_latest"),
        ("bridge/web/receipts/document.py", "from reportlab.pdfgen.canvas import Canvas"),
        ("bridge/web/receipts/pdf.py", "from bridge.services.orders import receipts"),
        ("bridge/metrics/exposition.py", "from flask import request"),
        ("bridge/services/metering/quotes.py", "from bridge.web.i18n.formatting import number"),
        ("bridge/web/i18n/messages.py", "from flask import g"),
        ("bridge/cli.py", "from bridge.web import context"),
        ("bridge/cli/demo.py", "from fakeshop.model.shop import FakeShop"),
        ("fakeshop/shop.py", "from bridge.domain import orders"),
        ("fakeshop/shop.py", "import requests"),
        ("bridge/cli_stores.py", "from bridge.clients import woocommerce"),
        ("bridge/group_commit.py", "from bridge.storage.accounts.ledger import post"),
        ("schedulers/jobs.py", "from bridge.storage import ledger"),
        ("app.py", "import sqlalchemy"),
        ("migrations/env.py", "from flask import current_app"),
        ("bridge/attic.py", "import json"),
        ("bridge/domain/ledger.py", "def f():\n    from bridge.domain import orders"),
        (
            "bridge/domain/ledger.py",
            "def f():\n    import importlib\n    importlib.import_module('bridge.domain.orders.merge')",
        ),
        ("bridge/domain/ledger.py", "class A:\n    def f(self):\n        import bridge.domain.orders.merge"),
    ],
)
def test_guard_of_imports_finds(path, source):
    assert len(architecture.import_faults(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "bridge/domain/ledger.py",
            "from __future__ import annotations\nfrom bridge.domain import orders\nimport enum",
        ),
        ("bridge/storage/ledger.py", "import sqlalchemy as sa\nfrom bridge.domain.accounts.ledger import Entry"),
        (
            "bridge/clients/woocommerce.py",
            "import requests\nfrom urllib3.util import Retry\nfrom woocommerce import API",
        ),
        ("bridge/services/orders.py", "from bridge.storage.engine.database import Session\nimport argon2"),
        ("bridge/web/api.py", "from bridge.storage.engine.database import transaction\nimport flask\nimport pydantic"),
        ("bridge/web/api.py", "from bridge.storage.engine import database\nfrom bridge.web.context import bridge_of"),
        ("bridge/cli/stores.py", "import click\nfrom bridge.cli.output import table\nimport bridge.config"),
        ("bridge/web/i18n/messages.py", "import babel.dates\nfrom bridge.web.i18n.formatting import number"),
        ("bridge/metrics/recorder.py", "import prometheus_client\nfrom bridge.services.ops import backlog"),
        ("bridge/cli/x.py", "def f():\n    import granian.server"),
        ("schedulers/jobs.py", "import dotenv\nfrom bridge.services import inbox"),
        ("migrations/versions/0001_books.py", "import sqlalchemy as sa\nfrom alembic import op"),
        ("tests/storage/test_ledger.py", "import sqlalchemy, flask\nfrom bridge.storage import ledger"),
        ("bridge/__init__.py", ""),
    ],
)
def test_guard_of_imports_lets_pass(path, source):
    assert architecture.import_faults(path, source) == []


@pytest.mark.parametrize(
    ("path", "source", "count"),
    [
        ("bridge/services/orders/apply.py", "from bridge.services.shop import inbox", 1),
        ("bridge/services/orders/apply.py", "from bridge.services.accounts import profiles", 0),
        ("bridge/services/orders/apply.py", "from bridge.storage.shop import inbox", 0),
        ("bridge/services/ops/audit.py", "from bridge.services.orders import apply", 0),
        ("bridge/services/inbox.py", "", 1),
        ("bridge/storage/attic/inbox.py", "", 1),
    ],
)
def test_guard_of_areas_finds(path, source, count):
    assert len(architecture.area_faults(path, source)) == count


def test_guard_of_circles_finds_one():
    circle = {
        "bridge/services/orders.py": "from bridge.services import inbox",
        "bridge/services/inbox.py": "from bridge.services.orders import apply_order",
    }

    assert len(architecture.circle_faults(circle)) == 1
    assert architecture.circle_faults({**circle, "bridge/services/inbox.py": "import json"}) == []


@pytest.mark.parametrize("path", ["bridge/a.py", "tests/test_a.py", "templates/a.html", "static/a.js", "static/a.css"])
def test_guard_of_sizes_finds_a_long_file(path):
    assert architecture.size_faults(path, "\n" * 400) == []
    assert len(architecture.size_faults(path, "\n" * 401)) == 1


def test_guard_of_sizes_finds_a_long_function():
    longest = "def f():\n" + "    pass\n" * 49

    assert architecture.size_faults("bridge/domain/ledger.py", longest) == []
    assert len(architecture.size_faults("bridge/domain/ledger.py", longest + "    pass\n")) == 1
    assert architecture.size_faults("tests/test_ledger.py", longest + "    pass\n") == []


def test_guard_of_init_files_finds_code():
    code = '"""Rules."""\n\nfrom bridge.domain import ledger\n'

    assert len(architecture.init_faults("bridge/domain/__init__.py", code)) == 1
    assert architecture.init_faults("bridge/domain/__init__.py", '"""Rules."""\n') == []
    assert architecture.init_faults("bridge/domain/__init__.py", "") == []
    assert architecture.init_faults("bridge/web/__init__.py", code) == []


@pytest.mark.parametrize("name", ["utils.py", "common.py", "helpers.py", "services.py"])
def test_guard_of_names_finds(name):
    assert len(architecture.name_faults(f"tests/flows/{name}")) == 1
    assert architecture.name_faults("bridge/domain/ledger.py") == []


@pytest.mark.parametrize(
    "source",
    [
        "def post(): ...",
        "async def post(): ...",
        "class Entry: ...",
        'class Entry:\n    """A movement."""\n    def of(self): ...',
    ],
)
def test_guard_of_docstrings_finds(source):
    assert len(architecture.docstring_faults("bridge/domain/ledger.py", source)) == 1
    assert architecture.docstring_faults("tests/test_ledger.py", source) == []


def test_guard_of_docstrings_lets_private_and_overriding_ones_pass():
    source = 'class Entry:\n    """One."""\n    def __init__(self): ...\n    @override\n    def format(self): ...'

    assert architecture.docstring_faults("bridge/domain/ledger.py", source + "\ndef _post(): ...") == []


@pytest.mark.parametrize(
    "source",
    [
        "root = '/work" + "/main'",
        "see /root" + "/notes",
        "# TO" + "DO later",
        "FIX" + "ME",
        "raise NotImplemented" + "Error",
    ],
)
def test_guard_of_texts_finds(source):
    assert len(architecture.text_faults("docs/a.md", source)) == 1


@pytest.mark.parametrize("source", ["https://shop.example/work" + "/a", "TO" + "DOS", "return NotImplemented"])
def test_guard_of_texts_lets_pass(source):
    assert architecture.text_faults("docs/a.md", source) == []


@pytest.mark.parametrize(
    "state", ["button.is_visible() == has_script", "not a.is_hidden()", "1 == rows.count()", "'a' in b.inner_text()"]
)
def test_guard_of_waiting_finds(state):
    assert len(waiting.waiting_faults("tests/flows/test_a.py", f"assert {state}")) == 1
    assert waiting.waiting_faults("bridge/domain/ledger.py", f"assert {state}") == []
    assert waiting.waiting_faults("tests/flows/test_a.py", f"seen = {state}\nassert text.count('a') == 1") == []


@pytest.mark.parametrize(
    "source",
    ["def f(): ...", "class A: ...", "import json", "class A:\n    @property\n    def f(self): ...\nA()"],
)
def test_guard_of_dead_code_finds(source):
    assert len(dead_code.dead_code_faults({"bridge/domain/a.py": source}, known=frozenset())) == 1
    assert dead_code.dead_code_faults({"tests/a.py": source}, known=frozenset()) == []


def test_guard_of_dead_code_sees_other_modules_templates_and_routes():
    used = {
        "bridge/domain/a.py": "def f(): ...\nclass A:\n    def shown(self): ...",
        "bridge/web/b.py": "from bridge.domain.a import A, f\nf(A)\n@bp.get('/')\ndef show(): ...",
        "templates/a.html": "{{ a.shown() }}",
    }

    assert dead_code.dead_code_faults(used, known=frozenset()) == []


def test_guard_of_subjects_finds_a_long_one():
    assert commits.subject_faults(["a" * 72]) == []
    assert len(commits.subject_faults(["a" * 72, "a" * 73])) == 1


def test_guard_of_subjects_sees_new_commits_only(tmp_path):
    def git(*arguments):
        author = ["-c", "user.name=A", "-c", "user.email=a@example.test"]
        subprocess.run(["git", *author, *arguments], cwd=tmp_path, check=True)

    assert commits.new_subjects(tmp_path) is None
    git("init", "--quiet", "--initial-branch=main")
    git("commit", "--quiet", "--allow-empty", "--message=first")
    assert commits.new_subjects(tmp_path) == []
    git("switch", "--quiet", "--create=topic")
    git("commit", "--quiet", "--allow-empty", "--message=second")
    assert commits.new_subjects(tmp_path) == ["second"]


def test_guard_of_migrations_finds_a_gap_a_double_and_a_missing_number():
    folder = "migrations/versions"

    assert (
        architecture.migration_faults([f"{folder}/0001_books.py", f"{folder}/0002_plans.py", "migrations/env.py"]) == []
    )
    assert len(architecture.migration_faults([f"{folder}/0001_books.py", f"{folder}/0003_plans.py"])) == 1
    assert len(architecture.migration_faults([f"{folder}/0001_books.py", f"{folder}/0001_plans.py"])) == 1
    assert len(architecture.migration_faults([f"{folder}/books.py"])) == 1
