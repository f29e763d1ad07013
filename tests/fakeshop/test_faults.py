"""The fake shop's network: its faults, its own requests over real HTTP, and the page that issues keys."""

import http.client
import http.server
import json
import threading
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

import pytest

from fakeshop.model.catalog import Refused
from fakeshop.rest.faults import Kind
from fakeshop.rest.server import serve
from fakeshop.webhooks.http_client import send_over_http
from tests.fakeshop.manual_shop import ManualShop

INDEX = "/wp-json/"


@pytest.fixture
def manual():
    return ManualShop()


@pytest.fixture
def served(manual):
    with serve(manual.shop) as served:
        yield served


def get(served, path=INDEX, *, key=None, timeout=10.0):
    """Send one request without following redirects and return status, headers and body."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    query = f"?consumer_key={key.consumer_key}&consumer_secret={key.consumer_secret}&" if key else ""
    try:
        connection.request("GET", path.replace("?", query or "?"), headers={"X-Forwarded-Proto": "https"})
        with connection.getresponse() as response:
            return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Kind.UNAUTHORIZED, 401),
        (Kind.NOT_FOUND, 404),
        (Kind.TOO_MANY, 429),
        (Kind.ERROR_PAGE, 500),
        (Kind.REDIRECT, 301),
    ],
)
def test_faults_answer_so_many_requests(served, kind, status):
    served.faults.add(kind, times=2, seconds=7)

    answers = [get(served) for _ in range(3)]

    assert [answer[0] for answer in answers] == [status, status, 200]
    if kind is Kind.TOO_MANY:
        assert answers[0][1]["Retry-After"] == "7"
    if kind is Kind.ERROR_PAGE:
        assert answers[0][2].startswith(b"<!DOCTYPE html>")


def test_fault_of_a_path_waits_for_it(served):
    served.faults.add(Kind.NOT_FOUND, path="/products")

    assert [get(served, path)[0] for path in (INDEX, "/wp-json/wc/v3/products", INDEX)] == [200, 404, 200]


def test_fault_without_an_end_is_cleared(served):
    served.faults.add(Kind.ERROR_PAGE, times=None)
    assert [get(served)[0] for _ in range(3)] == [500] * 3

    served.faults.clear()

    assert get(served)[0] == 200


def test_truncated_answer_breaks_off(served):
    served.faults.add(Kind.TRUNCATED)

    with pytest.raises(http.client.IncompleteRead):
        get(served)


def test_silence_outlasts_the_one_who_asks(served):
    served.faults.add(Kind.SILENCE, seconds=60)

    with pytest.raises(TimeoutError):
        get(served, timeout=0.05)


def test_skew_shifts_the_date(served, manual):
    served.faults.add(Kind.SKEW, seconds=-3600)

    dates = [parsedate_to_datetime(get(served)[1]["Date"]) for _ in range(2)]

    assert dates == [manual.now - timedelta(hours=1), manual.now]


def test_shrinking_list_loses_a_row_between_two_pages(served, manual):
    """A reader who counts pages misses the order that moved onto the page before."""
    key = manual.shop.add_key()
    orders = [manual.shop.place_order(2) for _ in range(4)]
    path = "/wp-json/wc/v3/orders?order=asc&orderby=id&per_page=2&page={}"
    first = json.loads(get(served, path.format(1), key=key)[2])
    served.faults.add(Kind.SHRINKING, rows=1)
    second = json.loads(get(served, path.format(2), key=key)[2])

    seen = [order["id"] for order in first + second]

    assert seen == [orders[0].id, orders[1].id, orders[3].id]


def test_requests_are_remembered(served):
    get(served)

    assert served.requests == [("GET", INDEX)]


WANTED = {
    "app_name": "Token <Bridge>",
    "scope": "read_write",
    "user_id": "store-7",
    "return_url": "http://127.0.0.1:1/back?from=shop",
    "callback_url": "http://127.0.0.1:1/callback",
}


def test_approving_posts_the_keys_and_sends_the_owner_back(served, manual):
    page = get(served, f"/wc-auth/v1/authorize?{urlencode(WANTED)}")
    granted = get(served, f"/wc-auth/v1/access_granted/?{urlencode(WANTED)}")
    url, headers, body = manual.listener.received[-1]
    document = json.loads(body)

    assert b"Token &lt;Bridge&gt;" in page[2]
    assert b"Approve" in page[2]
    assert granted[1]["Location"] == "http://127.0.0.1:1/back?from=shop&success=1&user_id=store-7"
    assert (url, dict(headers)["Content-Type"]) == (WANTED["callback_url"], "application/json;charset=UTF-8")
    assert list(document) == ["key_id", "user_id", "consumer_key", "consumer_secret", "key_permissions"]
    assert (document["user_id"], document["key_permissions"]) == ("store-7", "read_write")
    assert manual.shop.keys[document["consumer_key"]].consumer_secret == document["consumer_secret"]


@pytest.mark.parametrize("answer", [500, None])
def test_callback_that_fails_leaves_no_key(served, manual, answer):
    manual.listener.status = answer

    status, _, body = get(served, f"/wc-auth/v1/access_granted/?{urlencode(WANTED)}")

    assert (status, manual.shop.keys) == (401, {})
    assert b"Error" in body


@pytest.mark.parametrize("name", ["scope", "callback_url"])
def test_request_for_keys_is_checked(served, name):
    wanted = {**WANTED, name: "<nonsense>"}

    status, _, body = get(served, f"/wc-auth/v1/authorize?{urlencode(wanted)}")

    assert status == 401
    assert b"<nonsense>" not in body


@contextmanager
def listening(answers):
    """Return a server that answers by path with (status, location) and stores method, path, headers and body."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append((self.command, self.path, list(self.headers.items()), body))
            status, location = answers[self.path]
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_parts):
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("status", "method"), [(301, "POST"), (302, "GET"), (307, "POST")])
def test_redirects_of_pings_are_followed_and_of_deliveries_not(manual, status, method):
    manual.shop.send = send_over_http
    with listening({"/hook": (status, "/there"), "/there": (200, None)}) as (url, seen):
        manual.shop.create_webhook("order.updated", f"{url}/hook", secret="s")
        manual.shop.place_order(2)
        (sent,) = manual.shop.run_queue()

    assert [(one[0], one[1]) for one in seen] == [("POST", "/hook"), (method, "/there"), ("POST", "/hook")]
    assert seen[1][3] == b"webhook_id=1"
    assert (sent.status, manual.shop.webhooks[1].is_ping_due) == (status, False)
    assert [name for name, _ in seen[2][2]] == [name for name, _ in sent.headers]
    assert seen[2][3] == sent.body


