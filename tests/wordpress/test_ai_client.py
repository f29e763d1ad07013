"""Prompts through WordPress's AI client: held, charged, released and refused, without a change of the caller."""

from pathlib import Path

import pytest

from tests.wordpress.conftest import connect

pytestmark = pytest.mark.xdist_group("wordpress")

CLIENT = str(Path(__file__).parent / "php" / "ai_client.php")
AWAY = "http://127.0.0.1:1"
PROMPT = """if (!class_exists('Tests_Model')) { require $client; }
    wp_set_current_user($user);
    $services = TokenBridge\\Plugin::instance()->services();
    $services->settings()->change(['meter_ai_client' => true, 'ai_default_output' => 100] + $settings);
    $metering = new TokenBridge\\Ai\\AiMetering($services);
    $metering->register();
    $calls = [];
    $ask = function ($text, $provider) use (&$calls) {
        $model = new Tests_Model(function ($text, $model) use ($provider, &$calls) {
            $calls[] = [$text, $model->max];
            return $provider($text);
        });
        return (new WP_AI_Client_Prompt_Builder())->generate_text($model, $text);
    };
    $show = function ($answer) {
        return is_wp_error($answer) ? [$answer->get_error_code(), $answer->get_error_data()['status']] : $answer;
    };
    $answers = (function () use ($ask) { %s })();
    wp_set_current_user($user);
    $funds = $services->transport()->send(TokenBridge\\Bridge\\Request::get("/v1/users/$user"))->document();
    $held = $funds['balance']['held'] ?? 0;
    $metering->release_all();
    $message = is_wp_error($answers[0]) ? $answers[0]->get_error_message() : '';
    return [array_map($show, $answers), $calls, $message, $held];"""


def prompt(site, user, code, **settings):
    """Run prompts as a user; return their answers, the calls of the provider, and the first error's message.

    Fails if tokens are still held when the prompts have ended, unless PHP's end is what releases them.
    """
    is_fatal = settings.pop("is_fatal", False)
    *found, held = site.run(PROMPT % code, client=CLIENT, user=user, settings=settings)
    assert is_fatal == (held > 0)
    return found


@pytest.fixture(autouse=True)
def _metering_off(active_site):
    """Switch metering off after each test; skip where WordPress has its own AI client, which needs real models."""
    if active_site.run("return class_exists('WP_AI_Client_Prompt_Builder');"):
        pytest.skip("this WordPress has an AI client of its own")
    yield
    active_site.run("update_option('token_bridge_settings', []);")


@pytest.fixture
def user(connected_site, bridge, request):
    """Return the ID of a new user with 1,000 tokens."""
    found = connected_site.add_user(f"prompter_{abs(hash(request.node.name))}")
    bridge.give(found, 1000)
    return found


def funds(bridge, user):
    """Return balance and held tokens."""
    balance = bridge.call("GET", f"users/{user}").json()["balance"]
    return balance["balance"], balance["held"]


@pytest.mark.each_wordpress
def test_real_use_is_charged(connected_site, bridge, user):
    answers, calls, _message = prompt(connected_site, user, "return [$ask('hello', fn() => [4, 6])];")

    assert answers == [[4, 6]]
    assert len(calls) == 1
    assert funds(bridge, user) == (990, 0)


def test_prices_for_input_and_output_apply(connected_site, bridge, user):
    rates = {"text_generation": "1000 / 4000"}
    prompt(connected_site, user, "return [$ask('hello', fn() => [4, 6])];", ai_prices=rates)

    assert funds(bridge, user) == (1000 - 4 - 24, 0)


def test_without_tokens_the_provider_is_not_called(connected_site, bridge):
    user = connected_site.add_user("without_tokens")
    connected_site.run_background()

    answers, calls, message = prompt(connected_site, user, "return [$ask('hello', fn() => [4, 6])];")

    assert answers == [["token_bridge_tokens_used_up", 402]]
    assert calls == []
    assert "tokens" in message
    assert "<" not in message


@pytest.mark.each_wordpress
@pytest.mark.parametrize("fault", ["new RuntimeException('broken', 500)", "new Exception('unreadable')"])
def test_failed_prompts_cost_nothing(connected_site, bridge, user, fault):
    answers, calls, _message = prompt(
        connected_site, user, f"return [$ask('hello', function () {{ throw {fault}; }})];"
    )

    assert answers[0][0] == "prompt_client_error"
    assert len(calls) == 1
    assert funds(bridge, user) == (1000, 0)


def test_error_of_php_releases_the_hold_at_the_end(connected_site, bridge, user):
    code = "try { $ask('hello', function () { throw new Error('undefined'); }); } catch (Error $e) { return [[0, 0]]; }"
    prompt(connected_site, user, code, is_fatal=True)

    assert funds(bridge, user) == (1000, 0)


def test_prompts_inside_prompts_are_paired(connected_site, bridge, user):
    other = connected_site.add_user("inner_prompter")
    bridge.give(other, 500)
    code = f"""return [$ask('outer', function () use ($ask) {{
        $ask('inner good', fn() => [1, 1]);
        $ask('inner failing', function () {{ throw new RuntimeException('broken'); }});
        wp_set_current_user({other});
        try {{ $ask('inner fatal', function () {{ throw new Error('undefined'); }}); }} catch (Error $e) {{ $e; }}
        return [10, 10];
    }})];"""

    answers, calls, _message = prompt(connected_site, user, code)

    assert answers == [[10, 10]]
    assert [call[0] for call in calls] == ["outer", "inner good", "inner failing", "inner fatal"]
    assert funds(bridge, user) == (1000 - 2 - 20, 0)
    assert funds(bridge, other) == (500, 0)


def test_answer_is_capped_to_what_is_left(connected_site, bridge):
    user = connected_site.add_user("nearly_empty")
    bridge.give(user, 80)

    _answers, calls, _message = prompt(connected_site, user, "return [$ask('hello', fn() => [2, 60])];")

    assert calls == [["hello", 78]]
    assert funds(bridge, user) == (18, 0)


def test_bridge_away_refuses_or_allows_by_setting(connected_site, bridge, user):
    connect(connected_site, bridge, url=AWAY)
    ask = "return [$ask('hello', fn() => [4, 6])];"

    refused, no_calls, _message = prompt(connected_site, user, ask)
    allowed, calls, _message = prompt(connected_site, user, ask, ai_when_away="allow")

    assert refused == [["prompt_client_error", 503]]
    assert no_calls == []
    assert allowed == [[4, 6]]
    assert len(calls) == 1


def test_site_pays_or_nothing_is_charged_by_setting(connected_site, bridge, user):
    visitor = connected_site.add_user("guest_of_site")
    ask = "return [$ask('hello', fn() => [4, 6])];"

    prompt(connected_site, visitor, ask, ai_payers={"chat": "site"}, ai_site_user=user)
    free, calls, _message = prompt(connected_site, visitor, ask, ai_payers={"chat": "free"})

    assert funds(bridge, user) == (990, 0)
    assert free == [[4, 6]]
    assert len(calls) == 1
