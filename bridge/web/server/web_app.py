"""The Flask app without what this service never uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask


class WebApp(Flask):
    """A Flask app whose views and hooks are plain functions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is. Flask inspects each view and hook for a coroutine in every request."""
        return func
