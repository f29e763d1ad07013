"""The list of the web's blueprints."""

from __future__ import annotations

from flask import Blueprint

from bridge.web import health, metrics
from bridge.web.admin import (
    access_keys,
    account,
    admins,
    balance,
    bulk,
    changes,
    comparison,
    connect,
    connect_wordpress,
    connection,
    deliveries,
    event_endpoints,
    exceptions,
    grant_preview,
    home,
    limits_reset,
    packages,
    pass_sign_in,
    second_step,
    shortcode,
    store_settings,
    user_erase,
    user_export,
    user_limits,
    user_merge,
    user_receipt,
    user_sites,
)
from bridge.web.admin import limits as limits_page
from bridge.web.admin import prices as prices_page
from bridge.web.admin import user as credits
from bridge.web.api import (
    adjustments,
    docs,
    events,
    holds,
    limits,
    merges,
    openapi,
    orders,
    passes,
    previews,
    quotes,
    receipts,
    settings,
    sites,
    spends,
    usage,
    user_list,
    users,
)
from bridge.web.api import bulk as api_bulk
from bridge.web.api import connect as api_connect
from bridge.web.api import connection as api_connection
from bridge.web.api import packages as api_packages
from bridge.web.api import (
    user_export as api_user_export,
)
from bridge.web.inbound import webhooks
from bridge.web.portal import buy, own_data, plan, purchases, transactions
from bridge.web.portal import overview as portal
from bridge.web.portal import sites as portal_sites
from bridge.web.portal import usage as portal_usage
from bridge.web.widget import page as widget_page
from bridge.web.widget import view as widget

BLUEPRINTS: tuple[Blueprint, ...] = (
    webhooks.bp,
    quotes.bp,
    spends.bp,
    holds.bp,
    limits.bp,
    orders.bp,
    previews.bp,
    users.bp,
    receipts.bp,
    adjustments.bp,
    merges.bp,
    api_user_export.bp,
    user_list.bp,
    usage.bp,
    settings.bp,
    api_packages.bp,
    events.bp,
    sites.bp,
    api_bulk.bp,
    api_connect.bp,
    api_connection.bp,
    passes.bp,
    widget.bp,
    widget_page.bp,
    portal.bp,
    portal_usage.bp,
    transactions.bp,
    purchases.bp,
    buy.bp,
    plan.bp,
    portal_sites.bp,
    own_data.bp,
    home.root,
    home.bp,
    connect.bp,
    connect_wordpress.bp,
    credits.bp,
    user_export.bp,
    shortcode.bp,
    user_limits.bp,
    user_sites.bp,
    user_merge.bp,
    user_receipt.bp,
    user_erase.bp,
    balance.bp,
    bulk.bp,
    exceptions.bp,
    deliveries.bp,
    packages.bp,
    grant_preview.bp,
    comparison.bp,
    limits_page.bp,
    limits_reset.bp,
    prices_page.bp,
    changes.bp,
    account.bp,
    second_step.bp,
    pass_sign_in.bp,
    admins.bp,
    admins.store_bp,
    admins.invitations_bp,
    store_settings.bp,
    event_endpoints.bp,
    access_keys.bp,
    connection.bp,
    openapi.bp,
    docs.bp,
    health.bp,
    metrics.bp,
)
