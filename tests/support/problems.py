"""The form of a refused request."""

from __future__ import annotations

from werkzeug.test import TestResponse


def assert_problem(response: TestResponse, status: int, *fields: str) -> None:
    """Check that the response is a problem+json of that status that names these fields."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert problem["status"] == status
    assert {"type", "title", "detail", "code"} <= problem.keys()
    named = {error["field"] for error in problem.get("errors", [])}
    assert set(fields) <= named, problem
