"""The service's public URL: recorded while it runs, and checked before webhooks are created with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.clients.host_names import addresses_of
from bridge.domain.stores.public_address import delivery_fault, host_of, is_loopback, is_private_address, same_address
from bridge.domain.stores.shop_address import ascii_host
from bridge.storage.engine.database import Connection
from bridge.storage.jobs import service_state

_PUBLIC_URL = "public_url"


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """The public URL to use, and the one that the running service recorded; None if there is none."""

    url: str
    recorded_url: str | None = None
    recorded_at: datetime | None = None

    @property
    def differs(self) -> bool:
        """Return whether the running service uses another URL than the one that is set."""
        return self.recorded_url is not None and not same_address(self.url, self.recorded_url)

    @property
    def mismatch(self) -> str:
        """Why webhooks must not be created with `url`; empty if it is the running service's."""
        if not self.differs:
            return ""
        return (
            f"BRIDGE_PUBLIC_URL is {self.url}, but the running service recorded {self.recorded_url}:"
            " restart the service with the new address, or remove the setting from this command's environment"
        )


def record(connection: Connection, public_url: str, *, now: datetime) -> None:
    """Record the public URL of the service that starts now."""
    service_state.put(connection, _PUBLIC_URL, public_url, now=now)


def service_address(connection: Connection, configured_url: str, *, is_set: bool) -> ServiceAddress:
    """Return the URL to use: the recorded one, unless another one is set explicitly."""
    found = service_state.find(connection, _PUBLIC_URL)
    if found is None:
        return ServiceAddress(configured_url)
    return ServiceAddress(configured_url if is_set else found.value, found.value, found.recorded_at)


def check_delivery(public_url: str, *, shop_url: str = "") -> str:
    """Return why the shop cannot deliver to the public URL, as a sentence; empty if it can.

    Looks up the host name, which takes seconds if the network does not respond; no
    transaction may be open.
    """
    host = ascii_host(host_of(public_url))
    is_literal = is_private_address(host) or is_loopback(public_url)
    addresses = () if is_literal or is_local_trial(shop_url) else addresses_of(host)
    fault = delivery_fault(public_url, shop_url=shop_url, addresses=addresses)
    if not fault:
        return ""
    return (
        f"The shop cannot deliver to this service: {fault}. Set BRIDGE_PUBLIC_URL to an address that shops can reach."
    )


def is_local_trial(shop_url: str) -> bool:
    """Return whether the shop runs on this machine and can reach it; then nothing is refused."""
    return bool(shop_url) and is_loopback(shop_url)
