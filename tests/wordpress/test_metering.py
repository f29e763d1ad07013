"""The functions for developers, the REST proxy, guests and events."""

import base64
import hashlib
import hmac
import json
import time

import pytest
import requests

from tests.support.wordpress import PASSWORD
from tests.wordpress.conftest import connect

pytestmark = pytest.mark.xdist_group("wordpress")

CHAT = "['module' => 'chat', 'tokens' => 30]"


@pytest.fixture(scope="module")
def user(active_site):
    """Return the ID of a user."""
    return active_site.add_user("spender")


def run_as(site, user, code, **values):
    """Run code as a user."""
    return site.run(f"wp_set_current_user($user); {code}", user=user, **values)


def test_quote_spend_and_refund_of_the_current_user(connected_site, bridge, user):
    bridge.give(user, 100)

    found = run_as(
        connected_site,
        user,
        f"""$quote = token_bridge_quote({CHAT});
        $spend = token_bridge_spend({CHAT}, ['source' => 'test', 'reference' => 'a1']);
        $refund = token_bridge_refund($spend->id(), 'did not work', 10);
        return [$quote->tokens(), $quote->is_affordable(), $spend->is_ok(), $spend->tokens(), $spend->available(),
            $refund->tokens()];""",
    )

    assert found == [30, True, True, 30, 70, 10]
    assert bridge.balance(user) == 80


def test_same_key_charges_once(connected_site, bridge, user):
    bridge.give(user, 111)
    before = bridge.balance(user)

    ids = run_as(
        connected_site,
        user,
        f"$spend = fn() => token_bridge_spend({CHAT}, ['key' => 'k1'])->id(); return [$spend(), $spend()];",
    )

    assert ids[0] == ids[1]
    assert bridge.balance(user) == before - 30


def test_refusal_is_typed_and_becomes_an_error(connected_site, bridge, user):
    bridge.give(user, 333)

    found = run_as(
        connected_site,
        user,
        """$spend = token_bridge_spend(['module' => 'chat', 'tokens' => 100000]);
        $error = $spend->to_error();
        return [$spend->is_refused(), $spend->code(), $spend->shortfall() > 0, $spend->message(),
            $error->get_error_data()];""",
    )

    assert found[:3] == [True, "insufficient_tokens", True]
    assert "tokens" in found[3]
    assert found[4]["status"] == 402


def test_hold_is_captured_or_released(connected_site, bridge, user):
    bridge.give(user, 222)
    before = bridge.balance(user)

    found = run_as(
        connected_site,
        user,
        f"""$one = token_bridge_hold({CHAT}, ['ttl_seconds' => 60]);
        $two = token_bridge_hold(['module' => 'chat', 'tokens' => 5]);
        $spend = token_bridge_capture($one->id(), ['tokens' => 12]);
        $free = token_bridge_release($two->id());
        return [$one->tokens(), $one->expires_at() > '2020', $spend->tokens(), $free->is_ok()];""",
    )

    assert found == [30, True, 12, True]
    assert bridge.balance(user) == before - 12


def test_without_connection_nothing_is_charged_and_nothing_breaks(active_site, bridge, user):
    connect(active_site, bridge, access_key="")

    found = run_as(
        active_site,
        user,
        f"$s = token_bridge_spend({CHAT}); return [$s->is_ok(), $s->is_refused(), $s->code(), $s->tokens()];",
    )

    assert found == [False, False, "not_connected", 0]


def page_nonce(site, user):
    """Return the nonce that pages of this user contain."""
    page = {"post_content": "[nonce_of_the_tests]", "post_status": "publish", "post_title": "Nonce"}
    path = site.run("return parse_url(get_permalink(wp_insert_post($page)), PHP_URL_PATH);", page=page)
    return site.get(path, user).text.partition("nonce=")[2][:10]


def test_proxy_charges_the_sender_only(connected_site, bridge, user):
    bridge.give(user, 5_000)
    other = connected_site.add_user("other_one")
    before = bridge.balance(user)
    nonce = {"X-WP-Nonce": page_nonce(connected_site, "spender"), "Idempotency-Key": "front-1"}
    body = {"module": "chat", "tokens": 7, "user": {"id": other}, "user_id": other}

    answers = [
        connected_site.post("/wp-json/token-bridge/v1/spend", "spender", json=body, headers=nonce) for _ in range(2)
    ]
    quoted = connected_site.post("/wp-json/token-bridge/v1/quote", "spender", json=body, headers=nonce)

    assert [answer.json()["tokens"] for answer in answers] == [7, 7]
    assert quoted.json()["tokens"] == 7
    assert bridge.balance(user) == before - 7


def test_proxy_refuses_without_nonce_or_sign_in(connected_site):
    body = {"module": "chat", "tokens": 7}

    assert connected_site.post("/wp-json/token-bridge/v1/spend", "spender", json=body).status_code in (401, 403)
    nonce = {"X-WP-Nonce": page_nonce(connected_site, "")}
    assert connected_site.post("/wp-json/token-bridge/v1/spend", json=body, headers=nonce).status_code in (401, 403)


