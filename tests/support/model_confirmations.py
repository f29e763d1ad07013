"""Confirmations of paid tokens for the metering model: a list of all that were given, and no latest one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.support.model_calendar import period_around

if TYPE_CHECKING:
    from tests.support.model import Fields, Model


def want(person: Fields, wanted: bool) -> None:
    """Set whether a user wants to confirm; a change of it ends what they confirmed."""
    if person["wants"] != wanted:
        person.update(wants=wanted, confirmed=[])


def is_missing(model: Model, name: Any, module: str, now: datetime) -> bool:
    """Return whether tokens of the balance may not pay for a module before the user confirms."""
    person = model.person(name)
    if module in model.limits:
        begins = max(start for start, _, _ in model.windows(name, module, now))
    else:
        begins, _ = period_around(model.zone, "monthly", now)
    return person["wants"] and not any(what == module and begins <= at for what, at in person["confirmed"])


def refusal(model: Model, name: Any, what: Fields, asked: Fields, paid: Fields, now: datetime) -> Fields | None:
    """Return the refusal of a request that would be paid like this; None if it may be, which may confirm it."""
    module = asked["module"]
    if not paid["balance"]:
        return None
    if what.get("confirmed"):
        model.person(name)["confirmed"].append((module, now))
    elif is_missing(model, name, module, now):
        return {
            "status": 402,
            "code": "confirmation_required",
            "required": asked["price"],
            "available": asked["price"],
            "shortfall": 0,
            "paid_by": {"plan": sum(paid["plan"].values()), "balance": paid["balance"], "allowance": paid["allowance"]},
            "balance": model.shared(name, now),
            "allowance": model.allowance(name, module, now),
        }
    return None
