"""A headless Chromium from the system, driven by playwright."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.missing import require

# The first one is Chromium without the windows around its pages: a page costs a third of the processor time.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    # Chromium does not start its sandbox as root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_WAIT_MILLISECONDS = 15_000
"""How long `expect(...)` waits for a page; a busy machine needs more than the five seconds of playwright."""


def chromium_path() -> Path | None:
    """Return the system's Chromium, or None if there is none; playwright's own download is never used."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Yield a running headless browser; make a `new_context()` for each test, so that cookies are not shared.

    A launch takes most of a second: use it in a session fixture. Without Chromium the test is skipped (fails in CI).
    """
    path = chromium_path()
    expect.set_options(timeout=_WAIT_MILLISECONDS)
    require("a browser", path is not None, f"none of {', '.join(_NAMES)} is on the PATH")
    with tempfile.TemporaryDirectory(prefix="bridge-browser-", ignore_cleanup_errors=True) as home:
        # Chromium and fontconfig write into the home directory, which tests must leave alone.
        places = {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_CACHE_HOME": f"{home}/cache"}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=path, headless=True, args=_FLAGS, env={**os.environ, **places}
            )
            try:
                yield browser
            finally:
                browser.close()


def note_console(page: Page, messages: list[str], *, expected: str = "") -> None:
    """Append what the page writes to the console from now on, except messages that contain `expected`.

    A test types sooner than a person does: a field that asks for the focus after that is no fault.
    """

    def note(message: ConsoleMessage) -> None:
        is_expected = bool(expected) and expected in message.text
        if not is_expected and not message.text.startswith("Autofocus processing was blocked"):
            messages.append(message.text)

    page.on("console", note)
