"""Sentences about values that were not recorded for a past moment."""

from __future__ import annotations

from datetime import datetime

from bridge.rendering.documents import format_timestamp

ROLES = "roles_not_recorded"
_SENTENCES = {
    ROLES: "The roles of that moment are not recorded: these are later ones.",
    "rules_not_recorded": "Changes of rules are recorded since {since}: before, other rules may have applied.",
    "too_many_changes": "More changes of rules followed than can be taken back: other rules may have applied.",
    "plans_not_recorded": "Earlier states of plans are not recorded: refunded months count as never bought.",
    "use_not_exact": "Too many spends followed: the use is the later one of the whole window.",
}


def describe_gap(code: str, *, since: datetime | None) -> str:
    """Return the sentence about a value that was not recorded; `since` is when the record of rules begins."""
    shown = "now" if since is None else f"{since:%Y-%m-%d %H:%M} UTC"
    return _SENTENCES[code].format(since=shown)


def gap_document(code: str, *, since: datetime | None) -> dict[str, str | None]:
    """Return a value that was not recorded as JSON; `since` is null except for rules."""
    is_rules = code == "rules_not_recorded"
    return {
        "code": code,
        "sentence": describe_gap(code, since=since),
        "since": format_timestamp(since) if is_rules else None,
    }
