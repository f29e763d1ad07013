"""The page that connects a WordPress site: download, code, and the way on when the site has used it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile

import pytest

from bridge.config import ROOT
from bridge.domain.admin.admins import Role
from bridge.services.ops import plugin_archive
from bridge.services.ops.plugin_archive import PluginTooLarge, build
from bridge.web.admin import connect_wordpress_view
from tests.factories import add_shop
from tests.support.connecting import make_code, send_code
from tests.support.ledger_sql import rows
from tests.support.pages import add_admin, read, send, sign_in, try_sign_in

NEW = "/admin/connect/wordpress"
STORE = "/admin/shop/connection/wordpress"
SHOP = {"url": "http://127.0.0.1:8980"}
_CODE = re.compile(r'id="code"[^>]* value="([^"]+)"')


def press(client, path):
    """Create a code by the page's button; return the page that shows it."""
    return send(client, read(client.get(path)).form(path))


def code_in(page):
    found = _CODE.search(page.text)
    assert found is not None, page.text
    return found[1]


def follow_of(page):
    return read(page).links["Check whether it is connected"]


def test_a_new_store_is_connected_with_the_code_of_the_page(app):
    client = sign_in(app)
    page = press(client, NEW)

    connected = send_code(app, code_in(page)).get_json()

    answer = client.get(follow_of(page))
    assert (answer.status_code, answer.location) == (303, f"/admin/{connected['store']}/connection")
    assert "The WordPress site is connected" in client.get(answer.location).text


def test_a_store_is_connected_again_from_its_own_page(app, shop):
    client = sign_in(app)
    page = press(client, STORE)

    assert send_code(app, code_in(page), **SHOP).get_json()["store"] == "shop"
    assert client.get(follow_of(page)).location == "/admin/shop/connection"


def test_the_code_is_shown_once_and_made_by_the_admin(app, database):
    client = sign_in(app)
    page = press(client, NEW)

    assert code_in(page).startswith("http://127.0.0.1:8000#")
    assert page.headers["Cache-Control"] == "no-store"
    for path in (NEW, follow_of(page)):
        assert _CODE.search(client.get(path).text) is None
    assert [row["made_by"] for row in rows(database, "select made_by from connect_codes")] == ["owner@example.test"]


def test_an_unused_code_leads_back_to_the_steps(app, database):
    client = sign_in(app)
    follow = follow_of(press(client, NEW))

    waiting = client.get(follow)
    state = client.get(f"{follow}?state").get_json()
    with database.transaction() as connection:
        past = "'2020-01-01'" if not database.is_sqlite else "0"
        connection.exec_driver_sql(f"update connect_codes set expires_at = {past}")
    expired = client.get(follow)

    assert (waiting.status_code, state) == (200, {"state": "waiting"})
    assert "No site has used the code yet" in waiting.text
    assert "The code has expired" in expired.text
    assert client.get(f"{follow}?state").get_json() == {"state": "expired"}
    assert read(expired).form(NEW)


def test_a_script_learns_that_the_site_is_connected(app):
    client = sign_in(app)
    page = press(client, NEW)
    send_code(app, code_in(page))

    assert client.get(f"{follow_of(page)}?state").get_json() == {"state": "connected"}


def test_codes_of_other_stores_and_invented_ones_are_not_found(app, shop):
    add_shop(app, "other")
    client = sign_in(app)
    other = follow_of(press(client, "/admin/other/connection/wordpress"))

    assert client.get(other.replace("/other/", "/shop/")).status_code == 404
    for code_id in ("cc_1", "1", "cc_0000000000001"):
        assert client.get(f"{NEW}/codes/{code_id}").status_code == 404


def test_only_owners_see_the_page(app, shop):
    sign_in(app)
    for role in (Role.VIEWER, Role.MANAGER):
        add_admin(app, f"{role.value}@example.test", role)
        client = app.test_client()
        assert try_sign_in(client, f"{role.value}@example.test").status_code == 303
        assert [client.get(path).status_code for path in (NEW, STORE)] == [403, 403]
        assert "Connect with the plugin" not in client.get("/admin/shop/connection").text


