"""Ids as callers see them: ordered by time, and impossible to guess.

The number is the row's primary key. The tag after it is a keyed hash of the
prefix and the number, so that only ids this installation made are accepted.
"""

from __future__ import annotations

import hashlib
import hmac

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
NUMBER_LETTERS = 13
TAG_LETTERS = 13
"""65 bits."""

_VALUES = {letter: value for value, letter in enumerate(CROCKFORD)}
_PAIRS = [first + second for first in CROCKFORD for second in CROCKFORD]
_PAIR = 0x3FF
_TAG_BYTES = 9
_SURPLUS_BITS = _TAG_BYTES * 8 - TAG_LETTERS * 5

_keys: list[bytes] = []


def use_key(secret_key: str) -> None:
    """Make and check tags under this installation's secret key; each process calls it once, when it starts."""
    _keys[:] = [hashlib.sha256(b"token-bridge ids\0" + secret_key.encode()).digest()]


def encode_id(prefix: str, number: int) -> str:
    """Return the id of a row: a prefix that says what it is, letters that sort as the number does, and the tag."""
    return f"{prefix}_{_letters(number)}{_letters(_tag(prefix, number))}"


def decode_id(prefix: str, visible_id: str, *, allow_untagged: bool = True) -> int | None:
    """Return the number behind an id made by `encode_id`; None when it is none.

    `allow_untagged` accepts ids that were handed out before ids had tags. Pass
    False for callers that must not guess.
    """
    head, _, tail = visible_id.partition("_")
    number = _value(tail[:NUMBER_LETTERS])
    if head != prefix or number is None or number >= 2**63:
        return None
    tag = tail[NUMBER_LETTERS:]
    if not tag:
        return number if allow_untagged else None
    expected = _letters(_tag(prefix, number))
    return number if hmac.compare_digest(tag.encode("utf-8", "surrogatepass"), expected.encode()) else None


def _tag(prefix: str, number: int) -> int:
    message = prefix.encode() + number.to_bytes(8, "big")
    digest = hashlib.blake2b(message, key=_keys[0], digest_size=_TAG_BYTES).digest()
    return int.from_bytes(digest, "big") >> _SURPLUS_BITS


def _letters(number: int) -> str:
    return (
        f"{CROCKFORD[number >> 60]}{_PAIRS[number >> 50 & _PAIR]}{_PAIRS[number >> 40 & _PAIR]}"
        f"{_PAIRS[number >> 30 & _PAIR]}{_PAIRS[number >> 20 & _PAIR]}{_PAIRS[number >> 10 & _PAIR]}"
        f"{_PAIRS[number & _PAIR]}"
    )


def _value(letters: str) -> int | None:
    if len(letters) != NUMBER_LETTERS:
        return None
    number = 0
    for letter in letters:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = number * 32 + value
    return number
