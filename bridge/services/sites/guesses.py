"""Wrong guesses of one-time codes: counted for each client, and for all clients together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.errors import TooManyGuesses
from bridge.domain.metering.limits import Window
from bridge.domain.sites.link_codes import MAX_GUESSES_EACH, MAX_GUESSES_TOGETHER, client_of, guess_window
from bridge.services import secrets
from bridge.storage.engine.database import Connection
from bridge.storage.sites import guesses

_ALL_CLIENTS = "everybody"


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess that was counted; `is_beyond` means that all clients together made too many."""

    window: Window
    clients: tuple[str, ...]
    is_beyond: bool


def check(connection: Connection, address: str, *, is_open: Callable[[], bool], now: datetime) -> None:
    """Raise `TooManyGuesses` if this client guessed wrong too often, or all clients did and the code is not open.

    Takes no lock, so that a flood of guesses causes no writes. A valid code works
    whatever others guess, so guesses cannot prevent its use.
    """
    window = guess_window(now)
    if guesses.count(connection, _client(address), since=window.starts_at) >= MAX_GUESSES_EACH:
        raise _too_many(window, now=now)
    together = guesses.count(connection, _ALL_CLIENTS, since=window.starts_at)
    if together >= MAX_GUESSES_TOGETHER and not is_open():
        raise _too_many(window, now=now)


def add(connection: Connection, address: str, *, now: datetime) -> Guess:
    """Count a guess before its code is looked up; parallel guesses wait for each other.

    Beyond the limit of all clients together, nothing more is counted, so the table
    stays small. Raises `TooManyGuesses` for a client with too many.
    """
    window = guess_window(now)
    counted = [_ALL_CLIENTS]
    together = guesses.add(connection, _ALL_CLIENTS, since=window.starts_at)
    if together == 1:
        guesses.drop(connection, before=window.starts_at)
    if together <= MAX_GUESSES_TOGETHER:
        # Always after the row of all clients, so that two guesses cannot deadlock.
        counted.append(_client(address))
        if guesses.add(connection, counted[-1], since=window.starts_at) > MAX_GUESSES_EACH:
            raise _too_many(window, now=now)
    return Guess(window, tuple(counted), is_beyond=together > MAX_GUESSES_TOGETHER)


def take_back(connection: Connection, guess: Guess) -> None:
    """Subtract a guess, because it was right."""
    for client in guess.clients:
        guesses.take_back(connection, client, since=guess.window.starts_at)


def check_miss(guess: Guess, *, now: datetime) -> None:
    """Raise `TooManyGuesses` for a wrong guess beyond the limit of all clients."""
    if guess.is_beyond:
        raise _too_many(guess.window, now=now)


def _client(address: str) -> str:
    return secrets.hash_address(client_of(address))


def _too_many(window: Window, *, now: datetime) -> TooManyGuesses:
    seconds = math.ceil((window.ends_at - now).total_seconds()) if window.ends_at else 1
    return TooManyGuesses(retry_after_seconds=max(1, seconds))
