"""The catalogs of the plugin are up to date and complete, and WordPress loads them."""

import importlib.util

import pytest
from babel.messages.pofile import read_po

from tests.support.wordpress import PLUGIN, ROOT

pytestmark = pytest.mark.xdist_group("wordpress")

PO_FILES = sorted((PLUGIN / "languages").glob("*.po"))


@pytest.fixture(scope="module")
def catalogs():
    """Return the script that updates the catalogs, as a module."""
    spec = importlib.util.spec_from_file_location("catalogs", ROOT / "scripts" / "update_plugin_catalogs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_are_what_the_source_says(catalogs):
    stale = [path.name for path, content in catalogs.files().items() if path.read_bytes() != content]

    assert stale == []


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.stem)
def test_every_text_is_translated_with_its_placeholders(catalogs, path):
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.stem.rpartition("-")[2])

    assert catalogs.missing(catalog) == []
    assert len([message for message in catalog if message.id]) > 150


def test_a_lost_placeholder_is_found(catalogs):
    template = catalogs.extract()
    template.add("%s to see your tokens.", "Ihre Tokens.")

    assert "%s to see your tokens." in catalogs.missing(template)


def test_wordpress_shows_german(active_site):
    shown = active_site.run(
        """foreach (['plugin_locale', 'determine_locale', 'locale'] as $filter) {
            add_filter($filter, function () { return 'de_DE'; }, 99);
        }
        unload_textdomain('token-bridge', true);
        TokenBridge\\Plugin::instance()->load_translations();
        return __('Buy tokens', 'token-bridge');"""
    )

    assert shown == "Tokens kaufen"
