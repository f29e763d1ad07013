"""A state machine with random actions of callers, admins and the shop, checked against the model."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bridge.domain.errors import BridgeError
from bridge.domain.metering.limits import Override, Period
from bridge.domain.metering.pricing import DEFAULT_OPERATIONS
from bridge.domain.stores.principals import Caller
from bridge.rendering.documents import format_timestamp
from bridge.services.metering import confirmations, expiry, limits, manual_resets, overrides
from bridge.services.secrets import Vault
from bridge.services.stores.settings import NewStore, add_store
from bridge.storage.engine.database import Database
from tests.support import model_confirmations
from tests.support.model import Fields, Model
from tests.support.spend_driver import SpendDriver, read
from tests.support.spend_driver import rule as rule_of
from tests.support.spend_replies import is_replay, status_of, text_of

ZONES = ["America/New_York", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe"]
STARTS = [
    datetime(2026, 1, 30, 21, 59, tzinfo=UTC),  # the last days of a month, and a short month after it
    datetime(2026, 3, 7, 12, tzinfo=UTC),  # clocks go forward in New York, on a Sunday
    datetime(2026, 10, 30, 12, 30, tzinfo=UTC),  # and back, and a month ends between
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
]
PEOPLE = [1, 1, 2, 2, "ann"]
USERS = [1, 2]
MODULES = ["chat", "image_optimizer", "ai_forms"]
ROLES = [(), ("editor",), ("editor", "barred"), ("barred",)]
GIVEN = [0, 1, 10, 20, 30, 40, 50, 60, "unlimited", "disabled"]
AMOUNTS = ["all", "all", "one more", *range(1, 60, 4)]
SMALL = range(1, 61)
KINDS = ["spend", "spend", "hold", "hold", "capture", "capture", "release", "refund", "refund", "operation"]
OPERATIONS = ["image.pipeline", "image.pipeline", "image.preview", "chat.message", "no.such"]
_slugs = itertools.count(1)


def written(fields: Fields) -> Fields:
    """Return the model's values, with moments as the API writes them."""
    if isinstance(fields, datetime):
        return format_timestamp(fields)  # type: ignore[return-value]
    if isinstance(fields, list):
        return [written(value) for value in fields]  # type: ignore[return-value]
    return {key: written(value) for key, value in fields.items()} if isinstance(fields, dict) else fields


def named_in(fields: Any, answer: Any) -> Any:
    """Return the part of an answer that the model's value has fields for."""
    if isinstance(fields, dict) and isinstance(answer, dict):
        return {name: named_in(value, answer.get(name)) for name, value in fields.items()}
    if isinstance(fields, list) and isinstance(answer, list):
        return [named_in(value, one) for value, one in itertools.zip_longest(fields, answer)]
    return answer


