"""A second implementation of the metering rules in plain dictionaries, written from the specification.

Slow and simple on purpose. The held amount is added up from the open
holds each time, a capture charges what was held before it uses any other
source, and every plan's months are listed one by one.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.support import model_confirmations
from tests.support.model_calendar import period_around, plan_months

Fields = dict[str, Any]
FAR = datetime(9999, 1, 1, tzinfo=UTC)


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


class Model:
    """One store and its users."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.order = ["plan", "balance", "allowance"]
        self.limits: dict[str, list[Fields]] = {}
        self.unmetered: set[str] = set()
        self.prices: dict[str, Fields] = {}
        self.resets: list[tuple[datetime, str | None, str | None, str | None]] = []
        self.people: dict[Any, Fields] = {}
        self.holds: dict[str, Fields] = {}
        self.spends: dict[str, Fields] = {}
        self.orders: dict[int, Fields] = {}

    def person(self, name: Any) -> Fields:
        """Add a user without tokens; guests are named by a text, users by a number."""
        empty: Fields = {"balance": 0, "debt": 0, "roles": (), "own": {}, "resets": [], "terms": {}}
        empty |= {"wants": False, "confirmed": []}
        return self.people.setdefault(name, empty | {"used": Counter(), "plan_used": Counter(), "days": Counter()})

    # Balances and limits

    def limit(self, module: str, *windows: tuple[str, Fields]) -> None:
        """Set the period and the rules of one or two windows; a period that stays keeps what was used in it."""
        before = {window["period"]: window["slot"] for window in self.limits.get(module, ())}
        slots = [before.get(period) for period, _ in windows]
        first = self.limits[module][0]["slot"] if module in self.limits else 0
        if slots[0] is None:
            slots[0] = first if len(slots) == 1 or slots[1] is None else 1 - slots[1]
        slots[1:] = [1 - slots[0] for _ in slots[1:]]
        self.limits[module] = [
            {"period": period, "rules": rules, "slot": slot}
            for (period, rules), slot in zip(windows, slots, strict=True)
        ]

    def windows(self, name: Any, module: str, now: datetime) -> list[tuple[datetime, datetime | None, int]]:
        """Return the windows of a module's limit, each with the place where its use is kept."""
        return [(*self._window(name, module, window["period"], now), window["slot"]) for window in self.limits[module]]

    def _window(self, name: Any, module: str, period: str, now: datetime) -> tuple[datetime, datetime | None]:
        """Return one window, which a manual reset may have restarted."""
        start, end = period_around(self.zone, period, now)
        person = self.person(name)
        of_roles = [(at, what, of) for at, what, role, of in self.resets if role is None or role in person["roles"]]
        for at, what, whose in [*person["resets"], *of_roles]:
            if what in (None, module) and whose in (None, period) and start < at <= now:
                start = at
        return start, end

    def rules(self, name: Any, module: str, now: datetime) -> list[int | str] | None:
        """Return the amount of each window: a number, `unlimited` or `disabled`; None where no rule gives anything."""
        if module not in self.limits:
            return None
        own, ends_at = self.person(name)["own"].get(module, ((None, None), None))
        if ends_at is not None and now >= ends_at:
            own = (None, None)
        found = [
            own[place] if own[place] is not None else self._rule(name, window["rules"])
            for place, window in enumerate(self.limits[module])
        ]
        if found[0] is None:
            return None
        # A second window restricts only those it has a rule for.
        return ["unlimited" if rule is None else rule for rule in found]

    def _rule(self, name: Any, rules: Fields) -> int | str | None:
        person = self.person(name)
        if isinstance(name, str):
            return rules.get("guest")  # type: ignore[no-any-return]
        of_roles = [rules[f"role:{role}"] for role in person["roles"] if f"role:{role}" in rules]
        if "unlimited" in of_roles:
            return "unlimited"
        numbers = [rule for rule in of_roles if rule != "disabled"]
        if numbers:
            return max(numbers)
        return "disabled" if of_roles else rules.get("user")

    def counting(self, name: Any, now: datetime) -> list[Fields]:
        """Return the open holds of a user."""
        mine = (hold for hold in self.holds.values() if hold["name"] == name)
        return [hold for hold in mine if hold["state"] == "open" and now < hold["expires_at"]]

    def shared(self, name: Any, now: datetime) -> Fields:
        """Return balance, held, available and debt."""
        person = self.person(name)
        held = sum(hold["balance"] for hold in self.counting(name, now))
        available = max(0, person["balance"] - held)
        return {"balance": person["balance"], "held": held, "available": available, "debt": person["debt"]}

    def allowance(self, name: Any, module: str, now: datetime) -> Fields | None:
        """Return what the limit of a module has left: the window with the least; None where no rule applies."""
        rules = self.rules(name, module, now)
        if rules is None:
            return None
        found = []
        for window, rule, (start, end, slot) in zip(
            self.limits[module], rules, self.windows(name, module, now), strict=True
        ):
            used = self.person(name)["used"][module, start, slot]
            held = sum(
                hold["allowance"]
                for hold in self.counting(name, now)
                if hold["module"] == module and (start, slot) in (hold["window"] or ())
            )
            left = None if rule == "unlimited" else 0 if rule == "disabled" else max(0, rule - used - held)  # type: ignore[operator]
            found.append(
                {
                    "limit": rule,
                    "used": used,
                    "held": held,
                    "remaining": left,
                    "period": window["period"],
                    "resets_at": end,
                }
            )
        strictest = min(found, key=lambda one: (_or(one["remaining"], 2**60), one["limit"] != "disabled"))
        ties = [one for one in found if one["remaining"] == strictest["remaining"]]
        ties = [one for one in ties if one["limit"] == "disabled"] or ties
        strictest = max(ties, key=lambda one: _or(one["resets_at"], FAR))
        both = {"windows": found} if len(found) > 1 else {}
        return {"module": module, **strictest, **both}

    def plans(self, name: Any, now: datetime) -> list[Fields]:
        """Return the current month of each plan with what it has left, the first to end in front."""
        person, running = self.person(name), []
        terms = [term for _, term in sorted(person["terms"].items(), key=lambda item: (item[1]["at"], item[0]))]
        for product in {term["product"] for term in person["terms"].values()}:
            bought = [term for term in terms if term["product"] == product and term["months"]]
            for start, end, tokens in plan_months(self.zone, bought):
                if start <= now < end:
                    gone = person["plan_used"][product, start]
                    gone += sum(hold["plan"][product, start, end] for hold in self.counting(name, now))
                    running.append({"place": (product, start, end), "end": end, "left": max(0, tokens - gone)})
        return sorted(running, key=lambda plan: (plan["end"], plan["place"]))

    def left(self, name: Any, module: str, now: datetime) -> dict[str, int | None]:
        """Return what each source can pay now; None for unlimited."""
        free = self.allowance(name, module, now)
        return {
            "plan": sum(plan["left"] for plan in self.plans(name, now)),
            "balance": self.shared(name, now)["available"],
            "allowance": free["remaining"] if free else 0,
        }

    # Requests of callers

    def price(self, what: Fields) -> tuple[str, int, int] | str:
        """Return module, units and price of a request, or the code of its error."""
        if "operation" not in what:
            module, units, tokens = what["module"], 1, what["tokens"]
        elif what["operation"] not in self.prices:
            return "unknown_operation"
        else:
            known, units = self.prices[what["operation"]], what.get("units", 1)
            if known["most"] is not None and units > known["most"]:
                return "too_many_units"
            module, tokens = known["module"], known["tokens"] * units
        return module, units, 0 if module in self.unmetered else tokens

    def spend(self, name: Any, what: Fields, now: datetime) -> Fields:
        """Spend; return the response, with the charge under `kept` for a later refund."""
        asked = self._decide(name, what, now)
        if asked["status"] != 201:
            return asked
        paid = self._charge(name, asked["module"], asked["price"], now)
        assert not paid["uncovered"]
        return self._store(name, asked, paid, now)

    def hold(self, name: Any, what: Fields, now: datetime, *, ttl: int) -> Fields:
        """Hold: like a spend, but nothing is charged yet."""
        asked = self._decide(name, what, now)
        if asked["status"] != 201:
            return asked
        module = asked["module"]
        paid = self._would_pay(name, module, asked["price"], now)
        hold = {"name": name, "module": module, "operation": what.get("operation"), "units": asked["units"]}
        hold |= {"state": "open", "expires_at": now + timedelta(seconds=ttl), **paid}
        return self._answer(name, module, paid, now, kept=hold)

    def capture(
        self, hold_id: str, now: datetime, *, tokens: int | None, units: int | None, confirmed: bool = False
    ) -> Fields:
        """Charge the held amount first, as far as it still counts, then other sources; the rest is uncovered."""
        hold = self.holds[hold_id]
        if hold["state"] in {"captured", "released"}:
            return {"code": f"hold_{hold['state']}"}
        if units is not None and not hold["operation"]:
            return {"code": "invalid_request"}
        asked: Any = (hold["module"], hold["units"], 0 if hold["module"] in self.unmetered else tokens)
        if units:
            asked = self.price({"operation": hold["operation"], "units": units})
        elif units == 0:
            asked = (hold["module"], 0, 0)
        if isinstance(asked, str):
            return {"code": asked}
        name, (module, count, price) = hold["name"], asked
        counted = hold if hold in self.counting(name, now) else None
        hold["state"] = "captured"
        agreed = confirmed or hold["balance"] or not model_confirmations.is_missing(self, name, module, now)
        paid = self._charge(name, module, price, now, reserve=counted, spares=() if agreed else ("balance",))
        if confirmed and paid["balance"]:
            self.person(name)["confirmed"].append((module, now))
        asked = {"module": module, "units": count, "operation": hold["operation"]}
        return self._store(name, asked, paid, now)

    def release(self, hold_id: str, now: datetime) -> Fields:
        """Release the whole hold."""
        hold = self.holds[hold_id]
        if hold["state"] in {"captured", "released"}:
            return {"code": {"captured": "hold_captured", "released": "hold_released_before"}[hold["state"]]}
        hold["state"] = "released"
        return self._answer(hold["name"], hold["module"], hold, now) | {"status": 200, "state": "released"}

    def refund(self, spend_id: str, now: datetime, *, tokens: int | None) -> Fields:
        """Refund each source, the last one used first; the part from a closed window lapses."""
        spend = self.spends[spend_id]
        name, module, person = spend["name"], spend["module"], self.person(spend["name"])
        left = sum(spend["plan"].values()) + spend["balance"] + spend["allowance"] - spend["lapsed"]
        wanted = left if tokens is None else tokens
        if not left or wanted > left:
            return {"code": "refund_exceeds_spend"}
        back, missing = Counter[str](), wanted
        for source in reversed(self.order):
            if source == "plan":
                for place in sorted(spend["plan"], key=lambda place: (place[2], place), reverse=True):
                    given = min(missing, spend["plan"][place]) if now < place[2] else 0
                    spend["plan"][place] -= given
                    person["plan_used"][place[:2]] -= given
                    back["plan"] += given
                    missing -= given
                continue
            is_open = source == "balance" or (
                self.rules(name, module, now) is not None
                and any((start, slot) in (spend["window"] or ()) for start, _, slot in self.windows(name, module, now))
            )
            given = min(missing, spend[source]) if is_open else 0
            spend[source] -= given
            back[source] += given
            missing -= given
        self.credit(name, back["balance"])
        if back["allowance"]:
            for place in spend["window"]:
                person["used"][module, *place] -= back["allowance"]
        spend["lapsed"] += missing
        person["days"][spend["day"]] -= back.total()
        paid_by = {source: back[source] for source in ("plan", "balance", "allowance")}
        answer = {"status": 201, "tokens": back.total(), "paid_by": paid_by, "lapsed": missing}
        return answer | {"balance": self.shared(name, now), "allowance": self.allowance(name, module, now)}

    # Actions of admins and the shop

    def credit(self, name: Any, tokens: int) -> None:
        """Add tokens; they pay the debt first."""
        person = self.person(name)
        paid = min(person["debt"], tokens)
        person["debt"] -= paid
        person["balance"] += tokens - paid

    def take_back(self, name: Any, tokens: int) -> None:
        """Remove tokens; a missing balance becomes debt."""
        person = self.person(name)
        taken = min(person["balance"], tokens)
        person["balance"] -= taken
        person["debt"] += tokens - taken

    def adjust(self, name: Any, tokens: int) -> str | None:
        """Adjust by hand; return the code where the balance would be negative."""
        person = self.person(name)
        if person["balance"] + tokens < 0:
            return "balance_out_of_range"
        person["balance"] += tokens
        return None

    # Computation

    def _decide(self, name: Any, what: Fields, now: datetime) -> Fields:
        priced = self.price(what)
        if isinstance(priced, str):
            return {"status": 0, "code": priced}
        if "roles" in what:
            self.person(name)["roles"] = what["roles"]
        module, units, price = priced
        left = self.left(name, module, now)
        asked = {"module": module, "units": units, "price": price, "operation": what.get("operation")}
        if None in left.values() or sum(left.values()) >= price:  # type: ignore[arg-type]
            paid = self._would_pay(name, module, price, now)
            return model_confirmations.refusal(self, name, what, asked, paid, now) or {"status": 201, **asked}
        disabled = "disabled" in (self.rules(name, module, now) or ())
        there: int = sum(left.values())  # type: ignore[arg-type]
        allowance = self.allowance(name, module, now)
        needed = price - left["plan"] - left["balance"]  # type: ignore[operator]
        refused_by = None
        if allowance is not None and "windows" in allowance:
            refused_by = [one["period"] for one in allowance["windows"] if _or(one["remaining"], needed) < needed]
        return {
            "refused_by": refused_by,
            "status": 403 if disabled else 402,
            "code": "module_disabled" if disabled else "insufficient_tokens",
            "required": price,
            "available": there,
            "shortfall": price - there,
            "balance": self.shared(name, now),
            "allowance": allowance,
        }

    def _would_pay(self, name: Any, module: str, price: int, now: datetime) -> Fields:
        person = self.person(name)
        saved = {key: Counter(person[key]) for key in ("used", "plan_used")} | {"balance": person["balance"]}
        paid = self._charge(name, module, price, now)
        person.update(saved)
        return paid

    def _charge(
        self, name: Any, module: str, price: int, now: datetime, *, reserve: Fields | None = None, spares: Any = ()
    ) -> Fields:
        paid: Fields = {"plan": Counter(), "balance": 0, "allowance": 0, "window": None, "uncovered": price}
        for source in self.order if reserve else ():
            assert reserve is not None
            if source == "plan":
                for place in sorted(reserve["plan"], key=lambda place: (place[2], place)):
                    self._pay(name, module, paid, source, reserve["plan"][place], place)
            else:
                there = min(reserve["balance"], self.person(name)["balance"])
                there = there if source == "balance" else reserve["allowance"]
                self._pay(name, module, paid, source, there, reserve["window"])
        for source in (one for one in self.order if one not in spares):
            if source == "plan":
                for plan in self.plans(name, now):
                    self._pay(name, module, paid, source, plan["left"], plan["place"])
            elif source == "balance":
                self._pay(name, module, paid, source, self.shared(name, now)["available"])
            elif (free := self.allowance(name, module, now)) is not None:
                window = tuple((start, slot) for start, _, slot in self.windows(name, module, now))
                # One spend counts in one set of windows.
                there = free["remaining"] if paid["window"] in (None, window) else 0
                self._pay(name, module, paid, source, there, window)
        return paid

    def _pay(self, name: Any, module: str, paid: Fields, source: str, there: int | None, place: Any = None) -> None:
        person, missing = self.person(name), paid["uncovered"]
        taken = missing if there is None else min(missing, there)
        paid["uncovered"] -= taken
        if source == "plan":
            paid["plan"][place] += taken
            person["plan_used"][place[:2]] += taken
            return
        paid[source] += taken
        if source == "balance":
            person["balance"] -= taken
        elif taken:
            paid["window"] = place
            for one in place:
                person["used"][module, *one] += taken

    def _store(self, name: Any, asked: Fields, paid: Fields, now: datetime) -> Fields:
        module, day = asked["module"], now.astimezone(self.zone).date()
        place = (day, module, asked["operation"] or "")
        cost = sum(paid["plan"].values()) + paid["balance"] + paid["allowance"] + paid["uncovered"]
        self.person(name)["days"][place] += cost
        kept = {"name": name, "module": module, "day": place, "lapsed": 0, **paid, "plan": Counter(paid["plan"])}
        return self._answer(name, module, paid, now, kept=kept) | {"uncovered": paid["uncovered"], "tokens": cost}

    def _answer(self, name: Any, module: str, paid: Fields, now: datetime, kept: Fields | None = None) -> Fields:
        if kept is not None and "expires_at" in kept:
            # It counts from now on, under the id that the service assigns.
            self.holds["new"] = kept
        paid_by = {"plan": sum(paid["plan"].values()), "balance": paid["balance"], "allowance": paid["allowance"]}
        answer = {"status": 201, "paid_by": paid_by, "tokens": sum(paid_by.values()), "kept": kept}
        answer |= {"balance": self.shared(name, now), "allowance": self.allowance(name, module, now)}
        self.holds.pop("new", None)
        return answer
