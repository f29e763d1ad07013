"""The explanation of a spend in words, for an admin: what would decide it, and who would pay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.errors import InvalidRequest
from bridge.domain.metering.errors import UnknownModule
from bridge.domain.metering.funding import Decision, FundingSource, Refusal, Source
from bridge.domain.metering.limits import WindowAllowance
from bridge.rendering.past import describe_gap
from bridge.services.metering import past, quotes
from bridge.services.metering.overview import AccountOverview
from bridge.services.metering.quotes import Explanation
from bridge.storage.engine.database import Connection
from bridge.web.admin.user_limits_view import audience_words, period_words, rule_words
from bridge.web.api.parsing import typed_amount
from bridge.web.i18n.formatting import LocalTime, local_time, number

_SOURCES = {Source.PLAN: "the plan", Source.BALANCE: "the balance", Source.ALLOWANCE: "the free limit"}


@dataclass(frozen=True, slots=True)
class ExplainForm:
    """The question: would a spend of so many tokens be accepted? `error` is about the field `error_field`.

    `at` is a moment of the past, in the store's time or with an offset; empty for now.
    """

    module: str = ""
    tokens: str = "1"
    at: str = ""
    error: str = ""
    error_field: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer in one sentence, and the steps that lead to it as terms with their texts.

    `at` is the past moment it is about, `gaps` name what was not recorded then.
    """

    is_accepted: bool
    answer: str
    steps: tuple[tuple[str, str], ...]
    at: LocalTime | None = None
    gaps: tuple[str, ...] = ()


def explain(
    connection: Connection, known: AccountOverview, asked: ExplainForm | None, *, now: datetime
) -> tuple[ExplainForm, Explained | None]:
    """Return the form and the answer to it; None without a question, or with an error in the form."""
    if asked is None:
        return ExplainForm(), None
    if asked.module not in known.policy.module_keys:
        return replace(asked, error="Choose one of the store’s modules.", error_field="module"), None
    tokens = typed_amount(asked.tokens)
    if tokens is None:
        error = f"Enter a whole number of tokens from 0 to {number(MAX_TOKENS)}."
        return replace(asked, error=error, error_field="tokens"), None
    account, zone = known.account, known.policy.calendar.zone
    user_id, store_id = account.user_id or 0, account.store_id
    if not asked.at:
        found = quotes.explain(connection, store_id, user_id, module=asked.module, tokens=tokens, now=now)
        return asked, _explained(found, zone)
    at = _read_at(asked.at, zone)
    if at is None:
        error = "Enter a date and a time, such as 2026-11-20 14:05."
        return replace(asked, error=error, error_field="at"), None
    asked = replace(asked, at=at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"))
    try:
        decided = past.explain_at(connection, store_id, user_id, module=asked.module, tokens=tokens, at=at, now=now)
    except InvalidRequest as error:
        return replace(asked, error=f"The time {error.fields[0].message}.", error_field="at"), None
    except UnknownModule:
        return replace(asked, error="The store did not have this module then.", error_field="module"), None
    gaps = tuple(describe_gap(gap.value, since=decided.recorded_since) for gap in decided.gaps)
    return asked, replace(_explained(decided.explanation, zone), at=local_time(at, zone), gaps=gaps)


def _read_at(text: str, zone: tzinfo) -> datetime | None:
    """Return the moment of a text in UTC; without an offset, it is in the store's time. None for no moment."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _explained(found: Explanation, zone: tzinfo) -> Explained:
    steps = [("Roles", ", ".join(found.account.roles) or "No role is known.")]
    if not found.is_metered:
        steps.append(("Price", f"{found.module_label} is free of charge: use is recorded and costs nothing."))
    steps += _limit_steps(found, zone)
    steps.append(("Pays first to last", "; ".join(_left(source) for source in found.funding_sources)))
    return Explained(found.decision.is_accepted, _answer(found), tuple(steps))


def _answer(found: Explanation) -> str:
    decision, price = found.decision, _tokens(found.price)
    if decision.refusal is Refusal.CONFIRMATION_REQUIRED:
        return (
            f"Refused until the user confirms: {number(decision.balance)} of {price} would be taken from the balance,"
            " and this user wants to be asked first."
        )
    if not decision.is_accepted:
        why = (
            f"The rule gives no free use of {found.module_label}, and nothing else can pay: "
            if decision.refusal is Refusal.MODULE_DISABLED
            else ""
        )
        return f"Refused. {why}{number(decision.shortfall)} of {price} cannot be paid."
    if not found.price:
        return "Accepted. Nothing has to be paid."
    return f"Accepted. {price}: {_shares(decision)}."


def _shares(decision: Decision) -> str:
    parts = {Source.PLAN: decision.plan, Source.BALANCE: decision.balance, Source.ALLOWANCE: decision.allowance}
    return ", ".join(f"{number(tokens)} from {_SOURCES[source]}" for source, tokens in parts.items() if tokens)


def _limit_steps(found: Explanation, zone: tzinfo) -> list[tuple[str, str]]:
    """Return the rule and the use of each window of the limit, and of two the one that refuses."""
    if found.allowance is None:
        return [("Rule", f"No limit gives free use of {found.module_label} to this user.")]
    windows = found.allowance.windows
    steps = []
    for one in windows:
        often = f", {period_words(one.period)}" if len(windows) > 1 else ""
        steps += [(f"Rule{often}", _rule(one)), (f"Window{often}", _window(one, zone))]
    if len(windows) > 1 and found.refused_by:
        refusing = " and ".join(period_words(one.period) for one in found.refused_by)
        steps.append(("Refused by", f"The limit {refusing}."))
    return steps


def _rule(one: WindowAllowance) -> str:
    if not one.matched.audience:
        return "No limit for this user."
    words = rule_words(one.matched.rule, one.period)
    audience = audience_words(one.matched.audience)
    return f"{audience[0].upper()}{audience[1:]}: {words}."


def _window(one: WindowAllowance, zone: tzinfo) -> str:
    window = one.window
    since = f"since {local_time(window.opened_at, zone).text}" if window.opened_at else "since the beginning"
    until = f", until {local_time(window.ends_at, zone).text}" if window.ends_at else ", without an end"
    held = f" and {number(one.held)} held" if one.held else ""
    return f"{number(one.used)} used{held} {since}{until}."


def _left(source: FundingSource) -> str:
    left = "no limit" if source.left is None else f"{_tokens(source.left)} left"
    return f"{_SOURCES[source.source]}, {left}"


def _tokens(count: int) -> str:
    return "1 token" if count == 1 else f"{number(count)} tokens"
