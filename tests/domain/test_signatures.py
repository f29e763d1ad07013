"""Signatures on the raw bytes, with the secret as the shop really uses it."""

from __future__ import annotations

import pytest

from bridge.domain.shop.signatures import decode_entities, is_signed, sign
from tests.support.recordings import SECRET, all_recordings, recording

SIGNED = [sent for sent in all_recordings() if not sent.is_ping]
SPECIAL = "order.updated--delivery-signed-with-special-secret--webhook-edit"
STORED = "a&b<c>\"d'e &amp; é"
DECODED = "a&b<c>\"d'e & é"
GENERATED = "order.updated--completed--nosecret"


def signature_of(sent):
    return sent.header("X-WC-Webhook-Signature")


def test_every_recording_of_our_secret_verifies():
    ours = [sent for sent in SIGNED if is_signed(sent.body, signature_of(sent), SECRET)]

    assert len(SIGNED) - len(ours) == 2
    assert {sent.name for sent in SIGNED} - {sent.name for sent in ours} == {SPECIAL, GENERATED}


@pytest.mark.parametrize("secret", [STORED, DECODED])
def test_secret_with_entities_verifies_as_stored_and_as_decoded(secret):
    sent = recording(SPECIAL)

    assert is_signed(sent.body, signature_of(sent), secret)
    assert sign(sent.body, DECODED) == signature_of(sent)


def test_secret_the_shop_made_itself_verifies():
    """WooCommerce's own secrets are full of characters that look like HTML."""
    sent = recording(GENERATED)
    secret = sent.stated_secret.partition("  (")[0]

    assert len(secret) == 50
    assert is_signed(sent.body, signature_of(sent), secret)


@pytest.mark.parametrize(
    ("stored", "decoded"),
    [
        ("plain", "plain"),
        ("&amp;", "&"),
        ("&amp;lt;", "&lt;"),
        ("&lt;&gt;&quot;&#039;", "<>\"'"),
        ("&AMP;", "&"),
        ("&eacute;", "&eacute;"),
        ("& amp;", "& amp;"),
    ],
)
def test_entities_are_decoded_once_and_from_left_to_right(stored, decoded):
    assert decode_entities(stored) == decoded


@pytest.mark.parametrize(
    "spoilt", ["", "AAAA", "é", "\udcff", "x" * 10_000], ids=["none", "other", "latin", "raw", "long"]
)
def test_another_signature_is_refused(spoilt):
    assert not is_signed(b"{}", spoilt, SECRET)


@pytest.mark.parametrize(
    "change",
    [lambda body: body + b" ", lambda body: body.replace(b"\\/", b"/"), lambda _: b""],
    ids=["longer", "spelt", "none"],
)
def test_signature_is_of_the_bytes_and_not_of_their_meaning(change):
    sent = recording("order.updated--completed--simple")

    assert is_signed(sent.body, signature_of(sent), SECRET)
    assert not is_signed(change(sent.body), signature_of(sent), SECRET)
    assert not is_signed(sent.body, signature_of(sent), SECRET + " ")
