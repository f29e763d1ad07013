"""Clean pasted text: secrets, keys and settings often have extra spaces, line breaks or invisible characters."""

from __future__ import annotations

import html
import re
import unicodedata

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
_QUOTES = tuple(zip("\"'`\u201c\u201e\u2018\u00ab", "\"'`\u201d\u201c\u2019\u00bb", strict=True))
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_APPLICATION_PASSWORD = re.compile(r"[A-Za-z0-9]{4}(?:[\s\u00a0]+[A-Za-z0-9]{4}){5}|[A-Za-z0-9]{24}")
_BARE_KEY = re.compile(r"[0-9a-f]{40}")


def clean_pasted(text: str) -> str:
    """Return a pasted value without spaces, line ends, invisible characters and quotes around it."""
    text = _trim(text)
    for opening, closing in _QUOTES:
        if len(text) >= 2 and text.startswith(opening) and text.endswith(closing):
            text = _trim(text[1:-1])
    return text


def clean_key(text: str) -> str:
    """Return a pasted key without any space, line end or invisible character: no key contains one."""
    return "".join(letter for letter in clean_pasted(text) if not letter.isspace() and letter not in _INVISIBLE)


def clean_credential(text: str) -> str:
    """Return a pasted REST key or secret: spaces inside are removed where it begins like one, and kept elsewhere."""
    found = clean_key(text)
    return found if found.casefold().startswith(("ck_", "cs_")) else clean_pasted(text)


def keys_mix_up(consumer_key: str, consumer_secret: str) -> str:
    """Return what was given in place of a consumer key and its secret; empty if both are right.

    Both are clean. The shop itself refuses values that merely look short or odd.
    """
    if not consumer_key and not consumer_secret:
        return "Enter the consumer key, which begins with ck_, and its secret, which begins with cs_."
    if consumer_key.startswith("cs_") and consumer_secret.startswith("ck_"):
        return "The consumer key and the consumer secret are swapped: the key begins with ck_, the secret with cs_."
    for name, text, prefix in (("key", consumer_key, "ck_"), ("secret", consumer_secret, "cs_")):
        if not text.startswith(prefix):
            fault = _described(text, name, prefix)
            return f"{fault}; copy both completely from WooCommerce, Settings, Advanced, REST API."
    return ""


def webhook_secret_mix_up(secret: str) -> str:
    """Return which key was given in place of the webhook secret; empty if it is a secret."""
    if secret.startswith(("ck_", "cs_")):
        part = "key" if secret.startswith("ck_") else "secret"
        return (
            f"This is the REST API's consumer {part}, not the webhook secret. The webhook secret is the text in the"
            " field Secret of the webhook, in WooCommerce, Settings, Advanced, Webhooks."
        )
    if secret.startswith("tb_"):
        return "This is an access key of this service, not the webhook secret."
    return ""


def plain_text(text: str) -> str:
    """Return a text with its HTML entities decoded once: WordPress stores names as it prints them.

    Only entities that end with a semicolon count; `AT&T` and `R&D` stay.
    """
    return _ENTITY.sub(lambda found: html.unescape(found.group()), text) if "&" in text else text


def _described(text: str, name: str, prefix: str) -> str:
    if not text:
        return f"The consumer {name} is missing"
    if text.startswith(("ck_", "cs_")):
        other = "secret" if text.startswith("cs_") else "key"
        return f"The consumer {other} was given as the consumer {name}, which begins with {prefix}"
    if text.startswith("tb_"):
        return f"An access key of this service was given as the consumer {name}, which begins with {prefix}"
    if _APPLICATION_PASSWORD.fullmatch(text):
        return f"A WordPress application password was given as the consumer {name}, which begins with {prefix}"
    if _BARE_KEY.fullmatch(text):
        return f"The consumer {name} is missing its beginning {prefix}"
    return f"The consumer {name} does not begin with {prefix}"


def _trim(text: str) -> str:
    before = None
    while before != text:
        before, text = text, text.strip().strip(_INVISIBLE)
    return text


def is_line(text: str) -> bool:
    """Return whether a text has no control character, line break or lone surrogate; joiners are allowed."""
    return not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp", "Cn"} for character in text)
