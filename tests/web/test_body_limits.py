"""The limits of bodies inside the app, whatever server runs it."""

from io import BytesIO

import pytest

from bridge.web.server.body_limits import BODILESS_LIMIT, OTHER_LIMIT, body_limit
from tests.support.problems import assert_problem

CHUNKED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


class Endless(BytesIO):
    """A body in chunks that never ends; it counts what was read of it."""

    taken = 0

    def read(self, size=-1):
        size = 65536 if size < 0 else size
        self.taken += size
        return b"x" * size

    def readinto(self, buffer):
        self.taken += len(buffer)
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


@pytest.fixture
def engine():
    return "sqlite"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/spends"),
        ("POST", "/v1/limits/reset"),
        ("POST", "/webhooks/woocommerce/shop"),
        ("POST", "/connect/woocommerce"),
        ("POST", "/admin/sign-in"),
        ("POST", "/admin/connect"),
        ("PUT", "/v1/store"),
    ],
)
def test_endless_chunks_are_read_no_further_than_the_limit(shop, method, path):
    body = Endless()
    answer = shop.client.open(path, method=method, headers=shop.headers, input_stream=body, environ_overrides=CHUNKED)

    assert answer.status_code == 413, answer.text
    assert body.taken <= body_limit(method, path) + 2**20


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", " Multipart/Mixed", "multipart/form-data"])
@pytest.mark.parametrize("path", ["/admin", "/admin/connect", "/admin/shop/credits", "/nothing-here"])
def test_multipart_form_is_refused_unread(shop, path, kind):
    body = Endless()
    answer = shop.client.post(path, headers={"Content-Type": kind}, input_stream=body, environ_overrides=CHUNKED)
    assert answer.status_code == 415
    assert body.taken == 0


@pytest.mark.parametrize("path", ["/v1/spends", "/v1/link", "/connect/woocommerce", "/webhooks/woocommerce/shop"])
def test_multipart_body_for_a_program_is_no_json_and_is_spooled_nowhere(shop, path):
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * 2000 + b"\r\n--b--\r\n"
    assert shop.client.post(path, headers=shop.headers | kind, data=body).status_code in {400, 401}


@pytest.mark.parametrize("path", ["/admin", "/v1/spends", "/webhooks/woocommerce/shop", "/connect/woocommerce"])
def test_compressed_body_is_refused_unread(shop, path):
    body = Endless()
    headers = {"Content-Encoding": "gzip"}
    answer = shop.client.post(path, headers=headers, input_stream=body, environ_overrides=CHUNKED)
    assert answer.status_code == 415
    assert body.taken == 0


def test_refusals_have_codes_of_their_own(shop):
    long = shop.client.post("/v1/spends", data=b" " * (body_limit("POST", "/v1/spends") + 1), headers=shop.headers)
    compressed = shop.client.post("/v1/spends", data=b"{}", headers=shop.headers | {"Content-Encoding": "br"})

    assert_problem(long, 413)
    assert_problem(compressed, 415)
    assert long.get_json()["code"] == "body_too_large"
    assert compressed.get_json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize("path", ["/v1/holds/ho_x/release", "/v1/limits/reset", "/v1/users/7/limits/chat/reset"])
def test_body_in_chunks_is_read_where_a_body_may_be_left_out(shop, path):
    """No length is stated beforehand; a body that is no JSON must not count as nothing."""
    answer = shop.client.post(path, headers=shop.headers, input_stream=BytesIO(b"no JSON"), environ_overrides=CHUNKED)
    assert answer.status_code == 400 or answer.status_code == 404, answer.text


def test_methods_without_a_body_have_a_small_limit():
    assert body_limit("GET", "/v1/spends") == BODILESS_LIMIT
    assert body_limit("DELETE", "/webhooks/x") == BODILESS_LIMIT
    assert body_limit("POST", "/healthz") == OTHER_LIMIT
    assert body_limit("GET", "/healthz") == OTHER_LIMIT
