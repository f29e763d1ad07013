"""A driver that calls the metering service directly, in one transaction for each batch."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.clients.woocommerce.documents import read_order
from bridge.domain.accounts.accounts import Profile, Visitor, Who
from bridge.domain.metering.commands import (
    AnyRequest,
    CaptureRequest,
    HoldRequest,
    RefundRequest,
    ReleaseRequest,
    SpendRequest,
)
from bridge.domain.metering.limits import Allows, Limit, LimitWindow, Period, Rule
from bridge.domain.stores.principals import Caller
from bridge.rendering.documents import Document
from bridge.rendering.ids import decode_id
from bridge.services.accounts.profiles import Adjustment, adjust, put_profile
from bridge.services.metering import limits
from bridge.services.metering.execute import Reply, spend_many
from bridge.services.orders import apply as orders
from bridge.services.orders import packages
from bridge.services.stores import settings as stores
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection, Database
from bridge.storage.metering import policies
from tests import factories
from tests.support.spend_replies import read

_numbers = itertools.count(1)


def who_of(name: int | str, roles: tuple[str, ...] | None = None) -> Who:
    """Return a user by number, or a guest by any text."""
    if isinstance(name, int):
        return Profile(name, roles=roles)
    return Visitor(hashlib.sha256(name.encode()).hexdigest())


def rule(given: int | str) -> Rule:
    """Return a limit's rule as the API writes it."""
    return Rule(Allows.AMOUNT, given) if isinstance(given, int) else Rule(Allows(given))


@dataclass(frozen=True)
class SpendDriver:
    """A driver for one store; `caller` is the key that it uses."""

    database: Database
    caller: Caller
    shop_orders: dict[int, int] = field(default_factory=dict)

    # Requests, each under a new key unless one is given.

    def spend(
        self, who: int | str, tokens: int = 1, *, module: str = "chat", key: str = "", **more: Any
    ) -> SpendRequest:
        """Spend tokens in a module, or for an operation where one is named."""
        what = more if "operation" in more else {"module": module, "tokens": tokens} | more
        return SpendRequest(**self._asked(key, "spend", who, what), **self._who(who, what), **what)

    def hold(
        self, who: int | str, tokens: int = 1, *, ttl: int = 300, module: str = "chat", key: str = "", **more: Any
    ) -> HoldRequest:
        """Hold the same."""
        what = more if "operation" in more else {"module": module, "tokens": tokens} | more
        return HoldRequest(**self._asked(key, "hold", who, what, ttl), **self._who(who, what), **what, ttl_seconds=ttl)

    def capture(
        self,
        hold: str | Document,
        tokens: int | None = None,
        *,
        units: int | None = None,
        key: str = "",
        confirmed: bool = False,
    ) -> CaptureRequest:
        """Capture the actual cost of a hold."""
        id_ = self._number("ho", hold)
        return CaptureRequest(
            **self._asked(key, "capture", id_, tokens, units),
            hold_id=id_,
            tokens=tokens,
            units=units,
            confirmed=confirmed,
        )

    def release(self, hold: str | Document, *, key: str = "") -> ReleaseRequest:
        """Release a hold."""
        id_ = self._number("ho", hold)
        return ReleaseRequest(**self._asked(key, "release", id_), hold_id=id_)

    def refund(self, spend: str | Document, tokens: int | None = None, *, key: str = "") -> RefundRequest:
        """Refund a spend."""
        id_ = self._number("sp", spend)
        return RefundRequest(**self._asked(key, "refund", id_, tokens), spend_id=id_, tokens=tokens, reason="it failed")

    def send(self, *asks: AnyRequest, now: datetime) -> list[Document]:
        """Return the responses to these requests, decided together at this moment."""
        return [read(reply) for reply in self.replies(asks, now=now)]

    def one(self, ask: AnyRequest, *, now: datetime) -> Document:
        """Return the response to one request."""
        return self.send(ask, now=now)[0]

    def replies(self, asks: Sequence[AnyRequest], *, now: datetime) -> list[Reply]:
        """Return the replies of the service itself."""
        with self.database.transaction() as connection:
            return spend_many(connection, asks, now=now)

    # The shop and its admin.

    def put_user(self, user: int, *, now: datetime, roles: tuple[str, ...] | None = None) -> None:
        """Create an account with these roles."""
        with self.database.transaction() as connection:
            put_profile(connection, self.caller.store_id, Profile(user, roles=roles), now=now)

    def give(self, user: int, tokens: int, *, now: datetime) -> None:
        """Adjust a balance by hand."""
        self.put_user(user, now=now)
        with self.database.transaction() as connection:
            adjust(connection, self.caller.store_id, user, Adjustment("a gift", tokens), actor="test", now=now)

    def limit(
        self, module: str, period: str, *, second: tuple[str, dict[str, Any]] | None = None, **rules: int | str
    ) -> None:
        """Set a limit; `role_editor=…` is the rule of the role, `second` the period and rules of a second window."""
        named = {name.replace("role_", "role:", 1): rule(given) for name, given in rules.items()}
        window = None
        if second is not None:
            window = LimitWindow(Period(second[0]), {name: rule(given) for name, given in second[1].items()})
        with self.database.transaction() as connection:
            limits.put_limit(
                connection,
                self.caller.store_id,
                Limit(module, Period(period), named, second=window),
                actor="test",
                now=datetime.now(UTC),
            )

    def settings(self, **changes: Any) -> None:
        """Change the store's settings, named as in the API."""
        with self.database.transaction() as connection:
            stores.change_settings(connection, self.caller.store_id, changes, actor="test", now=datetime.now(UTC))

    def order(
        self, number: int, user: int, *, status: str = "completed", now: datetime, tokens: int = 0, product: int = 10
    ) -> None:
        """Apply a state of an order: of `tokens`, or of the product's amount where they are 0."""
        self.shop_orders.setdefault(number, 0)
        self.shop_orders[number] += 1
        stamped = str(tokens) if tokens else None
        document = factories.order(
            number,
            status,
            at=self.shop_orders[number],
            customer=user,
            lines=[factories.line(product=product, stamped=stamped)],
        )
        document["date_created_gmt"] = now.replace(tzinfo=None).isoformat()

        def apply(connection: Connection) -> None:
            store = policies.for_store(connection, self.caller.store_id).store
            orders.apply_order(connection, store, read_order(document), received_at=now, now=now)

        in_transaction(self.database.transaction, apply)

    def plan(self, product: int, *, tokens: int, months: int, now: datetime) -> None:
        """Turn a product into a plan."""
        with self.database.transaction() as connection:
            packages.set_package(
                connection,
                self.caller.store_id,
                product_id=product,
                variation_id=0,
                tokens=tokens,
                plan=f"Plan {product}",
                months=months,
                actor="test",
                now=now,
            )

    def _asked(self, key: str, *words: object) -> dict[str, Any]:
        fingerprint = hashlib.sha256(repr(words).encode()).hexdigest()
        return {"caller": self.caller, "key": key or f"desk-{next(_numbers)}", "fingerprint": fingerprint}

    def _who(self, who: int | str, what: dict[str, Any]) -> dict[str, Any]:
        return {"who": None if self.caller.account_id else who_of(who, what.pop("roles", None))}

    @staticmethod
    def _number(prefix: str, named: str | Document) -> int:
        found = decode_id(prefix, named if isinstance(named, str) else named["id"])
        assert found is not None
        return found
