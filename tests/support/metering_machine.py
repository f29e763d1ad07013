"""A machine that does at random what callers, admins and the shop do, and compares each answer with the model's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bridge.domain.callers import Caller
from bridge.domain.errors import BridgeError
from bridge.domain.limits import Override
from bridge.domain.pricing import DEFAULT_OPERATIONS
from bridge.domain.stores import Module
from bridge.services import exceptions, holding, modules
from bridge.services.answers import instant
from bridge.services.stores import NewStore, add_store
from bridge.services.vault import Vault
from bridge.storage.database import Database
from tests.support.desk import Desk, read
from tests.support.desk import rule as rule_of
from tests.support.model import Fields, Model

ZONES = ["America/New_York", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe"]
STARTS = [
    datetime(2026, 1, 30, 21, 59, tzinfo=UTC),  # the last days of a month, and a short month after it
    datetime(2026, 3, 7, 12, tzinfo=UTC),  # clocks go forward in New York, on a Sunday
    datetime(2026, 10, 30, 12, 30, tzinfo=UTC),  # and back, and a month ends between
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
]
PEOPLE = [1, 2, 3, "ann"]
USERS = [1, 2, 3]
MODULES = ["chat", "image_optimizer", "ai_forms"]
ROLES = [(), ("editor",), ("editor", "barred"), ("barred",)]
GIVEN = st.integers(0, 60) | st.sampled_from(["unlimited", "disabled", 0])
AMOUNTS = st.sampled_from(["all", "one more"]) | st.integers(1, 90)
SMALL = st.integers(1, 90)
KINDS = st.sampled_from(["spend", "spend", "hold", "hold", "capture", "capture", "release", "refund", "refund"])
ONE_ASK = st.tuples(KINDS, st.sampled_from(PEOPLE), st.sampled_from(MODULES), AMOUNTS, st.integers(0, 7))
BATCHES = st.lists(ONE_ASK, min_size=3, max_size=8)
_slugs = itertools.count(1)


def written(fields: Fields) -> Fields:
    """What the model says, with moments as the API writes them."""
    if isinstance(fields, datetime):
        return instant(fields)  # type: ignore[return-value]
    return {key: written(value) for key, value in fields.items()} if isinstance(fields, dict) else fields


def acting(**strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule after which several things are asked, so that most of what is done at random is to ask."""

    def decorate(act: Callable[..., None]) -> Callable[..., None]:
        def step(self: Machine, asks: list[Any], **drawn: Any) -> None:
            act(self, **drawn)
            self.ask_at_once(asks)

        step.__name__ = act.__name__
        return rule(asks=BATCHES, **strategies)(step)  # type: ignore[no-any-return]

    return decorate


