"""Pasted secrets are cleaned, mix-ups are named, and entities are decoded once."""

from __future__ import annotations

import pytest

from bridge.domain.stores.pasted_text import (
    clean_credential,
    clean_key,
    clean_pasted,
    keys_mix_up,
    plain_text,
    webhook_secret_mix_up,
)

KEY, SECRET = "ck_" + "1" * 40, "cs_" + "2" * 40


@pytest.mark.parametrize(
    "around",
    [
        *(" {}", "{}\n", "\r\n{}\r\n", "\t{} ", "\u00a0{}", "\u200b{}\ufeff"),
        *('"{}"', "'{}'", "\u201c{}\u201d", ' "{}" \n'),
    ],
)
def test_pasted_value_is_trimmed(around):
    assert clean_pasted(around.format("s3cret word")) == "s3cret word"
    assert clean_key(around.format(KEY)) == KEY


def test_key_that_was_wrapped_is_put_together():
    assert clean_credential(KEY[:20] + "\n" + KEY[20:]) == KEY
    assert clean_credential("abcd efgh ijkl mnop qrst uvwx") == "abcd efgh ijkl mnop qrst uvwx"


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        (SECRET, KEY, "swapped"),
        (KEY, KEY, "consumer key was given as the consumer secret"),
        (SECRET, SECRET, "consumer secret was given as the consumer key"),
        ("1" * 40, SECRET, "is missing its beginning ck_"),
        (KEY, "a" * 40, "is missing its beginning cs_"),
        ("abcd EFGH ijkl 1234 qrst uvwx", SECRET, "application password"),
        (KEY, "abcdEFGHijkl1234qrstuvwx", "application password"),
        ("tb_abcdef", SECRET, "access key of this service"),
        (KEY, "", "secret is missing"),
        ("", "", "Enter the consumer key"),
        ("admin", "password1", "does not begin with ck_"),
    ],
)
def test_mix_up_of_keys_is_named(key, secret, words):
    assert words in keys_mix_up(key, secret)


def test_pair_of_keys_is_no_mix_up():
    assert keys_mix_up(KEY, SECRET) == ""
    assert webhook_secret_mix_up("hush") == ""


@pytest.mark.parametrize(("secret", "words"), [(SECRET, "consumer secret"), (KEY, "consumer key"), ("tb_x", "access")])
def test_other_secret_given_as_the_webhook_secret_is_named(secret, words):
    assert words in webhook_secret_mix_up(secret)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Tokens &amp; Credits", "Tokens & Credits"),
        ("O&#039;Neil", "O'Neil"),
        ("&lt;b&gt;", "<b>"),
        ("&amp;amp;", "&amp;"),
        ("&quot;Caf&eacute;&quot; &#x2013; &euro;", '"Café" – €'),
        ("AT&T, R&D; x &notit &unknown; & Co", "AT&T, R&D; x &notit &unknown; & Co"),
        ("plain", "plain"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("", ""),
    ],
)
def test_entities_are_decoded_once(text, plain):
    assert plain_text(text) == plain
