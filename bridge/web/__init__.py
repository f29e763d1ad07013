"""The doors of the web: the list of blueprints."""

from __future__ import annotations

from flask import Blueprint

from bridge.web import api_settings, api_spends, api_users, health, webhooks

BLUEPRINTS: tuple[Blueprint, ...] = (
    webhooks.bp,
    api_spends.bp,
    api_users.bp,
    api_settings.bp,
    health.bp,
)
