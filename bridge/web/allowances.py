"""The free allowance of each module, as numbers and texts for pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.metering.limits import Allowance, Allows, Period, WindowAllowance
from bridge.domain.stores.stores import Policy
from bridge.services.metering.overview import PlanStatus
from bridge.web.i18n.formatting import Language, LocalTime, isolate, local_time, number
from bridge.web.i18n.messages import Texts, marked, span, texts_of

# Translators: the state of a free allowance, such as that of the chat in a day.
_STATES = {
    "ok": marked("Available"),
    "low": marked("Almost used up"),
    "exhausted": marked("Used up"),
    "unlimited": marked("Unlimited"),
    "disabled": marked("Not available"),
    "none": marked("Tokens only"),
    "unmetered": marked("Free of charge"),
}
_DETAILS = {
    "unlimited": marked("Use it as much as you like."),
    "disabled": marked("There is no free use of this."),
    "none": marked("There is no free use; it is paid from your balance."),
    "unmetered": marked("It costs no tokens."),
}
"""A sentence for each state without an amount."""
_WINDOWS = {
    # Translators: the window of a limit, before the use in it: "Today: 40 of 100 used".
    Period.DAILY: marked("Today"),
    Period.WEEKLY: marked("This week"),
    Period.MONTHLY: marked("This month"),
    # Translators: the use of a free amount that never resets.
    Period.NEVER: marked("In total"),
}


@dataclass(frozen=True, slots=True)
class WindowRow:
    """The use of one of the two windows of a limit; `percent` is the share used, 0 to 100."""

    label: str
    state: str
    amount: str
    left: str
    percent: int
    summary: str
    resets_text: str
    resets: LocalTime | None


@dataclass(frozen=True, slots=True)
class AllowanceRow:
    """The use of one module by an account, as pages show it.

    `amount` and `left` are empty, and `percent` is None, where no number limits
    it; then `detail` says in words what holds. `summary` has them in one text.
    `percent` is the share used, 0 to 100. `resets` is None where no window ends.
    Where two windows limit the use, all this is about the strictest, and `windows`
    has both; otherwise `windows` is empty.
    """

    module: str
    label: str
    state: str
    state_text: str
    amount: str = ""
    left: str = ""
    percent: int | None = None
    detail: str = ""
    summary: str = ""
    message: str = ""
    resets_text: str = ""
    resets: LocalTime | None = None
    windows: tuple[WindowRow, ...] = ()


def rows(
    policy: Policy,
    allowances: Sequence[Allowance],
    modules: Sequence[str],
    language: Language,
    *,
    without: str = "none",
    labels: Mapping[str, str] | None = None,
    now: datetime,
) -> tuple[AllowanceRow, ...]:
    """Return a row for each of these modules, in their order.

    `without` is the state of a module without a rule for this account. `labels` are
    names of modules in place of the store's.
    """
    known = {allowance.module: allowance for allowance in allowances}
    found = []
    for module in modules:
        label = isolate((labels or {}).get(module) or policy.label_of(module, language.value), language)
        if module not in known or not policy.is_metered(module):
            state = without if policy.is_metered(module) else "unmetered"
            found.append(_unnumbered(module, label, state, language))
        else:
            found.append(_row(policy, known[module], label, language, now=now))
    return tuple(found)


def plan_row(policy: Policy, plan: PlanStatus | None, language: Language, *, now: datetime) -> AllowanceRow | None:
    """Return the current month of the account's plan as a row; None without a plan."""
    if plan is None:
        return None
    texts, zone = texts_of(language), policy.calendar.zone
    tokens, used, left = plan.tokens, plan.used, plan.remaining
    resets_at = plan.resets_at or plan.ends_at
    state = "ok" if left else "exhausted"
    amount, left_text = _used_of(texts, used, tokens), _left(texts, left)
    return AllowanceRow(
        module="plan",
        label=isolate(plan.name, language),
        state=state,
        state_text=texts.gettext("Plan, until {day}", day=local_time(plan.ends_at, zone, language).day),
        amount=amount,
        left=left_text,
        percent=percent_of(used, tokens) if tokens else 100,
        summary=_joined(texts, amount, left_text),
        resets_text=_resets_in(texts, resets_at - now),
        resets=local_time(resets_at, zone, language),
    )


