"""The Host header is under the caller's control: it breaks no page and appears in no link."""

from __future__ import annotations

import pytest


@pytest.fixture
def engine():
    """One engine is enough: this is about headers."""
    return "sqlite"


@pytest.mark.parametrize("path", ["/", "/admin", "/nothing", "/static/mark.svg", "/v1/users/2", "/healthz"])
@pytest.mark.parametrize("host", ["a" * 64, "a..b", ".", "a" * 5000])
def test_host_that_can_be_none_is_no_failure(app, host, path):
    answer = app.test_client().get(path, headers={"Host": host})

    assert answer.status_code == 400
    assert f"//{host}" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "path", ["/v1//users/2", "/v1/users//2", "/v1/packages/10/0", "/admin//stores", "/webhooks//woocommerce/shop"]
)
def test_redirect_names_no_host(app, path):
    """A shared cache would send others to the host of the first caller."""
    answer = app.test_client().open(path, method="GET", base_url="http://evil.example", query_string="a=//b")

    assert answer.status_code in {308, 404, 405}
    assert "evil.example" not in answer.get_data(as_text=True)
    if answer.status_code == 308:
        assert answer.headers["Location"] == path.replace("//", "/").removesuffix("/0") + "?a=//b"
