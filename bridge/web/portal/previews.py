"""Requests that do not come from a person who follows a link: previews, scanners and browsers that load ahead."""

from __future__ import annotations

import re

from flask import Request

_PROGRAMS = re.compile(
    r"bot\b|bot/|crawl|spider|preview|scanner|externalhit|facebookcatalog|whatsapp|slackbot|slack-img|embedly|linkcheck"
    r"|skypeuri|vkshare|headlesschecker|barracuda|proofpoint|mimecast|safelinks|urldefense|google-safety|iframely",
    re.IGNORECASE,
)
_DOCUMENTS = frozenset({"document", "iframe", "frame", "empty"})


def is_preview(request: Request) -> bool:
    """Return whether a request only looks at a link: it must change nothing.

    A browser names what it loads in `Sec-Fetch-Dest`, and that it loads ahead in
    `Sec-Purpose`. Programs are known by their name.
    """
    if request.method == "HEAD":
        return True
    ahead = " ".join(request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    if re.search(r"prefetch|prerender|preview", ahead, re.IGNORECASE):
        return True
    if request.headers.get("Sec-Fetch-Dest", "document") not in _DOCUMENTS:
        return True
    return _PROGRAMS.search(request.user_agent.string) is not None
