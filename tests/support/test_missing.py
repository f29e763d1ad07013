import pytest

from tests.support.missing import TITLE

TESTS = """
    import pytest
    from tests.support.missing import require

    @pytest.fixture
    def browser():
        require("a browser", False, "no chromium on the PATH")

    def test_page(browser): ...

    def test_widget(browser): ...

    def test_database():
        require("PostgreSQL", False, "no initdb found")

    def test_books():
        require("Python", True, "never said")
"""


@pytest.fixture
def run(pytester, monkeypatch, pytestconfig):
    """Return a function that runs the tests above in another pytest, with CI set or absent."""

    def run(ci: str | None, *arguments: str) -> pytest.RunResult:
        monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
        # Loading every installed plugin takes longer than the tests themselves.
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.delenv("CI", raising=False)
        if ci is not None:
            monkeypatch.setenv("CI", ci)
        pytester.makepyfile(TESTS)
        return pytester.runpytest_subprocess("-p", "xdist", "-p", "tests.support.missing", *arguments)

    return run


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_missing_is_skipped_and_named_at_the_end(run, workers):
    result = run(None, "-n", workers)

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(
        [f"*= {TITLE} =*", "a browser (no chromium on the PATH): 2 tests", "PostgreSQL (no initdb found): 1 test"]
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_missing_fails_in_ci(run, workers):
    result = run("true", "-n", workers)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1, errors=2)
    result.stdout.fnmatch_lines(
        [f"*= {TITLE} =*", "a browser (no chromium on the PATH): 2 tests", "PostgreSQL (no initdb found): 1 test"]
    )


def test_nothing_missing_says_nothing(run):
    result = run(None, "-k", "books")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line(f"*{TITLE}*")
