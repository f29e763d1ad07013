"""Responses about many users or packages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Problem
from bridge.web.api.answers.settings import PackageAmount
from bridge.web.api.operations import Answer


class BulkUser(Answer):
    """A user of many that was created or changed."""

    status: Annotated[Literal[200, 201], Field(examples=[201])]
    """201 if the account was created, else 200."""
    id: Annotated[int, Field(examples=[42])]
    """ID of the user in the shop."""


class UserResults(Answer):
    """The results of many users."""

    results: list[BulkUser | Problem]
    """One result for each user, in the order of the request."""


class BulkPackage(PackageAmount):
    """A product of many whose tokens were set."""

    status: Annotated[Literal[200, 201], Field(examples=[201])]
    """201 if the store did not have the product, else 200."""


class PackageResults(Answer):
    """The results of many packages."""

    results: list[BulkPackage | Problem]
    """One result for each package, in the order of the request."""
