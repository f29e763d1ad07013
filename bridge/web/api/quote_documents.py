"""JSON documents of quotes, and of explanations with their sentences."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.metering.funding import Refusal, Source
from bridge.domain.metering.limits import Allowance, Allows, Period, WindowAllowance
from bridge.rendering.amounts import count_tokens
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.past import gap_document
from bridge.rendering.receipts import allowance_document, balance_document, paid_by_document
from bridge.services.metering.charge import Priced
from bridge.services.metering.past import PastExplanation
from bridge.services.metering.quotes import Explanation, Quote


def quote_document(quoted: Quote) -> Document:
    """Return a quote as the API shows it."""
    return {
        "tokens": sum(item.tokens for item in quoted.items),
        "items": [_item(item) for item in quoted.items],
        "affordable": quoted.shortfall == 0,
        "shortfall": quoted.shortfall,
        "paid_by": paid_by_document(quoted.paid),
        "balance": balance_document(quoted.balance),
        "purchase_url": quoted.purchase_url,
        "confirmation_required": quoted.confirmation_required,
    }


def explanation_document(found: Explanation) -> Document:
    """Return an explanation as the API shows it, with the same in words."""
    allowance, decision = found.allowance, found.decision
    return {
        "user": found.account.user_id,
        "module": found.module,
        "metered": found.is_metered,
        "tokens": found.tokens,
        "price": found.price,
        "roles": list(found.account.roles),
        "rule": None if allowance is None else _rule(allowance.strictest),
        "window": None if allowance is None else _window(allowance.strictest),
        **_windows(allowance, found.refused_by),
        "sources": [{"source": one.source.value, "left": one.left} for one in found.funding_sources],
        "balance": balance_document(found.balance),
        "allowance": allowance_document(allowance),
        "verdict": "accepted" if decision.is_accepted else str(decision.refusal),
        "paid_by": paid_by_document(decision),
        "shortfall": decision.shortfall,
        "words": _words(found),
    }


def past_explanation_document(found: PastExplanation) -> Document:
    """Return the explanation of a past decision: also its moment, and the values that were not recorded."""
    gaps = [gap_document(gap.value, since=found.recorded_since) for gap in found.gaps]
    return {**explanation_document(found.explanation), "at": format_timestamp(found.at), "not_recorded": gaps}


def _item(priced: Priced) -> Document:
    named: Document = {"module": priced.module}
    if priced.operation is not None:
        named = {"operation": priced.operation, "quantity": priced.units, "module": priced.module}
    return {**named, "tokens": priced.tokens}


def _rule(one: WindowAllowance) -> Document:
    return {"audience": one.matched.audience, "limit": one.matched.rule.document}


def _window(one: WindowAllowance) -> Document:
    return {
        "period": one.period.value,
        "starts_at": format_timestamp(one.window.opened_at),
        "ends_at": format_timestamp(one.window.ends_at),
        "used": one.used,
        "held": one.held,
    }


def _windows(allowance: Allowance | None, refused_by: Sequence[WindowAllowance]) -> Document:
    """Return both windows with their rules, where the limit has two; a rule is null where none restricts."""
    if allowance is None or len(allowance.windows) < 2:
        return {}
    return {
        "refused_by": [one.period.value for one in refused_by],
        "windows": [
            {**_window(one), "remaining": one.remaining, "rule": _rule(one) if one.matched.audience else None}
            for one in allowance.windows
        ],
    }


def _words(found: Explanation) -> list[str]:
    label, decision = found.module_label, found.decision
    words = [f"User {found.account.user_id} has the roles {', '.join(found.account.roles) or '(none known)'}."]
    if not found.is_metered:
        words.append(f"{label} is not metered: its use is recorded and costs nothing.")
    words += _words_of_rules(found.allowance, label)
    for funding_source in found.funding_sources:
        left = "no end of" if funding_source.left is None else f"{funding_source.left:,}"
        words.append(f"{funding_source.source.value.capitalize()} can pay {left} tokens.")
    if decision.is_accepted:
        shares = {
            Source.PLAN: decision.plan,
            Source.BALANCE: decision.balance,
            Source.ALLOWANCE: decision.allowance,
        }
        paid = ", ".join(f"{tokens:,} from {source.value}" for source, tokens in shares.items() if tokens)
        words.append(f"Accepted: {count_tokens(found.price)}, {paid or 'nothing to pay'}.")
    elif decision.refusal is Refusal.CONFIRMATION_REQUIRED:
        words.append(
            f"Refused until confirmed: the user wants to confirm before tokens of the balance are taken,"
            f" and {decision.balance:,} of {count_tokens(found.price)} would be."
        )
    elif decision.refusal is Refusal.MODULE_DISABLED:
        words.append(f"Refused: {label} is disabled and no other source can pay; {decision.shortfall:,} are missing.")
    else:
        words.append(f"Refused: of {count_tokens(found.price)}, {decision.shortfall:,} cannot be paid.")
    if found.refused_by and found.allowance is not None and len(found.allowance.windows) > 1:
        words.append(f"Refused by: the {' and the '.join(one.period.value for one in found.refused_by)} window.")
    return words


def _words_of_rules(allowance: Allowance | None, label: str) -> list[str]:
    if allowance is None:
        return [f"No rule gives a free allowance in {label}."]
    return [_words_of_rule(one) for one in allowance.windows]


def _words_of_rule(one: WindowAllowance) -> str:
    rule = one.matched.rule
    often = "once" if one.period is Period.NEVER else one.period.value
    if not one.matched.audience:
        return f"No rule of the {one.period.value} window restricts this user."
    if rule.allows is Allows.AMOUNT:
        held = f" and {one.held:,} held" if one.held else ""
        opened = format_timestamp(one.window.opened_at)
        since = f" since {opened}" if opened else ""
        return (
            f"The rule for {one.matched.audience} gives {count_tokens(rule.tokens)} {often};"
            f" used{since}: {one.used:,}{held}."
        )
    return f"The rule for {one.matched.audience} says {rule.allows.value}."
