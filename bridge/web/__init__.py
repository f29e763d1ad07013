"""The doors of the web: the list of blueprints."""

from __future__ import annotations

from flask import Blueprint

from bridge.web import (
    admin,
    api_events,
    api_holds,
    api_metering,
    api_orders,
    api_settings,
    api_sites,
    api_spends,
    api_users,
    connecting,
    connection,
    credits,
    health,
    openapi,
    packages,
    questions,
    webhooks,
    widget,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    webhooks.bp,
    api_spends.bp,
    api_holds.bp,
    api_metering.bp,
    api_orders.bp,
    api_users.bp,
    api_settings.bp,
    api_events.bp,
    api_sites.bp,
    widget.bp,
    admin.root,
    admin.bp,
    connecting.bp,
    credits.bp,
    questions.bp,
    packages.bp,
    connection.bp,
    openapi.bp,
    health.bp,
)