class Machine(RuleBasedStateMachine):
    """One store of its own in a database that is shared by all runs."""

    database: Database
    asks = 0

    @initialize(
        zone=st.sampled_from(ZONES),
        start=st.sampled_from(STARTS),
        order=st.permutations(["plan", "balance", "allowance"]),
        period=st.sampled_from(["daily", "weekly", "monthly", "never"]),
    )
    def connect(self, zone: str, start: datetime, order: list[str], period: str) -> None:
        """Begin with a store, two limits, a plan to buy, and people who have something."""
        self.now = start
        wanted = NewStore(f"machine-{next(_slugs)}", "https://shop.example.com", time_zone=zone)
        with self.database.transaction() as connection:
            store = add_store(connection, wanted, vault_=Vault("of the tests"), now=start).store
        self.desk = Desk(self.database, Caller(store.id, "key"))
        self.model = Model(zone)
        for operation in DEFAULT_OPERATIONS:
            known = {"module": operation.module, "tokens": operation.tokens_per_unit, "most": operation.max_units}
            self.model.prices[operation.key] = known
        self.asked: list[tuple[Any, Fields]] = []
        self.numbers = itertools.count(1)
        self.reorder(order)
        self.limit("chat", period, 40, 40, 60, 15)
        self.limit("image_optimizer", "daily", 20, "disabled", "unlimited", 20)
        for product in (70, 71):
            self.desk.plan(product, tokens=product - 40, months=1, now=start)
        for user in USERS:
            self.model.person(user)
            self.desk.put_user(user, now=start)
            self.adjust(user, 50 * user)

    # Time passes.

    @acting(step=st.sampled_from([1, 59, 3_600, 20_000, 86_400, 400_000]), micros=st.sampled_from([0, 0, 1]))
    def wait(self, step: int, micros: int) -> None:
        """A while passes."""
        self.now += timedelta(seconds=step, microseconds=micros)

    @acting(module=st.sampled_from(MODULES), name=st.sampled_from(PEOPLE), micros=st.sampled_from([-1, 0, 1]))
    def wait_for_an_edge(self, module: str, name: Any, micros: int) -> None:
        """Go to where something ends next: a hold, a window, a plan's month; or just before it, or just after."""
        ends = [hold["expires_at"] for hold in self.model.holds.values()]
        ends += [plan["end"] for plan in self.model.plans(name, self.now)]
        if module in self.model.limits:
            ends += [end for end in self.model.window(name, module, self.now)[1:] if end]
        moments = sorted(end + timedelta(microseconds=micros) for end in ends)
        self.now = next((moment for moment in moments if moment > self.now), self.now)

    # Callers ask.

    def ask_at_once(self, asks: list[tuple[str, Any, str, int | str, int]]) -> None:
        """Several asks in one transaction, each judged after the ones before it."""
        asked: list[tuple[Any, Fields]] = []
        settled = {"refund": list(self.model.spends), "capture": list(self.model.holds)}
        for kind, name, module, amount, number in asks:
            known = settled.get(kind, settled["capture"])
            if kind == "spend" or (kind != "hold" and not known):
                what = {"module": module, "tokens": self._amount(name, module, amount)}
                asked.append((self.desk.spend(name, **what), self.model.spend(name, what, self.now)))
            elif kind == "hold":
                what = {"module": module, "tokens": self._amount(name, module, amount)}
                ttl = (1, 60, 300, 86_400)[number % 4]
                asked.append((self.desk.hold(name, ttl=ttl, **what), self.model.hold(name, what, self.now, ttl=ttl)))
            else:
                asked.append(self._settle(kind, known[-1 - number % len(known)], amount))
            if (kept := asked[-1][1].get("kept")) is not None:
                # It counts for the rest of the batch, though its id is not known yet.
                self._known(kept)[asked[-1][0].key] = kept
        self._compare(asked)

    @rule(
        name=st.sampled_from(PEOPLE),
        operation=st.sampled_from(["image.pipeline", "image.preview", "chat.message", "no.such"]),
        units=st.integers(1, 12),
        roles=st.sampled_from([None, *ROLES]),
    )
    def spend_operation(self, name: Any, operation: str, units: int, roles: tuple[str, ...] | None) -> None:
        """An operation of the price list, perhaps with news of the user's roles."""
        what: Fields = {"operation": operation, "units": units}
        if roles is not None and isinstance(name, int):
            what["roles"] = roles
        self._compare([(self.desk.spend(name, **what), self.model.spend(name, what, self.now))])

    @rule(name=st.sampled_from(PEOPLE), units=st.integers(1, 6), ttl=st.sampled_from([60, 86_400]))
    def hold_operation(self, name: Any, units: int, ttl: int) -> None:
        """An operation, set aside."""
        what = {"operation": "image.pipeline", "units": units}
        self._compare([(self.desk.hold(name, ttl=ttl, **what), self.model.hold(name, what, self.now, ttl=ttl))])

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data(), price=st.sampled_from(["none", "less", "as held", "above", "units"]), more=SMALL)
    def capture(self, data: st.DataObject, price: str, more: int) -> None:
        """Less than was held, as much, or more; late ones and settled ones too."""
        id_ = self._one_of(data, self.model.holds)
        hold = self.model.holds[id_]
        held = sum(hold["plan"].values()) + hold["balance"] + hold["allowance"]
        tokens = {"none": 0, "less": max(0, held - more), "as held": held, "above": held + more}.get(price)
        units = more % 9 if price == "units" else None
        expected = self.model.capture(id_, self.now, tokens=tokens, units=units)
        self._compare([(self.desk.capture(id_, tokens, units=units), expected)])

    @precondition(lambda self: self.asked)
    @rule(back=st.integers(0, 100))
    def ask_again(self, back: int) -> None:
        """The same key answers the same, whatever is true by now."""
        ask, answer = self.asked[-1 - back % len(self.asked)]
        (reply,) = self.desk.replies([ask], now=self.now)
        assert (reply.is_replay, answer) == (True, {"status": reply.status, "text": reply.document})

    # The shop and its admin.

    @acting(user=st.sampled_from(USERS), tokens=st.integers(-120, 120))
    def correct(self, user: int, tokens: int) -> None:
        """A correction by hand."""
        self.adjust(user, tokens)

    def adjust(self, user: int, tokens: int) -> None:
        """Tokens are added or taken, if there are as many."""
        code = self.model.adjust(user, tokens)
        with pytest.raises(BridgeError) if code else nullcontext() as raised:
            self.desk.give(user, tokens, now=self.now)
        assert code is None or raised.value.code == code

    @acting(user=st.sampled_from(USERS), tokens=SMALL, plan=st.sampled_from([None, None, 70, 71]))
    def buy(self, user: int, tokens: int, plan: int | None) -> None:
        """An order of tokens, or of a month of a plan."""
        number = next(self.numbers)
        self.model.orders[number] = {"user": user, "tokens": tokens, "plan": plan, "state": "new", "at": self.now}
        if plan:
            term = {"product": plan, "tokens": plan - 40, "months": 0, "at": self.now}
            self.model.person(user)["terms"][number] = term
        self._turn(number, "completed")

    @precondition(lambda self: self.model.orders)
    @acting(data=st.data(), status=st.sampled_from(["refunded", "refunded", "cancelled", "completed"]))
    def turn(self, data: st.DataObject, status: str) -> None:
        """An order's money is returned, or it is completed again."""
        self._turn(self._one_of(data, self.model.orders), status)

    @acting(
        module=st.sampled_from(MODULES),
        period=st.sampled_from(["daily", "weekly", "monthly", "never"]),
        user=GIVEN,
        guest=GIVEN,
        editor=GIVEN,
        barred=GIVEN,
    )
    def change_limit(self, module: str, period: str, user: Any, guest: Any, editor: Any, barred: Any) -> None:
        """Another limit."""
        self.limit(module, period, user, guest, editor, barred)

    def limit(self, module: str, period: str, user: Any, guest: Any, editor: Any, barred: Any) -> None:
        """What a module gives for free."""
        rules = {"user": user, "guest": guest, "role:editor": editor, "role:barred": barred}
        self.model.limits[module] = {"period": period, "rules": rules}
        named = {name.replace(":", "_"): given for name, given in rules.items()}
        self.desk.limit(module, period, **named)

    @acting(order=st.permutations(["plan", "balance", "allowance"]))
    def change_order(self, order: list[str]) -> None:
        """Another order of the sources."""
        self.reorder(order)

    def reorder(self, order: list[str]) -> None:
        """The sources pay in this order."""
        self.model.order = list(order)
        self.desk.settings(spend_order=list(order))

    @acting(module=st.sampled_from(MODULES))
    def switch_metering(self, module: str) -> None:
        """Off where it is on, and on again."""
        self.model.unmetered ^= {module}
        is_metered = module not in self.model.unmetered
        self._write(modules.put_module, Module(module, module, is_metered))

    @acting(
        user=st.sampled_from(USERS), module=st.sampled_from(MODULES), given=GIVEN, hours=st.sampled_from([None, 1, 30])
    )
    def override(self, user: int, module: str, given: Any, hours: int | None) -> None:
        """A rule of one user's own, for ever or for a while."""
        ends_at = None if hours is None else self.now + timedelta(hours=hours)
        self.model.person(user)["own"][module] = (given, ends_at)
        rule_ = Override(module, rule_of(given), ends_at)
        self._write(exceptions.put_override, user, rule_, actor="test", now=self.now)

    @acting(user=st.sampled_from([*USERS, None]), module=st.sampled_from([None, *MODULES]), role=st.booleans())
    def reset(self, user: int | None, module: str | None, role: bool) -> None:
        """A reset by hand, of one user or of many."""
        if user is not None:
            self.model.person(user)["resets"].append((self.now, module))
            self._write(exceptions.reset_account, user, module, actor="test", now=self.now)
            return
        whose = "editor" if role else None
        self.model.resets.append((self.now, module, whose))
        self._write(exceptions.reset_many, module=module, role=whose, actor="test", now=self.now)

    @acting()
    def mark_expired(self) -> None:
        """The job that marks holds; it changes no number."""
        holding.expire_due(self.database.transaction, now=self.now, limit=100)

    def teardown(self) -> None:
        """What is written is what the model has."""
        if hasattr(self, "model"):
            self.compare()

    def compare(self) -> None:
        """Overridden where the rows can be read."""

    def _amount(self, name: Any, module: str, amount: int | str) -> int:
        left = self.model.left(name, module, self.now).values()
        if isinstance(amount, int) or None in left:
            return amount if isinstance(amount, int) else 30
        return max(1, sum(left) + (amount == "one more"))  # type: ignore[arg-type]

    def _settle(self, kind: str, id_: str, amount: int | str) -> tuple[Any, Fields]:
        if kind == "release":
            return self.desk.release(id_), self.model.release(id_, self.now)
        if kind == "refund":
            tokens = amount if isinstance(amount, int) else None
            return self.desk.refund(id_, tokens), self.model.refund(id_, self.now, tokens=tokens)
        tokens = amount if isinstance(amount, int) else 10
        return self.desk.capture(id_, tokens), self.model.capture(id_, self.now, tokens=tokens, units=None)

    def _compare(self, asked: list[tuple[Any, Fields]]) -> None:
        """The service's answers are the model's, now and again; what was kept goes under the service's ids."""
        type(self).asks += len(asked)
        replies = self.desk.replies([ask for ask, _ in asked], now=self.now)
        for (ask, expected), reply in zip(asked, replies, strict=True):
            answer, kept = read(reply), expected.pop("kept", None)
            allowance = expected.pop("allowance", None)
            assert {name: answer.get(name) for name in expected} == written(expected)
            if reply.error is not None:
                continue
            assert (answer["allowance"] is None) == (allowance is None)
            if allowance is not None:
                assert {name: answer["allowance"][name] for name in allowance} == written(allowance)
            self.asked.append((ask, {"status": reply.status, "text": reply.document}))
            if kept is not None:
                known = self._known(kept)
                known.pop(ask.key, None)
                known[answer["id"]] = kept

    def _known(self, kept: Fields) -> dict[str, Fields]:
        return self.model.holds if "expires_at" in kept else self.model.spends

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
        self.desk.order(number, order["user"], status=status, now=order["at"], **what)

    def _write(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        with self.database.transaction() as connection:
            act(connection, self.desk.caller.store_id, *arguments, **named)

    @staticmethod
    def _one_of(data: st.DataObject, known: dict[Any, Any]) -> Any:
        # The last few, mostly: those are where something is still open.
        return data.draw(st.sampled_from(list(known)[-8:]))
