"""A store's events in tests: write, fan out, send, and read their states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.clients.event_sender import Answer
from bridge.domain.events.events import EventType, NewEvent
from bridge.rendering.events import endpoint_document
from bridge.rendering.ids import encode_id
from bridge.services.events import dispatch, endpoints
from bridge.services.secrets import Vault
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Database
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox as outbox_rows
from tests.conftest import SECRET_KEY, Shop
from tests.support.ledger_sql import rows

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOOPBACK = "http://127.0.0.1:8000"


@dataclass
class Sender:
    """A replacement for the HTTP client: it stores requests; `answers` gives the status by webhook-id."""

    default: int | None = 204
    answers: dict[str, int | None] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __call__(self, _url, _body, headers) -> Answer:
        id_ = headers["webhook-id"]
        self.sent.append(id_)
        status = self.answers.get(id_, self.default)
        return Answer(status, "" if status == 204 else f"HTTP {status}", self.seconds)


@dataclass
class EventDriver:
    """A driver for the events of one store."""

    shop: Shop
    database: Database
    vault: Vault = field(default_factory=lambda: Vault(SECRET_KEY))

    def endpoint(self, url: str = "http://127.0.0.1:9/hook", types: Iterable[EventType] | None = None, **more) -> dict:
        """Create an endpoint of the store, with its secret."""
        with self.database.transaction() as connection:
            created = endpoints.create(
                connection,
                more.get("store_id", self.shop.id),
                url=url,
                types=types,
                public_url=LOOPBACK,
                vault_=self.vault,
                actor="test",
                now=NOW,
            )
        return {**endpoint_document(created.endpoint), "secret": created.secret}

    def account(self, user_id: int) -> int:
        """Create the account of a user."""
        place = (self.shop.id, user_id)
        with self.database.transaction() as connection:
            return accounts.locate_or_add(connection, [place], now=NOW)[place]

    def emit(self, *user_ids: int | None, at: datetime = NOW, type_: EventType = EventType.BALANCE_LOW) -> list[str]:
        """Write an event for each user, None for the store's own; return their webhook-ids."""
        new = [
            NewEvent(new_id(), self.shop.id, user and self.account(user), type_, {"available": number}, at)
            for number, user in enumerate(user_ids)
        ]
        with self.database.transaction() as connection:
            outbox_rows.add(connection, new)
        return [encode_id("evt", event.id) for event in new]

    def fan_out(self, now: datetime = NOW) -> int:
        """Fan out the pending events."""
        return dispatch.fan_out(self.database.transaction, now=now)

    def send(self, send, now: datetime = NOW, *, limit: int = 500, draw: float = 0.5) -> int:
        """Send the due deliveries."""
        return dispatch.send_due(
            self.database.transaction, send, vault_=self.vault, now=now, limit=limit, draw=lambda: draw
        )

    def states(self) -> list[tuple[str, str, int]]:
        """Return every delivery: webhook-id, state and attempts, in order."""
        found = rows(self.database, "select * from event_deliveries order by event_id, endpoint_id")
        return [(encode_id("evt", row["event_id"]), row["state"], row["attempts"]) for row in found]

    def call(self, method: str, path: str, headers=None, **options):
        """Call the API."""
        return self.shop.client.open(f"/v1/{path}", method=method, headers=headers or self.shop.headers, **options)
