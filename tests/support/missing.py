"""Requirements of tests that this machine lacks: skipped and listed at the end; with CI=true they fail.

A test that is silently skipped in CI would prove nothing.
"""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

TITLE = "could not run here"
_MARK = f"{TITLE}: "


def require(name: str, present: bool, why: str) -> None:
    """Return if the requirement is present; else skip the test, or fail it where `CI=true`.

    For fixtures and tests: `require("PostgreSQL", find_bindir() is not None, "no initdb found")`. `name` is what is
    missing, `why` how one can check or what to install.
    """
    if present:
        return
    reason = f"{_MARK}{name} ({why})"
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add the section that lists what could not run, and how many tests depend on it."""
    counts = Counter(_reasons(terminalreporter))
    if not counts:
        return
    terminalreporter.section(TITLE)
    for reason, count in sorted(counts.items(), key=lambda pair: pair[0].casefold()):
        terminalreporter.line(f"{reason}: {count} {'test' if count == 1 else 'tests'}")


def _reasons(terminalreporter: pytest.TerminalReporter) -> Iterator[str]:
    for outcome in ("skipped", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            # A skip carries file, line and reason; a failure without traceback carries its text.
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reason = reason.removeprefix("Skipped: ")
            if reason.startswith(_MARK):
                yield reason.removeprefix(_MARK).rstrip()
