"""The limits of one user as an admin sees them: each module's use, the user's own limit, and its form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.domain.metering.limits import Allowance, Allows, Limit, Override, Period, Rule
from bridge.domain.stores.stores import Policy
from bridge.services.metering import overrides
from bridge.services.metering.overview import AccountOverview
from bridge.storage.engine.database import Connection
from bridge.web import allowances
from bridge.web.allowances import AllowanceRow
from bridge.web.i18n.formatting import Language, LocalTime, local_time, number

_DETAILS = {
    "none": "There is no free use; it is paid from the balance.",
    "unlimited": "No limit.",
    "disabled": "No free use; it is paid from the balance or a plan.",
}
"""A sentence for each state without an amount. The widget's sentences address the user."""
_PERIODS = {
    Period.DAILY: "each day",
    Period.WEEKLY: "each week",
    Period.MONTHLY: "each month",
    Period.NEVER: "once",
}
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LimitForm:
    """The form of a user's own limit, with the typed values; `error` is about the field `error_field`.

    `second_allows` is empty where the second window keeps the limits of the user's roles.
    """

    module: str
    allows: str = Allows.AMOUNT.value
    tokens: str = ""
    second_allows: str = ""
    second_tokens: str = ""
    last_day: str = ""
    error: str = ""
    error_field: str = ""


@dataclass(frozen=True, slots=True)
class OwnLimit:
    """A user's own limit in words, and its end; None for one that does not end."""

    text: str
    ends: LocalTime | None


@dataclass(frozen=True, slots=True)
class LimitCard:
    """One module of a user: its use, who the rule is for, the user's own limit, and its form.

    `period` is empty where the module has no limit: no period that an amount could count in. `second_period` is
    empty where its limit has one window. `windows` are the value and the text of each window that can be reset
    alone; empty for a limit with one.
    """

    row: AllowanceRow
    audience: str
    own: OwnLimit | None
    period: str
    second_period: str
    windows: tuple[tuple[str, str], ...]
    form: LimitForm
    is_open: bool


def limit_cards(
    connection: Connection, known: AccountOverview, *, form: LimitForm | None, now: datetime
) -> tuple[LimitCard, ...]:
    """Return a card for each module of the store; `form` is one that is shown again."""
    policy = known.policy
    rows = allowances.rows(policy, known.allowances, policy.module_keys, Language.ENGLISH, now=now)
    audiences = {each.module: _audiences(each) for each in known.allowances}
    own = {each.module: each for each in overrides.list_overrides(connection, known.account, now=now)}
    return tuple(_card(policy, row, audiences.get(row.module, ""), own.get(row.module), form) for row in rows)


def in_admin_words(row: AllowanceRow) -> AllowanceRow:
    """Return a row whose sentence is about the user, not to the user."""
    return replace(row, detail=_DETAILS.get(row.state, row.detail))


def audience_words(audience: str) -> str:
    """Return the audience of a rule in words."""
    if audience == "override":
        return "own limit of this user"
    if audience.startswith("role:"):
        return f"limit of the role {audience.removeprefix('role:')}"
    return "limit of all guests" if audience == "guest" else "limit of all users"


def period_words(period: Period) -> str:
    """Return how often a limit resets: `each day`, or `once`."""
    return _PERIODS[period]


def rule_words(rule: Rule, period: Period | None) -> str:
    """Return a rule in words: `5,000 tokens each day`."""
    if rule.allows is Allows.UNLIMITED:
        return "unlimited"
    if rule.allows is Allows.DISABLED:
        return "no free use"
    often = f" {_PERIODS[period]}" if period else ""
    return f"{number(rule.tokens)} {'token' if rule.tokens == 1 else 'tokens'}{often}"


def _audiences(allowance: Allowance) -> str:
    """Return for whom the rules of the windows were written; once if it is the same."""
    found = {audience_words(each.matched.audience): each for each in allowance.windows if each.matched.audience}
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{_PERIODS[each.period]}: {words}" for words, each in found.items())


def _card(policy: Policy, row: AllowanceRow, audience: str, own: Override | None, form: LimitForm | None) -> LimitCard:
    limit = policy.limits.get(row.module)
    is_open = form is not None and form.module == row.module
    return LimitCard(
        row=in_admin_words(row),
        audience=audience,
        own=None if own is None else _own(policy, own, limit),
        period=_PERIODS[limit.period] if limit else "",
        second_period=_PERIODS[limit.second.period] if limit and limit.second else "",
        windows=tuple((each.period.value, _PERIODS[each.period]) for each in limit.windows)
        if limit and limit.second
        else (),
        form=form if form is not None and is_open else _form(policy, row.module, own),
        is_open=is_open,
    )


def _own(policy: Policy, own: Override, limit: Limit | None) -> OwnLimit:
    text = own_words(own, limit)
    return OwnLimit(text, local_time(own.ends_at, policy.calendar.zone) if own.ends_at else None)


def own_words(own: Override, limit: Limit | None) -> str:
    """Return a user's own limit in words, in the windows that the limit of the module has."""
    if limit is None or limit.second is None:
        return rule_words(own.rule, limit.period if limit else None)
    first, second = (
        f"{rule_words(rule, period)}{'' if rule.allows is Allows.AMOUNT else f' {_PERIODS[period]}'}"
        for rule, period in ((own.rule, limit.period), (own.second or own.rule, limit.second.period))
    )
    return f"{first}, and {second}" if own.second else first


def _form(policy: Policy, module: str, own: Override | None) -> LimitForm:
    if own is None:
        return LimitForm(module)
    last = (own.ends_at - _INSTANT).astimezone(policy.calendar.zone).date().isoformat() if own.ends_at else ""
    second = own.second.allows.value if own.second else ""
    return LimitForm(module, own.rule.allows.value, _tokens(own.rule), second, _tokens(own.second), last)


def _tokens(rule: Rule | None) -> str:
    return str(rule.tokens) if rule is not None and rule.allows is Allows.AMOUNT else ""


def module_choices(policy: Policy) -> Sequence[tuple[str, str]]:
    """Return each module's key and label."""
    return [(module, policy.label_of(module)) for module in policy.module_keys]