def percent_of(part: int, whole: int) -> int:
    """Return the share in whole percent, 0 to 100; at least 1 if `part` is above 0."""
    if part <= 0:
        return 0
    return 100 if part >= whole else max(1, part * 100 // whole)


def _unnumbered(module: str, label: str, state: str, language: Language) -> AllowanceRow:
    texts = texts_of(language)
    detail = texts.gettext(_DETAILS[state])
    return AllowanceRow(
        module=module,
        label=label,
        state=state,
        state_text=texts.gettext(_STATES[state]),
        detail=detail,
        summary=detail,
    )


def _row(policy: Policy, allowance: Allowance, label: str, language: Language, *, now: datetime) -> AllowanceRow:
    texts, module, strictest = texts_of(language), allowance.module, allowance.strictest
    state, used, resets_at = allowance.state.value, strictest.used, strictest.window.ends_at
    limit = strictest.matched.rule.document
    amount, left, percent, detail, summary, window = "", "", None, "", "", ""
    if isinstance(limit, int):
        amount, left = _used_of(texts, used, limit), _left(texts, allowance.remaining or 0)
        percent, summary = percent_of(used, limit) if limit else 100, _joined(texts, amount, left)
    else:
        summary = detail = texts.gettext(_DETAILS[state]) if state in _DETAILS else ""
        if used:
            amount = texts.ngettext("{n} used", "{n} used", used)
            summary = texts.gettext("{sentence} {used}.", sentence=detail, used=amount)
    if state != "disabled":
        window = _resets_in(texts, resets_at - now) if resets_at else texts.gettext("Does not reset")
    message = policy.limits[module].message if state == "exhausted" and module in policy.limits else ""
    return AllowanceRow(
        module=module,
        label=label,
        state=state,
        state_text=texts.gettext(_STATES[state]) if state in _STATES else state,
        amount=amount,
        left=left,
        percent=percent,
        detail=detail,
        summary=summary,
        message=isolate(message, language),
        resets_text=window,
        resets=local_time(resets_at, policy.calendar.zone, language) if resets_at and window else None,
        windows=_window_rows(policy, allowance, language, now=now),
    )


def _window_rows(policy: Policy, allowance: Allowance, language: Language, *, now: datetime) -> tuple[WindowRow, ...]:
    """Return both windows of a limit; none where fewer than two of them have an amount."""
    if allowance.is_disabled:
        return ()
    limiting = [window for window in allowance.windows if window.matched.rule.allows is Allows.AMOUNT]
    if len(limiting) < 2:
        return ()
    return tuple(_window_row(policy, window, language, now=now) for window in limiting)


def _window_row(policy: Policy, window: WindowAllowance, language: Language, *, now: datetime) -> WindowRow:
    texts, limit, resets_at = texts_of(language), window.matched.rule.tokens, window.window.ends_at
    amount, left = _used_of(texts, window.used, limit), _left(texts, window.remaining or 0)
    return WindowRow(
        label=texts.gettext(_WINDOWS[window.period]),
        state=window.state.value,
        amount=amount,
        left=left,
        percent=percent_of(window.used, limit) if limit else 100,
        summary=_joined(texts, amount, left),
        resets_text=_resets_in(texts, resets_at - now) if resets_at else texts.gettext("Does not reset"),
        resets=local_time(resets_at, policy.calendar.zone, language) if resets_at else None,
    )


def _joined(texts: Texts, amount: str, left: str) -> str:
    return texts.gettext("{used}, {left}", used=amount, left=left)


def _used_of(texts: Texts, used: int, limit: int) -> str:
    return texts.ngettext("{n} of {limit} used", "{n} of {limit} used", used, limit=number(limit, texts.language))


def _left(texts: Texts, count: int) -> str:
    return texts.ngettext("{n} left", "{n} left", count)


def _resets_in(texts: Texts, length: timedelta) -> str:
    return texts.gettext("Resets in {span}", span=span(length, texts))
