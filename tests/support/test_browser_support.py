import pytest
from playwright.sync_api import expect

from tests.support.browser import chromium_path, open_browser


@pytest.mark.xdist_group("browser")
def test_browser_shows_a_page(browser):
    """Use the browser of the flows: playwright starts no second one in a process."""
    page = browser.new_page()
    page.set_content("<title>Credits</title><p>100 000 tokens</p>")

    expect(page).to_have_title("Credits")
    expect(page.locator("p")).to_have_text("100 000 tokens")
    page.close()


def test_no_browser_is_a_skip(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)

    assert chromium_path() is None
    with pytest.raises(pytest.skip.Exception, match="a browser"), open_browser():
        pass
