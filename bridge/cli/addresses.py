"""Checks of the public URL, before webhooks are created with it."""

from __future__ import annotations

import logging

import click

from bridge.cli.base import address
from bridge.domain.errors import AddressRefused
from bridge.runtime import Runtime
from bridge.services.ops import addresses
from bridge.services.ops.addresses import ServiceAddress

log = logging.getLogger(__name__)


def faults_of(where: ServiceAddress, shop_url: str) -> list[str]:
    """Return the problems of the public URL: it is not the running service's, or the shop cannot reach it."""
    return [fault for fault in (where.mismatch, addresses.check_delivery(where.url, shop_url=shop_url)) if fault]


def warn(runtime: Runtime, shop_url: str, *, is_for_machines: bool) -> ServiceAddress:
    """Return the public URL; print its problems as warnings, or log them if the output is JSON."""
    where = address(runtime)
    for fault in faults_of(where, shop_url):
        if is_for_machines:
            log.warning(fault)
        else:
            click.echo(f"Warning: {fault}{_trial_note(shop_url)}", err=True)
    return where


def require(runtime: Runtime, shop_url: str, *, is_forced: bool, is_for_machines: bool) -> ServiceAddress:
    """Return the public URL; raise `AddressRefused` if webhooks of the shop must not use it.

    A shop on this machine is a local trial: an address that its WordPress might
    refuse is only a warning.
    """
    where = address(runtime)
    is_local = addresses.is_local_trial(shop_url)
    if not is_forced and where.mismatch:
        raise AddressRefused(f"{where.mismatch}. To continue anyway, add --force")
    fault = addresses.check_delivery(where.url, shop_url=shop_url)
    if fault and not is_forced and not is_local:
        raise AddressRefused(f"{fault} Nothing was changed. To continue anyway, add --force")
    if fault and not is_for_machines:
        click.echo(f"Warning: {fault}{_trial_note(shop_url)}", err=True)
    return where


def _trial_note(shop_url: str) -> str:
    if not addresses.is_local_trial(shop_url):
        return ""
    return " The shop is on this machine, so this is fine for a trial if its WordPress allows it."
