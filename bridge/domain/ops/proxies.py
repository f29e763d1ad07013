"""Trusted proxies: find the client's address in forwarded headers."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

MAX_HOPS = 50


def read_networks(text: str) -> tuple[Network, ...]:
    """Return the networks of a list separated by commas or spaces; an address is a network of one.

    Raises `ValueError` that names the part that is neither.
    """
    found = []
    for part in text.replace(",", " ").split():
        try:
            network = ip_network(part, strict=False)
        except ValueError:
            raise ValueError(f"{part!r} is neither an address nor a network such as 10.0.0.0/8") from None
        found.append(network)
    return tuple(found)


def is_trusted(address: str, networks: Sequence[Network]) -> bool:
    """Return whether an address lies in one of the networks."""
    parsed = read_address(address)
    return parsed is not None and any(parsed in network for network in networks)


def client_address(peer: str, forwarded_for: str, networks: Sequence[Network]) -> str:
    """Return the address of the client behind trusted proxies.

    Proxies append the address they were called from, so the list is read from
    its end: the first address that is no trusted proxy is the client. The
    client wrote everything before it, so that part is ignored.
    """
    client = peer
    for entry in reversed(forwarded_for.split(",")[-MAX_HOPS:]):
        if not is_trusted(client, networks):
            break
        parsed = read_address(entry)
        if parsed is None:
            break
        client = str(parsed)
    return client


def read_address(text: str) -> Address | None:
    """Return an address as proxies write it, with or without a port; None for anything else."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
