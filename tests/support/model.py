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

from tests.support.model_calendar import day_begins, months_later

Fields = dict[str, Any]
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class Model:
    """One store and its users."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.order = ["plan", "balance", "allowance"]
        self.limits: dict[str, Fields] = {}
        self.unmetered: set[str] = set()
        self.prices: dict[str, Fields] = {}
        self.resets: list[tuple[datetime, str | None, str | None]] = []
        self.people: dict[Any, Fields] = {}
        self.holds: dict[str, Fields] = {}
        self.spends: dict[str, Fields] = {}
        self.orders: dict[int, Fields] = {}

    def person(self, name: Any) -> Fields:
        """Add a user without tokens; guests are named by a text, users by a number."""
        empty: Fields = {"balance": 0, "debt": 0, "roles": (), "own": {}, "resets": [], "terms": {}}
        return self.people.setdefault(name, empty | {"used": Counter(), "plan_used": Counter(), "days": Counter()})

    # Balances and limits

    def window(self, name: Any, module: str, now: datetime) -> tuple[datetime, datetime | None]:
        """Return the window of a module's limit, which a manual reset may have restarted."""
        period, today = self.limits[module]["period"], now.astimezone(self.zone).date()
        start, end = ALWAYS, None
        if period != "never":
            first = {
                "daily": today,
                "weekly": today - timedelta(days=today.weekday()),
                "monthly": today.replace(day=1),
            }[period]
            days = {"daily": 1, "weekly": 7, "monthly": 31}[period]
            following = first + timedelta(days=days)
            start = day_begins(self.zone, first)
            end = day_begins(self.zone, following.replace(day=1) if period == "monthly" else following)
        person = self.person(name)
        by_hand = [(at, what) for at, what in person["resets"]]
        by_hand += [(at, what) for at, what, role in self.resets if role is None or role in person["roles"]]
        for at, what in by_hand:
            if what in (None, module) and start < at <= now:
                start = at
        return start, end

    def rule(self, name: Any, module: str, now: datetime) -> int | str | None:
        """Return the amount of the limit: a number, `unlimited`, `disabled`, or None where no rule applies."""
        if module not in self.limits:
            return None
        person, rules = self.person(name), self.limits[module]["rules"]
        own, ends_at = person["own"].get(module, (None, None))
        if own is not None and (ends_at is None or now < ends_at):
            return own  # type: ignore[no-any-return]
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
        """Return what the limit of a module has left; None where no rule applies."""
        rule = self.rule(name, module, now)
        if rule is None:
            return None
        start, end = self.window(name, module, now)
        used = self.person(name)["used"][module, start]
        held = sum(
            hold["allowance"]
            for hold in self.counting(name, now)
            if hold["module"] == module and hold["window"] == start
        )
        left = None if rule == "unlimited" else 0 if rule == "disabled" else max(0, rule - used - held)
        return {"module": module, "limit": rule, "used": used, "held": held, "remaining": left, "resets_at": end}

    def plans(self, name: Any, now: datetime) -> list[Fields]:
        """Return the current month of each plan with what it has left, the first to end in front."""
        person, running = self.person(name), []
        for product in {term["product"] for term in person["terms"].values()}:
            months: list[tuple[datetime, datetime, int]] = []
            anchor, count = ALWAYS, 0
            for _, term in sorted(person["terms"].items(), key=lambda item: (item[1]["at"], item[0])):
                if term["product"] != product or not term["months"]:
                    continue
                if not months or term["at"] >= months[-1][1]:
                    anchor, count = term["at"], 0
                for _ in range(term["months"]):
                    start, end = (months_later(self.zone, anchor, step) for step in (count, count + 1))
                    months.append((start, end, term["tokens"]))
                    count += 1
            for start, end, tokens in months:
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
        person, module = self.person(name), asked["module"]
        saved = {key: Counter(person[key]) for key in ("used", "plan_used")} | {"balance": person["balance"]}
        paid = self._charge(name, module, asked["price"], now)
        person.update(saved)
        hold = {"name": name, "module": module, "operation": what.get("operation"), "units": asked["units"]}
        hold |= {"state": "open", "expires_at": now + timedelta(seconds=ttl), **paid}
        return self._answer(name, module, paid, now, kept=hold)

    def capture(self, hold_id: str, now: datetime, *, tokens: int | None, units: int | None) -> Fields:
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
        paid = self._charge(name, module, price, now, reserve=counted)
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
                self.rule(name, module, now) is not None and self.window(name, module, now)[0] == spend["window"]
            )
            given = min(missing, spend[source]) if is_open else 0
            spend[source] -= given
            back[source] += given
            missing -= given
        self.credit(name, back["balance"])
        if back["allowance"]:
            person["used"][module, spend["window"]] -= back["allowance"]
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
            return {"status": 201, **asked}
        disabled = self.rule(name, module, now) == "disabled"
        there: int = sum(left.values())  # type: ignore[arg-type]
        return {
            "status": 403 if disabled else 402,
            "code": "module_disabled" if disabled else "insufficient_tokens",
            "required": price,
            "available": there,
            "shortfall": price - there,
            "balance": self.shared(name, now),
            "allowance": self.allowance(name, module, now),
        }

    def _charge(self, name: Any, module: str, price: int, now: datetime, *, reserve: Fields | None = None) -> Fields:
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
        for source in self.order:
            if source == "plan":
                for plan in self.plans(name, now):
                    self._pay(name, module, paid, source, plan["left"], plan["place"])
            elif source == "balance":
                self._pay(name, module, paid, source, self.shared(name, now)["available"])
            elif (free := self.allowance(name, module, now)) is not None:
                window = self.window(name, module, now)[0]
                # One spend counts in one window.
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
            person["used"][module, place] += taken

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