def test_guest_is_named_by_a_signed_cookie(connected_site, bridge):
    bridge.call("PUT", "limits/chat", {"period": "daily", "rules": {"guest": 50}})
    path = "/?guest_of_the_tests"
    session = requests.Session()

    first = session.get(connected_site.url + path, timeout=30)
    second = session.get(connected_site.url + path, timeout=30)
    name, value = next((cookie.name, cookie.value) for cookie in session.cookies if "guest" in cookie.name)
    forged = requests.get(connected_site.url + path, cookies={name: "0" * 32 + value[32:]}, timeout=30)

    assert "HttpOnly" in first.headers["Set-Cookie"]
    assert "guest spent 30" in first.text
    assert "guest spent 0 insufficient_tokens" in second.text
    assert "guest spent 30" in forged.text
    assert forged.cookies[name] != value


def send_event(site, secret, event, *, at=None, key="evt_1", forged=False):
    """Send an event as the bridge does, and return the status."""
    body, at = json.dumps(event), str(int(time.time()) if at is None else at)
    signing = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(signing, f"{key}.{at}.{body}".encode(), hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(b"x" * 32 if forged else digest).decode(),
    }
    return site.post("/wp-json/token-bridge/v1/events", data=body, headers=headers).status_code


def test_signed_events_become_actions_once(connected_site, bridge):
    secret = "whsec_" + base64.b64encode(b"a secret of the tests, long enough").decode()
    connect(connected_site, bridge, event_endpoint="ep_1", event_secret=secret)
    connected_site.run("delete_option('actions_of_the_tests');")
    exhausted = {"type": "balance.exhausted", "data": {"store": "shop", "user": {"id": 42}, "balance": 0}}

    statuses = [send_event(connected_site, secret, exhausted, key="evt_9") for _ in range(2)]
    send_event(connected_site, secret, {**exhausted, "type": "balance.replenished"}, key="evt_10")

    assert statuses == [204, 204]
    actions = connected_site.run("return get_option('actions_of_the_tests');")
    assert actions == ["exhausted 42", "replenished 42"]


def test_forged_and_old_events_are_refused(connected_site, bridge):
    secret = "whsec_" + base64.b64encode(b"a secret of the tests, long enough").decode()
    connect(connected_site, bridge, event_endpoint="ep_1", event_secret=secret)
    event = {"type": "balance.exhausted", "data": {"user": {"id": 42}}}

    assert send_event(connected_site, secret, event, forged=True) == 401
    assert send_event(connected_site, secret, event, at=time.time() - 3600) == 401
    connect(connected_site, bridge)
    assert send_event(connected_site, secret, event) == 401


def sign_in(session, site, name):
    """Sign a browser in, as the form of WordPress does."""
    session.cookies.set("wordpress_test_cookie", "WP Cookie check", domain="127.0.0.1")
    form = {"log": name, "pwd": PASSWORD, "testcookie": "1"}
    answer = session.post(f"{site.url}/wp-login.php", data=form, timeout=30, allow_redirects=False)
    assert answer.status_code == 302, answer.text


def used(bridge, user):
    """Return what counts of a user's free chat."""
    limits = bridge.call("GET", f"users/{user}").json()["limits"]
    return next(limit["used"] for limit in limits if limit["module"] == "chat")


def test_use_of_a_visitor_counts_for_the_user_they_sign_in_as(connected_site, bridge):
    bridge.call("PUT", "limits/chat", {"period": "daily", "rules": {"guest": 50, "user": 100}})
    user = connected_site.add_user("former_guest")
    session = requests.Session()
    session.get(connected_site.url + "/?guest_of_the_tests", timeout=30)
    assert "token_bridge_guest" in session.cookies
    connect(connected_site, bridge, url="http://127.0.0.1:1")

    sign_in(session, connected_site, "former_guest")
    connected_site.run_background()
    assert "token_bridge_guest" not in session.cookies
    connect(connected_site, bridge)
    # Without a cookie there is nothing to bring along a second time.
    session.get(connected_site.url + "/", timeout=30)
    connected_site.run("do_action('token_bridge_send');")

    assert used(bridge, user) == 30


def test_registration_and_other_ways_to_sign_in_bring_the_use_along(connected_site, bridge):
    bridge.call("PUT", "limits/chat", {"period": "daily", "rules": {"guest": 50, "user": 100}})
    found = {}
    for name, sign_in_by in (("registered", "wp_set_auth_cookie"), ("by_another_way", "wp_set_current_user")):
        found[name] = connected_site.add_user(name)
        session = requests.Session()
        session.get(connected_site.url + "/?guest_of_the_tests", timeout=30)
        query = f"/?sign_in_of_the_tests={sign_in_by}&id={found[name]}"
        session.get(connected_site.url + query, timeout=30)
        assert "token_bridge_guest" not in session.cookies
    forged = requests.get(
        connected_site.url + query, cookies={"token_bridge_guest": f"{'0' * 32}.{'0' * 32}"}, timeout=30
    )
    connected_site.run_background()

    assert forged.status_code == 200
    assert [used(bridge, user) for user in found.values()] == [30, 30]
