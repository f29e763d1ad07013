"""REST over real HTTP: authorization, answers and pages of lists, as recorded."""

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from datetime import timedelta
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from fakeshop.rest.server import serve
from tests.fakeshop.manual_shop import ManualShop, recorded_rest, shape


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_parts):
        return None


_OPENER = urllib.request.build_opener(_Still)


def call(served, path, *, key=None, method="GET", body=None, headers=(), https=True):
    """Send one request and return its status, headers and JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(served.url + path, data=data, method=method)
    for name, value in headers:
        request.add_header(name, value)
    if https:
        request.add_header("X-Forwarded-Proto", "https")
    if key is not None:
        pair = base64.b64encode(f"{key.consumer_key}:{key.consumer_secret}".encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
    try:
        response = _OPENER.open(request, timeout=10)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        text = response.read()
        return response.status, response.headers, json.loads(text)


@pytest.fixture
def manual():
    return ManualShop()


@pytest.fixture
def served(manual):
    with serve(manual.shop) as served:
        yield served


@pytest.fixture
def key(manual):
    return manual.shop.add_key()


@pytest.fixture
def orders(manual):
    """Add seven completed orders, a minute apart."""
    made = []
    for _ in range(7):
        made.append(manual.shop.place_order(2, status="completed"))
        manual.later(60)
    return made


@pytest.mark.parametrize(
    ("recording", "https", "secret"),
    [
        ("auth--none", True, None),
        ("auth--basic-over-plain-http", False, "right"),
        ("auth--bad-secret", True, "wrong"),
        ("auth--unknown-key", True, "unknown"),
    ],
)
def test_keys_are_refused_as_recorded(manual, served, recording, https, secret):
    recorded = recorded_rest(recording)["response"]
    key = None if secret is None else manual.shop.add_key()
    if secret == "unknown":
        manual.shop.keys.clear()
    if secret == "wrong":
        manual.shop.keys[key.consumer_key] = manual.shop.add_key()

    status, headers, body = call(served, "/wp-json/wc/v3/orders?per_page=1&_fields=id", key=key, https=https)

    assert (status, body) == (recorded["status"], recorded["body"])
    assert headers["Content-Type"] == "application/json; charset=UTF-8"
    assert "Allow" not in headers


def test_query_keys_are_taken_over_tls_only(served, key):
    pair = urlencode({"consumer_key": key.consumer_key, "consumer_secret": key.consumer_secret})
    answers = [call(served, f"/wp-json/wc/v3/orders?{pair}", https=https)[0] for https in (True, False)]

    assert answers == [200, 401]


def test_read_only_key_reads_and_may_not_write(manual, served):
    recorded = recorded_rest("auth--read-only-key-write")["response"]
    key = manual.shop.add_key(permissions="read")

    read = call(served, "/wp-json/wc/v3/webhooks", key=key)
    written = call(served, "/wp-json/wc/v3/webhooks", key=key, method="POST", body={"topic": "order.updated"})

    assert read[0] == 200
    assert (written[0], written[2]) == (recorded["status"], recorded["body"])


def oauth(url, key, *, secret=None, method="HMAC-SHA256", stamp=None, nonce="n1"):
    """Return a path with the OAuth parameters, signed by the RFC."""
    parts = urlsplit(url)
    parameters = dict(parse_qsl(parts.query))
    parameters |= {
        "oauth_consumer_key": key.consumer_key,
        "oauth_timestamp": str(int(stamp or time.time())),
        "oauth_nonce": nonce,
        "oauth_signature_method": method,
    }
    pairs = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(parameters.items()))
    base = "&".join(quote(part, safe="~") for part in ("GET", url.partition("?")[0], pairs))
    hashing = hashlib.sha1 if method == "HMAC-SHA1" else hashlib.sha256
    digest = hmac.new(f"{secret or key.consumer_secret}&".encode(), base.encode(), hashing).digest()
    parameters["oauth_signature"] = base64.b64encode(digest).decode()
    return f"{parts.path}?{urlencode(parameters)}"


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_oauth_is_taken_over_plain_http(served, key, orders, method):
    path = oauth(
        f"{served.url}/wp-json/wc/v3/orders?per_page=1&_fields=id&status=completed,refunded", key, method=method
    )

    status, _, body = call(served, path, https=False)

    assert (status, body) == (200, [{"id": orders[-1].id}])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secret": "cs_wrong"}, "Invalid signature - provided signature does not match."),
        ({"stamp": 1_000_000_000}, "Invalid timestamp."),
        ({"method": "PLAINTEXT"}, "Invalid signature - signature method is invalid."),
    ],
)
def test_oauth_is_checked(served, key, changes, message):
    status, _, body = call(served, oauth(f"{served.url}/wp-json/wc/v3/orders", key, **changes), https=False)

    assert (status, body["code"], body["message"]) == (401, "woocommerce_rest_authentication_error", message)


def test_oauth_nonce_is_good_once(served, key):
    path = oauth(f"{served.url}/wp-json/wc/v3/orders", key)

    assert [call(served, path, https=False)[0] for _ in range(2)] == [200, 401]


def test_pages_follow_each_other_as_recorded(served, key, orders):
    path = "/wp-json/wc/v3/orders?status=completed&per_page=3&page={}&orderby=modified&order=asc"
    pages = [call(served, path.format(page), key=key) for page in (1, 2, 3)]

    assert [order["id"] for _, _, body in pages for order in body] == [order.id for order in orders]
    assert {(headers["X-WP-Total"], headers["X-WP-TotalPages"]) for _, headers, _ in pages} == {("7", "3")}
    assert [[part.rpartition("rel=")[2] for part in headers["Link"].split(", ")] for _, headers, _ in pages] == [
        ['"next"'],
        ['"prev"', '"next"'],
        ['"prev"'],
    ]


@pytest.mark.parametrize(
    "recording",
    ["orders--page-beyond-last", "orders--completed-modified-after--page1", "orders--several-statuses"],
)
def test_link_header_is_rewritten_as_recorded(manual, served, key, recording):
    recorded = recorded_rest(recording)
    for _ in range(11):
        manual.shop.place_order(2, status="completed")
    manual.later(3600)
    for order in manual.shop.orders.values():
        order.modified_at = manual.now

    _, headers, _ = call(served, recorded["request"]["line"].removeprefix("GET "), key=key)

    expected = dict(recorded["response"]["headers"])["Link"].replace("https://127.0.0.1:8980", "HOME")
    assert headers["Link"].replace(served.url.replace("http", "https"), "HOME") == expected


def test_page_beyond_the_last_is_empty_with_totals_of_0(served, key, orders):
    status, headers, body = call(served, "/wp-json/wc/v3/orders?page=99&per_page=5", key=key)

    assert (status, body, headers["X-WP-Total"], headers["X-WP-TotalPages"]) == (200, [], "0", "0")


def test_modified_after_is_exclusive_at_a_second(served, key, orders):
    moment = orders[3].modified_at
    local = moment.astimezone(served.shop.site.zone)

    def found(text, **flags):
        query = urlencode({"include": orders[3].id, "modified_after": text, **flags})
        return len(call(served, f"/wp-json/wc/v3/orders?{query}", key=key)[2])

    earlier = moment - timedelta(seconds=1)
    assert found(f"{moment:%Y-%m-%dT%H:%M:%S}", dates_are_gmt="true") == 0
    assert found(f"{earlier:%Y-%m-%dT%H:%M:%S}", dates_are_gmt="true") == 1
    assert found(f"{earlier:%Y-%m-%dT%H:%M:%S}Z") == 1
    assert found(f"{earlier:%Y-%m-%dT%H:%M:%S}") == 0, "without the flag it is the site's time, hours ahead"
    assert found(f"{local - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}") == 1
    assert found(f"{local:%Y-%m-%dT%H:%M:%S}") == 0


def test_lists_leave_the_trash_out_unless_it_is_asked_for(served, manual, key, orders):
    manual.shop.trash(orders[0].id)

    def ids(query):
        return {order["id"] for order in call(served, f"/wp-json/wc/v3/orders?per_page=100&{query}", key=key)[2]}

    assert orders[0].id not in ids("") | ids("status=any") | ids(f"include={orders[0].id}")
    assert ids("status=trash") == {orders[0].id}
    assert call(served, f"/wp-json/wc/v3/orders/{orders[0].id}", key=key)[2]["status"] == "trash"


def test_bad_parameters_are_answered_as_recorded(served, key):
    recorded = recorded_rest("orders--bad-parameter")["response"]

    status, _, body = call(served, "/wp-json/wc/v3/orders?status=nonsense&per_page=500", key=key)

    assert (status, body) == (recorded["status"], recorded["body"])


@pytest.mark.parametrize(
    ("recording", "path"),
    [
        ("order--missing-404", "orders/999999"),
        ("product--deleted-404", "products/999999"),
        ("customer--deleted-404", "customers/999999"),
        ("customer--id-0", "customers/0"),
    ],
)
def test_what_is_not_there_is_answered_as_recorded(served, key, recording, path):
    recorded = recorded_rest(recording)["response"]

    status, _, body = call(served, f"/wp-json/wc/v3/{path}", key=key)

    assert (status, body) == (recorded["status"], recorded["body"])


def test_number_of_a_refund_is_no_order(served, manual, key, orders):
    refund = manual.shop.refund_amount(orders[0].id, "1.00")

    status, headers, body = call(served, f"/wp-json/wc/v3/orders/{orders[0].id}/refunds", key=key)

    assert call(served, f"/wp-json/wc/v3/orders/{refund.id}", key=key)[0] == 404
    assert (status, headers["X-WP-Total"], [one["id"] for one in body]) == (200, "1", [refund.id])


def test_products_are_found_by_number_sku_and_parent(served, key):
    def ids(query):
        return [product["id"] for product in call(served, f"/wp-json/wc/v3/products{query}", key=key)[2]]

    assert ids("?include=10,15") == [15, 10]
    assert ids("?sku=TOK-100K") == [10]
    assert ids("/15/variations") == [17, 16]
    assert sorted(ids("?per_page=100")) == [10, 11, 12, 13, 14, 15]
    variation = call(served, "/wp-json/wc/v3/products/16", key=key)[2]
    assert (variation["type"], variation["parent_id"]) == ("variation", 15)


def test_customers_are_listed_by_role_and_address(served, key):
    def names(query):
        return [user["username"] for user in call(served, f"/wp-json/wc/v3/customers?{query}", key=key)[2]]

    assert names("") == ["cust"]
    assert names("role=all") == ["adm2", "admin", "cust", "ed", "shopman", "sub"]
    assert names("email=sub%40example.test") == []
    assert names("email=sub%40example.test&role=all") == ["sub"]


def test_webhooks_are_made_changed_and_deleted(served, manual, key):
    wanted = {"topic": "order.updated", "delivery_url": "http://127.0.0.1:1/hook", "secret": "s&amp;t", "name": "ours"}
    manual.listener.ping_status = 200

    made = call(served, "/wp-json/wc/v3/webhooks", key=key, method="POST", body=wanted)
    path = f"/wp-json/wc/v3/webhooks/{made[2]['id']}"
    paused = call(served, path, key=key, method="PUT", body={"status": "paused"})
    listed = call(served, "/wp-json/wc/v3/webhooks?status=paused", key=key)
    refused = call(served, path, key=key, method="DELETE")
    gone = call(served, f"{path}?force=true", key=key, method="DELETE")

    assert (made[0], paused[2]["status"], [one["id"] for one in listed[2]]) == (201, "paused", [made[2]["id"]])
    assert shape(made[2]) == shape(recorded_rest("webhook--one")["response"]["body"])
    assert (refused[0], gone[0], call(served, path, key=key)[0]) == (501, 200, 404)
    assert call(served, path, key=key, method="PUT", body={})[0] == 400
    assert [body for _, _, body in manual.listener.received] == [b"webhook_id=1"]
    assert call(served, "/wp-json/wc/v3/webhooks", key=key, method="POST", body={"topic": "x"})[0] == 400


def test_index_and_status_say_who_the_shop_is(served, key):
    index = call(served, "/wp-json/")[2]
    status = call(served, "/wp-json/wc/v3/system_status", key=key)[2]

    assert (index["timezone_string"], index["gmt_offset"], "wc/v3" in index["namespaces"]) == (
        "America/New_York",
        -5,
        True,
    )
    assert (status["environment"]["version"], status["settings"]["HPOS_enabled"]) == ("10.9.1", True)


def test_key_of_a_demoted_user_sees_nothing(served, manual, key):
    manual.shop.set_role(1, "subscriber")

    assert call(served, "/wp-json/wc/v3/orders", key=key)[0] == 403
