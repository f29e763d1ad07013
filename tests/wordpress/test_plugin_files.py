"""Each file of the plugin is valid, escapes what it prints, and checks nonce and capability; each check can fail."""

import json
import shutil
import statistics
import subprocess
from pathlib import Path

import pytest

from tests.support.missing import require
from tests.support.wordpress import PLUGIN

CHECKS = Path(__file__).parent / "checks" / "checks.php"
FILES = sorted(PLUGIN.rglob("*.php"))

pytestmark = pytest.mark.xdist_group("wordpress")


def run_checks(sources):
    """Return what the checks say of these sources by path."""
    require("PHP", shutil.which("php") is not None, "no php found")
    done = subprocess.run(["php", CHECKS], input=json.dumps(sources), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def report():
    """Return the report about the plugin."""
    return run_checks({path.relative_to(PLUGIN).as_posix(): path.read_text() for path in FILES})


def test_checks_see_the_plugin(report):
    assert len(FILES) > 30
    assert len(report["lengths"]) > 150


def test_php_accepts_every_file():
    require("PHP", shutil.which("php") is not None, "no php found")
    done = subprocess.run(
        ["xargs", "-0", "-n1", "-P2", "php", "-n", "-l"],
        input="\0".join(map(str, FILES)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_output_is_escaped_and_handlers_are_guarded(report):
    assert report["faults"] == []


def test_functions_are_small(report):
    lengths = sorted(report["lengths"])

    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.9)] <= 25
    assert lengths[-1] <= 50


def test_every_file_refuses_to_run_alone():
    for path in FILES:
        text = path.read_text()
        only_returns = path.name.endswith(".asset.php")
        assert only_returns or "defined( 'ABSPATH' ) || exit" in text or "WP_UNINSTALL_PLUGIN" in text, path


def test_every_text_names_the_text_domain():
    for path in FILES:
        for number, text in enumerate(path.read_text().splitlines(), start=1):
            if any(
                f" {name}( '" in text or f"({name}( '" in text
                for name in ("__", "_n", "_x", "esc_html__", "esc_attr__")
            ):
                assert "'token-bridge'" in text, f"{path}:{number}"


BAD = {
    "echo $name;": "not escaped",
    "echo '<p>' . $name . '</p>';": "not escaped",
    "echo esc_html( $a ), $b;": "not escaped",
    "echo sprintf( esc_html__( 'a %s' ), $b );": "not escaped",
    "return '<p>' . $name;": "joins HTML",
    'return "<p>$name</p>";': "puts a variable into HTML",
    "printf( 'a %s', $b );": "prints with printf",
    "add_action( 'admin_post_x', 'f' );": "registers a handler",
    "add_action( 'wp_ajax_nopriv_x', 'f' );": "registers a handler",
    "function f() { return $_POST['x']; }": "reads a form",
    "function f() { check_admin_referer( 'a' ); return $_POST['x']; }": "reads a form",
    "register_rest_route( 'a', 'b', [ 'callback' => 'f' ] );": "anybody may call",
    "register_rest_route( 'a', 'b', [ 'permission_callback' => '__return_true' ] );": "anybody may call",
    "$a = match ( 1 ) { 1 => 2 };": "newer",
    "$a = $b?->c;": "newer",
    "class A { function __construct( private $b ) {} }": "newer",
    "function f( int|string $a ) { return $a; }": "newer",
    "f( name: 1 );": "newer",
    "try { f(); } catch ( E ) { g(); }": "newer",
    "function f( $a, ) { return $a; }": "newer",
    "function f( {": "syntax error",
}
GOOD = (
    "echo '<p>' . esc_html( $name ) . '</p>';",
    "echo '<i ' . checked( $a, 'b', false ) . '>';",
    "return '<p>' . sprintf( esc_html__( 'a %s' ), $link_html ) . '</p>';",
    "return '<p>' . esc_html( $name ) . '</p>' . $this->age_html( $at );",
    "function f() { check_admin_referer( 'a' ); if ( current_user_can( 'b' ) ) { return $_POST['x']; } }",
    "register_rest_route( 'a', 'b', [ 'permission_callback' => [ $this, 'may' ] ] );",
    "function f( &$a ) { return $a; }",
)


@pytest.fixture(scope="module")
def sample_faults():
    """Return the faults of all samples; each begins with the number of its sample."""
    samples = [*BAD, *GOOD]
    return run_checks({f"{number}.php": f"<?php\n{code}" for number, code in enumerate(samples)})["faults"]


@pytest.mark.parametrize("number", range(len(BAD)), ids=list(BAD))
def test_each_check_can_fail(sample_faults, number):
    found = [fault for fault in sample_faults if fault.startswith(f"{number}.php:")]

    assert any(list(BAD.values())[number] in fault for fault in found), found


@pytest.mark.parametrize("number", range(len(GOOD)), ids=list(GOOD))
def test_checks_accept_good_code(sample_faults, number):
    assert not [fault for fault in sample_faults if fault.startswith(f"{len(BAD) + number}.php:")]