def test_refused_connection_is_a_failure(manual):
    manual.shop.send = send_over_http
    with listening({}) as (url, _):
        pass
    manual.shop.create_webhook("order.updated", url, secret="s")
    manual.shop.place_order(2)

    (sent,) = manual.shop.run_queue()

    assert (sent.status, manual.shop.webhooks[1].failures) == (None, 1)


def test_nothing_leaves_this_machine(manual):
    manual.shop.send = send_over_http

    with pytest.raises(ValueError, match="this machine"):
        manual.shop.create_webhook("order.updated", "http://shop.example/hook")


@pytest.mark.parametrize(
    "act",
    [
        lambda shop, order: shop.refund_amount(order.id, "99.00"),
        lambda shop, order: shop.refund_amount(order.id, "0"),
        lambda shop, order: shop.refund_lines(order.id, {order.lines[0].id: 9}),
        lambda shop, order: shop.restore(order.id),
        lambda shop, order: shop.set_status(order.id, "nonsense"),
        lambda shop, order: shop.reassign(order.id, 999),
        lambda shop, order: shop.complete(999),
        lambda shop, order: shop.place_order(2, [(15, 1)]),
        lambda shop, order: shop.place_order(2, [(10, 0)]),
        lambda shop, order: shop.create_webhook("order.exploded", "http://127.0.0.1:1"),
    ],
    ids=[
        "refund-above-remainder",
        "refund-of-nothing",
        "more-pieces-than-sold",
        "restore-what-stands",
        "unknown-status",
        "unknown-user",
        "unknown-order",
        "variable-product",
        "no-piece",
        "unknown-topic",
    ],
)
def test_shop_refuses_what_woocommerce_would(manual, act):
    order = manual.shop.place_order(2, status="completed")

    with pytest.raises(Refused):
        act(manual.shop, order)
