"""The free allowance of each module as pages show it, with numbers and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.metering.limits import Allowance
from bridge.domain.stores.stores import Policy
from bridge.services.metering.overview import PlanStatus
from bridge.web.i18n.formatting import Language, LocalTime, local_time, number, span
from bridge.web.i18n.messages import PHRASES


@dataclass(frozen=True, slots=True)
class AllowanceRow:
    """The use of one module by an account, as pages show it.

    `amount` and `left` are empty, and `percent` is None, where no number limits
    it; then `detail` says in words what holds. `percent` is the share used, 0
    to 100. `resets` is None where no window ends.
    """

    module: str
    label: str
    state: str
    state_text: str
    amount: str = ""
    left: str = ""
    percent: int | None = None
    detail: str = ""
    message: str = ""
    resets_text: str = ""
    resets: LocalTime | None = None


def rows(
    policy: Policy,
    allowances: Sequence[Allowance],
    modules: Sequence[str],
    language: Language,
    *,
    without: str = "none",
    now: datetime,
) -> tuple[AllowanceRow, ...]:
    """A row for each of these modules, in their order, from the allowances of the account.

    `without` is the state of a module that has no rule for this person.
    """
    known = {allowance.module: allowance for allowance in allowances}
    return tuple(
        _unnumbered(policy, module, without if policy.is_metered(module) else "unmetered", language)
        if module not in known or not policy.is_metered(module)
        else _row(policy, known[module], language, now=now)
        for module in modules
    )


def plan_row(policy: Policy, plan: PlanStatus | None, language: Language, *, now: datetime) -> AllowanceRow | None:
    """Return what is left of a bought plan in its running month; None without one."""
    if plan is None:
        return None
    phrases, zone = PHRASES[language], policy.calendar.zone
    tokens, used, left = plan.tokens, plan.used, plan.remaining
    resets_at = plan.resets_at or plan.ends_at
    state = "ok" if left else "exhausted"
    return AllowanceRow(
        module="plan",
        label=plan.name,
        state=state,
        state_text=phrases.plan_until.format(day=local_time(plan.ends_at, zone, language).day),
        amount=phrases.used_of.format(used=number(used, language), limit=number(tokens, language)),
        left=phrases.left.format(n=number(left, language)),
        percent=percent_of(used, tokens) if tokens else 100,
        resets_text=phrases.resets.format(span=span(resets_at - now, language)),
        resets=local_time(resets_at, zone, language),
    )


def percent_of(part: int, whole: int) -> int:
    """The share in whole per cent, 0 to 100; a part that is there at all has at least 1."""
    if part <= 0:
        return 0
    return 100 if part >= whole else max(1, part * 100 // whole)


def _unnumbered(policy: Policy, module: str, state: str, language: Language) -> AllowanceRow:
    phrases = PHRASES[language]
    return AllowanceRow(module, policy.label_of(module), state, phrases.states[state], detail=phrases.details[state])


def _row(policy: Policy, allowance: Allowance, language: Language, *, now: datetime) -> AllowanceRow:
    phrases, module = PHRASES[language], allowance.module
    state, used, resets_at = allowance.state.value, allowance.used, allowance.window.ends_at
    limit = allowance.matched.rule.document
    window = ""
    if state != "disabled":
        window = phrases.resets.format(span=span(resets_at - now, language)) if resets_at else phrases.resets_never
    amount = phrases.used.format(used=number(used, language)) if used else ""
    if isinstance(limit, int):
        amount = phrases.used_of.format(used=number(used, language), limit=number(limit, language))
    return AllowanceRow(
        module=module,
        label=policy.label_of(module),
        state=state,
        state_text=phrases.states.get(state, state),
        amount=amount,
        left=phrases.left.format(n=number(allowance.remaining or 0, language)) if isinstance(limit, int) else "",
        percent=(percent_of(used, limit) if limit else 100) if isinstance(limit, int) else None,
        detail=phrases.details.get(state, ""),
        message=policy.limits[module].message if state == "exhausted" and module in policy.limits else "",
        resets_text=window,
        resets=local_time(resets_at, policy.calendar.zone, language) if resets_at and window else None,
    )
