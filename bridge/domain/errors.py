"""What can go wrong, one small class for each, with the code callers see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One bad field of a request: where it stands, and what is wrong with it."""

    field: str
    message: str


class BridgeError(Exception):
    """A request that makes no sense here, or an outage; never an everyday answer."""

    code = "error"

    def __init__(self, detail: str = "", *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(detail or (type(self).__doc__ or "").splitlines()[0])
        self.fields = tuple(fields)

    @property
    def detail(self) -> str:
        """The sentence a caller reads."""
        return str(self)


class InvalidRequest(BridgeError):
    """The request has a field that cannot be right."""

    code = "invalid_request"


class MalformedBody(BridgeError):
    """The body is not a JSON object."""

    code = "malformed_body"


class BodyTooLarge(BridgeError):
    """The body is larger than this address takes."""

    code = "body_too_large"


class NotFound(BridgeError):
    """There is nothing here under that name."""

    code = "not_found"


class UnknownStore(NotFound):
    """There is no store of that name."""

    code = "unknown_store"


class UnknownUser(NotFound):
    """This store has no account for that user."""

    code = "unknown_user"


class UnknownOperation(NotFound):
    """The store's price list has no such operation."""

    code = "unknown_operation"


class UnknownModule(NotFound):
    """The store has no such module."""

    code = "unknown_module"


class UnknownLimit(NotFound):
    """The module has no limit."""

    code = "unknown_limit"


class UnknownPackage(NotFound):
    """The store has no package under that product."""

    code = "unknown_package"


class UnknownDelivery(NotFound):
    """There is no such delivery."""

    code = "unknown_delivery"


class StoreExists(BridgeError):
    """A store of that name is there already."""

    code = "store_exists"


class AdminExists(BridgeError):
    """Somebody with that e-mail can sign in already."""

    code = "admin_exists"


class UnknownAdmin(NotFound):
    """Nobody with that e-mail can sign in."""

    code = "unknown_admin"


class NotSignedIn(BridgeError):
    """The access key is missing, unknown, expired or revoked."""

    code = "unauthorized"


class NotAllowed(BridgeError):
    """This access key may not do that."""

    code = "forbidden"


class BadSignature(BridgeError):
    """The signature is missing, or does not fit the body."""

    code = "bad_signature"


class KeyRequired(BridgeError):
    """A POST that moves tokens needs an Idempotency-Key."""

    code = "idempotency_key_required"


class KeyInvalid(BridgeError):
    """The Idempotency-Key is longer than 255 characters or has characters that do not print."""

    code = "idempotency_key_invalid"


class KeyReused(BridgeError):
    """The Idempotency-Key was used before with another request."""

    code = "idempotency_key_reused"


class BalanceChanged(BridgeError):
    """The balance is no longer what the caller expected."""

    code = "balance_changed"


class BalanceOutOfRange(BridgeError):
    """The balance would leave the range of 0 to 2^53-1 tokens."""

    code = "balance_out_of_range"


class Unavailable(BridgeError):
    """The database cannot take this now; try again in a moment."""

    code = "unavailable"


class Overloaded(Unavailable):
    """Too many requests wait already; try again in a moment."""

    code = "overloaded"


class ShopUnreachable(BridgeError):
    """The shop did not answer, or not with what was asked for."""

    code = "shop_unreachable"


class BadSetting(BridgeError):
    """A setting cannot be used; the sentence names its variable."""

    code = "bad_setting"
