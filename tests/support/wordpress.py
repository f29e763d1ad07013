"""A real WordPress on loopback: the system's files, PHP's own web server and a MariaDB, with our plugin in it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.support.guarded import GuardedServer, new_folder, start_guarded
from tests.support.mariadb import MariaDb, has_mariadb, start_mariadb
from tests.support.missing import require

ROOT = Path(__file__).resolve().parent.parent.parent
PLUGIN = ROOT / "wordpress" / "token-bridge"
ADMIN = "owner"
PASSWORD = "a password of the tests"

_PARTS = ROOT / "tests" / "wordpress" / "php"
_WORKERS = "4"
_RUN = "/run-code-of-the-tests"
_RESULT = "\x1eresult "
_EXTENSIONS = ("mysqli", "mbstring", "xml", "curl")


@dataclass
class WordPress:
    """A running site; `page` is a browser without a session, `sign_in` one of a user."""

    url: str
    folder: Path
    mariadb: MariaDb
    server: GuardedServer
    sessions: dict[str, requests.Session] = field(default_factory=dict)

    def run(self, code: str, *, at: str = "/", **values: Any) -> Any:
        """Run PHP code in the site, with these values as variables, and return what it returns.

        In a network, `at` is the path of the site.
        """
        sent = {"code": code, "values": values, "at": at}
        answer = self._session("").post(self.url + _RUN, json=sent, timeout=60)
        if _RESULT not in answer.text:
            raise AssertionError(answer.text + self.log())
        return json.loads(answer.text.rpartition(_RESULT)[2])

    def get(self, path: str, user: str = "", **more: Any) -> requests.Response:
        """Return a page, as this user sees it."""
        return self._session(user).get(self.url + path, timeout=30, **more)

    def post(self, path: str, user: str = "", **more: Any) -> requests.Response:
        """Send a form or a document as this user."""
        return self._session(user).post(self.url + path, timeout=30, **more)

    def add_user(self, name: str, role: str = "subscriber") -> int:
        """Add a user with the password of the tests; return their ID."""
        values = {"user_login": name, "user_email": f"{name}@example.test", "user_pass": PASSWORD, "role": role}
        return int(self.run("return wp_insert_user($user);", user={**values, "display_name": name.title()}))

    def run_background(self) -> None:
        """Run all background tasks that are due, and those they add."""
        self.run("token_bridge_tests_run_cron();")

    def log(self) -> str:
        """Return what PHP has printed or logged."""
        return self.server.output()

    def _session(self, user: str) -> requests.Session:
        session = self.sessions.get(user) or requests.Session()
        if user and user not in self.sessions:
            session.cookies.set("wordpress_test_cookie", "WP Cookie check", domain="127.0.0.1")
            form = {"log": user, "pwd": PASSWORD, "testcookie": "1"}
            answer = session.post(f"{self.url}/wp-login.php", data=form, timeout=30, allow_redirects=False)
            assert answer.status_code == 302, answer.text
        self.sessions[user] = session
        return session


def source_folder() -> Path:
    """Return the folder of WordPress's files: `BRIDGE_WORDPRESS_DIR`, else the system's."""
    return Path(os.environ.get("BRIDGE_WORDPRESS_DIR") or "/usr/share/wordpress")


def newer_source_folder() -> Path:
    """Return the folder of a newer WordPress, which `scripts/install-system.sh` installs."""
    return Path("/usr/local/share/wordpress-6.5")


def require_wordpress(source: Path) -> None:
    """Skip the test where PHP, MariaDB or WordPress is missing."""
    require("PHP", shutil.which("php") is not None, "no php found")
    modules = subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout.split()
    missing = [name for name in _EXTENSIONS if name not in modules]
    require("PHP", not missing, f"without {', '.join(missing)}")
    require("MariaDB", has_mariadb(), "no mariadbd found")
    require("WordPress", (source / "wp-load.php").is_file(), f"no files in {source}")


def start_wordpress(source: Path | None = None) -> WordPress:
    """Start a new site with our plugin and the stand-in for WooCommerce active, from these files of WordPress."""
    source = source or source_folder()
    require_wordpress(source)
    mariadb = start_mariadb()
    site = new_folder("wordpress") / "site"
    _copy_files(source, site)
    return _install(site, mariadb, "wordpress")


def start_network(wordpress: WordPress) -> WordPress:
    """Start a network of sites (multisite) on the files and the database server of a site that runs."""
    return _install(wordpress.folder, wordpress.mariadb, "network", TESTS_NETWORK="1")


def stop_wordpress(wordpress: WordPress) -> None:
    """Stop both servers and remove their folders."""
    wordpress.server.stop()
    wordpress.mariadb.server.stop()


def _install(site: Path, mariadb: MariaDb, database: str, **more: str) -> WordPress:
    mariadb.run(f"CREATE DATABASE {database}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "TESTS_DB_SOCKET": str(mariadb.socket),
        "TESTS_DB_NAME": database,
        "TESTS_SITE_URL": f"http://127.0.0.1:{port}",
        "PHP_CLI_SERVER_WORKERS": _WORKERS,
        **more,
    }
    # The first site's server removes the folder with WordPress's files when it stops, each other one its own.
    folder = site.parent if database == "wordpress" else new_folder(database)
    settings = ["-d", f"error_log={folder}/php.log", "-d", "display_errors=stderr", "-d", "opcache.enable_cli=1"]
    command = ["php", *settings, "-S", f"127.0.0.1:{port}", "-t", site, _PARTS / "router.php"]
    server = start_guarded(folder, command, environment)
    found = WordPress(environment["TESTS_SITE_URL"], site, mariadb, server)
    server.wait_until(lambda: _listens(port))
    found.run("", install={"admin": ADMIN, "password": PASSWORD})
    return found


def _copy_files(source: Path, site: Path) -> None:
    """Copy WordPress, since it finds its folder by the real path of its files; link what is ours."""
    # Debian's package has links to libraries elsewhere, which are resolved.
    shutil.copytree(source, site, ignore=shutil.ignore_patterns("wp-config.php", "wp-content", ".git"))
    content = site / "wp-content"
    for name in ("plugins", "themes", "mu-plugins"):
        (content / name).mkdir(parents=True)
    (content / "plugins" / "token-bridge").symlink_to(PLUGIN)
    (content / "plugins" / "woocommerce").symlink_to(_PARTS / "woocommerce")
    (content / "themes" / "plain").symlink_to(_PARTS / "theme")
    (content / "mu-plugins" / "tests.php").symlink_to(_PARTS / "tests.php")
    shutil.copyfile(_PARTS / "config.php", site / "wp-config.php")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
