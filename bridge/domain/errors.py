"""Errors: one small class for each failure, with the code that callers receive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid field of a request: its path, and the problem with it."""

    field: str
    message: str


class BridgeError(Exception):
    """A request that cannot be served, or an outage; never an expected result.

    The first line of a subclass's docstring is its default message and its
    description in the API reference."""

    code = "error"
    retry_after_seconds: int | None = None
    """Seconds until a retry makes sense; None if unknown."""

    def __init__(self, detail: str = "", *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(detail or (type(self).__doc__ or "").splitlines()[0])
        self.fields = tuple(fields)

    @property
    def detail(self) -> str:
        """The message for the caller."""
        return str(self)


class InvalidRequest(BridgeError):
    """The request has an invalid field."""

    code = "invalid_request"


class MalformedBody(BridgeError):
    """The body is not a JSON object."""

    code = "malformed_body"


class BodyTooLarge(BridgeError):
    """The body is larger than this path accepts."""

    code = "body_too_large"


class UnsupportedBody(BridgeError):
    """This path does not accept a compressed or multipart body, or this content type."""

    code = "unsupported_media_type"


class RequestTimedOut(BridgeError):
    """The body did not arrive in time; send the request again."""

    code = "request_timeout"


class NotFound(BridgeError):
    """There is nothing at this address; check the path and the IDs in it."""

    code = "not_found"


class UnknownStore(NotFound):
    """There is no store with this name."""

    code = "unknown_store"


class UnknownUser(NotFound):
    """The store has no account for this user."""

    code = "unknown_user"


class UnknownPackage(NotFound):
    """The store has no package for this product."""

    code = "unknown_package"


class UnknownOrder(NotFound):
    """The store has no such order."""

    code = "unknown_order"


class OrderHasCustomer(BridgeError):
    """The order belongs to a user of the shop; to change that, edit its customer in the shop."""

    code = "order_has_customer"


class UnknownAccessKey(NotFound):
    """The store has no such access key."""

    code = "unknown_access_key"


class KeyNameTaken(BridgeError):
    """Another access key of the store has this name; choose another name."""

    code = "key_name_taken"


class KeyReplaced(BridgeError):
    """The access key was already replaced by another one; replace that one."""

    code = "key_replaced"


class UnknownDelivery(NotFound):
    """There is no such delivery."""

    code = "unknown_delivery"


class UnknownEndpoint(NotFound):
    """The store has no such event endpoint."""

    code = "unknown_event_endpoint"


class UnknownEvent(NotFound):
    """The store has no such event, or it is not ready to be sent yet."""

    code = "unknown_event"


class EndpointDisabled(BridgeError):
    """The event endpoint is disabled. Delete it and create a new one; a replay sends it earlier events."""

    code = "event_endpoint_disabled"


class TooManyEndpoints(BridgeError):
    """The store has the largest number of event endpoints; delete one first."""

    code = "too_many_event_endpoints"


class StoreExists(BridgeError):
    """A store with this name already exists; choose another name."""

    code = "store_exists"


class StoreInUse(BridgeError):
    """The store is in use while it is to be removed; nothing was changed. Stop its callers, then try again."""

    code = "store_in_use"


class TryRemovalAgain(BridgeError):
    """Unfinished requests added rows to the store; repeat the removal in a moment."""

    code = "try_removal_again"


class LastAdmin(BridgeError):
    """The last admin cannot be removed, because no one could sign in; add another admin first."""

    code = "last_admin"


class AddressRefused(BridgeError):
    """A shop cannot deliver to this service's public URL."""

    code = "address_refused"


class AdminExists(BridgeError):
    """An admin with this email already exists."""

    code = "admin_exists"


class UnknownAdmin(NotFound):
    """There is no admin with this email."""

    code = "unknown_admin"


class NotSignedIn(BridgeError):
    """The access key is missing, unknown, expired or revoked."""

    code = "unauthorized"


class NotAllowed(BridgeError):
    """This access key may not do this."""

    code = "forbidden"


class AccessKeyExpired(NotSignedIn):
    """The access key was rotated, and its grace period is over; use the new key."""

    code = "key_expired"


class SiteUnlinked(NotSignedIn):
    """The site of this access key is no longer linked; link it again to get a new key."""

    code = "site_unlinked"


class StoreKeyRequired(NotAllowed):
    """This request needs the store's access key, not a linked site's."""

    code = "store_key_required"


class SiteKeyRequired(NotAllowed):
    """This request needs a linked site's access key; it returns the account of the site."""

    code = "site_key_required"


class SiteNamesUser(NotAllowed):
    """A linked site acts for its own account only; the request must not name a user or guest."""

    code = "site_names_user"


class UnknownSite(NotFound):
    """There is no such linked site."""

    code = "unknown_site"


class SiteNotLinked(BridgeError):
    """The site was unlinked and can no longer be changed."""

    code = "site_not_linked"


class UnknownLinkCode(NotFound):
    """There is no such link code, or it has expired; request a new one."""

    code = "unknown_link_code"


class LinkCodeUsed(BridgeError):
    """The link code was already used; each code links one site."""

    code = "link_code_used"


class TooManyLinkCodes(BridgeError):
    """The account has too many open link codes; use one of them, or wait until they expire."""

    code = "too_many_link_codes"
    retry_after_seconds = 900


class TooManyGuesses(BridgeError):
    """Too many wrong codes; wait, then try again."""

    code = "too_many_guesses"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(f"too many wrong codes; try again in {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


class TooManySignIns(BridgeError):
    """Too many wrong passwords for this account from this address; wait, then try again."""

    code = "too_many_sign_ins"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(f"too many wrong passwords from this address; try again in {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


class TooManyPasses(BridgeError):
    """Too many passes were created for this person; wait a minute, then create one when they click."""

    code = "too_many_passes"
    retry_after_seconds = 60


class BadSignature(BridgeError):
    """The signature is missing or does not match the body."""

    code = "bad_signature"


class ConsumerSecretUsed(BadSignature):
    """The webhook is signed with the REST key's consumer secret: enter this store's webhook secret in the webhook."""


class KeyRequired(BridgeError):
    """A POST that moves tokens needs an Idempotency-Key header."""

    code = "idempotency_key_required"


class KeyInvalid(BridgeError):
    """The Idempotency-Key is longer than 255 characters or has characters that cannot be printed."""

    code = "idempotency_key_invalid"


class KeyReused(BridgeError):
    """The Idempotency-Key was already used with a different request; use a new key."""

    code = "idempotency_key_reused"


class BalanceChanged(BridgeError):
    """The balance is no longer the expected one; read it again."""

    code = "balance_changed"


class BalanceOutOfRange(BridgeError):
    """The balance would leave the range of 0 to 2^53-1 tokens."""

    code = "balance_out_of_range"


class Unavailable(BridgeError):
    """The database cannot process this now; try again in a moment, with the same Idempotency-Key."""

    code = "unavailable"


class Overloaded(Unavailable):
    """Too many requests are waiting; try again in a moment, with the same Idempotency-Key."""

    code = "overloaded"


class ShopUnreachable(BridgeError):
    """The shop did not respond, or its response cannot be used."""

    code = "shop_unreachable"

    def __init__(self, detail: str = "", *, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class NoShopKeys(BridgeError):
    """The store has no REST keys, so its shop cannot be read; enter them on the Connection page."""

    code = "no_shop_keys"


class BadSetting(BridgeError):
    """A setting cannot be used; the message names the variable."""

    code = "bad_setting"


class BackupFailed(BridgeError):
    """The database could not be backed up or restored."""

    code = "backup_failed"
