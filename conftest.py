"""Plugins of every test run; fixtures live in `tests/`, beside the tests that use them."""

pytest_plugins = ("pytester", "tests.support.missing")
