"""The demo's first shop: recorded deliveries and invented usage, processed day by day by the services."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.cli.base import ACTOR
from bridge.config import ROOT
from bridge.domain.accounts.accounts import Profile
from bridge.domain.accounts.opening_balances import Opening
from bridge.domain.errors import NotFound
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.metering.limits import Allows, Limit, LimitWindow, Period, Rule
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.services.accounts import opening_balances
from bridge.services.metering import limits
from bridge.services.metering.execute import spend_many
from bridge.services.orders import packages
from bridge.services.secrets import Vault
from bridge.services.shop import inbox, processing
from bridge.services.shop.inbox import Received
from bridge.services.stores import settings
from bridge.services.stores.settings import NewStore
from bridge.storage.engine.database import Database

_RECORDINGS = ROOT / "tests" / "recordings"
_SHOP = "https://shop.example.com"
"""The shop's address in the demo. Deliveries name it as their source; those of another site would wait."""
_SECRET = "test-secret"  # noqa: S105 -- what the recordings are signed with
_SITTINGS = 6
"""The number of times a day that users spend; the spends of one time share a transaction."""

_PACKAGES = {10: 100_000, 11: 250_000, 12: 50_000, 13: 25_000, 15: 20_000}
_NAMES = (
    "Amira",
    "Bastian",
    "Carla",
    "Dmitri",
    "Elif",
    "Farid",
    "Greta",
    "Hiro",
    "Ines",
    "Jonas",
    "Kofi",
    "Lena",
    "Mateo",
)
_BUYERS = (2, 3, 4, 5, 9, 11, 13)
"""Users of the recordings; the deliveries contain their data."""
_FIRST_OWN = 1001


@dataclass(frozen=True, slots=True)
class _Act:
    """One kind of usage: an operation or plain tokens, and the largest amount."""

    module: str | None
    operation: str | None
    most: int


_ACTS = (
    _Act("chat", None, 900),
    _Act("chat", None, 400),
    _Act("ai_forms", None, 600),
    _Act("image_generator", None, 3000),
    _Act(None, "image.analysis", 40),
    _Act(None, "image.pipeline", 60),
    _Act(None, "alt_text.generation", 80),
)


@dataclass(slots=True)
class DemoShop:
    """A connected shop and its month of orders and usage; always the same, except for its secrets."""

    database: Database
    vault: Vault
    store: Store
    access_key: str
    now: datetime
    rng: random.Random

    @classmethod
    def connect(cls, database: Database, vault: Vault, *, now: datetime) -> DemoShop:
        """Create a shop with packages, limits and users with opening balances."""
        wanted = NewStore("demo", _SHOP, "Demo shop", "Europe/Berlin", webhook_secret=_SECRET)
        with database.transaction() as connection:
            connected = settings.add_store(connection, wanted, vault_=vault, actor=ACTOR, now=now)
            store_id = connected.store.id
            for product, tokens in _PACKAGES.items():
                packages.set_package(
                    connection, store_id, product_id=product, variation_id=0, tokens=tokens, actor=ACTOR, now=now
                )
            for limit in _limits():
                limits.put_limit(connection, store_id, limit, actor=ACTOR, now=now)
            opening_balances.post(connection, connected.store, _openings(), now=now)
        rng = random.Random(7)  # noqa: S311 -- a demo is no secret
        return cls(database, vault, connected.store, connected.access_key, now, rng)

    @property
    def slug(self) -> str:
        """The store's slug."""
        return self.store.slug

    def live(self, *, until: datetime) -> Iterator[None]:
        """Process one day after another until a moment; yields after each day."""
        deliveries = _deliveries()
        days = max(1, (until - self.now).days)
        share = -(-len(deliveries) // days)
        for day in range(days):
            for received in deliveries[day * share : (day + 1) * share]:
                self._deliver(received)
            for _ in range(_SITTINGS):
                self._sit_down()
                self.now += timedelta(days=1) / _SITTINGS
            yield

    def _deliver(self, received: Received) -> None:
        with self.database.transaction() as connection:
            stored = inbox.receive(connection, self.slug, received, vault=self.vault, now=self.now)
        processing.process_received(self.database.transaction, stored, now=self.now)

    def _sit_down(self) -> None:
        users = (*_BUYERS, *range(_FIRST_OWN, _FIRST_OWN + len(_NAMES)))
        asks = [self._ask(self.rng.choice(users), number) for number in range(self.rng.randrange(2, 14))]
        with self.database.transaction() as connection:
            spend_many(connection, asks, now=self.now)

    def _ask(self, user_id: int, number: int) -> SpendRequest:
        act = self.rng.choice(_ACTS)
        key = f"demo-{self.now.timestamp():.0f}-{number}"
        amount = self.rng.randrange(1, act.most)
        return SpendRequest(
            caller=Caller(store_id=self.store.id, name="demo"),
            key=key,
            fingerprint=key,
            who=Profile(user_id),
            module=act.module,
            operation=act.operation,
            tokens=amount if act.operation is None else None,
            units=1 if act.operation is None else amount,
            source="wordpress",
        )


def _limits() -> tuple[Limit, ...]:
    def amount(tokens: int) -> Rule:
        return Rule(Allows.AMOUNT, tokens)

    month = LimitWindow(Period.MONTHLY, {"user": amount(40_000), "role:editor": amount(200_000)})
    day = {"guest": amount(500), "user": amount(2000), "role:editor": amount(10_000)}
    return (
        Limit("chat", Period.DAILY, day, second=month),
        Limit("ai_forms", Period.WEEKLY, {"user": amount(1500), "role:editor": Rule(Allows.UNLIMITED)}),
        Limit("image_generator", Period.MONTHLY, {"user": amount(5000), "role:subscriber": Rule(Allows.DISABLED)}),
        Limit("image_optimizer", Period.MONTHLY, {"user": amount(300)}),
    )


def _openings() -> list[Opening]:
    roles = (("subscriber",), ("customer",), ("editor",), ("subscriber", "customer"))
    return [
        Opening(
            user_id=_FIRST_OWN + place,
            balance=0 if place % 5 == 4 else 4000 * (place + 1),
            email=f"{name.casefold()}@example.test",
            name=f"{name} Example",
            roles=roles[place % len(roles)],
        )
        for place, name in enumerate(_NAMES)
    ]


def _deliveries() -> Sequence[Received]:
    """Return the recorded deliveries of orders, products and customers, in their order."""
    try:
        index = json.loads((_RECORDINGS / "webhooks-index.json").read_text())
    except OSError as error:
        raise NotFound("the demo needs the recorded deliveries in tests/recordings, which are missing") from error
    kinds = ("order.", "product.", "customer.")
    stored = [
        json.loads((_RECORDINGS / "webhooks" / entry["file"]).read_text())
        for entry in index
        if entry["topic"].startswith(kinds)
    ]
    return [_received(document["request"]) for document in stored if document["secret"] == _SECRET]


def _received(request: dict[str, Any]) -> Received:
    headers = {name.casefold(): value for name, value in request["headers"]}
    return Received(
        body=base64.b64decode(request["body_base64"]),
        signature=headers.get("x-wc-webhook-signature", ""),
        topic=headers.get("x-wc-webhook-topic", ""),
        source=_SHOP,
        shop_delivery=headers.get("x-wc-webhook-delivery-id", ""),
        webhook_id=headers.get("x-wc-webhook-id", ""),
    )
