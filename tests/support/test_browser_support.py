import pytest

from tests.support import browser


def test_browser_shows_a_page():
    with browser.open_browser() as chromium:
        page = chromium.new_page()
        page.set_content("<title>Credits</title><p>100 000 tokens</p>")

        assert page.title() == "Credits"
        assert page.inner_text("p") == "100 000 tokens"


def test_no_browser_is_a_skip(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)

    assert browser.chromium_path() is None
    with pytest.raises(pytest.skip.Exception, match="a browser"), browser.open_browser():
        pass
