"""The two examples of the plugin run as they are."""

import pytest

from tests.support.wordpress import PLUGIN

pytestmark = pytest.mark.xdist_group("wordpress")

EXAMPLES = PLUGIN / "examples"


def test_queue_previews_five_charges_each_success_and_pauses_at_zero(connected_site, bridge):
    user = connected_site.add_user("queue_owner")
    price = 10
    bridge.call("PUT", "operations/image.generation", {"module": "image_generator", "tokens_per_unit": price})
    bridge.give(user, 2 * price)
    run = """require_once $file;
        add_filter('example_images_work', function ($better, $image) { return $image !== 7; }, 10, 2);
        if ($images) { example_images_add($id, $images); }
        if ($replenished) { do_action('token_bridge_replenished', $id); } else { example_images_run($id); }
        return (array) get_user_meta($id, 'example_images', true);"""
    file = str(EXAMPLES / "image-queue.php")

    left = connected_site.run(run, file=file, id=user, images=list(range(1, 11)), replenished=False)
    assert left == [9, 10]
    assert bridge.balance(user) == 0

    bridge.give(user, 5 * price)
    assert connected_site.run(run, file=file, id=user, images=[], replenished=True) == []
    assert bridge.balance(user) == 3 * price


def test_chat_charges_what_it_streamed_and_refuses_without_tokens(connected_site, bridge):
    user = connected_site.add_user("chatter")
    path = "/wp-json/example-chat/v1/answer?example=streaming-chat"
    page = {"post_content": "[nonce_of_the_tests]", "post_status": "publish", "post_title": "Chat"}
    at = connected_site.run("return parse_url(get_permalink(wp_insert_post($page)), PHP_URL_PATH);", page=page)
    nonce = {"X-WP-Nonce": connected_site.get(at, "chatter").text.partition("nonce=")[2][:10]}

    refused = connected_site.post(path, "chatter", json={"text": "hello"}, headers=nonce)
    bridge.give(user, 1000)
    answered = connected_site.post(path, "chatter", json={"text": "hello"}, headers=nonce)

    assert refused.status_code == 402
    assert answered.text.startswith("You wrote: hello")
    assert 0 < 1000 - bridge.balance(user) < 20
    assert bridge.call("GET", f"users/{user}").json()["balance"]["held"] == 0