def acting(**choices: Sequence[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Define a rule with one of these values for each argument; several requests follow it.

    Hypothesis chooses the rules and a seed; the values are drawn from the seed,
    since the values Hypothesis draws are too similar to interact.
    """

    def decorate(act: Callable[..., None]) -> Callable[..., None]:
        def step(self: Machine, seed: int) -> None:
            self.rng = Random(f"{seed} {len(self.asked)}")
            act(self, **{name: self.rng.choice(among) for name, among in choices.items()})
            self.ask_at_once()

        step.__name__ = act.__name__
        return rule(seed=st.integers(0, 2**32))(step)  # type: ignore[no-any-return]

    return decorate


class Machine(RuleBasedStateMachine):
    """One store in a database that all runs share."""

    database: Database
    asks = 0

    @initialize(
        zone=st.sampled_from(ZONES),
        start=st.sampled_from(STARTS),
        order=st.permutations(["plan", "balance", "allowance"]),
        period=st.sampled_from(["daily", "weekly", "monthly", "never"]),
        second=st.sampled_from(["daily", "weekly", "monthly", "never"]),
    )
    def connect(self, zone: str, start: datetime, order: list[str], period: str, second: str) -> None:
        """Start with a store, two limits, one perhaps with a second window, a plan to buy, and users with tokens."""
        self.now = start
        wanted = NewStore(f"machine-{next(_slugs)}", "https://shop.example.com", time_zone=zone)
        with self.database.transaction() as connection:
            store = add_store(connection, wanted, vault_=Vault("of the tests"), actor="test", now=start).store
        self.driver = SpendDriver(self.database, Caller(store.id, "key"))
        self.model = Model(zone)
        for operation in DEFAULT_OPERATIONS:
            known = {"module": operation.module, "tokens": operation.tokens_per_unit, "most": operation.max_units}
            self.model.prices[operation.key] = known
        self.asked: list[tuple[Any, Fields]] = []
        self.numbers = itertools.count(1)
        self.reorder(order)
        self.limit("chat", period, 40, 40, 60, 15, second, 70, 80)
        self.limit("image_optimizer", "daily", 20, "disabled", "unlimited", 20)
        for product in (70, 71):
            self.driver.plan(product, tokens=product - 40, months=1, now=start)
        for user in USERS:
            self.model.person(user)
            self.driver.put_user(user, now=start)
            self.adjust(user, 50 * user)
            # Two plans whose months end at different times.
            for plan, days in ((70, 27), (71, 3)):
                self.now = start - timedelta(days=days)
                self.order(user, 1, plan)
        self.now = start

    # Time

    @acting(step=[1, 59, 3_600, 20_000, 86_400, 400_000], micros=[0, 0, 1])
    def wait(self, step: int, micros: int) -> None:
        """Wait."""
        self.now += timedelta(seconds=step, microseconds=micros)

    @acting(what=["hold", "hold", "window", "plan"], name=PEOPLE, module=MODULES, micros=[-1, 0, 1])
    def wait_for_an_edge(self, what: str, name: Any, module: str, micros: int) -> None:
        """Move to, just before or just after the end of a hold, a window or a plan's month."""
        ends = [hold["expires_at"] for hold in self.model.holds.values() if hold["state"] == "open"]
        if what == "plan":
            ends = [plan["end"] for plan in self.model.plans(name, self.now)]
        elif what == "window" and module in self.model.limits:
            ends = [end for _, end, _ in self.model.windows(name, module, self.now) if end]
        moments = sorted(end + timedelta(microseconds=micros) for end in ends)
        self.now = next((moment for moment in moments if moment > self.now), self.now)

    # Callers

    def ask_at_once(self) -> None:
        """Send three to eight requests in one transaction; each sees the effects of those before it."""
        if self.rng.random() < 0.2:
            self._want_to_confirm(self.rng.choice(USERS), wanted=self.rng.random() < 0.8)
        asked: list[tuple[Any, Fields]] = []
        spends, held = list(self.model.spends), list(self.model.holds)
        for _ in range(self.rng.randint(3, 8)):
            kind = self.rng.choice(KINDS)
            if kind == "refund" and spends:
                asked.append(self._refund(self.rng.choice(spends[-10:])))
            elif kind in {"capture", "release"} and held:
                asked.append(self._settle(kind, self.rng.choice(held[-6:])))
            else:
                asked.append(self._take(kind))
            if (charge := asked[-1][1].get("kept")) is not None:
                # It counts for the rest of the batch, though its id is not known yet.
                self._known(charge)[asked[-1][0].key] = charge
        self._compare(asked)

    def _take(self, kind: str) -> tuple[Any, Fields]:
        rng, name = self.rng, self.rng.choice(PEOPLE)
        module = rng.choice(MODULES)
        what: Fields = {"module": module, "tokens": self._amount(name, module, rng.choice(AMOUNTS))}
        if kind == "operation" or rng.random() < 0.2:
            what = {"operation": rng.choice(OPERATIONS), "units": rng.randint(1, 12)}
            if isinstance(name, int) and rng.random() < 0.3:
                # The request may change the user's roles.
                what["roles"] = rng.choice(ROLES)
        if rng.random() < 0.3:
            what["confirmed"] = True
        if kind == "hold":
            ttl = rng.choice([1, 60, 300, 86_400])
            return self.driver.hold(name, ttl=ttl, **what), self.model.hold(name, what, self.now, ttl=ttl)
        return self.driver.spend(name, **what), self.model.spend(name, what, self.now)

    def _settle(self, kind: str, id_: str) -> tuple[Any, Fields]:
        """Release or capture a hold: nothing, less, all, or more; also late and settled ones."""
        if kind == "release":
            return self.driver.release(id_), self.model.release(id_, self.now)
        hold, more = self.model.holds[id_], self.rng.choice(SMALL)
        held = sum(hold["plan"].values()) + hold["balance"] + hold["allowance"]
        tokens = self.rng.choice([0, max(0, held - more), held, held + more, held + more, None])
        said: Fields = {"units": more % 9 if tokens is None else None, "confirmed": self.rng.random() < 0.3}
        expected = self.model.capture(id_, self.now, tokens=tokens, **said)
        return self.driver.capture(id_, tokens, **said), expected

    def _refund(self, id_: str) -> tuple[Any, Fields]:
        """Refund the whole amount, a part, or too much."""
        tokens = self.rng.choice([None, *SMALL[:20]])
        return self.driver.refund(id_, tokens), self.model.refund(id_, self.now, tokens=tokens)

    def _want_to_confirm(self, user: int, *, wanted: bool) -> None:
        """Let a user be asked before tokens of the balance are taken, or not any more; in every run, so no rule."""
        model_confirmations.want(self.model.person(user), wanted)
        self._write(confirmations.set_wanted, user, wanted, actor="test", now=self.now)

    @precondition(lambda self: self.asked)
    @acting(back=range(100))
    def ask_again(self, back: int) -> None:
        """Repeat a key: the response is the same, whatever has changed."""
        ask, answer = self.asked[-1 - back % len(self.asked)]
        (reply,) = self.driver.replies([ask], now=self.now)
        assert (is_replay(reply), answer) == (True, {"status": status_of(reply), "text": text_of(reply)})

    # The shop and its admin

    @acting(user=USERS, tokens=range(-120, 121, 7))
    def correct(self, user: int, tokens: int) -> None:
        """Correct a balance by hand."""
        self.adjust(user, tokens)

    def adjust(self, user: int, tokens: int) -> None:
        """Add tokens, or remove them if there are as many."""
        code = self.model.adjust(user, tokens)
        with pytest.raises(BridgeError) if code else nullcontext() as raised:
            self.driver.give(user, tokens, now=self.now)
        assert code is None or raised.value.code == code

    @acting(user=USERS, tokens=SMALL, plan=[None, None, 70, 71])
    def buy(self, user: int, tokens: int, plan: int | None) -> None:
        """Buy tokens, or a month of a plan."""
        self.order(user, tokens, plan)

    def order(self, user: int, tokens: int, plan: int | None) -> None:
        """Deliver the completed order."""
        number = next(self.numbers)
        self.model.orders[number] = {"user": user, "tokens": tokens, "plan": plan, "state": "new", "at": self.now}
        if plan:
            term = {"product": plan, "tokens": plan - 40, "months": 0, "at": self.now}
            self.model.person(user)["terms"][number] = term
        self._turn(number, "completed")

    @precondition(lambda self: self.model.orders)
    @acting(status=["refunded", "refunded", "cancelled", "completed"])
    def turn(self, status: str) -> None:
        """Refund an order, or complete it again."""
        self._turn(self.rng.choice(list(self.model.orders)[-6:]), status)

    @acting(
        module=MODULES,
        period=["daily", "weekly", "monthly", "never"],
        user=GIVEN,
        guest=GIVEN,
        editor=GIVEN,
        barred=GIVEN,
        second=[None, "daily", "weekly", "monthly", "never"],
        all_=[*GIVEN, 80],
        some=[None, *GIVEN, 80],
    )
    def change_limit(self, **given: Any) -> None:
        """Change a limit, or its windows."""
        self.limit(*given.values())

    def limit(
        self,
        module: str,
        period: str,
        user: Any,
        guest: Any,
        editor: Any,
        barred: Any,
        second: str | None = None,
        all_: Any = None,
        some: Any = None,
    ) -> None:
        """Set what a module gives for free, and perhaps what a second window allows users, and editors alone."""
        rules = {"user": user, "guest": guest, "role:editor": editor, "role:barred": barred}
        windows = [(period, rules)]
        if second not in {None, period}:
            windows.append((str(second), {"user": all_} | ({} if some is None else {"role:editor": some})))
        self.model.limit(module, *windows)
        named = {name.replace(":", "_"): given for name, given in rules.items()}
        self.driver.limit(module, period, second=windows[1] if len(windows) > 1 else None, **named)

    @acting(order=list(itertools.permutations(["plan", "balance", "allowance"])))
    def change_order(self, order: Sequence[str]) -> None:
        """Change the order of the sources."""
        self.reorder(order)

    def reorder(self, order: Sequence[str]) -> None:
        """Set the order in which the sources pay."""
        self.model.order = list(order)
        self.driver.settings(spend_order=list(order))

    @acting(module=["ai_forms", "ai_forms", "chat"])
    def switch_metering(self, module: str) -> None:
        """Switch metering off where it is on, and on where it is off."""
        self.model.unmetered ^= {module}
        is_metered = module not in self.model.unmetered
        self._write(limits.put_module, module, label=module, is_metered=is_metered, actor="test", now=self.now)

    @acting(user=USERS, module=MODULES, given=GIVEN, second=[None, *GIVEN], hours=[None, 1, 30])
    def override(self, user: int, module: str, given: Any, second: Any, hours: int | None) -> None:
        """Add a rule for one user, permanently or for a while."""
        ends_at = None if hours is None else self.now + timedelta(hours=hours)
        self.model.person(user)["own"][module] = ((given, second), ends_at)
        rule_ = Override(module, rule_of(given), ends_at, None if second is None else rule_of(second))
        self._write(overrides.put_override, user, rule_, actor="test", now=self.now)

    @acting(user=[*USERS, None], module=[None, *MODULES], role=[False, True], alone=[None, None, 0, 1])
    def reset(self, user: int | None, module: str | None, role: bool, alone: int | None) -> None:
        """Reset by hand, for one user or for many, both windows or one alone."""
        windows = self.model.limits.get(module or "chat", [])
        name = windows[alone]["period"] if alone is not None and alone < len(windows) else None
        period = None if name is None else Period(name)
        if user is not None:
            self.model.person(user)["resets"].append((self.now, module, name))
            self._write(manual_resets.reset_account, user, module, period=period, actor="test", now=self.now)
            return
        whose = "editor" if role else None
        self.model.resets.append((self.now, module, whose, name))
        self._write(manual_resets.reset_many, module=module, role=whose, period=period, actor="test", now=self.now)

    @acting()
    def mark_expired(self) -> None:
        """Run the job that marks expired holds; it changes no number."""
        expiry.expire_due(self.database.transaction, now=self.now, limit=100)

    def teardown(self) -> None:
        """Compare the stored rows with the model."""
        if hasattr(self, "model"):
            self.compare()

    def compare(self) -> None:
        """Compare the rows; overridden where they can be read."""

    def _amount(self, name: Any, module: str, amount: int | str) -> int:
        left = self.model.left(name, module, self.now).values()
        if isinstance(amount, int) or None in left:
            return amount if isinstance(amount, int) else 30
        return max(1, sum(left) + (amount == "one more"))  # type: ignore[arg-type]

    def _compare(self, asked: list[tuple[Any, Fields]]) -> None:
        """Compare the service's answers with the model's; its ids replace the model's own."""
        type(self).asks += len(asked)
        replies = self.driver.replies([ask for ask, _ in asked], now=self.now)
        for (ask, expected), reply in zip(asked, replies, strict=True):
            answer, charge = read(reply), expected.pop("kept", None)
            allowance = expected.pop("allowance", None)
            assert {name: answer.get(name) for name in expected} == written(expected)
            if isinstance(reply, BridgeError):
                continue
            assert (answer["allowance"] is None) == (allowance is None)
            if allowance is not None:
                assert named_in(allowance, answer["allowance"]) == written(allowance)
                assert ("windows" in allowance) == ("windows" in answer["allowance"])
            # A refusal is not stored: the same key is decided again.
            if text_of(reply):
                self.asked.append((ask, {"status": status_of(reply), "text": text_of(reply)}))
            if charge is not None:
                known = self._known(charge)
                known.pop(ask.key, None)
                known[answer["id"]] = charge

    def _known(self, charge: Fields) -> dict[str, Fields]:
        return self.model.holds if "expires_at" in charge else self.model.spends

    def _turn(self, number: int, status: str) -> None:
        order = self.model.orders[number]
        grants, granted = status == "completed", order["state"] == "completed"
        order["state"] = status
        term = self.model.person(order["user"])["terms"].get(number)
        if term is not None:
            term["months"] = int(grants)
        elif grants != granted:
            move = self.model.credit if grants else self.model.take_back
            move(order["user"], order["tokens"])
        what = {"product": order["plan"]} if order["plan"] else {"tokens": order["tokens"]}
        self.driver.order(number, order["user"], status=status, now=order["at"], **what)

    def _write(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        with self.database.transaction() as connection:
            act(connection, self.driver.caller.store_id, *arguments, **named)
