"""Responses about passes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bridge.web.api.answers.parts import Time
from bridge.web.api.operations import Answer


class PassOut(Answer):
    """A pass for one person."""

    url: Annotated[str, Field(examples=["https://bridge.example.com/account?pass=4fT0…"])]
    """The link to redirect the person's browser to at once."""
    expires_at: Time
    """Time at which the link expires."""
