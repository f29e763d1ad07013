"""The order in which an account's tokens are used, in a sentence."""

from __future__ import annotations

from bridge.domain.metering.funding import Source
from bridge.services.metering.overview import AccountOverview
from bridge.web.i18n.messages import Texts, marked

_PLAN, _PAID, _FREE = Source.PLAN, Source.BALANCE, Source.ALLOWANCE
_SENTENCES = {
    (_PLAN, _PAID): marked("The plan is used first, then paid tokens."),
    (_PLAN, _FREE): marked("The plan is used first, then the free allowance."),
    (_PAID, _PLAN): marked("Paid tokens are used first, then the plan."),
    (_PAID, _FREE): marked("Paid tokens are used first, then the free allowance."),
    (_FREE, _PLAN): marked("The free allowance is used first, then the plan."),
    (_FREE, _PAID): marked("The free allowance is used first, then paid tokens."),
    (_PLAN, _PAID, _FREE): marked("The plan is used first, then paid tokens, then the free allowance."),
    (_PLAN, _FREE, _PAID): marked("The plan is used first, then the free allowance, then paid tokens."),
    (_PAID, _PLAN, _FREE): marked("Paid tokens are used first, then the plan, then the free allowance."),
    (_PAID, _FREE, _PLAN): marked("Paid tokens are used first, then the free allowance, then the plan."),
    (_FREE, _PLAN, _PAID): marked("The free allowance is used first, then the plan, then paid tokens."),
    (_FREE, _PAID, _PLAN): marked("The free allowance is used first, then paid tokens, then the plan."),
}
"""A sentence for each order of two or three sources."""


def spend_order(texts: Texts, known: AccountOverview) -> str:
    """Return which source pays first and which next; empty where there is only one."""
    has = {
        _PLAN: known.plan is not None,
        _PAID: not known.account.is_guest,
        _FREE: any(not allowance.is_disabled for allowance in known.allowances),
    }
    sources = tuple(source for source in known.policy.spend_order if has[source])
    return texts.gettext(_SENTENCES[sources]) if sources in _SENTENCES else ""