def test_an_owner_of_one_store_connects_that_store_only(app, shop):
    add_shop(app, "other")
    add_admin(app, "one@example.test", None, stores={shop.id: Role.OWNER})
    client = app.test_client()
    try_sign_in(client, "one@example.test")

    assert [client.get(path).status_code for path in (NEW, STORE)] == [403, 200]
    assert client.get("/admin/other/connection/wordpress").status_code == 404
    assert client.get(f"{STORE}/token-bridge.zip").status_code == 200
    assert send_code(app, code_in(press(client, STORE)), **SHOP).status_code == 201


def test_the_page_leads_to_stores_and_is_found_from_others(app, shop):
    client = sign_in(app)

    assert STORE in read(client.get(NEW)).links.values()
    assert NEW in read(client.get("/admin/connect")).links.values()
    assert STORE in read(client.get("/admin/shop/connection")).links.values()


def test_an_address_of_this_machine_is_named(app):
    assert "only this machine can reach" in sign_in(app).get(NEW).text


def test_a_used_code_of_the_api_is_not_shown_as_the_pages(app, shop):
    send_code(app, make_code(app, "shop"), **SHOP)

    assert _CODE.search(sign_in(app).get(STORE).text) is None


def test_the_plugin_is_downloaded_as_a_zip_file(app):
    answer = sign_in(app).get(f"{NEW}/token-bridge.zip")

    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="token-bridge.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert "token-bridge/token-bridge.php" in names
    assert all(name.startswith("token-bridge/") and "/." not in name for name in names)
    assert app.test_client().get(f"{NEW}/token-bridge.zip").status_code == 303


def test_make_plugin_writes_the_same_bytes(app):
    subprocess.run([sys.executable, "scripts/build_plugin.py"], cwd=ROOT, check=True, capture_output=True, timeout=60)

    assert (ROOT / "dist" / "token-bridge.zip").read_bytes() == sign_in(app).get(f"{NEW}/token-bridge.zip").data


@pytest.fixture
def folder(tmp_path):
    """Return a plugin's folder with files that belong to it, and some that do not."""
    folder = tmp_path / "token-bridge"
    (folder / "src").mkdir(parents=True)
    (folder / "token-bridge.php").write_text("<?php // the plugin\n" * 50)
    (folder / "src" / "B.php").write_text("<?php")
    (folder / "src" / "A.php").write_text("<?php")
    (folder / ".git").write_text("x")
    (folder / "src" / "link.php").symlink_to("/etc/hostname")
    return folder


def test_equal_files_give_equal_bytes(folder, tmp_path):
    first = build(folder)
    (folder / "src" / "A.php").touch()
    (folder / "src" / "A.php").chmod(0o600)

    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.namelist() == [f"token-bridge/{name}" for name in ("src/A.php", "src/B.php", "token-bridge.php")]
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert {entry.date_time[:3] for entry in archive.infolist()} == {(1980, 1, 1)}
    assert build(folder) == first
    (folder / "src" / "A.php").write_text("<?php // changed")
    assert build(folder) != first


def test_a_folder_that_is_no_plugin_is_not_read_into_memory(folder, monkeypatch):
    monkeypatch.setattr(plugin_archive, "MAX_BYTES", 100)

    with pytest.raises(PluginTooLarge):
        build(folder)


def test_an_installation_without_the_plugin_says_so(app, monkeypatch, tmp_path):
    monkeypatch.setattr(connect_wordpress_view, "PLUGIN", tmp_path)
    client = sign_in(app)

    page, download = client.get(NEW), client.get(f"{NEW}/token-bridge.zip")

    assert "make plugin" in page.text
    assert download.status_code == 404
