"""Recorded requests of a real shop: load, reorder and send them."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import itertools
import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

FOLDER = Path(__file__).resolve().parent.parent / "recordings"
SECRET = "test-secret"


@dataclass(frozen=True)
class Recording:
    """One request of the shop, byte for byte."""

    name: str
    sequence: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    stated_secret: str

    def header(self, name: str) -> str:
        """Return the value of a header; empty where the shop sent none."""
        return next((value for key, value in self.headers if key.casefold() == name.casefold()), "")

    @property
    def is_ping(self) -> bool:
        """Return whether this is the unsigned ping."""
        return not self.header("X-WC-Webhook-Signature")

    @property
    def is_ours(self) -> bool:
        """Return whether it is signed with the secret of the tests' store."""
        digest = hmac.new(SECRET.encode(), self.body, hashlib.sha256).digest()
        return self.header("X-WC-Webhook-Signature") == base64.b64encode(digest).decode()

    def signed(self) -> Recording:
        """Return a changed recording with a signature that fits its body."""
        digest = base64.b64encode(hmac.new(SECRET.encode(), self.body, hashlib.sha256).digest()).decode()
        headers = [
            (key, digest if key.casefold() == "x-wc-webhook-signature" else value) for key, value in self.headers
        ]
        return replace(self, headers=tuple(headers))

    @property
    def order_number(self) -> int | None:
        """Return the number of its order, also where it contains only the number."""
        document, topic = self.document, self.header("X-WC-Webhook-Topic")
        number = document.get("arg") if topic.startswith("action.") else document.get("id")
        return number if topic.startswith(("order.", "action.")) else None

    @property
    def document(self) -> dict[str, Any]:
        """Return the JSON the shop sent; empty for a ping."""
        return {} if self.is_ping else json.loads(self.body)

    @property
    def order_state(self) -> tuple[int, str] | None:
        """Return order number and time of change, where this is the document of an order."""
        document = self.document
        return (document["id"], document["date_modified_gmt"]) if "line_items" in document else None


@functools.cache
def all_recordings() -> tuple[Recording, ...]:
    """Return every recording, in the order of arrival."""
    index = json.loads((FOLDER / "webhooks-index.json").read_text())
    return tuple(recording(entry["file"]) for entry in index)


@functools.cache
def recording(name: str) -> Recording:
    """Return one recording by its file name, with or without `.json`."""
    name = name.removesuffix(".json")
    stored = json.loads((FOLDER / "webhooks" / f"{name}.json").read_text())
    request = stored["request"]
    return Recording(
        name=name,
        sequence=stored["sequence"],
        headers=tuple((key, value) for key, value in request["headers"]),
        body=base64.b64decode(request["body_base64"]),
        stated_secret=stored["secret"],
    )


def send(client: FlaskClient, sent: Recording, *, store: str = "shop") -> TestResponse:
    """Deliver a recording with its original bytes and headers."""
    return client.post(f"/webhooks/woocommerce/{store}", data=sent.body, headers=list(sent.headers))


def send_all(client: FlaskClient, sequence: Iterable[Recording]) -> None:
    """Deliver many; those of another secret must be refused, all others accepted."""
    for sent in sequence:
        expected = 200 if sent.is_ping or sent.is_ours else 401
        response = send(client, sent)

        assert response.status_code == expected, (sent.name, response.text)


def doubled(sequence: Iterable[Recording]) -> list[Recording]:
    """Return each delivery twice, the second directly after the first."""
    return [sent for sent in sequence for _ in range(2)]


def most_permutations(sequence: Sequence[Recording]) -> int:
    """Return the number of permutations of the order with the most different states, of those ever completed."""
    completed = {
        sent.order_state[0] for sent in sequence if sent.order_state and sent.document["status"] == "completed"
    }
    return max(math.factorial(len(states)) for number, states in _states(sequence).items() if number in completed)


def permuted(sequence: Sequence[Recording], rank: int) -> list[Recording]:
    """Return the sequence with the documents of every order in their rank-th permutation by time of change.

    All else stays in its place; documents of one second keep their order. Ranks
    from 0 to `most_permutations` show every permutation of every order.
    """
    place_of: dict[tuple[int, str], int] = {}
    for number, states in _states(sequence).items():
        chosen = rank % math.factorial(len(states))
        permutation = next(itertools.islice(itertools.permutations(sorted(states)), chosen, None))
        place_of.update({(number, state): place for place, state in enumerate(permutation)})
    slots: dict[int, list[Recording]] = {}
    for sent in sequence:
        if sent.order_state is not None:
            slots.setdefault(sent.order_state[0], []).append(sent)
    fillers: dict[int, Iterator[Recording]] = {
        number: iter(sorted(found, key=lambda sent: place_of[sent.order_state or (0, "")]))
        for number, found in slots.items()
    }
    return [sent if sent.order_state is None else next(fillers[sent.order_state[0]]) for sent in sequence]


def shuffled(sequence: Sequence[Recording], seed: int) -> list[Recording]:
    """Return the sequence with all order documents and trash notices shuffled.

    Documents of one order and one second keep their order: only their
    arrival shows which of them is newer.
    """
    moving = [sent for sent in sequence if sent.order_state is not None or "order.deleted" in sent.name]
    dealt = random.Random(seed).sample(moving, len(moving))
    same_second: dict[tuple[int, str], Iterator[Recording]] = {}
    for state in {sent.order_state for sent in moving} - {None}:
        assert state is not None
        same_second[state] = iter([sent for sent in moving if sent.order_state == state])
    settled = iter([sent if sent.order_state is None else next(same_second[sent.order_state]) for sent in dealt])
    moved = set(moving)
    return [next(settled) if sent in moved else sent for sent in sequence]


def ticking_clock() -> Iterator[datetime]:
    """Return moments a second apart, after all recordings."""
    start = datetime(2026, 11, 22, tzinfo=UTC)
    return (start + timedelta(seconds=second) for second in itertools.count())


def _states(sequence: Iterable[Recording]) -> dict[int, set[str]]:
    states: dict[int, set[str]] = {}
    for sent in sequence:
        if sent.order_state is not None:
            number, moment = sent.order_state
            states.setdefault(number, set()).add(moment)
    return states
