"""The requests of callers: spend, hold, settle a hold, refund a spend."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.accounts.accounts import Who
from bridge.domain.stores.principals import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The fields of every request: the caller, and the idempotency key.

    `fingerprint` is the hash of the request. It distinguishes a retry from a
    different request with the same key. Only a release may have no key.
    """

    caller: Principal
    key: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRequest(Request):
    """A request to spend at once: an operation and its units, or a module and plain tokens.

    `who` is None for a linked site's key, which has one account. `tokens` is
    whole and at least 1; with an operation the price list decides. `confirmed`
    means that the user agreed to pay with tokens of the balance.
    """

    who: Who | None
    module: str | None = None
    tokens: int | None = None
    operation: str | None = None
    units: int = 1
    source: str | None = None
    reference: str | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequest(SpendRequest):
    """A request to hold tokens for `ttl_seconds`, 1 to 86400."""

    ttl_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest(Request):
    """A request to charge the actual cost of a hold: `tokens`, or `units` of its operation."""

    hold_id: int
    tokens: int | None = None
    units: int | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest(Request):
    """A request to release all tokens of a hold."""

    hold_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest(Request):
    """A request to refund a spend, whole (`tokens` None) or in part."""

    spend_id: int
    tokens: int | None
    reason: str


AnyRequest = SpendRequest | HoldRequest | CaptureRequest | ReleaseRequest | RefundRequest
