"""Responses about many adjustments."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Problem
from bridge.web.api.answers.users import EntryOut
from bridge.web.api.operations import Answer


class BulkAdjustment(EntryOut):
    """An adjustment of many that succeeded."""

    status: Annotated[Literal[201], Field(examples=[201])]
    """HTTP status this adjustment would have alone."""
    replayed: Annotated[bool, Field(examples=[True])] = False
    """True if the key was used before; absent otherwise."""


class AdjustmentResults(Answer):
    """The results of many adjustments."""

    results: list[BulkAdjustment | Problem]
    """One result for each adjustment, in the order of the request."""
