"""Each test keeps at least one engine, and tests of what moves tokens keep both."""

from __future__ import annotations

import textwrap

import pytest

MODULE = """
import pytest

engines = pytest.mark.parametrize("engine", ["sqlite", "postgresql"])

@engines
def test_alone(engine): pass

@engines
def test_next(engine): pass

@engines
@pytest.mark.parametrize("case", ["a", "b"])
def test_matrix(engine, case): pass
"""
EACH = {"test_alone": 2, "test_next": 2, "test_matrix": 4}
MATRIX_IN_TURN = {"test_alone": 2, "test_next": 2, "test_matrix": 2}
ONE = {"test_alone": 1, "test_next": 1, "test_matrix": 2}


@pytest.fixture
def run(pytester, monkeypatch):
    """Return the number of passed cases of each test in the module of a folder, and the engines they had."""
    monkeypatch.delenv("BRIDGE_BOTH_ENGINES", raising=False)

    def collect(folder, mark=""):
        place = pytester.mkdir("tests") / folder
        place.mkdir()
        (place / "test_it.py").write_text(textwrap.dedent(MODULE) + mark)
        pytester.makeini("[pytest]\nmarkers = both_engines\n    one_engine")
        ran = pytester.inline_run("-p", "tests.support.engines", "-p", "no:xdist", "--collect-only", "tests")
        items = ran.getcalls("pytest_collection_finish")[-1].session.items
        counts = {name: sum(item.originalname == name for item in items) for name in EACH}
        return counts, {name: {i.callspec.params["engine"] for i in items if i.originalname == name} for name in EACH}

    return collect


def test_storage_runs_every_case_on_both(run):
    assert run("storage")[0] == EACH


def test_flows_run_each_test_on_both_and_many_cases_in_turn(run):
    counts, engines = run("flows")

    assert counts == MATRIX_IN_TURN
    assert all(len(found) == 2 for found in engines.values())


def test_pages_run_on_one_engine_in_turn(run):
    counts, engines = run("web")

    assert counts == ONE
    assert engines["test_alone"] != engines["test_next"]
    assert len(engines["test_matrix"]) == 2


def test_marked_pages_run_each_test_on_both(run):
    assert run("web", "\npytestmark = pytest.mark.both_engines\n")[0] == MATRIX_IN_TURN


def test_marked_tests_of_other_folders_run_every_case_on_both(run):
    assert run("flows", "\npytestmark = pytest.mark.both_engines\n")[0] == EACH


def test_modules_that_do_not_depend_on_the_engine_run_as_pages_do(run):
    counts, engines = run("flows", "\npytestmark = pytest.mark.one_engine\n")

    assert counts == ONE
    assert engines["test_alone"] != engines["test_next"]
    assert len(engines["test_matrix"]) == 2


def test_every_case_runs_on_both_when_asked(run, monkeypatch):
    monkeypatch.setenv("BRIDGE_BOTH_ENGINES", "1")

    assert run("web")[0] == EACH
