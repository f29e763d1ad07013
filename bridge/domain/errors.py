"""Errors: one small class for each failure, with the code callers receive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One bad field of a request: its place, and the problem with it."""

    field: str
    message: str


class BridgeError(Exception):
    """A request that cannot be served, or an outage; never an expected result."""

    code = "error"
    retry_after_seconds: int | None = None
    """Seconds until a retry makes sense; None if unknown."""

    def __init__(self, detail: str = "", *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(detail or (type(self).__doc__ or "").splitlines()[0])
        self.fields = tuple(fields)

    @property
    def detail(self) -> str:
        """The sentence that callers read."""
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


class UnsupportedBody(BridgeError):
    """The body has a form that this address does not take."""

    code = "unsupported_media_type"


class RequestTimedOut(BridgeError):
    """The body did not arrive in time; send the request again."""

    code = "request_timeout"


class NotFound(BridgeError):
    """There is nothing at this address."""

    code = "not_found"


class UnknownStore(NotFound):
    """There is no store of that name."""

    code = "unknown_store"


class UnknownUser(NotFound):
    """This store has no account for that user."""

    code = "unknown_user"


class UnknownPackage(NotFound):
    """The store has no package under that product."""

    code = "unknown_package"


class UnknownOrder(NotFound):
    """The store has no such order."""

    code = "unknown_order"


class OrderHasCustomer(BridgeError):
    """The order belongs to a user of the shop; give it to another one there."""

    code = "order_has_customer"


class UnknownAccessKey(NotFound):
    """The store has no such access key."""

    code = "unknown_access_key"


class UnknownDelivery(NotFound):
    """There is no such delivery."""

    code = "unknown_delivery"


class UnknownEndpoint(NotFound):
    """The store has no such event endpoint."""

    code = "unknown_event_endpoint"


class UnknownEvent(NotFound):
    """The store has no such event, or it is not handed out yet."""

    code = "unknown_event"


class EndpointDisabled(BridgeError):
    """The event endpoint is disabled: delete it and create a new one, which can be sent earlier events too."""

    code = "event_endpoint_disabled"


class TooManyEndpoints(BridgeError):
    """The store has as many event endpoints as it may have; delete one first."""

    code = "too_many_event_endpoints"


class StoreExists(BridgeError):
    """A store of that name is there already."""

    code = "store_exists"


class StoreInUse(BridgeError):
    """Tokens of the store move while it is to be removed; nothing was changed."""

    code = "store_in_use"


class TryRemovalAgain(BridgeError):
    """Requests that were under way added rows to the store; repeat its removal in a moment."""

    code = "try_removal_again"


class LastAdmin(BridgeError):
    """The last admin cannot be removed: then the pages would be closed to everyone."""

    code = "last_admin"


class AddressRefused(BridgeError):
    """A shop cannot deliver to this service's public URL."""

    code = "address_refused"


class AdminExists(BridgeError):
    """An admin with that email exists already."""

    code = "admin_exists"


class UnknownAdmin(NotFound):
    """There is no admin with that email."""

    code = "unknown_admin"


class NotSignedIn(BridgeError):
    """The access key is missing, unknown, expired or revoked."""

    code = "unauthorized"


class NotAllowed(BridgeError):
    """This access key may not do that."""

    code = "forbidden"


class AccessKeyExpired(NotSignedIn):
    """The access key was replaced, and its grace time is over."""

    code = "key_expired"


class SiteUnlinked(NotSignedIn):
    """The site this access key was made for is no longer linked."""

    code = "site_unlinked"


class StoreKeyRequired(NotAllowed):
    """Only the store's own access key may do that, not a linked site's."""

    code = "store_key_required"


class SiteKeyRequired(NotAllowed):
    """Only a linked site's access key may ask that: it is about the account the site draws on."""

    code = "site_key_required"


class SiteNamesUser(NotAllowed):
    """A linked site acts for its own account only and names neither user nor guest."""

    code = "site_names_user"


class UnknownSite(NotFound):
    """There is no such linked site."""

    code = "unknown_site"


class SiteNotLinked(BridgeError):
    """The site was unlinked and cannot be changed any more."""

    code = "site_not_linked"


class UnknownLinkCode(NotFound):
    """There is no such link code, or its time is over."""

    code = "unknown_link_code"


class LinkCodeUsed(BridgeError):
    """The link code was used already; each links one site."""

    code = "link_code_used"


class TooManyGuesses(BridgeError):
    """Too many link codes were wrong; wait a while."""

    code = "too_many_guesses"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(f"too many link codes were wrong; try again in {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


class TooManySignIns(BridgeError):
    """Too many wrong passwords came from here for this account; wait, then try again."""

    code = "too_many_sign_ins"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(f"too many wrong passwords came from here; try again in {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


class BadSignature(BridgeError):
    """The signature is missing, or does not fit the body."""

    code = "bad_signature"


class ConsumerSecretUsed(BadSignature):
    """The webhook is signed with the REST key's consumer secret: enter this store's webhook secret in the webhook."""


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

    def __init__(self, detail: str = "", *, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class NoShopKeys(BridgeError):
    """The store has no REST keys, so its shop cannot be read."""

    code = "no_shop_keys"


class BadSetting(BridgeError):
    """A setting cannot be used; the sentence names its variable."""

    code = "bad_setting"


class BackupFailed(BridgeError):
    """The database could not be copied or put back."""

    code = "backup_failed"
